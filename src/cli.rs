//! The command line: what was typed, and the help that teaches it.

mod commands;
mod config;
mod judge;
mod look;
mod replay;
mod report;
mod snapshot;
mod tls;
mod waivers;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use commands::{BetweenArgs, CheckArgs, ConvertArgs, ProbeArgs, ProxyArgs, RunArgs, ServeArgs, VersionSpan};
pub use config::{CompletionsArgs, ConfigCommand, ManArgs};
pub use judge::{EnforceArgs, EnforceOn, EnforceSide, GateArgs, JudgeArgs, Mode, OutputArgs, VersionChoice};
pub use look::{ExportFormat, RulesCommand, SchemasCommand};
pub use replay::{Part, ReplayArgs};
pub use report::{Input, MergeArgs, RenderArgs, ReportCommand, SheetArgs};
pub use snapshot::{ChosenArgs, DiffArgs, DiffFormat, RecordArgs, ReviewArgs, Shard, SnapshotCommand, TestArgs, Unreferenced};
pub use tls::{DialArgs, ListenArgs};
pub use waivers::{AcceptArgs, PruneArgs, WaiversCommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  compliant               1  violations at or above --fail-on
  2  usage, or a bad file    3  environment: cannot bind, daemon unreachable, file unreadable
  4  nothing was inspected   5  the command wrapped by `run` failed (and no violation)
  130  interrupted, report written";

/// Tests whether Docker clients and daemons keep to the Docker Engine API.
///
/// plimsoll stands between any client and any daemon, passes every byte on unchanged, and judges each exchange by the API version that it uses.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Read options from this file, too [default: the nearest plimsoll.toml, here or in a folder above]
    #[arg(long, global = true, value_name = "FILE", display_order = 1000)]
    pub config: Option<PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one command with a private proxy as its DOCKER_HOST, and report when it ends
    ///
    /// What the command prints is not touched; the report follows on standard output.
    #[command(after_help = "Example:\n  plimsoll run -- docker run --rm -i alpine cat < file")]
    Run(RunArgs),
    /// Stand between clients and a daemon until stopped, then report
    ///
    /// Stop it with SIGTERM: the exit code is then the verdict's. After Ctrl-C it is 130. The report is written either way.
    #[command(
        after_help = "Example:\n  plimsoll proxy --listen unix:///tmp/plimsoll.sock &\n  DOCKER_HOST=unix:///tmp/plimsoll.sock docker ps"
    )]
    Proxy(ProxyArgs),
    /// Serve the reference backend: a daemon in memory, to develop clients against
    ///
    /// It keeps state as dockerd does and simulates processes; nothing is run on this machine and none of its files are touched.
    #[command(
        override_usage = "plimsoll serve --listen <ADDR> [OPTIONS]\n       plimsoll serve --list-faults",
        after_help = "Example:\n  plimsoll serve --listen unix:///tmp/reference.sock &\n  DOCKER_HOST=unix:///tmp/reference.sock docker run --rm busybox echo hello"
    )]
    Serve(ServeArgs),
    /// Drive a daemon through every operation of every API version, and show the scorecard
    ///
    /// What the probe makes is labelled plimsoll.probe=1 and removed again, also after Ctrl-C. A case that was not reached is skipped, with the
    /// reason: a skip is never a pass.
    #[command(after_help = "Example:\n  plimsoll probe --backend unix:///var/run/docker.sock --api-version 1.24..1.41")]
    Probe(ProbeArgs),
    /// Judge recordings offline: the same judge, the same findings
    #[command(after_help = "Example:\n  plimsoll run --record session.wire -- docker ps\n  plimsoll check session.wire")]
    Check(CheckArgs),
    /// Join the reports of several runs, or make another format of one
    #[command(subcommand)]
    Report(ReportCommand),
    /// Write and tidy the file of accepted violations
    #[command(subcommand)]
    Waivers(WaiversCommand),
    /// Play a recording again: as a fake daemon, or as the clients
    ///
    /// As a daemon it answers requests in any order: the n-th of equal requests gets the n-th recorded answer, then the last again. Equal are
    /// requests of one operation with the same parameters, in whatever order and with ids in whatever length they are written. What the recording
    /// does not have is answered with 501 and listed in the end, and the exit code is 1. As a client it sends each connection's requests to a daemon
    /// through the judge, and waits for an answer where the recorded client had one.
    #[command(
        after_help = "Examples:\n  plimsoll run --record session.wire -- docker run --rm busybox echo hello\n  plimsoll replay session.wire --as daemon --listen unix:///tmp/replay.sock &\n  DOCKER_HOST=unix:///tmp/replay.sock docker run --rm busybox echo hello\n  plimsoll replay session.wire --as client --backend reference"
    )]
    Replay(ReplayArgs),
    /// Turn a recording into an HTTP archive (HAR 1.2), or an archive into a recording
    ///
    /// The extensions say which. Browsers and other tools open the archive; what HAR has no word for (times of single reads, what follows a hijack)
    /// stands in members with an underscore, so that the way back gives the same recording.
    #[command(after_help = "Example:\n  plimsoll convert session.wire session.har")]
    Convert(ConvertArgs),
    /// Keep what a daemon answers under version control
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Compare two daemons by their answers to the same requests, or two recordings
    ///
    /// Ids, times, ports, addresses and the order of lists that have none are no difference. Exits with 1 when the answers differ. Two recordings are put side
    /// by side by what was asked: an exchange is looked for among the next 1024 of the other at most.
    #[command(
        after_help = "Examples:\n  plimsoll diff --a unix:///run/docker.sock --b unix:///run/podman/podman.sock session.wire\n  plimsoll diff --a unix:///run/docker.sock --b reference -- docker run --rm busybox true\n  plimsoll diff monday.wire tuesday.wire"
    )]
    Diff(DiffArgs),
    /// Look into the catalogue of operations and schemas
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Look up the rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Look at the options that plimsoll.toml sets
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  source <(plimsoll completions bash)")]
    Completions(CompletionsArgs),
    /// Print the man page, or write one for each subcommand
    #[command(after_help = "Example:\n  plimsoll man /usr/local/share/man/man1")]
    Man(ManArgs),
}
