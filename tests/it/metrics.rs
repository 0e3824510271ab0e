//! The counts of a running proxy, as Prometheus gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stopped when it is dropped.
struct Proxy {
    child: Child,
    metrics: String,
    socket: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Gone already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn proxy() -> Proxy {
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("p.sock");
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["proxy", "--backend", "reference", "--metrics", "tcp://127.0.0.1:0", "--listen"])
        .arg(format!("unix://{}", socket.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("plimsoll runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let metrics = lines.find_map(|line| line.split_once("metrics on tcp://").map(|(_, host)| host.to_owned())).expect("an address");
    Proxy { child, metrics, socket, _dir: dir }
}

impl Proxy {
    fn ask(&self, request: &str) {
        let mut stream = UnixStream::connect(&self.socket).expect("it listens");
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.metrics).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: d\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// The judge is a moment behind.
    fn until(&self, due: &[&str]) -> String {
        let begin = Instant::now();
        loop {
            let text = self.get("/metrics");
            if due.iter().all(|line| text.contains(line)) {
                return text;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn exchanges_violations_and_bytes_are_counted() {
    let proxy = proxy();
    let request = "GET /v1.41/containers/json?colour=red HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
    proxy.ask(request);
    proxy.ask("GET /none HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    let text = proxy.until(&[
        "plimsoll_exchanges_total{operation=\"ContainerList\",api_version=\"1.41\",verdict=\"pass\"} 1\n",
        "plimsoll_exchanges_total{operation=\"unknown\",api_version=\"1.55\",verdict=\"not-inspected\"} 1\n",
        "plimsoll_violations_total{rule=\"query.unknown-parameter\",severity=\"note\",side=\"client\",waived=\"false\"} 1\n",
        "plimsoll_connections_total 2\n",
        "plimsoll_open_connections 0\n",
    ]);
    let sent = text.lines().find_map(|line| line.strip_prefix("plimsoll_bytes_total{side=\"client\"} ")).expect("a line");
    assert!(sent.parse::<usize>().expect("a number") > request.len(), "{text}");
    assert!(text.contains("# TYPE plimsoll_judging_seconds counter\n") && text.ends_with("# EOF\n"), "{text}");
    assert!(proxy.get("/").starts_with("HTTP/1.1 404"));
}
