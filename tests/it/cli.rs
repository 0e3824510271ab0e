//! What scripts rely on: exit codes, texts of errors, standard output for the report alone, a report after an interrupt.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use plimsoll::cli::Cli;

use super::support::{PONG, repository};

fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").env("COLUMNS", "100").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = plimsoll().args(arguments).output().expect("it starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

const FIRES: &str = "fixtures/rules/frame.stream-type/fires-text.wire";

#[test]
fn help_teaches() {
    let mut commands = vec![(Vec::new(), Cli::command())];
    while let Some((words, command)) = commands.pop() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (code, out, _) = run(&[&words[..], &["--help"]].concat());
        assert_eq!(code, 0);
        assert!(out.lines().all(|line| line.chars().count() <= 100), "{words:?}: a line is wider than the terminal\n{out}");
        let name = if words.is_empty() { "help".to_owned() } else { words.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), out);
        for below in command.get_subcommands() {
            let words = words.iter().copied().chain([below.get_name()]).map(str::to_owned).collect();
            commands.push((words, below.clone()));
        }
    }
}

#[test]
fn versions_are_told_in_the_order_of_their_numbers() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("pings.wire");
    let pings =
        ["1.24", "1.9", "1.41"].map(|version| format!("> \"GET /v{version}/_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n< {PONG:?}\n"));
    std::fs::write(&path, format!("@plimsoll-transcript 1\n{}", pings.concat())).expect("written");
    let path = path.display().to_string();
    let (_, out, err) = run(&["check", &path]);
    let line = out.lines().find(|line| line.starts_with("operations seen: ")).unwrap_or_else(|| panic!("{out}{err}"));
    let told: Vec<&str> = line.split([' ', ',']).filter(|word| word.starts_with("1.")).collect();
    assert_eq!(told, ["1.9", "1.24", "1.41"]);
    let (_, out, _) = run(&["check", "--format", "jsonl", &path]);
    let at = |version: &str| out.find(&format!(r#""{version}":{{"operations""#)).unwrap_or_else(|| panic!("{version}: {out}"));
    assert!(at("1.9") < at("1.24") && at("1.24") < at("1.41"), "{out}");
}

/// A line of progress on a terminal: it comes while the work lasts, and is gone when it ends.
#[test]
fn progress_is_shown_on_a_terminal_while_the_work_lasts() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, report, _) = run(&["check", "--format", "jsonl", FIRES]);
    // From a pipe that gives no more until something is shown: however slow or fast the machine is.
    for (name, arguments) in
        [("render", "report render PIPE"), ("merge", "report merge PIPE"), ("waivers", "waivers init PIPE --reason r --waivers WAIVERS")]
    {
        let pipe = dir.path().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let (at, waivers) = (pipe.display().to_string(), dir.path().join("waivers.toml").display().to_string());
        let command = format!("{} >/dev/null", arguments.replace("PIPE", &at).replace("WAIVERS", &waivers));
        let shown = std::thread::spawn(move || on_a_terminal(&command));
        let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).expect("opened");
        let (first, rest) = report.split_at(report.find('\n').expect("lines") + 1);
        writer.write_all(first.as_bytes()).expect("written");
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..100 {
            writer.write_all(b"\n").expect("written");
        }
        writer.write_all(rest.as_bytes()).expect("written");
        drop(writer);
        let shown = shown.join().expect("it ends");
        assert!(shown.contains(&format!("\r\x1b[Kreading {at}: 0 MiB")) && shown.ends_with("\r\x1b[K"), "{name}: {shown:?}");
    }
}

#[test]
fn progress_counts_what_is_done_at_a_slow_daemon() {
    let slow = Serving::start(&["--fault", "delivery.late-head"]);
    let backend = format!("unix://{}", slow.socket().display());
    let wire = slow.dir.path().join("pings.wire").display().to_string();
    std::fs::write(&wire, format!("@plimsoll-transcript 1\n> \"GET /v1.41/_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n< {PONG:?}\n"))
        .expect("written");
    let dir = slow.dir.path().join("snapshots").display().to_string();
    let (code, _, err) = run(&["snapshot", "record", "--backend", "reference", "--dir", &dir, &wire]);
    assert_eq!(code, 0, "{err}");
    let cases = [
        (format!("snapshot test --backend {backend} --dir {dir}"), "testing: 1 of 1 scenarios".to_owned()),
        (format!("diff --a reference --b {backend} {dir}/pings.wire"), format!("asking {backend}: 1 of 1 exchanges")),
        (format!("replay {wire} --as client --backend {backend} --speed max"), format!("replaying {wire}: 1 of 1 exchanges")),
    ];
    let cases = cases.map(|(command, due)| (std::thread::spawn(move || on_a_terminal(&command)), due));
    for (shown, due) in cases {
        let shown = shown.join().expect("it ends");
        // The report stands alone: the line is gone before it comes.
        assert!(shown.contains(&format!("\r\x1b[K{due}\r\x1b[K")), "{due}: {shown:?}");
    }
}

