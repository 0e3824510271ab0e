//! `plimsoll check`: judges recordings, one event at a time, whatever their size.
//!
//! A recording that was cut short or broken by hand is judged up to the break; then the break is said.

use std::path::Path;
use std::sync::Arc;

use crate::cli::CheckArgs;
use crate::error::{Error, Exit};
use crate::inspect::{Inspector, Seen, Settings, Stamp};
use crate::model::Event;
use crate::transcript::What;
use crate::wire::StreamEnd;

use super::progress::Progress;
use super::recording::Recording;
use super::session::{Output, Session};

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Error> {
    super::enforce::refuse(&args.judge.output, "check", "what it judges has happened")?;
    for path in &args.files {
        // What is no recording at all is said before anything is judged. A pipe can be read but once.
        if path.is_file() {
            Recording::open(path)?;
        }
    }
    if args.all_versions {
        return super::survey::run(args);
    }
    let session = Session::start("check", &args.judge, Output::Live, None)?;
    let mut broken = Vec::new();
    for path in &args.files {
        let mut settings = session.settings();
        settings.source = Some(Arc::from(path.display().to_string()));
        let mut progress = Progress::new("checking", path, args.progress);
        broken.extend(judge(path, &settings, &mut progress, &mut |event| session.event(&event)).err());
    }
    let exit = session.finish()?;
    match Error::all(broken) {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// Judges a recording as far as it can be read.
pub(super) fn judge(path: &Path, settings: &Settings, progress: &mut Progress, sink: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let recording = Recording::open(path)?;
    let mut inspector = None;
    let read = recording.read(path, progress, &mut |line| {
        let announced = line.announced;
        let inspector = inspector.get_or_insert_with(|| Inspector::new(Settings { announced_version: announced, ..settings.clone() }));
        let seen = match line.entry.what {
            What::Bytes(bytes) => Seen::Bytes(bytes),
            What::Closed => Seen::End(StreamEnd::Closed),
            What::Reset => Seen::End(StreamEnd::Broken),
        };
        let number = u64::try_from(line.entry.line).ok().filter(|number| *number > 0);
        let stamp = Stamp { at: line.is_timed.then_some(line.entry.at), line: number };
        inspector.push(line.entry.connection, line.entry.side, seen, stamp);
        inspector.judge(sink);
    });
    if let Some(inspector) = inspector {
        inspector.finish(sink);
    }
    read
}
