//! The command line: what was typed, and the help that teaches it.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::ApiVersion;
use crate::proxy::Address;
use crate::report::FailOn;

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
    /// A folder of schema files that add to the built-in catalogue or replace what is in it
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// observe: pass every byte on unchanged and report
    #[arg(long, value_enum, default_value_t = Mode::Observe)]
    pub mode: Mode,
    /// The report on standard output
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// A further report in a file (repeatable)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = parse_report)]
    pub report: Vec<(Format, PathBuf)>,
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

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Pass every byte on unchanged.
    Observe,
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
    /// The daemon: unix:///path, tcp://host:port [default: $DOCKER_HOST, else unix:///var/run/docker.sock]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// Record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
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
    /// The daemon: unix:///path, tcp://host:port [default: $DOCKER_HOST, else unix:///var/run/docker.sock]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub backend: Option<Address>,
    /// Record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
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

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("write FORMAT=PATH, as in jsonl=report.jsonl")?;
    let format = Format::from_str(format, false).map_err(|_| format!("there is no format `{format}`: terminal or jsonl"))?;
    Ok((format, PathBuf::from(path)))
}

fn parse_address(text: &str) -> Result<Address, String> {
    text.parse()
}