/// What a command of plimsoll shows on a terminal; words of a shell.
fn on_a_terminal(command: &str) -> String {
    let command = format!("{} {command}", env!("CARGO_BIN_EXE_plimsoll"));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).env_remove("DOCKER_HOST").env("NO_COLOR", "1").stdin(Stdio::null());
    String::from_utf8(script.output().expect("script runs").stdout).expect("text")
}

#[test]
fn the_terminal_report() {
    let (code, out, err) = run(&["check", FIRES]);
    assert_eq!((code, err.as_str()), (1, ""));
    let readme = std::fs::read_to_string(repository("README.md")).expect("readable");
    assert!(readme.contains(&out), "README's picture is what the terminal shows:\n{out}");
    insta::assert_snapshot!(out);
}

#[test]
fn the_json_lines_report() {
    let (code, out, _) = run(&["check", "--format", "jsonl", FIRES]);
    let mut lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(code, 1);
    lines[0]["started_at"] = "…".into();
    insta::assert_json_snapshot!(lines);
}

#[test]
fn reports_name_the_client() {
    let file = |name: &str| repository("fixtures/deviations").join(name).to_string_lossy().into_owned();
    let path = file("x-registry-auth-unpadded.wire");
    let (_, out, _) = run(&["check", &path]);
    assert!(out.contains("client    IdentityModel"), "{out}");
    let (_, out, _) = run(&["check", "--format", "jsonl", &path]);
    assert_eq!(out.matches(r#""client":"IdentityModel""#).count(), 2, "{out}");
    let (_, out, _) = run(&["check", &file("client-pinned-below-min-api.wire")]);
    assert!(out.contains("a version that the daemon has  (cockpit-docker/16)"), "{out}");
    // What the daemon did is not the client's.
    let (_, out, _) = run(&["check", &file("podman-limit-minus-one.wire")]);
    assert!(!out.contains("docker-py"), "{out}");
    let (_, out, _) = run(&["check", "--format", "jsonl", &file("podman-ping-newline.wire")]);
    assert!(!out.contains("client\":"), "{out}");
}

#[test]
fn thresholds_can_be_chosen() {
    let late = repository("fixtures/rules/timing.late-head/fires-attach.wire").to_string_lossy().into_owned();
    for (arguments, due) in [(&[][..], 1), (&["--timing-head", "60"][..], 0), (&["--timing-head", "soon"][..], 2)] {
        let mut all = vec!["check", "--fail-on", "warning"];
        all.extend(arguments);
        all.push(&late);
        assert_eq!(run(&all).0, due, "{arguments:?}");
    }
}

#[test]
fn exit_codes() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let ping = |path: &str| {
        format!(
            "@plimsoll-transcript 1\n@api-version 1.41\n> \"GET {path} HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n< \"HTTP/1.1 404 Not Found\\r\\nContent-Type: application/json\\r\\nContent-Length: 30\\r\\n\\r\\n{{\\\"message\\\":\\\"page not found\\\"}}\\n\"\n"
        )
    };
    let unknown = write("unknown.wire", &ping("/v1.41/nothing"));
    let bad = write("bad.wire", "@plimsoll-transcript 1\n> hello\n");
    let not = write("not.wire", "hello\n");
    let silent = repository("fixtures/rules/frame.stream-type").join("silent-all-streams.wire").to_string_lossy().into_owned();
    for (arguments, code) in [
        (vec!["check", silent.as_str()], 0),
        (vec!["check", FIRES], 1),
        (vec!["check", "--fail-on", "never", FIRES], 0),
        (vec!["check", "--format", "xml", FIRES], 2),
        (vec!["check", "--api-version", "2.0", FIRES], 2),
        (vec!["check", "--api-version", "1.99", FIRES], 2),
        (vec!["check", &bad], 2),
        (vec!["check", &not], 2),
        (vec!["check", "/nowhere/file.wire"], 3),
        (vec!["check", "--report", "jsonl=/nowhere/report", FIRES], 3),
        (vec!["check", &unknown], 4),
        (vec!["check"], 2),
        (vec!["proxy", "--listen", "host:1"], 2),
        (vec!["proxy", "--listen", "unix:///nowhere/p.sock"], 3),
        (vec!["rules", "explain", "frame.none"], 2),
        (vec!["schemas", "show", "Nothing"], 2),
        (vec!["schemas", "list", "--api-version", "1.99"], 2),
        (vec!["run", "--backend", "unix:///nowhere/d.sock", "--", "true"], 4),
        (vec!["run", "--backend", "unix:///nowhere/d.sock", "--", "false"], 5),
        (vec!["run", "--", "/nowhere/program"], 3),
        (vec!["probe", "--backend", "unix:///nowhere/d.sock"], 3),
        (vec!["probe", "--operation", "Nothing"], 2),
        (vec!["probe", "--mode", "enforce"], 2),
        (vec!["check", "--mode", "enforce", FIRES], 2),
        (vec!["run", "--allow", "schema.type", "--", "true"], 2),
        (vec!["run", "--mode", "enforce", "--allow", "schema.nothing", "--", "true"], 2),
        (vec!["run", "--mode", "enforce", "--allow", "schema.type@Nothing", "--", "true"], 2),
        (vec!["run", "--mode", "enforce", "--enforce", "request", "--allow", "schema.*@ContainerCreate", "--", "false"], 5),
        (vec!["probe", "--api-version", "1.30..1.24"], 2),
        (vec!["probe", "--api-version", "1.24..1.99"], 2),
    ] {
        let (got, out, err) = run(&arguments);
        assert_eq!(got, code, "{arguments:?}\n{out}\n{err}");
    }
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let schema = dir.path().join("ContainerX.json");
    let text = r#"{ "id": "ContainerX", "summary": "Something that overlaps.", "routes": [{ "method": "GET", "path": "/x" }],
        "responses": { "200": { "body": { "framing": "json", "schema": { "variants": [{ "until": "1.24", "type": "string" }, { "since": "1.24", "type": "array" }] } } } },
        "examples": [{ "at": "1.0..", "status": 200, "body": "a" }] }"#;
    std::fs::write(&schema, text).expect("written");
    let wire = dir.path().join("bad.wire");
    std::fs::write(&wire, "@plimsoll-transcript 1\n\n> \"GET\" x\n").expect("written");
    let mut said = String::new();
    for arguments in [
        &["check", &wire.to_string_lossy()][..],
        &["schemas", "lint", &schema.to_string_lossy()],
        &["proxy", "--listen", "docker.sock"],
        &["check", "--api-version", "1.x", FIRES],
        &["schemas", "show", "ContainerRename", "--api-version", "1.16"],
        &["rules", "explain", "frame.nothing"],
        &["probe", "--mode", "enforce"],
        &["run", "--allow", "schema.type", "--", "true"],
        &["run", "--mode", "enforce", "--allow", "schema.type@Nothing", "--", "true"],
        &["run", "--mode", "enforce", "--allow", "schema.nothing", "--", "true"],
    ] {
        let (code, _, err) = run(arguments);
        said.extend([format!("exit {code}: {}", err.replace(&*dir.path().to_string_lossy(), "DIR"))]);
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_vendor_describes_its_own_operations() {
    let dir = tempfile::tempdir().expect("a folder");
    let wire = dir.path().join("vendor.wire");
    let text = "@plimsoll-transcript 1\n> \"GET /v1.41/vendor/thing HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n< \"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 8\\r\\n\\r\\n{\\\"A\\\":1}\\n\"\n";
    std::fs::write(&wire, text).expect("written");
    let schemas = dir.path().join("schemas");
    let file = schemas.join("vendor/VendorThing.json");
    std::fs::create_dir_all(schemas.join("vendor")).expect("a folder");
    let write = |kind: &str| {
        let schema = format!(
            r#"{{ "id": "VendorThing", "summary": "A route of one vendor.", "routes": [{{ "method": "GET", "path": "/vendor/thing" }}],
            "responses": {{ "200": {{ "body": {{ "framing": "json", "schema": {{ "type": "object", "properties": {{ "A": {{ "type": "{kind}" }} }} }} }} }},
            "404": {{ "body": {{ "$ref": "types/error" }} }} }},
            "examples": [{{ "at": "1.0..", "status": 404, "body": "no" }}, {{ "at": "1.24..", "status": 404, "body": {{ "message": "no" }} }}] }}"#
        );
        std::fs::write(&file, schema.replace("\"1.0..\"", "\"..1.23\"")).expect("written");
    };
    let (wire, schemas) = (wire.to_string_lossy().into_owned(), schemas.to_string_lossy().into_owned());
    assert_eq!(run(&["check", &wire]).0, 4, "the built-in catalogue has no such operation");
    write("string");
    let (code, out, _) = run(&["check", "--schemas", &schemas, &wire]);
    assert!(code == 1 && out.contains("schema.type  daemon  VendorThing"), "{out}");
    write("integer");
    assert_eq!(run(&["check", "--schemas", &schemas, &wire]).0, 0);
    assert_eq!(run(&["schemas", "lint", &schemas]).0, 0);
    write("none");
    let (code, _, err) = run(&["check", "--schemas", &schemas, &wire]);
    assert!(code == 2 && err.contains("vendor/VendorThing.json"), "{err}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in [&["schemas", "export", "--api-version", "1.41"][..], &["rules", "list"], &["check", "--format", "jsonl", FIRES]] {
        let mut child = plimsoll().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        let code = child.wait().expect("it ends").code();
        assert!(matches!(code, Some(0 | 1)) && err.is_empty(), "{arguments:?}: {code:?} {err}");
    }
}

