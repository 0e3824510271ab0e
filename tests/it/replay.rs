//! Recordings: read up to where they break, and played again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimsoll::model::Side;
use plimsoll::transcript::What;

use super::support::{files, repository, transcript};

fn plimsoll(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).output().expect("plimsoll runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// What stands before the break is judged and reported; then file and line are named.
#[test]
fn a_broken_recording_is_checked_up_to_the_break() {
    let whole = std::fs::read_to_string(repository("fixtures/recordings/docker-run.wire")).expect("readable");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("cut.wire");
    let lines = whole.trim_end().lines().count();
    std::fs::write(&path, &whole[..whole.trim_end().len() - 4]).expect("writable");
    let name = path.to_str().expect("text");
    let (code, out, err) = plimsoll(&["check", name]);
    assert_eq!(code, 2, "{err}");
    assert!(out.contains("ContainerCreate") && out.contains("compliant: "), "{out}");
    assert!(err.starts_with(&format!("plimsoll: {name}: line {lines}: ")) && err.contains("the file ends inside this line"), "{err}");
    // The other files are judged all the same.
    let good = repository("fixtures/recordings/websockets.wire");
    let (code, out, _) = plimsoll(&["check", "--format", "jsonl", name, good.to_str().expect("text")]);
    assert_eq!(code, 2);
    assert!(out.contains("websockets.wire"), "{out}");
}

/// `plimsoll replay --as daemon`, listening.
struct Daemon {
    child: Child,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl Daemon {
    fn start(recording: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("d.sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["replay", recording.to_str().expect("text"), "--as", "daemon", "--speed", "max", "--listen"])
            .arg(format!("unix://{}", socket.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("plimsoll runs");
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
        assert!(line.contains("listening on"), "{line}");
        Self { child, socket, _dir: dir }
    }

    /// Sends a request and reads the answer to its end of connection.
    fn ask(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("open");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends it with SIGTERM: its exit code and what it says.
    fn stop(mut self) -> (i32, String) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(killed.success());
        let mut out = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        (self.child.wait().expect("it ends").code().expect("an exit code"), out)
    }
}

/// What each connection carried, both ways. Which connection was the first does not count.
fn carried(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut by_connection: BTreeMap<u64, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
    for entry in transcript(path).entries {
        let (client, daemon) = by_connection.entry(entry.connection).or_default();
        if let What::Bytes(bytes) = entry.what {
            if entry.side == Side::Client { client } else { daemon }.extend_from_slice(&bytes);
        }
    }
    let mut carried: Vec<_> = by_connection.into_values().filter(|(client, _)| !client.is_empty()).collect();
    carried.sort();
    carried
}

/// Both halves at once: the recording's client at the recording's daemon says, byte for byte, what was recorded.
#[test]
fn a_recording_played_by_both_sides_is_the_same_recording() {
    for path in files(&repository("fixtures/recordings"), "wire") {
        let daemon = Daemon::start(&path);
        let dir = tempfile::tempdir().expect("a folder");
        let again = dir.path().join("again.wire");
        let backend = format!("unix://{}", daemon.socket.display());
        let recording = path.to_str().expect("text");
        let (code, out, err) = plimsoll(&[
            "replay",
            recording,
            "--as",
            "client",
            "--speed",
            "max",
            "--fail-on",
            "never",
            "--backend",
            &backend,
            "--record",
            again.to_str().expect("text"),
            "--no-redact",
        ]);
        assert_eq!((code, err.as_str()), (0, ""), "{}: {out}", path.display());
        let (code, said) = daemon.stop();
        assert_eq!(code, 0, "{}: {said}", path.display());
        assert!(!said.contains("not asked"), "{}: {said}", path.display());
        assert!(carried(&again) == carried(&path), "{}", path.display());
    }
}

/// In any order, ids short or long, members in any order; n-th for n-th, then the last again.
#[test]
fn requests_are_matched_by_what_they_ask_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("r.wire");
    let id = "4fa8".to_owned() + &"0".repeat(60);
    let exchange = |connection: u32, request: &str, body: &str, answer: &str| {
        let quoted = |text: &str| text.replace('"', "\\\"");
        format!(
            "c{connection} > \"{request} HTTP/1.1\\r\\nHost: d\\r\\nContent-Length: {}\\r\\n\\r\\n{}\"\nc{connection} < \"HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\n\\r\\n{}\"\n",
            body.len(),
            quoted(body),
            answer.len(),
            quoted(answer)
        )
    };
    let text = [
        "@plimsoll-transcript 1\n".to_owned(),
        exchange(1, "POST /v1.41/containers/create?name=a&platform=", r#"{"Image":"base","Tty":false}"#, &format!(r#"{{"Id":"{id}"}}"#)),
        exchange(2, &format!("GET /v1.41/containers/{id}/json"), "", "one"),
        exchange(3, &format!("GET /v1.41/containers/{id}/json"), "", "two"),
        exchange(4, "GET /v1.41/events?since=1&until=2", "", "news"),
    ]
    .concat();
    std::fs::write(&path, text).expect("writable");
    let daemon = Daemon::start(&path);
    let ask =
        |line: &str, body: &str| daemon.ask(&format!("{line} HTTP/1.1\r\nHost: other\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    for answer in ["one", "two", "two"] {
        assert!(ask("GET /v1.41/containers/4fa8/json", "").ends_with(&format!("\r\n\r\n{answer}")));
    }
    assert!(ask("POST /v1.41/containers/create?platform=&name=a", r#"{ "Tty": false, "Image": "base" }"#).contains(&id));
    assert!(ask("GET /v1.41/events?since=17&until=18", "").ends_with("news"));
    let refused = ask("POST /v1.41/containers/create?name=a&platform=", r#"{"Image":"other","Tty":false}"#);
    assert!(refused.starts_with("HTTP/1.1 501 Not Implemented\r\n"), "{refused}");
    assert!(
        refused.contains(
            r#"the nearest is POST /v1.41/containers/create?name=a&platform= in line 2: body /Image is \"other\", recorded \"base\""#
        ),
        "{refused}"
    );
    assert!(ask("GET /v1.41/info", "").contains("it has no SystemInfo at all"));
    let (code, said) = daemon.stop();
    assert_eq!(code, 1, "{said}");
    insta::assert_snapshot!("what-the-replay-did", said);
}

/// A recording has aliases in the places of secrets; a client sends the secrets themselves.
#[test]
fn a_redacted_recording_answers_a_client_that_sends_secrets() {
    use std::fmt::Write as _;
    let dir = tempfile::tempdir().expect("a folder");
    let (session, path) = (dir.path().join("session.wire"), dir.path().join("r.wire"));
    let login = |password: &str| {
        ("POST /v1.41/auth", format!(r#"{{"username":"jane","password":"{password}","serveraddress":"https://r.example/v1/"}}"#))
    };
    let create =
        |name: &'static str, password: &str| (name, format!(r#"{{"Image":"busybox","Env":["NAME=jane","PASSWORD={password}","OF=ab"]}}"#));
    let one = |password: &str| create("POST /v1.41/containers/create?name=one", password);
    let any = |password: &str| create("POST /v1.41/containers/create", password);
    let requests = [
        ("POST /v1.41/images/create?fromImage=busybox&tag=latest", String::new()),
        login("correct horse"),
        one("correct horse"),
        any("battery staple!"),
        any("another battery"),
    ];
    let mut text = "@plimsoll-transcript 1\n".to_owned();
    for (line, body) in &requests {
        let quoted = body.replace('"', "\\\"");
        let head =
            format!("{line} HTTP/1.1\\r\\nHost: d\\r\\nContent-Type: application/json\\r\\nContent-Length: {}\\r\\n\\r\\n", body.len());
        let _ = write!(text, "> \"{head}{quoted}\"\n< \"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\"\n");
    }
    std::fs::write(&session, text).expect("writable");
    let [session, recording] = [&session, &path].map(|path| path.to_str().expect("text"));
    let play = ["replay", session, "--as", "client", "--speed", "max", "--backend", "reference", "--fail-on", "never"];
    let (code, out, err) = plimsoll(&[&play[..], &["--record", recording]].concat());
    assert_eq!(code, 0, "{out}{err}");
    let recorded = std::fs::read_to_string(&path).expect("readable");
    assert!(recorded.contains("PASSWORD=redacted-") && !recorded.contains("horse") && !recorded.contains("battery"), "{recorded}");

    let daemon = Daemon::start(&path);
    let ask = |(line, body): &(&str, String)| {
        let head = "Host: d\r\nContent-Type: application/json";
        daemon.ask(&format!("{line} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    };
    // What one secret was called in the first request, it is called in the others.
    assert!(!ask(&login("correct horse")).starts_with("HTTP/1.1 501 "));
    let refused = ask(&one("wrong horses!"));
    assert!(
        refused.starts_with("HTTP/1.1 501 ") && refused.contains("a secret is another one") && !refused.contains("horses"),
        "{refused}"
    );
    let id = |answer: &str| answer.split_once("\"Id\":\"").map_or_else(|| panic!("{answer}"), |(_, id)| id[..64].to_owned());
    let first = id(&ask(&one("correct horse")));
    // Two that differ in nothing but the secret: the first sight decides, and it stays so.
    let [second, third] = ["battery staple!", "another battery"].map(|secret| id(&ask(&any(secret))));
    assert!(first != second && second != third);
    assert_eq!(["another battery", "battery staple!"].map(|secret| id(&ask(&any(secret)))), [third, second]);
    let refused = ask(&any("a third battery"));
    assert!(refused.starts_with("HTTP/1.1 501 "), "{refused}");
    let refused = ask(&("POST /v1.41/build?buildargs=%7B%22A%22%3A%22wrong+horses%22%7D", String::new()));
    assert!(refused.starts_with("HTTP/1.1 501 ") && !refused.contains("horses"), "{refused}");
    let (_, said) = daemon.stop();
    assert!(said.contains("a secret is another one") && !said.contains("horses"), "{said}");
}

/// Every request that a client may make before the recorded one: nothing of the recording happens before its time.
#[test]
fn the_recorded_order_holds_at_any_speed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("r.wire");
    let text = "@plimsoll-transcript 1\n\
        c1 > \"POST /v1.41/containers/a/wait HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n\
        c2 > \"POST /v1.41/containers/a/start HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n\
        c2 < \"HTTP/1.1 204 No Content\\r\\n\\r\\n\"\n\
        c1 < \"HTTP/1.1 200 OK\\r\\nContent-Length: 16\\r\\n\\r\\n{\\\"StatusCode\\\":3}\"\n";
    std::fs::write(&path, text).expect("writable");
    let daemon = Daemon::start(&path);
    let mut wait = UnixStream::connect(&daemon.socket).expect("it listens");
    wait.write_all(b"POST /v1.41/containers/a/wait HTTP/1.1\r\nHost: d\r\n\r\n").expect("it reads");
    // Its answer came after the start.
    wait.set_nonblocking(true).expect("a socket");
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(wait.read(&mut [0; 1]).map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    assert!(daemon.ask("POST /v1.41/containers/a/start HTTP/1.1\r\nHost: d\r\n\r\n").starts_with("HTTP/1.1 204"));
    wait.set_nonblocking(false).expect("a socket");
    let mut answer = [0; 15];
    wait.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(daemon.stop().0, 0);
}
