//! What is done with JSON Lines reports afterwards: joining and rendering.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::judge::{GateArgs, parse_report};
use crate::report::Format;

/// `plimsoll report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Join the reports of several runs, in any order, and hold them to the gate together
    #[command(after_help = "Example:\n  plimsoll report merge dockerd=one.jsonl podman=two.jsonl --report html=both.html")]
    Merge(MergeArgs),
    /// Make any format of a report, also of one that was cut off
    #[command(after_help = "Example:\n  plimsoll report render run.jsonl --report junit=run.xml --report sarif=run.sarif")]
    Render(RenderArgs),
    /// Print the JSON Schema of a line of the JSON Lines report
    Schema,
}

/// What is made of reports, beside what goes to standard output.
#[derive(Debug, Args)]
pub struct SheetArgs {
    /// A further report in a file (repeatable)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = parse_report)]
    pub report: Vec<(Format, PathBuf)>,
    /// Show what was seen of the API, by version
    #[arg(long)]
    pub coverage: bool,
    /// A folder of schema files that add to the built-in catalogue or replace what is in it
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
}

/// `plimsoll report merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// JSON Lines reports; with NAME= in front, what is seen is the daemon's of this name
    #[arg(required = true, value_name = "[NAME=]FILE")]
    pub inputs: Vec<Input>,
    /// The joined report on standard output
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// What else is made of it.
    #[command(flatten)]
    pub sheets: SheetArgs,
    /// When the joined run fails.
    #[command(flatten)]
    pub gate: GateArgs,
}

/// `plimsoll report render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// A JSON Lines report
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// The report on standard output
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// What else is made of it.
    #[command(flatten)]
    pub sheets: SheetArgs,
}

/// `[NAME=]FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The daemon's name.
    pub name: Option<String>,
    /// The report.
    pub path: PathBuf,
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path with `=` in it is written with its folder in front: ./a=b.jsonl
        match text.split_once('=').filter(|(name, _)| !name.contains('/')) {
            Some((name, path)) if name.is_empty() || path.is_empty() => Err("write NAME=FILE, as in podman=podman.jsonl".to_owned()),
            Some((name, path)) => Ok(Self { name: Some(name.to_owned()), path: path.into() }),
            None => Ok(Self { name: None, path: text.into() }),
        }
    }
}
