//! `GET` and `HEAD /_ping`.

use super::super::Engine;
use super::super::answer::{Answer, Payload};
use super::super::call::Call;

/// `HEAD` announces no length where `GET` has two bytes, as with dockerd.
pub(super) fn answer(engine: &Engine, call: &Call, text: &str) -> Answer {
    let swarm = engine.state().swarm.info();
    let state = match (swarm["LocalNodeState"].as_str().unwrap_or("inactive"), swarm["ControlAvailable"].as_bool()) {
        ("active", Some(true)) => "active/manager",
        ("active", _) => "active/worker",
        (other, _) => other,
    };
    let mut answer = Answer::new(200, Payload::Text(text.to_owned()));
    for (since, name, value) in [
        // There is only the classic builder.
        (39, "Builder-Version", "1"),
        (40, "Cache-Control", "no-cache, no-store, must-revalidate"),
        (40, "Pragma", "no-cache"),
        (42, "Swarm", if state.is_empty() { "inactive" } else { state }),
    ] {
        if call.since(since) {
            answer = answer.with(name, value);
        }
    }
    answer
}
