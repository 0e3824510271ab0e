//! The exchanges of a recording, normalised one by one as it is read: no more is held than what is under way.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::super::progress::Progress;
use crate::error::Error;
use crate::snapshot::{Exchange, Normaliser, Reader, Scene};
use crate::transcript::{self, ReadError};

/// Bytes that are read at once.
const READ: usize = 256 << 10;

/// Yields the scenes of a file, with the bytes of their bodies, up to its end or to where it is broken.
pub(super) struct Scenes {
    path: PathBuf,
    entries: Option<transcript::Reader<BufReader<File>>>,
    /// What is left once all was read.
    rest: std::vec::IntoIter<Exchange>,
    exchanges: Reader,
    normaliser: Normaliser,
    progress: Progress,
    broken: Option<Error>,
}

impl Scenes {
    /// Opens a recording; what is none is said now.
    pub(super) fn open(path: &Path, normaliser: Normaliser) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::environment(format!("cannot read {}: {error}", path.display())))?;
        let entries = transcript::Reader::new(BufReader::with_capacity(READ, file)).map_err(|error| cannot(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            exchanges: Reader::new(normaliser.catalog(), entries.api_version()),
            entries: Some(entries),
            rest: Vec::new().into_iter(),
            normaliser,
            progress: Progress::new("comparing", path, false),
            broken: None,
        })
    }

    /// Where it is broken, if it is.
    pub(super) fn broken(&mut self) -> Option<Error> {
        self.broken.take()
    }
}

impl Iterator for Scenes {
    type Item = (Scene, u64);

    fn next(&mut self) -> Option<(Scene, u64)> {
        loop {
            if let Some(exchange) = self.rest.next().or_else(|| self.exchanges.take()) {
                let bytes = exchange.request_body.size() + exchange.answer_body.size() + exchange.stdin.size();
                return Some((self.normaliser.next(Scene::of(&exchange)), bytes));
            }
            let entries = self.entries.as_mut()?;
            match entries.next() {
                Some(Ok(entry)) => {
                    self.exchanges.push(&entry, &mut |_| {});
                    // An iterator has a `position` of its own.
                    let position = transcript::Reader::position(entries);
                    self.progress.at(position);
                    continue;
                }
                Some(Err(error)) => self.broken = Some(cannot(&self.path, &error)),
                None => {}
            }
            self.entries = None;
            let empty = Reader::new(self.normaliser.catalog(), None);
            self.rest = std::mem::replace(&mut self.exchanges, empty).finish().into_iter();
        }
    }
}

fn cannot(path: &Path, error: &ReadError) -> Error {
    match error {
        ReadError::Broken(error) => Error::usage(format!("{}: {error}", path.display())),
        ReadError::Unreadable(error) => Error::environment(format!("cannot read {}: {error}", path.display())),
    }
}
