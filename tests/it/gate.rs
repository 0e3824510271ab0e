//! The gate: what fails a run, what is accepted, and what is asked to be seen.

use std::path::{Path, PathBuf};
use std::process::Command;

const FIRES: &str = "fixtures/rules/frame.stream-type/fires-text.wire";
const PASSES: &str = "fixtures/rules/frame.stream-type/silent-tty.wire";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn plimsoll(arguments: &[&str]) -> Ran {
    let ran = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("DOCKER_HOST")
        .env("NO_COLOR", "1")
        .output()
        .expect("plimsoll runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: ran.status.code().expect("an exit code"), out: text(ran.stdout), err: text(ran.stderr) }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("written");
        self.name(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text")
}

#[test]
fn every_exit_code_means_what_it_says() {
    let dir = Folder::new();
    let nothing = dir.write("nothing.wire", "@plimsoll-transcript 1\n> \"GET /none HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n");
    let none = dir.name("none.wire");
    for (arguments, code) in [
        (&["check", PASSES][..], 0),
        (&["check", FIRES], 1),
        (&["check", "--fail-on", "never", FIRES], 0),
        (&["check", "--fail-on", "sometimes", FIRES], 2),
        (&["check", "--waivers", "Cargo.toml", FIRES], 2),
        (&["check", "--waivers", &dir.name("none.toml"), FIRES], 3),
        (&["check", &none], 3),
        (&["check", &nothing], 4),
        (&["check", "--min-coverage", "50", PASSES], 1),
        (&["check", "--min-coverage", "1", PASSES], 0),
        (&["run", "--backend", "reference", "--", "false"], 5),
        (&["run", "--backend", "unix:///nonexistent/docker.sock", "--", "true"], 4),
    ] {
        let ran = plimsoll(arguments);
        assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_waiver_is_written_used_and_pruned() {
    let dir = Folder::new();
    let (report, waivers) = (dir.name("run.jsonl"), dir.name("waivers.toml"));
    let judged = |extra: &[&str]| plimsoll(&[&["check", "--report", &format!("jsonl={report}")], extra, &[FIRES]].concat());
    assert_eq!(judged(&[]).code, 1);
    let written = plimsoll(&["waivers", "init", &report, "--waivers", &waivers, "--reason", "known"]);
    assert_eq!((written.code, written.out), (0, format!("{waivers}: 1 waiver written\n")));
    assert_eq!(plimsoll(&["waivers", "init", &report, "--waivers", &waivers, "--reason", "known"]).code, 2);

    let accepted = judged(&["--waivers", &waivers]);
    assert_eq!(accepted.code, 0, "{}", accepted.out);
    assert!(
        accepted.out.contains("waived  frame.stream-type  daemon  ContainerAttach  API 1.41  frame 0 at byte 0: known"),
        "{}",
        accepted.out
    );
    assert!(accepted.out.ends_with("compliant: 2 exchanges, 2 judged: 1 waived\n"), "{}", accepted.out);
    assert!(text(Path::new(&report)).contains(r#""waived":{"reason":"known","line":3}"#), "{}", text(Path::new(&report)));
    let again = plimsoll(&["waivers", "update", &report, "--waivers", &waivers, "--reason", "more"]);
    assert_eq!(again.out, format!("{waivers}: 0 waivers added\n"));

    // Nothing of the kind any more: the waiver has become stale, which fails the run and names the line.
    let stale = plimsoll(&["check", "--waivers", &waivers, "--report", &format!("jsonl={report}"), PASSES]);
    assert_eq!(stale.code, 1, "{}", stale.out);
    assert!(stale.out.contains(&format!("stale waiver  {waivers}:3  frame.stream-type: it matches nothing in this run")), "{}", stale.out);
    assert_eq!(plimsoll(&["check", "--waivers", &waivers, "--allow-stale-waivers", PASSES]).code, 0);
    let pruned = plimsoll(&["waivers", "prune", &report, "--waivers", &waivers]);
    assert_eq!(pruned.out, format!("{waivers}: 1 waiver removed\n"));
    assert!(!text(Path::new(&waivers)).contains("[[waiver]]"));
    assert_eq!(plimsoll(&["check", "--waivers", &waivers, PASSES]).code, 0);
}

#[test]
fn an_expired_waiver_accepts_nothing() {
    let dir = Folder::new();
    let line = |expires: &str| format!("[[waiver]]\nrule = 'frame.*'\nreason = 'for now'\nexpires = {expires}\n");
    let (old, new) = (dir.write("old.toml", &line("2001-01-01")), dir.write("new.toml", &line("2999-12-31")));
    let expired = plimsoll(&["check", "--waivers", &old, FIRES]);
    assert_eq!(expired.code, 1);
    assert!(expired.out.contains("frame.*: it expired on 2001-01-01"), "{}", expired.out);
    assert_eq!(plimsoll(&["check", "--waivers", &new, FIRES]).code, 0);
}

#[test]
fn a_broken_waiver_file_is_said_with_its_place() {
    let dir = Folder::new();
    let file = dir.write("w.toml", "[[waiver]]\nrule = 'frame.stream-type'\n");
    let ran = plimsoll(&["check", "--waivers", &file, PASSES]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(ran.err, format!("plimsoll: {file}:1: missing field `reason`\n  1 | [[waiver]]\n    | ^^^^^^^^^^\n"));
}

#[test]
fn shards_are_held_to_the_gate_together() {
    let dir = Folder::new();
    let shard = |name: &str, file: &str, extra: &[&str]| {
        let path = dir.name(name);
        plimsoll(&[&["check", "--report", &format!("jsonl={path}")], extra, &[file]].concat());
        path
    };
    let waivers = dir.write("w.toml", "[[waiver]]\nrule = 'frame.*'\nreason = 'known'\n");
    // Of use in one shard is enough.
    let (one, two) = (shard("one.jsonl", FIRES, &["--waivers", &waivers]), shard("two.jsonl", PASSES, &["--waivers", &waivers]));
    let joined = plimsoll(&["report", "merge", &one, &two, "--format", "terminal"]);
    assert_eq!(joined.code, 0, "{}", joined.out);
    assert_eq!(joined.out, plimsoll(&["report", "merge", &two, &one, "--format", "terminal"]).out);
    assert_eq!(plimsoll(&["report", "merge", &one, &two, "--min-coverage", "90"]).code, 1);
    // Waivers may be given when joining only.
    let plain = shard("plain.jsonl", FIRES, &[]);
    assert_eq!(plimsoll(&["report", "merge", &plain]).code, 1);
    assert_eq!(plimsoll(&["report", "merge", &plain, &two, "--waivers", &waivers]).code, 0);
    assert_eq!(plimsoll(&["report", "merge", &two, "--waivers", &waivers]).code, 1);
}

#[test]
fn a_shard_that_was_cut_off_does_not_pass() {
    let dir = Folder::new();
    let whole = dir.name("whole.jsonl");
    plimsoll(&["check", "--report", &format!("jsonl={whole}"), PASSES]);
    let lines = text(Path::new(&whole));
    let end = lines.trim_end().rfind('\n').expect("several lines");
    let cut = dir.write("cut.jsonl", &lines[..=end]);
    assert_eq!(plimsoll(&["report", "merge", &whole]).code, 0);
    let merged = plimsoll(&["report", "merge", &cut]);
    assert_eq!(merged.code, 3, "{}", merged.err);
    assert!(merged.err.contains("cut.jsonl ends after line") && merged.out.contains("\"incomplete\""), "{}{}", merged.out, merged.err);
}

#[test]
fn what_fails_nothing_needs_no_waiver() {
    let dir = Folder::new();
    let report = dir.name("run.jsonl");
    assert_eq!(plimsoll(&["check", "--report", &format!("jsonl={report}"), FIRES]).code, 1);
    for (level, due) in [("error", "1 waiver"), ("warning", "1 waiver"), ("never", "0 waivers")] {
        let waivers = dir.name(&format!("{level}.toml"));
        let written = plimsoll(&["waivers", "init", &report, "--waivers", &waivers, "--reason", "known", "--fail-on", level]);
        assert_eq!((written.code, written.out), (0, format!("{waivers}: {due} written\n")), "{level}");
    }
}
