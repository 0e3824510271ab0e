//! The command line: what was typed, and the help that teaches it.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::inspect::Allowed;
use crate::model::{ApiVersion, VersionRange};
use crate::proxy::Address;
use crate::reference::Fault;
use crate::report::FailOn;

const EXIT_CODES: &str = "\
Exit codes:
  0  compliant               1  violations at or above --fail-on
  2  usage, or a bad file    3  environment: cannot bind, daemon unreachable, file unreadable
  4  nothing was inspected   5  the command wrapped by `run` failed (and no violation)
  130  interrupted, report written";

/// The options that `--mode enforce` adds.
const ENFORCE: &str = "With --mode enforce";

/// Tests whether Docker clients and daemons keep to the Docker Engine API.
///
/// plimsoll stands between any client and any daemon, passes every byte on unchanged, and judges each exchange by the API version that it uses.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
    /// Look into the catalogue of operations and schemas
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Look up the rules
    #[command(subcommand)]
    Rules(RulesCommand),
}

/// How to judge and what to report.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Judge by this API version; auto: the path's prefix, else what the daemon announced
    #[arg(long, value_name = "auto|1.N", default_value = "auto", value_parser = parse_version)]
    pub api_version: VersionChoice,
    /// What to judge by beside the version, and what to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to judge by, and what to report.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// A folder of schema files that add to the built-in catalogue or replace what is in it
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// Whether what breaks a rule is passed on; enforce is for proxy and run
    #[arg(long, value_enum, default_value_t = Mode::Observe)]
    pub mode: Mode,
    /// The report on standard output
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// A further report in a file (repeatable)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = parse_report)]
    pub report: Vec<(Format, PathBuf)>,
    /// How late the head of attach, wait, events and followed logs may come, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub timing_head: Duration,
    /// How long a stream may go on after its process has ended, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timing_close: Duration,
    /// The severity from which on the run fails
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
}

/// `--api-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionChoice {
    /// The path's prefix, else what the daemon announced.
    Auto,
    /// This one, for every exchange.
    Forced(ApiVersion),
}

/// `--api-version` of the probe: the versions, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionSpan(pub Option<VersionRange>);

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Pass every byte on unchanged.
    Observe,
    /// Refuse bad requests, replace bad answers, cut bad streams.
    Enforce,
}

/// `--enforce`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EnforceSide {
    /// Bad requests are answered with 400 and do not reach the daemon.
    Request,
    /// Bad answers are replaced by 502, bad streams cut.
    Response,
    /// Both.
    #[default]
    Both,
}

/// `--enforce-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EnforceOn {
    /// What breaks the version.
    #[default]
    Error,
    /// What real clients trip over, too.
    Warning,
}

/// What `--mode enforce` keeps back.
#[derive(Debug, Args)]
pub struct EnforceArgs {
    /// What is held to the rules [default: both]
    #[arg(long, help_heading = ENFORCE, value_enum)]
    pub enforce: Option<EnforceSide>,
    /// The severity from which on something is kept back [default: error]
    #[arg(long, help_heading = ENFORCE, value_enum)]
    pub enforce_on: Option<EnforceOn>,
    /// Let this pass: a rule, or an area as in schema.*, of one operation or of all (repeatable); it is reported as ever
    #[arg(long, help_heading = ENFORCE, value_name = "RULE[@OPERATION]", value_parser = parse_allowed)]
    pub allow: Vec<Allowed>,
}

/// `--format` and the first half of `--report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Terminal,
    /// JSON Lines, one event a line, as it happens.
    Jsonl,
}

/// `plimsoll run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The daemon: unix:///path, tcp://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// Record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// What `--mode enforce` keeps back.
    #[command(flatten)]
    pub enforce: EnforceArgs,
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
    /// The daemon: unix:///path, tcp://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
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

/// `plimsoll serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where clients connect: unix:///path (mode 0600, removed on exit) or tcp://host:port (repeatable)
    #[arg(long, value_name = "ADDR", value_parser = parse_address, required_unless_present = "list_faults")]
    pub listen: Vec<Address>,
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
    /// Misbehave on purpose (repeatable): a fault of --list-faults, for every Nth answer, or of one operation
    #[arg(long, value_name = "ID[@every=N][@operation=NAME]", value_parser = parse_fault)]
    pub fault: Vec<String>,
    /// Name the faults and the rule that each breaks
    #[arg(long)]
    pub list_faults: bool,
}

/// `plimsoll probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The daemon: unix:///path, tcp://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
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
    /// Transcripts (*.wire)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `plimsoll schemas`.
#[derive(Debug, Subcommand)]
pub enum SchemasCommand {
    /// Name the operations, their routes and the versions that have them
    List {
        /// Only those that this version has
        #[arg(long, value_name = "1.N")]
        api_version: Option<ApiVersion>,
    },
    /// Print an operation's file, or its projection to one version
    Show {
        /// The operation id, as in `schemas list`
        operation: String,
        /// Plain JSON Schema of this version
        #[arg(long, value_name = "1.N")]
        api_version: Option<ApiVersion>,
    },
    /// Print the catalogue of one version
    Export {
        /// The version
        #[arg(long, value_name = "1.N")]
        api_version: ApiVersion,
        /// OpenAPI 3.1, or one JSON Schema document with a definition for each body
        #[arg(long, value_enum, default_value_t = ExportFormat::Openapi)]
        format: ExportFormat,
    },
    /// Check schema files: their form, every projection, every example
    Lint {
        /// A file or a folder; the built-in catalogue when none is given
        path: Option<PathBuf>,
    },
}

/// `schemas export --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// OpenAPI 3.1 JSON.
    Openapi,
    /// JSON Schema 2020-12.
    Jsonschema,
}

/// `plimsoll rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Name all rules with their severities
    List,
    /// Say why a rule exists and who trips, with an example that breaks it
    Explain {
        /// The rule, as in `rules list`
        rule: String,
    },
}

fn parse_version(text: &str) -> Result<VersionChoice, String> {
    if text == "auto" {
        return Ok(VersionChoice::Auto);
    }
    let version: ApiVersion = text.parse().map_err(|error| format!("{error}"))?;
    if version.is_known() {
        return Ok(VersionChoice::Forced(version));
    }
    Err(format!("{version} is newer than {}, the newest version that is known", ApiVersion::NEWEST))
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

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "a number of seconds is due, as in 5 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text} is no length of time"))
}

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("write FORMAT=PATH, as in jsonl=report.jsonl")?;
    let format = Format::from_str(format, false).map_err(|_| format!("there is no format `{format}`: terminal or jsonl"))?;
    Ok((format, PathBuf::from(path)))
}

fn parse_allowed(text: &str) -> Result<Allowed, String> {
    text.parse()
}

fn parse_address(text: &str) -> Result<Address, String> {
    text.parse()
}
