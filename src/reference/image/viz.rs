//! `GET /images/viz`, up to 1.6: the tree of images as a graph.

use std::fmt::Write as _;

use super::super::Engine;
use super::super::answer::{Answer, Payload};
use super::store::short;

/// Answers the operation.
pub(super) fn answer(engine: &Engine) -> Answer {
    let state = engine.state();
    let mut graph = String::from("digraph docker {\n");
    for record in state.images.iter() {
        let image = &record.image;
        if image.parent.is_empty() {
            let _ = writeln!(graph, " base -> \"{}\" [style=invis]", short(&image.id));
        } else {
            let _ = writeln!(graph, " \"{}\" -> \"{}\"", short(&image.parent), short(&image.id));
        }
    }
    for record in state.images.iter() {
        let tags = state.images.tags_of(&record.image.id);
        if !tags.is_empty() {
            let id = short(&record.image.id);
            let _ = writeln!(
                graph,
                " \"{id}\" [label=\"{id}\\n{}\",shape=box,fillcolor=\"paleturquoise\",style=\"filled,rounded\"];",
                tags.join("\\n")
            );
        }
    }
    graph.push_str(" base [style=invisible]\n}\n");
    Answer::new(200, Payload::Text(graph))
}
