//! Writing and tidying waiver files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::report::FailOn;

/// `plimsoll waivers`.
#[derive(Debug, Subcommand)]
pub enum WaiversCommand {
    /// Write a waiver file that accepts what a report has
    #[command(after_help = "Example:\n  plimsoll waivers init run.jsonl --reason 'podman 4.3, upstream issue 123'")]
    Init(AcceptArgs),
    /// Add waivers for what a report has and the file does not accept yet
    #[command(after_help = "Example:\n  plimsoll waivers update run.jsonl --reason 'podman 4.4, upstream issue 124'")]
    Update(AcceptArgs),
    /// Remove the waivers that have expired or match nothing in a report
    ///
    /// Comments right above a waiver go with it; the rest of the file stays as it is.
    #[command(after_help = "Example:\n  plimsoll waivers prune run.jsonl")]
    Prune(PruneArgs),
}

/// `plimsoll waivers init` and `update`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// JSON Lines reports
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// Why these are accepted: it stands in each waiver that is written
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    pub reason: String,
    /// The severity from which on a violation needs a waiver
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
    /// The waiver file
    #[arg(long, value_name = "FILE", default_value = "plimsoll-waivers.toml")]
    pub waivers: PathBuf,
}

/// `plimsoll waivers prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// JSON Lines reports
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// The waiver file
    #[arg(long, value_name = "FILE", default_value = "plimsoll-waivers.toml")]
    pub waivers: PathBuf,
}

fn parse_reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("a waiver needs a reason".to_owned()) } else { Ok(text.to_owned()) }
}
