//! `plimsoll check`: judges transcripts.

use std::path::Path;
use std::sync::Arc;

use crate::cli::CheckArgs;
use crate::error::{Error, Exit};
use crate::inspect::{Inspector, Seen, Settings};
use crate::model::Event;
use crate::transcript::{self, Transcript, What};
use crate::wire::StreamEnd;

use super::session::{Output, Session};

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Error> {
    super::enforce::refuse(&args.judge.output, "check", "what it judges has happened")?;
    // All files are read first: a bad one is said before anything is judged.
    let mut transcripts = Vec::with_capacity(args.files.len());
    for path in &args.files {
        transcripts.push((path, read(path)?));
    }
    let session = Session::start("check", &args.judge, Output::Live, None)?;
    for (path, transcript) in transcripts {
        let mut settings = session.settings();
        settings.source = Some(Arc::from(path.display().to_string()));
        judge(&transcript, settings, &mut |event| session.event(&event));
    }
    session.finish()
}

fn read(path: &Path) -> Result<Transcript, Error> {
    let text = std::fs::read(path).map_err(|error| Error::environment(format!("cannot read {}: {error}", path.display())))?;
    transcript::read(&text).map_err(|error| Error::usage(format!("{}: {error}", path.display())))
}

/// Judges a whole transcript.
pub(crate) fn judge(transcript: &Transcript, settings: Settings, sink: &mut dyn FnMut(Event)) {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..settings });
    for entry in &transcript.entries {
        let seen = match &entry.what {
            What::Bytes(bytes) => Seen::Bytes(bytes.clone()),
            What::Closed => Seen::End(StreamEnd::Closed),
            What::Reset => Seen::End(StreamEnd::Broken),
        };
        inspector.push(entry.connection, entry.side, seen, transcript.timed.then_some(entry.at));
        inspector.judge(sink);
    }
    inspector.finish(sink);
}
