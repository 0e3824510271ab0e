//! How to judge and what to report: the options that the judging subcommands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::inspect::{Allowed, Scope};
use crate::model::ApiVersion;
use crate::report::{FailOn, Format};

/// The options that `--mode enforce` adds. `config` makes the table `[enforce]` of this heading.
const ENFORCE: &str = "With --mode enforce";

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
    /// Count what is seen of the API, and show it: operations, statuses, query parameters and members of answers, by version
    #[arg(long)]
    pub coverage: bool,
    /// Show secrets as they are: whoever gets the reports and the recording then has every password, token, key and
    /// environment value that was sent
    #[arg(long)]
    pub no_redact: bool,
    /// How late the head of attach, wait, events and followed logs may come, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub timing_head: Duration,
    /// How long a stream may go on after its process has ended, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timing_close: Duration,
    /// When the run fails.
    #[command(flatten)]
    pub gate: GateArgs,
}

/// When a run fails.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// The severity from which on the run fails
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
    /// Accepted violations, each with its reason: they are reported, and fail no run
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Let waivers be that have expired or match nothing any more
    #[arg(long)]
    pub allow_stale_waivers: bool,
    /// Fail when fewer operations than this were judged, of all that the versions used have
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_coverage: Option<u8>,
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
    #[arg(long, help_heading = ENFORCE, value_name = "SIDE", value_enum)]
    pub enforce: Option<EnforceSide>,
    /// The severity from which on something is kept back [default: error]
    #[arg(long, help_heading = ENFORCE, value_name = "SEVERITY", value_enum)]
    pub enforce_on: Option<EnforceOn>,
    /// Let this pass: a rule, or an area as in schema.*, of one operation or of all (repeatable); it is reported as ever
    #[arg(long, help_heading = ENFORCE, value_name = "RULE[@OPERATION]", value_parser = parse_allowed)]
    pub allow: Vec<Allowed>,
    /// Deny these (repeatable): write, read, an operation, or a tag as in exec; and whatever is no known operation
    #[arg(long, help_heading = ENFORCE, value_name = "OPERATIONS", value_parser = parse_scope)]
    pub deny: Vec<Scope>,
    /// Deny all but these (repeatable): read, write, an operation, or a tag
    #[arg(long, help_heading = ENFORCE, value_name = "OPERATIONS", value_parser = parse_scope)]
    pub only: Vec<Scope>,
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

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "a number of seconds is due, as in 5 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text} is no length of time"))
}

pub(super) fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("write FORMAT=PATH, as in jsonl=report.jsonl")?;
    let names = || Format::value_variants().iter().filter_map(ValueEnum::to_possible_value).map(|value| value.get_name().to_owned());
    let format = Format::from_str(format, false)
        .map_err(|_| format!("there is no format `{format}`: {}", names().collect::<Vec<_>>().join(", ")))?;
    Ok((format, PathBuf::from(path)))
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    text.parse()
}

fn parse_allowed(text: &str) -> Result<Allowed, String> {
    text.parse()
}
