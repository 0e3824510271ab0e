//! `plimsoll convert`: a transcript to an HTTP archive, or the other way round. No more than the exchanges that are under way is held.

use std::ffi::OsStr;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use crate::cli::ConvertArgs;
use crate::error::{Error, Exit};
use crate::transcript::har::HarWriter;
use crate::transcript::{Exchanges, Writer};

use super::progress::Progress;
use super::recording::Recording;
use super::signals::announce;

/// More than this is not held: an archive with larger bodies opens nowhere.
const HELD_LIMIT: usize = 512 << 20;
/// So many lines go by between two looks at what is held.
const STRIDE: u32 = 64;

/// The two forms of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Wire,
    Har,
}

pub(super) fn run(args: &ConvertArgs) -> Result<Exit, Error> {
    let (from, to) = (form(&args.from)?, form(&args.to)?);
    if from == to {
        return Err(Error::usage("one of the two is to end in .wire, the other in .har"));
    }
    let recording = Recording::open(&args.from)?;
    if matches!(recording, Recording::Wire(_)) == (from == Form::Har) {
        return Err(Error::usage(format!("{}: its content is not what its name says", args.from.display())));
    }
    let mut progress = Progress::new("converting", &args.from, args.progress);
    let cannot_write = |error: std::io::Error| Error::environment(format!("cannot write {}: {error}", args.to.display()));
    let out = BufWriter::new(File::create(&args.to).map_err(cannot_write)?);
    match to {
        Form::Har => to_har(recording, &args.from, out, &mut progress, cannot_write),
        Form::Wire => to_wire(recording, &args.from, out, &mut progress, cannot_write),
    }
}

fn form(path: &Path) -> Result<Form, Error> {
    match path.extension().and_then(OsStr::to_str) {
        Some("wire") => Ok(Form::Wire),
        Some("har") => Ok(Form::Har),
        _ => Err(Error::usage(format!("{}: a recording ends in .wire or .har", path.display()))),
    }
}

fn to_har(
    recording: Recording,
    path: &Path,
    mut out: BufWriter<File>,
    progress: &mut Progress,
    cannot_write: impl Fn(std::io::Error) -> Error,
) -> Result<Exit, Error> {
    let spool = tempfile::tempfile().map_err(|error| Error::environment(format!("cannot make a temporary file: {error}")))?;
    let mut writer = HarWriter::new(spool);
    let mut exchanges = None;
    let (mut version, mut failed, mut lines) = (None, None, 0u32);
    let read = recording.read(path, progress, &mut |line| {
        if failed.is_some() {
            return;
        }
        version = line.announced;
        let exchanges = exchanges.get_or_insert_with(|| Exchanges::new(line.announced));
        let number = line.entry.line;
        exchanges.push(line.entry, &mut |exchange| {
            if let Err(error) = writer.add(&exchange) {
                failed.get_or_insert(Error::environment(format!("cannot write a temporary file: {error}")));
            }
        });
        lines += 1;
        if lines.is_multiple_of(STRIDE) && exchanges.held() > HELD_LIMIT {
            let what =
                format!("{}: line {number}: the exchanges that are under way are larger than {} MiB", path.display(), HELD_LIMIT >> 20);
            failed.get_or_insert(Error::usage(what));
        }
    });
    let strays = exchanges.map_or(0, |exchanges| {
        exchanges.finish(&mut |exchange| {
            if let Err(error) = writer.add(&exchange) {
                failed.get_or_insert(Error::environment(format!("cannot write a temporary file: {error}")));
            }
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    writer.finish(version, &mut out).map_err(cannot_write)?;
    if strays > 0 {
        announce(&format!("{strays} lines belong to no exchange and are not in the archive"));
    }
    // What stands before a break is converted all the same.
    read.map(|()| Exit::Compliant)
}

fn to_wire(
    recording: Recording,
    path: &Path,
    out: BufWriter<File>,
    progress: &mut Progress,
    cannot_write: impl Fn(std::io::Error) -> Error,
) -> Result<Exit, Error> {
    let mut out = Some(out);
    let mut writer: Option<Writer<BufWriter<File>>> = None;
    let mut failed = None;
    let read = recording.read(path, progress, &mut |line| {
        let written = match (&mut writer, out.take()) {
            (Some(writer), _) => writer.entry(&line.entry),
            (None, Some(out)) => Writer::new(out, line.announced).and_then(|new| writer.insert(new).entry(&line.entry)),
            (None, None) => Ok(()),
        };
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
    });
    let flushed = match (writer, out) {
        (Some(mut writer), _) => writer.flush(),
        // There was nothing in it.
        (None, Some(out)) => Writer::new(out, None).and_then(|mut writer| writer.flush()),
        (None, None) => Ok(()),
    };
    failed.map_or(flushed, Err).map_err(cannot_write)?;
    read.map(|()| Exit::Compliant)
}
