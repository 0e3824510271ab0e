//! The snapshot runner, from the outside: the project's own scenarios at the reference backend, and what becomes of what changes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::{files, repository};

fn plimsoll(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").env("COLUMNS", "100").args(arguments);
    let output = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A copy of some of the project's scenarios.
fn scenarios(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in names {
        for extension in ["wire", "snap"] {
            let file = format!("{name}.{extension}");
            std::fs::copy(repository("fixtures/snapshots").join(&file), dir.path().join(&file)).expect("copied");
        }
    }
    dir
}

fn at(dir: &tempfile::TempDir, file: &str) -> String {
    dir.path().join(file).display().to_string()
}

/// The scenarios of a JSON Lines report: name and result.
fn results(report: &str) -> Vec<(String, String)> {
    let lines = report.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines.filter(|line| line["type"] == "scenario").map(|line| (text(&line["scenario"]), text(&line["result"]))).collect()
}

#[test]
fn the_reference_backend_answers_as_its_snapshots_say() {
    let dir = tempfile::tempdir().expect("a folder");
    for path in files(&repository("fixtures/snapshots"), "wire").into_iter().chain(files(&repository("fixtures/snapshots"), "snap")) {
        std::fs::copy(&path, dir.path().join(path.file_name().expect("a file"))).expect("copied");
    }
    let dir = dir.path().display().to_string();
    let (code, out, err) = plimsoll(&["snapshot", "test", "--backend", "reference", "--dir", &dir, "--unreferenced", "reject"]);
    assert_eq!(code, 0, "{out}{err}");
    for version in ["1.7", "1.18", "1.24", "1.41", "1.55"] {
        assert!(out.contains(&format!("container-{version}")), "{out}");
    }
}

#[test]
fn what_changes_waits_until_it_is_accepted() {
    let dir = scenarios(&["container-1.41"]);
    let (snapshot, pending) = (at(&dir, "container-1.41.snap"), at(&dir, "container-1.41.snap.new"));
    let dir = dir.path().display().to_string();
    let old = std::fs::read_to_string(&snapshot).expect("readable");
    assert!(old.contains("\"StatusCode\": 3"));
    std::fs::write(&snapshot, old.replacen("\"StatusCode\": 3", "\"StatusCode\": 4", 1)).expect("written");
    let test = ["snapshot", "test", "--backend", "reference", "--dir", &dir];
    let (code, out, _) = plimsoll(&test);
    assert_eq!(code, 1);
    let wait = "  7. ContainerWait 1.41 POST /v1.41/containers/<container-1>/wait\n     /answer/body/StatusCode\n       - 4\n       + 3\n";
    assert!(out.contains(wait) && out.contains("snapshots: 1 changed"), "{out}");
    let (code, out, _) = plimsoll(&[&test[..], &["--format", "jsonl"]].concat());
    let line = out.lines().find(|line| line.contains("\"scenario\"")).expect("a scenario");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((code, &line["result"], &line["differences"][0]["pointer"]), (1, &"changed".into(), &"/answer/body/StatusCode".into()));
    assert!(Path::new(&pending).exists());
    let (code, out, _) = plimsoll(&["snapshot", "accept", "--dir", &dir]);
    assert_eq!((code, out.as_str()), (0, "accepted container-1.41\n"));
    assert!(!Path::new(&pending).exists());
    assert_eq!(plimsoll(&test).0, 0);
}

#[test]
fn new_scenarios_wait_and_update_takes_them() {
    let dir = scenarios(&["container-1.7"]);
    let snapshot = at(&dir, "container-1.7.snap");
    let dir = dir.path().display().to_string();
    std::fs::remove_file(&snapshot).expect("removed");
    let test = ["snapshot", "test", "--backend", "reference", "--dir", &dir, "--format", "jsonl"];
    let (code, out, _) = plimsoll(&test);
    assert_eq!((code, results(&out)), (1, vec![("container-1.7".to_owned(), "new".to_owned())]));
    let (code, out, _) = plimsoll(&[&test[..], &["--update"]].concat());
    assert_eq!((code, results(&out)), (0, vec![("container-1.7".to_owned(), "updated".to_owned())]));
    let theirs = std::fs::read_to_string(repository("fixtures/snapshots/container-1.7.snap")).expect("readable");
    let ours = std::fs::read_to_string(&snapshot).expect("readable");
    let body = |text: &str| text.split_once("\n---\n").map(|(_, body)| body.to_owned());
    assert_eq!(body(&ours), body(&theirs), "what is recorded anew is what was recorded before");
}

#[test]
fn review_accepts_rejects_and_skips() {
    let dir = scenarios(&["container-1.7", "image-1.7", "events-1.7"]);
    for name in ["container-1.7", "image-1.7", "events-1.7"] {
        let text = std::fs::read_to_string(at(&dir, &format!("{name}.snap"))).expect("readable");
        std::fs::write(at(&dir, &format!("{name}.snap.new")), text.replacen("--- 201", "--- 202", 1)).expect("written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["snapshot", "review", "--dir", &dir.path().display().to_string()]).env("NO_COLOR", "1");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"d\na\nr\ns\n").expect("it reads");
    let out = child.wait_with_output().expect("it ends");
    let out = String::from_utf8(out.stdout).expect("text");
    assert!(out.contains("- --- 201\n+ --- 202\n") && out.contains("/answer/status\n       - 201\n       + 202\n"), "{out}");
    let is_there = |file: &str| dir.path().join(file).exists();
    assert_eq!(["container-1.7", "events-1.7", "image-1.7"].map(|name| is_there(&format!("{name}.snap.new"))), [false, false, true]);
    let changed = |name: &str| std::fs::read_to_string(at(&dir, &format!("{name}.snap"))).expect("readable").contains("--- 202");
    assert_eq!((changed("container-1.7"), changed("events-1.7")), (true, false));
}

#[test]
fn the_shards_are_the_whole() {
    let dir = scenarios(&["container-1.7", "image-1.7", "events-1.7"]);
    let dir = dir.path().display().to_string();
    let mut all = Vec::new();
    for shard in ["1/2", "2/2"] {
        let (code, out, _) =
            plimsoll(&["snapshot", "test", "--backend", "reference", "--dir", &dir, "--format", "jsonl", "--shard", shard]);
        assert_eq!(code, 0);
        all.extend(results(&out).into_iter().map(|(name, _)| name));
    }
    all.sort();
    assert_eq!(all, ["container-1.7", "events-1.7", "image-1.7"]);
}

#[test]
fn snapshots_without_a_scenario() {
    let dir = scenarios(&["container-1.7", "image-1.7"]);
    let stale = at(&dir, "image-1.7.snap");
    std::fs::remove_file(at(&dir, "image-1.7.wire")).expect("removed");
    let dir = dir.path().display().to_string();
    let test =
        |how: &str| plimsoll(&["snapshot", "test", "--backend", "reference", "--dir", &dir, "--format", "jsonl", "--unreferenced", how]);
    assert_eq!(test("ignore").0, 0);
    let (code, out, _) = test("reject");
    assert_eq!((code, results(&out)[1].1.as_str()), (1, "unreferenced"));
    assert_eq!(test("delete").0, 0);
    assert!(!Path::new(&stale).exists());
}

#[test]
fn a_recording_becomes_a_scenario_and_two_are_compared() {
    let dir = tempfile::tempdir().expect("a folder");
    let recording = repository("fixtures/recordings/docker-run.wire").display().to_string();
    let snapshots = dir.path().display().to_string();
    let (code, _, err) = plimsoll(&["snapshot", "record", "--backend", "reference", "--dir", &snapshots, "--fail-on", "never", &recording]);
    assert_eq!(code, 0, "{err}");
    let script = std::fs::read_to_string(dir.path().join("docker-run.wire")).expect("a script");
    assert!(script.contains("/containers/<container-1>/start"), "{script}");
    let (code, out, _) = plimsoll(&["diff", &recording, &recording]);
    assert!(code == 0 && out.ends_with("no difference: 5 exchanges\n") || out.contains("no difference"), "{out}");
}

/// What a command sent and what a daemon has of secrets: the snapshot holds none, and the daemon's own do not make it red the next time.
#[test]
fn a_snapshot_holds_no_secrets() {
    let dir = tempfile::tempdir().expect("a folder");
    let session = r#"@plimsoll-transcript 1
> "POST /v1.41/images/create?fromImage=busybox&tag=latest HTTP/1.1\r\nHost: d\r\nX-Registry-Auth: eyJ1c2VybmFtZSI6ImphbmUiLCJwYXNzd29yZCI6ImNvcnJlY3QgaG9yc2UifQ==\r\n\r\n"
< "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
> "POST /v1.41/containers/create?name=web HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 63\r\n\r\n{\"Image\":\"busybox\",\"Env\":[\"PASSWORD=correct horse\",\"SHORT=ab\"]}"
< "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
> "GET /v1.41/containers/web/json HTTP/1.1\r\nHost: d\r\n\r\n"
< "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
"#;
    let path = at(&dir, "session");
    std::fs::write(&path, session).expect("written");
    let snapshots = at(&dir, "snapshots");
    let command = [env!("CARGO_BIN_EXE_plimsoll"), "replay", &path, "--as", "client", "--speed", "max", "--fail-on", "never"];
    let kept =
        |extension: &str| std::fs::read_to_string(dir.path().join("snapshots").join(format!("web.{extension}"))).expect("a scenario");
    for redact in [&[][..], &["--no-redact"]] {
        let record = ["snapshot", "record", "--backend", "reference", "--dir", &snapshots, "--name", "web"];
        let (code, out, err) = plimsoll(&[&record[..], redact, &["--"], &command[..]].concat());
        assert_eq!(code, 0, "{out}{err}");
        if redact.is_empty() {
            assert!(!(kept("snap") + &kept("wire")).contains("correct horse"), "{}", kept("wire"));
            assert!(
                kept("snap").contains("\"PASSWORD=<redacted-1>\"") && kept("snap").contains("\"SHORT=<redacted>\""),
                "{}",
                kept("snap")
            );
        } else {
            assert_eq!(plimsoll(&["snapshot", "accept", "--dir", &snapshots]).0, 0);
            assert!(kept("snap").contains("\"PASSWORD=correct horse\"") && kept("snap").contains("PATH=/"), "{}", kept("snap"));
        }
        let (code, out, err) = plimsoll(&[&["snapshot", "test", "--backend", "reference", "--dir", &snapshots], redact].concat());
        assert_eq!(code, 0, "{out}{err}");
    }
}

#[test]
fn two_daemons_are_compared_operation_by_operation() {
    let script = repository("fixtures/snapshots/container-1.41.wire").display().to_string();
    let (code, out, err) = plimsoll(&["diff", "--a", "reference", "--b", "reference", &script]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("ContainerWait     1.41      2  same") && out.ends_with("no difference: 17 exchanges\n"), "{out}");
    let dir = tempfile::tempdir().expect("a folder");
    let left = repository("fixtures/recordings/docker-run.wire");
    let text = std::fs::read_to_string(&left).expect("readable");
    let right = dir.path().join("right.wire");
    std::fs::write(&right, text.replacen("\\\"StatusCode\\\":0", "\\\"StatusCode\\\":9", 1)).expect("written");
    let (code, out, _) = plimsoll(&["diff", "--format", "jsonl", &left.display().to_string(), &right.display().to_string()]);
    let first: Value = serde_json::from_str(out.lines().next().unwrap_or_default()).expect("JSON");
    assert_eq!((code, &first["pointer"]), (1, &"/answer/body/StatusCode".into()), "{out}");
}

/// Far more requests in between than are looked at first; and further than is looked at, which is said.
#[test]
fn two_recordings_are_put_side_by_side() {
    let dir = tempfile::tempdir().expect("a folder");
    let exchange = |path: &str| {
        let head = "HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n";
        format!("> \"GET /v1.41{path} {head}\"\n< \"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nOK\"\n")
    };
    let recording = |name: &str, paths: &[String]| {
        let text: String = paths.iter().map(|path| exchange(path)).collect();
        std::fs::write(dir.path().join(name), format!("@plimsoll-transcript 1\n{text}")).expect("written");
        at(&dir, name)
    };
    let one = |name: &str| format!("/containers/{name}/json");
    let many = |what: &str, count: usize| (0..count).map(|number| one(&format!("{what}{number}"))).collect::<Vec<_>>();
    for (count, said) in [(200, false), (1500, true)] {
        let left = recording("left.wire", &[many("a", count), vec![one("web"), one("db")]].concat());
        let right = recording("right.wire", &[many("b", count), vec![one("web"), one("db")]].concat());
        let (code, out, err) = plimsoll(&["diff", &left, &right]);
        assert_eq!(code, 1, "{err}");
        assert!(out.ends_with(&format!("different: {} of {} exchanges\n", 2 * count, 2 * count + 2)), "{out}");
        assert_eq!(err.contains("at most 1024 exchanges are looked at"), said, "{err}");
    }
}

#[test]
fn errors_are_one_sentence() {
    let dir = scenarios(&["container-1.7"]);
    let (snapshot, wire) = (at(&dir, "container-1.7.snap"), at(&dir, "container-1.7.wire"));
    std::fs::write(&snapshot, "hello\n").expect("written");
    let folder = dir.path().display().to_string();
    let empty = tempfile::tempdir().expect("a folder");
    let nothing = empty.path().display().to_string();
    for (arguments, code, what) in [
        (vec!["snapshot", "test", "--dir", &folder], 2, "is no snapshot: it begins with a line `---`"),
        (vec!["snapshot", "test", "--dir", &nothing], 2, "there is no scenario (NAME.wire) in"),
        (vec!["snapshot", "test", "--dir", "/nonexistent"], 3, "cannot read the folder /nonexistent"),
        (vec!["snapshot", "test", "--dir", &folder, "nosuch"], 2, "there is no scenario nosuch"),
        (vec!["snapshot", "accept", "--dir", &folder, "nosuch"], 2, "nosuch does not wait"),
        (vec!["diff", &wire], 2, "write --a ADDR --b ADDR and a transcript or a command, or two recordings"),
        (vec!["diff", "--a", "reference", "--b", "reference"], 2, "what is to be asked?"),
    ] {
        let (exit, out, err) = plimsoll(&arguments);
        assert_eq!((exit, out.as_str()), (code, ""), "{arguments:?}: {err}");
        assert!(err.contains(what) && err.lines().count() == 1, "{arguments:?}: {err}");
    }
}

/// Every `x-kind` of the schema files is one that the snapshots know.
#[test]
fn the_kinds_of_the_schema_files_are_known() {
    fn kinds(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("x-kind").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| kinds(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| kinds(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for path in files(&repository("schemas"), "json") {
        let text = std::fs::read_to_string(&path).expect("readable");
        kinds(&serde_json::from_str(&text).expect("JSON"), &mut found);
    }
    assert!(found.len() > 150);
    let unknown: Vec<_> = found.iter().filter(|word| plimsoll::snapshot::Kind::from_word(word).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
