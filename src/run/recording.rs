//! A recording in a file, whichever of the two forms it has: its lines, one at a time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use crate::error::Error;
use crate::model::ApiVersion;
use crate::transcript::har::{self, HarError};
use crate::transcript::{Entry, ReadError, Reader};

use super::progress::{Counted, Progress};

/// Bytes that are read at once.
const READ: usize = 256 << 10;

/// A recording that was opened.
pub(super) enum Recording {
    /// A transcript, read to its first event.
    Wire(Reader<BufReader<File>>),
    /// An HTTP archive: its first byte is a brace.
    Har(BufReader<File>),
}

/// One line, and what is known with it.
pub(super) struct Line {
    /// What was seen.
    pub(super) entry: Entry,
    /// The version that the daemon is known to announce.
    pub(super) announced: Option<ApiVersion>,
    /// Its time means something.
    pub(super) is_timed: bool,
}

impl Recording {
    /// Opens a file. What is no recording at all is said here.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let cannot_read = |error: &std::io::Error| unreadable(path, error);
        let file = File::open(path).map_err(|error| cannot_read(&error))?;
        let mut file = BufReader::with_capacity(READ, file);
        let start = file.fill_buf().map_err(|error| cannot_read(&error))?;
        if start.trim_ascii_start().first() == Some(&b'{') {
            return Ok(Self::Har(file));
        }
        Reader::new(file).map(Self::Wire).map_err(|error| cannot(path, &error))
    }

    /// Gives all lines in their order. An error names file and line; what stands before it was given.
    pub(super) fn read(self, path: &Path, progress: &mut Progress, sink: &mut dyn FnMut(Line)) -> Result<(), Error> {
        match self {
            Self::Wire(mut reader) => {
                let announced = reader.api_version();
                while let Some(entry) = reader.next() {
                    let entry = entry.map_err(|error| cannot(path, &error))?;
                    sink(Line { entry, announced, is_timed: reader.is_timed() });
                    progress.at(reader.position());
                }
                Ok(())
            }
            Self::Har(file) => {
                // Buffered once more: archives are read byte by byte.
                let counted = BufReader::with_capacity(READ, Counted::new(file, progress));
                let read = har::read(counted, &mut |announced, entry| sink(Line { entry, announced, is_timed: true }));
                read.map_err(|error| match error {
                    HarError::Broken(what) => Error::usage(format!("{}: {what}", path.display())),
                    HarError::Unreadable(error) => unreadable(path, &error),
                })
            }
        }
    }
}

fn cannot(path: &Path, error: &ReadError) -> Error {
    match error {
        ReadError::Broken(error) => Error::usage(format!("{}: {error}", path.display())),
        ReadError::Unreadable(error) => unreadable(path, error),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::IsADirectory => Error::environment(format!("cannot read {}: it is a folder", path.display())),
        _ => Error::environment(format!("cannot read {}: {error}", path.display())),
    }
}
