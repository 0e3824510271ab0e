//! `plimsoll snapshot` and `plimsoll diff`: their options.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};

use super::commands::parse_address;
use super::judge::JudgeArgs;
use super::tls::DialArgs;
use crate::proxy::Address;

/// `plimsoll snapshot …`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Record what a command, or a transcript's client, does and what the daemon answers
    ///
    /// NAME.wire keeps the client side, NAME.snap the answers, with aliases for what is different every time. Where NAME.snap exists and the answers
    /// differ from it, NAME.snap.new waits to be accepted.
    #[command(
        after_help = "Examples:\n  plimsoll snapshot record --name run -- docker run --rm busybox echo hello\n  plimsoll snapshot record --backend unix:///run/docker.sock requests.wire"
    )]
    Record(RecordArgs),
    /// Play the recorded client sides against a daemon, judge it, and compare its answers with the snapshots
    ///
    /// What is new or has changed waits as NAME.snap.new, and fails the run, until it is accepted.
    #[command(after_help = "Example:\n  plimsoll snapshot test --backend unix:///run/docker.sock --report junit=snapshots.xml")]
    Test(TestArgs),
    /// Look at what waits: accept, reject or skip, one at a time
    Review(ReviewArgs),
    /// Accept what waits: all of it, or what is named
    Accept(ChosenArgs),
    /// Throw away what waits: all of it, or what is named
    Reject(ChosenArgs),
}

/// `plimsoll snapshot record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The daemon: unix:///path, tcp://host:port, https://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// How it is dialled.
    #[command(flatten)]
    pub dial: DialArgs,
    /// What the scenario is called [default: after the command, or the file]
    #[arg(long, value_parser = parse_name)]
    pub name: Option<String>,
    /// The folder of the snapshots
    #[arg(long, default_value = "snapshots")]
    pub dir: PathBuf,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Transcripts: their requests are sent, each file is a scenario
    #[arg(value_name = "FILE.wire", required_unless_present = "command", conflicts_with = "command")]
    pub files: Vec<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `plimsoll snapshot test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The daemon: unix:///path, tcp://host:port, https://host:port or reference (a new one for each scenario) [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// How it is dialled.
    #[command(flatten)]
    pub dial: DialArgs,
    /// The folder of the snapshots
    #[arg(long, default_value = "snapshots")]
    pub dir: PathBuf,
    /// Replace the snapshots by what the daemon answers
    #[arg(long)]
    pub update: bool,
    /// What to do with snapshots that have no scenario
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Unreferenced::Ignore)]
    pub unreferenced: Unreferenced,
    /// Only the kth of n parts of the scenarios, as in 1/3
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// So many scenarios at once [default: 1, and for the reference backend the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Only these scenarios
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// `plimsoll snapshot review`.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The folder of the snapshots
    #[arg(long, default_value = "snapshots")]
    pub dir: PathBuf,
}

/// `plimsoll snapshot accept` and `reject`.
#[derive(Debug, Args)]
pub struct ChosenArgs {
    /// The folder of the snapshots
    #[arg(long, default_value = "snapshots")]
    pub dir: PathBuf,
    /// Scenarios [default: all that wait]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// `plimsoll diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The first daemon: unix:///path, tcp://host:port, https://host:port or reference
    #[arg(long, value_name = "ADDR", value_parser = parse_address, requires = "b")]
    pub a: Option<Address>,
    /// The second daemon
    #[arg(long, value_name = "ADDR", value_parser = parse_address, requires = "a")]
    pub b: Option<Address>,
    /// How both are dialled, as far as they are behind TCP.
    #[command(flatten)]
    pub dial: DialArgs,
    /// How to show the differences
    #[arg(long, value_enum, default_value_t = DiffFormat::Terminal)]
    pub format: DiffFormat,
    /// Compare secrets as they are, and show them: two recordings need to have been made so, too
    #[arg(long)]
    pub no_redact: bool,
    /// With --a and --b: the transcript whose requests are sent. Without: two recordings
    #[arg(value_name = "FILE.wire", conflicts_with = "command")]
    pub files: Vec<PathBuf>,
    /// With --a and --b: a command. It runs against the first daemon; what it asked is then asked of the second
    #[arg(last = true, value_name = "CMD", requires = "a")]
    pub command: Vec<OsString>,
}

/// `--format` of diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Terminal,
    /// JSON Lines: a difference a line, and a line for each operation.
    Jsonl,
}

/// `--unreferenced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unreferenced {
    /// Leave them.
    Ignore,
    /// Fail the run.
    Reject,
    /// Remove them.
    Delete,
}

/// `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub part: usize,
    /// Of so many.
    pub parts: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        match numbers {
            Some((part, parts)) if (1..=parts).contains(&part) => Ok(Self { part, parts }),
            _ => Err("write K/N, as in 1/3, with K from 1 to N".to_owned()),
        }
    }
}

/// A name is the name of a file.
fn parse_name(text: &str) -> Result<String, String> {
    let is_bad = text.is_empty() || text.starts_with('.') || text.contains(['/', '\\']) || text.chars().any(char::is_control);
    if is_bad { Err("a name is the name of a file, without slashes and not hidden".to_owned()) } else { Ok(text.to_owned()) }
}
