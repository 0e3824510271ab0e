use std::time::Duration;

use bytes::Bytes;

use super::super::files::{Namespace, base, shared};
use super::*;

mod programs;
mod shell;
mod signals;

/// A container for one test.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) namespace: Namespace,
    pub(super) processes: Processes,
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) code: u8,
}

pub(super) fn clock() -> Clock {
    Clock::fixed("2026-01-02T03:04:05Z".parse().expect("a time"))
}

impl Container {
    pub(super) fn new() -> Self {
        let root = base("alpine", clock().now()).expect("a flavour");
        Self { namespace: Namespace::new(shared(root)), processes: Processes::new() }
    }

    pub(super) fn launch(&self, argv: &[&str], init: bool) -> (Launch, Output, Input, Input) {
        let (typed, stdin) = pipe(16);
        let (stdout, out) = pipe(16);
        let (stderr, err) = pipe(16);
        let launch = Launch {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: vec![("PATH".into(), DEFAULT_PATH.into()), ("HOME".into(), "/root".into())],
            cwd: "/".into(),
            user: User::default(),
            hostname: "box".into(),
            namespace: self.namespace.clone(),
            stdin,
            stdout,
            stderr,
            processes: self.processes.clone(),
            clock: clock(),
            init,
            neighbours: Neighbours::default(),
            terminal: None,
        };
        (launch, typed, out, err)
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, argv: &[&str], input: &str) -> Outcome {
        let (launch, typed, out, err) = self.launch(argv, false);
        let running = tokio::spawn(run(launch));
        let input = Bytes::copy_from_slice(input.as_bytes());
        tokio::spawn(async move {
            let _ = typed.write(input).await;
        });
        let all =
            tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(out.read_all(1 << 24), err.read_all(1 << 20), running) });
        let (stdout, stderr, code) = all.await.expect("it ends");
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { stdout: text(stdout), stderr: text(stderr), code: code.expect("no panic") }
    }
}
