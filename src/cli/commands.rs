//! The subcommands that drive, serve and judge, an options struct each.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::judge::{EnforceArgs, JudgeArgs, OutputArgs};
use super::tls::{DialArgs, ListenArgs};
use crate::model::{ApiVersion, VersionRange};
use crate::proxy::Address;
use crate::reference::Fault;

/// `--api-version` of the probe: the versions, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionSpan(pub Option<VersionRange>);

/// What stands between clients and a daemon: the daemon, and how what passes is judged.
#[derive(Debug, Args)]
pub struct BetweenArgs {
    /// The daemon: unix:///path, tcp://host:port, https://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// How it is dialled.
    #[command(flatten)]
    pub dial: DialArgs,
    /// Record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// What `--mode enforce` keeps back.
    #[command(flatten)]
    pub enforce: EnforceArgs,
}

/// `plimsoll run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The daemon behind it, and how it is judged.
    #[command(flatten)]
    pub between: BetweenArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `plimsoll proxy`.
#[derive(Debug, Args)]
pub struct ProxyArgs {
    /// Where clients connect: unix:///path (mode 0600, removed on exit) or tcp://host:port
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub listen: Address,
    /// How.
    #[command(flatten)]
    pub listening: ListenArgs,
    /// Where Prometheus finds the counts while the proxy runs, as in tcp://127.0.0.1:9125
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub metrics: Option<Address>,
    /// The daemon behind it, and how it is judged.
    #[command(flatten)]
    pub between: BetweenArgs,
}

/// `plimsoll serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where clients connect: unix:///path (mode 0600, removed on exit) or tcp://host:port (repeatable)
    #[arg(long, value_name = "ADDR", value_parser = parse_address, required_unless_present = "list_faults")]
    pub listen: Vec<Address>,
    /// How.
    #[command(flatten)]
    pub listening: ListenArgs,
    /// The versions that it answers: one, or a range as in 1.24..1.41
    #[arg(long, value_name = "1.A..1.B", value_parser = parse_known_versions, default_value = "1.0..1.55")]
    pub api_version: VersionRange,
    /// The same ids, names and ports in every run
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// The time stands still, as in 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub clock: Option<jiff::Timestamp>,
    /// Send the CORS headers of the old -api-enable-cors
    #[arg(long)]
    pub cors: bool,
    /// Misbehave on purpose (repeatable): a fault of --list-faults, in every Nth answer, or in those of one operation
    #[arg(long, value_name = "ID[@every=N][@operation=NAME]", value_parser = parse_fault)]
    pub fault: Vec<String>,
    /// Name the faults and the rule that each breaks
    #[arg(long)]
    pub list_faults: bool,
}

/// `plimsoll probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The daemon: unix:///path, tcp://host:port, https://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// A daemon with a name (repeatable): all are driven, one after the other, and compared in one matrix
    #[arg(long, value_name = "NAME=ADDR", value_parser = parse_named, conflicts_with_all = ["backend", "record"])]
    pub daemon: Vec<(String, Address)>,
    /// How it is dialled.
    #[command(flatten)]
    pub dial: DialArgs,
    /// The versions to drive; auto: all that the daemon announces
    #[arg(long, value_name = "auto|1.N|1.A..1.B", default_value = "auto", value_parser = parse_versions)]
    pub api_version: VersionSpan,
    /// Only the cases of this operation (repeatable)
    #[arg(long, value_name = "NAME")]
    pub operation: Vec<String>,
    /// Also the cases that change what is not the probe's own: prunes without a filter, making and leaving a swarm …
    #[arg(long)]
    pub allow_destructive: bool,
    /// The image that containers are made of; it needs a shell [default: base, busybox, alpine or debian, pulled if none is there]
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// Record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// What to judge by, and what to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Recordings: transcripts (*.wire) and HTTP archives (*.har)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Judge each recording by every API version: where its client and its daemon break first
    #[arg(long)]
    pub all_versions: bool,
    /// Say on standard error how far it is, also where that is no terminal
    #[arg(long)]
    pub progress: bool,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `plimsoll convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// What is read: a transcript (*.wire) or an HTTP archive (*.har)
    #[arg(value_name = "IN")]
    pub from: PathBuf,
    /// What is written: the other of the two
    #[arg(value_name = "OUT")]
    pub to: PathBuf,
    /// Say on standard error how far it is, also where that is no terminal
    #[arg(long)]
    pub progress: bool,
}

/// A fault counts the answers, so what was typed is kept, and read where it is used.
fn parse_fault(text: &str) -> Result<String, String> {
    text.parse::<Fault>().map(|fault| fault.to_string())
}

fn parse_versions(text: &str) -> Result<VersionSpan, String> {
    if text == "auto" {
        return Ok(VersionSpan(None));
    }
    parse_known_versions(text).map(|range| VersionSpan(Some(range)))
}

fn parse_known_versions(text: &str) -> Result<VersionRange, String> {
    let range: VersionRange = text.parse().map_err(|error| format!("{error}"))?;
    if range.until.is_known() {
        return Ok(range);
    }
    Err(format!("{} is newer than {}, the newest version that is known", range.until, ApiVersion::NEWEST))
}

pub(super) fn parse_address(text: &str) -> Result<Address, String> {
    text.parse()
}

fn parse_named(text: &str) -> Result<(String, Address), String> {
    let named = text.split_once('=').filter(|(name, address)| !name.is_empty() && !address.is_empty());
    let (name, address) = named.ok_or("write NAME=ADDR, as in podman=unix:///run/podman/podman.sock")?;
    Ok((name.to_owned(), parse_address(address)?))
}
