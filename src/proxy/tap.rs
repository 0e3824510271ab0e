//! The tap: everything that is relayed goes past it, to the judge, the reports and the recording.

use std::fs::File;
use std::io::BufWriter;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::Error;
use crate::inspect::{Inspector, Seen, Settings};
use crate::model::{Event, Side};
use crate::transcript::{Entry, What, Writer};
use crate::wire::StreamEnd;

/// Writes a recording as it happens.
pub type Recorder = Writer<BufWriter<File>>;

/// Takes the events of a run.
type Sink = Box<dyn FnMut(&Event) + Send>;

/// Shared by all connections of a run. Knows the time, which the judge does not.
pub struct Tap {
    inspector: Inspector,
    start: Instant,
    sink: Mutex<Sink>,
    recorder: Option<Mutex<Recording>>,
}

struct Recording {
    writer: Recorder,
    failed: Option<std::io::Error>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("start", &self.start).finish_non_exhaustive()
    }
}

impl Tap {
    /// A tap that gives its events to `sink`.
    pub fn new(settings: Settings, recorder: Option<Recorder>, sink: impl FnMut(&Event) + Send + 'static) -> Self {
        let recorder = recorder.map(|writer| Mutex::new(Recording { writer, failed: None }));
        Self { inspector: Inspector::new(settings), start: Instant::now(), sink: Mutex::new(Box::new(sink)), recorder }
    }

    pub(super) fn push(&self, connection: u64, side: Side, seen: Seen) {
        let at = self.start.elapsed();
        // Held over the push, so that a recording has the order that the judge sees.
        let _order = self.recorder.as_ref().map(|recorder| {
            let mut recording = lock(recorder);
            let what = match &seen {
                Seen::Bytes(bytes) => What::Bytes(bytes.clone()),
                Seen::End(StreamEnd::Closed) => What::Closed,
                Seen::End(StreamEnd::Broken) => What::Reset,
            };
            if recording.failed.is_none() {
                recording.failed = recording.writer.entry(&Entry { at, connection, side, what }).err();
            }
            recording
        });
        self.inspector.push(connection, side, seen, Some(at));
    }

    /// Judges what was pushed.
    pub(super) fn judge(&self) {
        self.inspector.judge(&mut |event| lock(&self.sink)(&event));
    }

    /// Both sides of a connection are done with.
    pub(super) fn gone(&self, connection: u64) {
        for side in [Side::Client, Side::Daemon] {
            // Not recorded: the ends that were seen are.
            self.inspector.push(connection, side, Seen::End(StreamEnd::Broken), Some(self.start.elapsed()));
        }
    }

    /// The run is over. The error is about the recording.
    pub fn finish(&self) -> Result<(), Error> {
        self.inspector.finish(&mut |event| lock(&self.sink)(&event));
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let mut recording = lock(recorder);
        let flushed = recording.writer.flush();
        match recording.failed.take().map_or(flushed, Err) {
            Ok(()) => Ok(()),
            Err(error) => Err(Error::environment(format!("cannot write the recording: {error}"))),
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
