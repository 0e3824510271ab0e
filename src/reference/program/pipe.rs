//! Byte pipes between simulated processes, and what else a process may read from and write to.
//!
//! Pipes are bounded: a fast writer waits for a slow reader, and learns that nobody reads any more. Ends are cloned as descriptors are duplicated:
//! all clones are one open file.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Mutex, mpsc};

use super::terminal::Face;
use crate::reference::clock::Clock;
use crate::reference::files::{FileError, Namespace};

/// The largest piece that goes through a pipe at once, as on Linux.
const PIECE: usize = 64 << 10;

/// What `/dev/zero` gives at once.
static ZEROS: [u8; PIECE] = [0; PIECE];

/// Nobody reads any more: a program ends by SIGPIPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// A pipe that holds this many pieces.
#[must_use]
pub fn pipe(capacity: usize) -> (Output, Input) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Output { sink: Sink::Pipe(sender) }, Input::new(Source::Pipe(receiver), None))
}

/// Where a process reads from. Clones read from the same place.
#[derive(Debug, Clone)]
pub struct Input {
    shared: Arc<Mutex<Reading>>,
    face: Option<Face>,
}

#[derive(Debug)]
struct Reading {
    rest: Bytes,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Pipe(mpsc::Receiver<Bytes>),
    Zeros,
    Random(fastrand::Rng),
    Nothing,
}

impl Input {
    fn new(source: Source, face: Option<Face>) -> Self {
        Self { shared: Arc::new(Mutex::new(Reading { rest: Bytes::new(), source })), face }
    }

    /// At its end from the beginning, as `/dev/null` is.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Source::Nothing, None)
    }

    pub(super) fn zeros() -> Self {
        Self::new(Source::Zeros, None)
    }

    pub(super) fn random() -> Self {
        Self::new(Source::Random(fastrand::Rng::with_seed(4)), None)
    }

    pub(super) fn terminal(lines: mpsc::Receiver<Bytes>, face: Face) -> Self {
        Self::new(Source::Pipe(lines), Some(face))
    }

    /// The terminal that this is, if it is one.
    pub(super) fn face(&self) -> Option<&Face> {
        self.face.as_ref()
    }

    /// The next bytes; none at the end. A terminal can be at its end once and give more later.
    pub async fn read(&self) -> Option<Bytes> {
        let mut reading = self.shared.lock().await;
        if !reading.rest.is_empty() {
            return Some(std::mem::take(&mut reading.rest));
        }
        match &mut reading.source {
            Source::Pipe(pipe) => pipe.recv().await.filter(|bytes| !bytes.is_empty()),
            Source::Zeros => Some(Bytes::from_static(&ZEROS)),
            Source::Random(random) => {
                let mut bytes = BytesMut::zeroed(PIECE);
                random.fill(&mut bytes);
                Some(bytes.freeze())
            }
            Source::Nothing => None,
        }
    }

    /// At most this many bytes; none at the end.
    pub async fn read_some(&self, most: usize) -> Option<Bytes> {
        let mut bytes = self.read().await?;
        if bytes.len() > most {
            self.unread(bytes.split_off(most)).await;
        }
        Some(bytes)
    }

    /// The next line with its newline, or what is left of one; none at the end.
    pub async fn read_line(&self) -> Option<Bytes> {
        let mut line = BytesMut::new();
        while let Some(mut bytes) = self.read().await {
            let end = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1);
            let rest = bytes.split_off(end);
            line.extend_from_slice(&bytes);
            if !rest.is_empty() {
                self.unread(rest).await;
            }
            if line.ends_with(b"\n") {
                break;
            }
        }
        (!line.is_empty()).then(|| line.freeze())
    }

    /// Everything to the end, or the first so many bytes of it.
    pub async fn read_all(&self, most: usize) -> Bytes {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.read().await {
            all.extend_from_slice(&bytes);
            if all.len() >= most {
                all.truncate(most);
                break;
            }
        }
        all.freeze()
    }

    /// Gives bytes back, to be read first.
    pub async fn unread(&self, bytes: Bytes) {
        let mut reading = self.shared.lock().await;
        reading.rest = if reading.rest.is_empty() { bytes } else { [bytes, reading.rest.clone()].concat().into() };
    }
}

impl From<Bytes> for Input {
    fn from(bytes: Bytes) -> Self {
        let input = Reading { rest: bytes, source: Source::Nothing };
        Self { shared: Arc::new(Mutex::new(input)), face: None }
    }
}

/// Where a process writes to. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct Output {
    sink: Sink,
}

#[derive(Debug, Clone)]
enum Sink {
    Pipe(mpsc::Sender<Bytes>),
    File(Namespace, Arc<str>, Clock),
    Terminal(mpsc::Sender<Bytes>, Face),
    Nowhere,
}

impl Output {
    /// Takes everything and keeps nothing.
    #[must_use]
    pub fn null() -> Self {
        Self { sink: Sink::Nowhere }
    }

    /// The end of a file that exists.
    #[must_use]
    pub fn file(namespace: Namespace, path: &str, clock: Clock) -> Self {
        Self { sink: Sink::File(namespace, path.into(), clock) }
    }

    pub(super) fn terminal(screen: mpsc::Sender<Bytes>, face: Face) -> Self {
        Self { sink: Sink::Terminal(screen, face) }
    }

    /// The terminal that this is, if it is one.
    pub(super) fn face(&self) -> Option<&Face> {
        match &self.sink {
            Sink::Terminal(_, face) => Some(face),
            _ => None,
        }
    }

    /// Writes all bytes, and waits for room.
    pub async fn write(&self, mut bytes: Bytes) -> Result<(), Closed> {
        let (sender, face) = match &self.sink {
            Sink::Nowhere => return Ok(()),
            // A file that was removed while it was open takes what nobody will see; a full one ends its writer.
            Sink::File(namespace, path, clock) => {
                return match namespace.append(path, bytes, clock.now()) {
                    Ok(()) | Err(FileError::NotFound) => Ok(()),
                    Err(_) => Err(Closed),
                };
            }
            Sink::Pipe(sender) => (sender, None),
            Sink::Terminal(sender, face) => (sender, Some(face)),
        };
        if let Some(face) = face {
            bytes = face.shown(bytes);
        }
        while !bytes.is_empty() {
            let rest = bytes.split_off(bytes.len().min(PIECE));
            sender.send(bytes).await.map_err(|_| Closed)?;
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_and_rests_are_read_in_order() {
        let (output, input) = pipe(8);
        output.write(Bytes::from_static(b"one\ntw")).await.expect("read");
        output.write(Bytes::from_static(b"o\nthree")).await.expect("read");
        drop(output);
        assert_eq!(input.read_line().await.as_deref(), Some(&b"one\n"[..]));
        assert_eq!(input.clone().read_line().await.as_deref(), Some(&b"two\n"[..]));
        assert_eq!(input.read_some(2).await.as_deref(), Some(&b"th"[..]));
        assert_eq!(input.read_all(100).await.as_ref(), b"ree");
        assert_eq!(input.read().await, None);
    }

    #[tokio::test]
    async fn nobody_reading_is_noticed() {
        let (output, input) = pipe(1);
        drop(input);
        assert_eq!(output.write(Bytes::from_static(b"x")).await, Err(Closed));
    }
}
