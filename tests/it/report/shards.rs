//! Shards of a run, joined, are the run.

use std::path::{Path, PathBuf};

use super::{formats, reports_in, run, text};
use crate::support::{files, repository};

const SHARDS: usize = 8;

/// Paths as users type them: they are in the reports.
fn typed(path: &Path) -> String {
    path.strip_prefix(repository("")).expect("a file of the repository").to_string_lossy().into_owned()
}

fn check(dir: &Path, paths: &[String]) {
    let mut arguments = vec!["check".to_owned()];
    arguments.extend(reports_in(dir));
    arguments.extend(paths.iter().cloned());
    let (code, _, err) = run(&arguments);
    assert!(code == 1 && err.is_empty(), "{code}: {err}");
}

fn merge(dir: &Path, inputs: &[PathBuf]) {
    let mut arguments = vec!["report".to_owned(), "merge".to_owned()];
    arguments.extend(inputs.iter().map(|path| path.to_string_lossy().into_owned()));
    arguments.extend(reports_in(dir));
    let (code, out, err) = run(&arguments);
    assert!(code == 1 && err.is_empty(), "{code}: {err}");
    assert_eq!(out, text(&dir.join("jsonl")));
}

/// When a run began: the one thing that differs.
fn began(report: &Path) -> String {
    let first = text(report);
    let first: serde_json::Value = serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
    first["started_at"].as_str().expect("a time").to_owned()
}

#[test]
fn eight_shards_in_any_order_are_the_whole_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let all: Vec<String> = files(&repository("fixtures/rules"), "wire").iter().map(|path| typed(path)).collect();
    check(&at("whole"), &all);
    let mut shards = Vec::new();
    for shard in 0..SHARDS {
        let mine: Vec<String> = all.iter().skip(shard).step_by(SHARDS).cloned().collect();
        check(&at(&format!("shard-{shard}")), &mine);
        shards.push(at(&format!("shard-{shard}")).join("jsonl"));
    }
    let mut times: Vec<String> = shards.iter().map(|report| began(report)).collect();
    times.push(began(&at("whole").join("jsonl")));
    let timeless = |path: PathBuf| times.iter().fold(text(&path), |text, time| text.replace(time, "…"));
    merge(&at("one"), &[at("whole").join("jsonl")]);
    let orders = [vec![0, 1, 2, 3, 4, 5, 6, 7], vec![7, 6, 5, 4, 3, 2, 1, 0], vec![3, 7, 0, 5, 1, 6, 2, 4]];
    for (number, order) in orders.iter().enumerate() {
        let joined = at(&format!("joined-{number}"));
        merge(&joined, &order.iter().map(|shard| shards[*shard].clone()).collect::<Vec<_>>());
        for format in formats() {
            let joined = timeless(joined.join(&format));
            assert_eq!(joined, timeless(at("one").join(&format)), "{format}: shards, and the whole run merged alone");
            if format != "jsonl" {
                assert_eq!(joined, timeless(at("whole").join(&format)), "{format}: shards, and the whole run as it was written");
            }
        }
    }
    // Shards of shards.
    let halves = [at("half-0"), at("half-1")];
    for (half, part) in halves.iter().zip(shards.chunks(4)) {
        merge(half, part);
    }
    merge(&at("joined"), &[halves[1].join("jsonl"), halves[0].join("jsonl")]);
    for format in formats() {
        assert_eq!(timeless(at("joined").join(&format)), timeless(at("one").join(&format)), "{format} of halves");
    }
}
