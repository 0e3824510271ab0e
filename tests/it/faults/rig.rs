//! `plimsoll proxy` as a process of its own, between a client and a daemon that the test plays.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use super::super::support::PONG;

/// What does not come in this time does not come.
const LONG: Duration = Duration::from_mins(1);

pub(super) const PING: &str = "GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n";

pub(super) struct Proxy {
    child: Child,
    /// What it said until it listened.
    said: String,
    stderr: BufReader<ChildStderr>,
    backend: UnixListener,
    front: PathBuf,
    dir: tempfile::TempDir,
}

/// How a proxy ended.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
    /// The lines of `report.jsonl`, where it was asked for.
    pub(super) lines: Vec<serde_json::Value>,
}

impl Ended {
    /// The rules that were broken, in order.
    pub(super) fn rules(&self) -> Vec<&str> {
        self.of("violation").filter_map(|line| line["rule"].as_str()).collect()
    }

    /// Why something was not judged.
    pub(super) fn reasons(&self) -> Vec<&str> {
        self.of("not-inspected").filter_map(|line| line["reason"].as_str()).collect()
    }

    pub(super) fn exchanges(&self) -> usize {
        self.of("exchange").count()
    }

    fn of(&self, kind: &'static str) -> impl Iterator<Item = &serde_json::Value> {
        self.lines.iter().filter(move |line| line["type"] == kind)
    }
}

impl Proxy {
    /// With a report in JSON Lines, and these options.
    pub(super) fn start(options: &[&str]) -> Self {
        Self::limited("", options)
    }

    /// With limits as the shell sets them.
    pub(super) fn limited(limits: &str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (front, back, report) = (dir.path().join("p.sock"), dir.path().join("d.sock"), dir.path().join("report.jsonl"));
        let backend = UnixListener::bind(&back).expect("bound");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limits}\nexec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_plimsoll"), "proxy", "--config", "/dev/null"]);
        command.arg("--listen").arg(format!("unix://{}", front.display())).arg("--backend").arg(format!("unix://{}", back.display()));
        command.arg("--report").arg(format!("jsonl={}", report.display())).args(options);
        command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("plimsoll: listening on") {
            assert!(stderr.read_line(&mut said).expect("text") > 0, "{said}");
        }
        Self { child, said, stderr, backend, front, dir }
    }

    pub(super) fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(&self.front).expect("connected");
        client.set_read_timeout(Some(LONG)).expect("set");
        client.set_write_timeout(Some(LONG)).expect("set");
        client
    }

    pub(super) fn accept(&self) -> UnixStream {
        let (daemon, _) = self.backend.accept().expect("accepted");
        daemon.set_read_timeout(Some(LONG)).expect("set");
        daemon.set_write_timeout(Some(LONG)).expect("set");
        daemon
    }

    /// A client, and the daemon's end of its connection.
    pub(super) fn pair(&self) -> (UnixStream, UnixStream) {
        let client = self.connect();
        (client, self.accept())
    }

    /// The largest memory that it had so far, in MiB. `None` where the system does not say.
    pub(super) fn peak(&self) -> Option<u64> {
        self.status("VmHWM:").map(|kib| kib / 1024)
    }

    /// Ticks of processor time that it has used.
    pub(super) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let behind = stat.rsplit(')').next().expect("a name");
        behind.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    }

    /// It is up, and serves: a ping goes through and comes back.
    pub(super) fn still_serves(&self) {
        let (mut client, mut daemon) = self.pair();
        pass(&mut client, &mut daemon, PING.as_bytes());
        pass(&mut daemon, &mut client, PONG.as_bytes());
    }

    /// Stops it in the regular way.
    pub(super) fn stop(mut self) -> Ended {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(stopped.success());
        let mut out = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        let mut err = std::mem::take(&mut self.said);
        self.stderr.read_to_string(&mut err).expect("text");
        let code = self.child.wait().expect("ended").code().unwrap_or(-1);
        let report = std::fs::read_to_string(self.dir.path().join("report.jsonl")).unwrap_or_default();
        let lines = report.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(!err.contains("panicked"), "{err}");
        Ended { code, out, err, lines }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Ended already is fine; a test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one side sends arrives at the other, byte for byte.
pub(super) fn pass(from: &mut UnixStream, to: &mut UnixStream, bytes: &[u8]) {
    std::thread::scope(|scope| {
        scope.spawn(|| from.write_all(bytes).expect("taken"));
        let mut got = vec![0; bytes.len()];
        to.read_exact(&mut got).expect("all of it arrives");
        assert!(got == bytes, "the bytes changed on the way");
    });
}

/// All that is still to come until the end.
pub(super) fn rest(peer: &mut UnixStream) -> Vec<u8> {
    let mut got = Vec::new();
    // A reset is an end, too.
    let _ = peer.read_to_end(&mut got);
    got
}
