//! Coverage: what was judged is counted, once for each version, and what is missing is named.

use std::process::{Command, Output};
use std::sync::Arc;

use plimsoll::inspect::{Inspector, Seen, Settings};
use plimsoll::model::{Event, OperationSeen, Side};
use plimsoll::wire::StreamEnd;

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").current_dir(env!("CARGO_MANIFEST_DIR"));
    let Output { status, stdout, .. } = command.args(arguments).output().expect("it starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("text"))
}

/// What is counted of these requests and answers, all on one connection.
fn seen(exchanges: &[(String, String)], coverage: bool) -> Vec<OperationSeen> {
    let inspector = Inspector::new(Settings { coverage, daemon: Some(Arc::from("podman")), ..Settings::default() });
    let mut events = Vec::new();
    for (request, answer) in exchanges {
        inspector.push(1, Side::Client, Seen::Bytes(request.clone().into()), None);
        inspector.push(1, Side::Daemon, Seen::Bytes(answer.clone().into()), None);
    }
    for side in [Side::Client, Side::Daemon] {
        inspector.push(1, side, Seen::End(StreamEnd::Closed), None);
    }
    inspector.finish(&mut |event| events.push(event));
    let counted = |event| match event {
        Event::Coverage(seen) => Some(seen),
        _ => None,
    };
    events.into_iter().filter_map(counted).collect()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n")
}

fn json(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn the_same_bytes_count_at_each_version() {
    let body = r#"[{"Id":"4f","Names":["/web"],"Odd":{"IP":1},"Ports":[{"IP":"::"}],"Labels":{"a":"b"}}]"#;
    let of = |version: &str, query: &str| (get(&format!("/v{version}/containers/json{query}")), json(200, body));
    let all = [
        of("1.40", "?all=1&colour=red"),
        of("1.40", "?size=1"),
        of("1.41", ""),
        of("1.40", ""),
        (get("/v1.41/containers/x/json"), json(404, r#"{"message":"No such container: x"}"#)),
        (get("/v1.41/nothing"), json(404, r#"{"message":"page not found"}"#)),
    ];
    let seen = seen(&all, true);
    let lines: Vec<String> = seen.iter().map(|seen| serde_json::to_string(&Event::Coverage(seen.clone())).expect("JSON")).collect();
    let members = r#"{"200":["/*/Id","/*/Labels","/*/Names","/*/Ports","/*/Ports/*/IP"]}"#;
    let expected = [
        format!(
            r#"{{"type":"coverage","daemon":"podman","api_version":"1.40","operation":"ContainerList","statuses":{{"200":3}},"query":["all","size"],"members":{members}}}"#
        ),
        r#"{"type":"coverage","daemon":"podman","api_version":"1.41","operation":"ContainerInspect","statuses":{"404":1},"query":[],"members":{"404":["/message"]}}"#.to_owned(),
        format!(
            r#"{{"type":"coverage","daemon":"podman","api_version":"1.41","operation":"ContainerList","statuses":{{"200":1}},"query":[],"members":{members}}}"#
        ),
    ];
    assert_eq!(lines, expected);
    for line in &lines {
        let Event::Coverage(again) = plimsoll::model::event::read(line.as_bytes()).expect("an event") else { panic!("another event") };
        assert!(seen.contains(&again), "read back: {line}");
    }
    assert_eq!(self::seen(&all, false), []);
}

#[test]
fn documents_of_a_stream_count_though_it_never_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let document = r#"{"Type":"container","Action":"start","Actor":{"ID":"4f","Attributes":{}},"time":1700000000}"#;
    let chunk = format!("{:x}\r\n{document}\r\n", document.len());
    let inspector = Inspector::new(Settings { coverage: true, ..Settings::default() });
    inspector.push(1, Side::Client, Seen::Bytes(get("/v1.41/events").into()), None);
    inspector.push(1, Side::Daemon, Seen::Bytes(format!("{head}{chunk}").into()), None);
    let mut counted = Vec::new();
    inspector.finish(&mut |event| {
        if let Event::Coverage(seen) = event {
            counted.push(seen);
        }
    });
    let [seen] = &counted[..] else { panic!("{counted:?}") };
    let members: Vec<&str> = seen.members[&200].iter().map(String::as_str).collect();
    assert_eq!(members, ["/Action", "/Actor", "/Actor/Attributes", "/Actor/ID", "/Type", "/time"]);
}

#[test]
fn the_coverage_report_names_what_is_missing() {
    let recording = "fixtures/recordings/docker-run.wire";
    let (code, out) = run(&["check", "--format", "coverage", recording, recording]);
    assert_eq!(code, 0);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let [version] = &report["coverage"].as_array().expect("a list")[..] else { panic!("{out}") };
    assert_eq!((&report["format"], &version["api_version"]), (&1.into(), &"1.41".into()));
    assert_eq!(version["operations"]["seen"], version["seen"].as_object().expect("an object").len());
    let wait = &version["seen"]["ContainerWait"];
    assert_eq!(wait["statuses"]["seen"]["200"], 2, "both recordings are one run");
    assert!(wait["statuses"]["missing"].as_array().expect("a list").contains(&404.into()), "{wait}");
    assert!(wait["query"]["seen"].as_array().expect("a list").contains(&"condition".into()), "{wait}");
    assert!(wait["members"]["200"]["seen"].as_array().expect("a list").contains(&"/StatusCode".into()), "{wait}");
    assert!(version["missing"].as_array().expect("a list").contains(&"VolumeList".into()));
    let facts: usize =
        ["operations", "statuses", "query", "members"].iter().filter(|what| version[**what]["all"].as_u64() > Some(100)).count();
    assert_eq!(facts, 4, "{version}");
}

#[test]
fn the_table_is_shown_where_it_is_asked_for() {
    let recording = "fixtures/recordings/docker-run.wire";
    let (_, without) = run(&["check", recording]);
    let (_, with) = run(&["check", "--coverage", recording]);
    let table = with.lines().skip_while(|line| !line.starts_with("coverage  operations")).take(2).collect::<Vec<_>>().join("\n");
    assert!(!without.contains("statuses") && table.contains("\n1.41      █░░░░░░░   4 %"), "{with}");
    let readme = std::fs::read_to_string(super::support::repository("README.md")).expect("readable");
    assert!(readme.contains(&table), "README has what is printed:\n{table}");
    let dir = tempfile::tempdir().expect("a folder");
    let report = dir.path().join("run.jsonl");
    let (report, jsonl) = (report.to_string_lossy(), format!("jsonl={}", report.display()));
    let (_, live) = run(&["check", "--coverage", recording, "--report", &jsonl]);
    assert_eq!(live, with);
    assert_eq!(run(&["report", "render", &report, "--coverage"]).1, with);
    assert_eq!(run(&["report", "render", &report]).1, without);
    assert_eq!(run(&["report", "merge", "--format", "terminal", "--coverage", &report]).1, with);
}
