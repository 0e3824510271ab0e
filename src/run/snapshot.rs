//! `plimsoll snapshot`: records, tests, and lets people decide on what has changed.

mod record;
mod report;
mod review;
mod test;

use std::path::Path;

use crate::cli::{JudgeArgs, SnapshotCommand, VersionChoice};
use crate::error::{Error, Exit};
use crate::transcript::{self, Transcript};

use super::session::{Output, Run, Session};

pub(super) use record::{Playable, normal, playable};
pub(super) use report::show_difference;

pub(super) fn run(command: SnapshotCommand) -> Result<Exit, Error> {
    match command {
        SnapshotCommand::Record(args) => record::run(&args),
        SnapshotCommand::Test(args) => test::run(args),
        SnapshotCommand::Review(args) => review::review(&args),
        SnapshotCommand::Accept(args) => review::accept(&args),
        SnapshotCommand::Reject(args) => review::reject(&args),
    }
}

/// A run whose report for people tells of scenarios first.
fn session(command: &'static str, args: &JudgeArgs, output: Output, dir: &Path) -> Result<Session, Error> {
    super::enforce::refuse(&args.output, command, "a snapshot holds what the daemon answers")?;
    let forced = match args.api_version {
        VersionChoice::Auto => None,
        VersionChoice::Forced(version) => Some(version),
    };
    let dir = dir.to_owned();
    let run = Run { command, output, recording: None };
    Session::start_with(run, &args.output, forced, &move |out, setting| Box::new(report::Scenarios::new(out, setting, dir.clone())))
}

/// Reads a transcript, and the text that it was read from.
pub(super) fn read(path: &Path) -> Result<(Transcript, Vec<u8>), Error> {
    let text = std::fs::read(path).map_err(|error| Error::environment(format!("cannot read {}: {error}", path.display())))?;
    let transcript = transcript::read(&text).map_err(|error| Error::usage(format!("{}: {error}", path.display())))?;
    Ok((transcript, text))
}