#[test]
fn every_rule_is_explained_and_every_operation_shown() {
    let (_, rules, _) = run(&["rules", "list"]);
    for rule in rules.lines().filter_map(|line| line.split(' ').next()) {
        let (code, out, _) = run(&["rules", "explain", rule]);
        let example = out.contains("@plimsoll-transcript 1") || rule == "http.head-too-large";
        assert!(code == 0 && out.contains("source: ") && example, "{rule}: {out}");
        assert!(out.lines().all(|line| line.chars().count() <= 410), "{rule}: lines are clipped");
    }
    let (_, out, _) = run(&["schemas", "show", "ContainerWait", "--api-version", "1.29"]);
    insta::assert_snapshot!(out);
    let (_, list, _) = run(&["schemas", "list", "--api-version", "1.41"]);
    assert!(list.lines().any(|line| line.starts_with("ContainerWait ")), "{list}");
}

/// Answers every connection with the same bytes.
fn daemon(path: &Path) {
    let listener = UnixListener::bind(path).expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            while let Ok(1..) = stream.read(&mut request) {
                let _ = stream.write_all(PONG.as_bytes());
            }
        }
    });
}

fn ping(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("connected");
    stream.write_all(b"GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n").expect("sent");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[test]
fn a_stopped_proxy_writes_its_report_and_removes_its_socket() {
    for (signal, code) in [("TERM", 0), ("INT", 130)] {
        let dir = tempfile::tempdir().expect("a folder");
        let (backend, listen) = (dir.path().join("daemon.sock"), dir.path().join("proxy.sock"));
        daemon(&backend);
        // A socket that nobody listens on any more is replaced.
        drop(UnixListener::bind(&listen).expect("bound"));
        let mut child = plimsoll()
            .args(["proxy", "--listen", &format!("unix://{}", listen.display()), "--backend", &format!("unix://{}", backend.display())])
            .args(["--record", &dir.path().join("session.wire").to_string_lossy()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("piped")).read_line(&mut line).expect("text");
        assert!(line.starts_with("plimsoll: listening on unix://"), "{line}");
        assert_eq!(std::fs::metadata(&listen).expect("a socket").permissions().mode() & 0o777, 0o600);
        let (refused, _, err) = run(&["proxy", "--listen", &format!("unix://{}", listen.display())]);
        assert!(refused == 3 && err.contains("another process listens there"), "{err}");
        assert!(ping(&listen).ends_with("OK"));
        // A connection that is open when the proxy stops.
        let open = UnixStream::connect(&listen).expect("connected");
        let pid = child.id().to_string();
        Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill runs");
        let deadline = Instant::now() + Duration::from_secs(10);
        while child.try_wait().expect("it can be waited for").is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(open);
        let Output { status, stdout, .. } = child.wait_with_output().expect("it ended");
        let report = String::from_utf8(stdout).expect("text");
        assert_eq!(status.code(), Some(code), "{report}");
        assert!(report.contains("SystemPing  1.41  200  pass") && report.contains("compliant: 1 exchange, 1 judged"), "{report}");
        assert!(!listen.exists(), "the socket file goes");
        let (offline, again, _) = run(&["check", &dir.path().join("session.wire").to_string_lossy()]);
        assert_eq!((offline, again), (0, report), "the recording gives the same report");
    }
}

#[test]
fn run_leaves_the_output_alone_and_gates() {
    let dir = tempfile::tempdir().expect("a folder");
    let backend = dir.path().join("daemon.sock");
    daemon(&backend);
    let script = |body: &str| {
        let address = format!("unix://{}", backend.display());
        let python = "import os,socket; s=socket.socket(socket.AF_UNIX); s.connect(os.environ['DOCKER_HOST'][7:]); s.sendall(b'GET /v1.41/_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n'); s.recv(999)";
        run(&["run", "--backend", &address, "--", "sh", "-c", &format!("python3 -c \"{python}\"; {body}")])
    };
    let (code, out, err) = script("printf 'a\\nb'; printf c >&2");
    assert_eq!((code, err.as_str()), (0, "c"));
    assert!(out.starts_with("a\nb") && out.contains("compliant: 1 exchange, 1 judged"), "{out}");
    assert_eq!(script("exit 7").0, 5);
}

#[test]
fn an_absent_daemon_is_told_to_the_client_in_its_own_format() {
    let dir = tempfile::tempdir().expect("a folder");
    let listen = dir.path().join("proxy.sock");
    let address = format!("unix://{}", listen.display());
    let mut child = plimsoll()
        .args(["proxy", "--listen", &address, "--backend", "unix:///nowhere/docker.sock"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("text");
    let answer = ping(&listen);
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"), "{answer}");
    assert!(
        answer.contains("{\"message\":\"plimsoll: cannot reach the daemon at unix:///nowhere/docker.sock: No such file or directory"),
        "{answer}"
    );
    Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(3));
}

/// Knows what it is, and nothing else.
fn daemon_of_one_answer(path: &Path) {
    const VERSION: &str = r#"{"Platform":{"Name":""},"Components":[],"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.40","GitCommit":"5d6db84","GoVersion":"go1.19.8","Os":"linux","Arch":"amd64","KernelVersion":"6.1","BuildTime":"2023-04-04T18:18:40.000000000+00:00"}"#;
    let listener = UnixListener::bind(path).expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                    let known = line.contains("/version ");
                    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {}
                    let (status, body) = if known { ("200 OK", VERSION) } else { ("404 Not Found", r#"{"message":"page not found"}"#) };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    if stream.write_all((head + body).as_bytes()).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
}

#[test]
fn a_probe_says_what_became_of_each_case() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("d.sock");
    daemon_of_one_answer(&path);
    let backend = format!("unix://{}", path.display());
    let (code, out, err) =
        run(&["probe", "--backend", &backend, "--operation", "SystemVersion", "--operation", "ContainerExport", "--format", "jsonl"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let cases: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &serde_json::Value| line["type"] == "probe-case")
        .collect();
    let of = |version: &str, operation: &str| -> Vec<&serde_json::Value> {
        cases.iter().filter(|case| case["api_version"] == version && case["operation"] == operation).collect()
    };
    for version in ["1.40", "1.41"] {
        assert_eq!(of(version, "SystemVersion").iter().map(|case| &case["result"]).collect::<Vec<_>>(), ["pass"]);
        let created = of(version, "ContainerExport");
        assert!(
            created
                .iter()
                .any(|case| case["result"] == "skipped" && case["reason"].as_str().is_some_and(|why| why.starts_with("needs an image")))
        );
    }
    let probe = |operation: &str, version: &str| run(&["probe", "--backend", &backend, "--operation", operation, "--api-version", version]);
    // A skip is never a pass, and what no version has is no question.
    assert_eq!(probe("ImageCommit", "1.99").0, 2);
    assert_eq!(probe("SecretList", "1.24").0, 2);
    assert_eq!(probe("ImageAttestations", "1.55").0, 4);
    let (code, out, _) = probe("SystemVersion", "1.41");
    assert_eq!(code, 0);
    assert!(out.contains("SystemVersion ✓"), "{out}");
}

#[test]
fn serve_listens_on_several_addresses() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("reference.sock");
    let mut serving = plimsoll()
        .args(["serve", "--listen", &format!("unix://{}", path.display()), "--listen", "tcp://127.0.0.1:0", "--api-version", "1.24..1.41"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(serving.stderr.take().expect("piped")).lines();
    let lines: Vec<String> = (0..2).map(|_| said.next().expect("two lines").expect("text")).collect();
    let host = lines.iter().find_map(|line| line.split_once("tcp://")).expect("the TCP address").1.split(',').next().expect("an address");
    let request = b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
    let mut answers = Vec::new();
    let mut unix = UnixStream::connect(&path).expect("connected");
    unix.write_all(request).expect("sent");
    let mut tcp = std::net::TcpStream::connect(host).expect("connected");
    tcp.write_all(request).expect("sent");
    for stream in [&mut unix as &mut dyn Read, &mut tcp] {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read");
        answers.push(text);
    }
    assert!(answers.iter().all(|text| text.contains("Api-Version: 1.41\r\n") && text.ends_with("OK")), "{answers:?}");
    let id = serving.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    assert_eq!(serving.wait().expect("it ends").code(), Some(0));
    assert!(!path.exists(), "the socket's file goes with it");
}

#[test]
fn the_built_in_backend_is_the_default() {
    let (code, out, err) = run(&["run", "--", "sh", "-c", "case $DOCKER_HOST in unix://*) exit 0;; esac; exit 1"]);
    assert_eq!((code, err.as_str()), (4, ""), "nothing was asked: {out}");
    let (code, out, _) = run(&["serve", "--list-faults"]);
    assert!(code == 0 && out.lines().any(|line| line.starts_with("frame.length ")), "{out}");
    let (code, _, err) = run(&["serve", "--listen", "unix:///tmp/x", "--fault", "no.such"]);
    assert!(code == 2 && err.contains("--list-faults"), "{err}");
}

/// A reference backend of its own, killed when it is dropped.
struct Serving {
    child: std::process::Child,
    dir: tempfile::TempDir,
}

impl Serving {
    fn start(extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let listen = format!("unix://{}", dir.path().join("d.sock").display());
        let mut child = plimsoll().args(["serve", "--listen", &listen]).args(extra).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
        assert!(said.next().is_some_and(|line| line.is_ok_and(|line| line.contains("listening on"))));
        Self { child, dir }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("d.sock")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Gone already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn several_daemons_are_compared_in_one_matrix() {
    let bad = Serving::start(&["--fault", "schema.missing-member@operation=ContainerList"]);
    let report = bad.dir.path().join("probe.jsonl");
    let report = report.display();
    let (code, out, err) = run(&[
        "probe",
        "--api-version",
        "1.40..1.41",
        "--operation",
        "ContainerList",
        "--operation",
        "SystemPing",
        "--daemon",
        "good=reference",
        "--daemon",
        &format!("bad=unix://{}", bad.socket().display()),
        "--report",
        &format!("jsonl={report}"),
    ]);
    assert_eq!(code, 1, "{out}{err}");
    let line =
        |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_default().split_whitespace().skip(1).collect::<String>();
    assert_eq!(line("ContainerList"), "✓✗2", "{out}");
    assert!(out.lines().next().is_some_and(|head| head.split_whitespace().eq(["good", "bad"])), "{out}");
    assert!(out.contains("── bad (unix://") && !out.contains("── good"), "{out}");
    let lines = std::fs::read_to_string(report.to_string()).expect("a report");
    assert!(lines.contains(r#""daemon":"good""#) && lines.contains(r#""daemon":"bad""#));
    let (code, _, err) = run(&["probe", "--daemon", "a=reference", "--daemon", "a=reference"]);
    assert_eq!((code, err.as_str()), (2, "plimsoll: --daemon: two daemons are named `a`\n"));
}
