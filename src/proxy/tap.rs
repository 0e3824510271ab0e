//! The tap: everything that is relayed goes past it, to the judge, the reports and the recording.
//!
//! The judge has a thread of its own. Judging between two reads would make the next read late, and what the daemon wrote apart (the head of a
//! hijack, the first frame) would more often reach the client in one piece, in which some clients lose the second half.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use super::traffic::{Open, Traffic};
use crate::error::Error;
use crate::inspect::{Asked, EnforcePolicy, Inspector, Ruling, Seen, Settings, Stamp};
use crate::model::{Event, Side};
use crate::redact::Redaction;
use crate::transcript::{Entry, What, Writer};
use crate::wire::StreamEnd;

/// So long the judge lets things gather while they keep coming: a verdict may be that late, a byte never.
const NAP: Duration = Duration::from_micros(500);

/// Writes a recording as it happens.
pub type Recorder = Writer<BufWriter<File>>;

/// Takes the events of a run.
type Sink = Box<dyn FnMut(&Event) + Send>;

/// Shared by all connections of a run. Knows the time, which the judge does not.
pub struct Tap {
    shared: Arc<Shared>,
    judging: Mutex<Option<JoinHandle<()>>>,
    judge: Thread,
    start: Instant,
    recorder: Option<Mutex<Recording>>,
    policy: Option<EnforcePolicy>,
}

struct Shared {
    inspector: Inspector,
    traffic: Arc<Traffic>,
    sink: Mutex<Sink>,
    /// The judge's thread waits to be woken.
    asleep: AtomicBool,
    /// The run is over.
    stopping: AtomicBool,
    /// The judge's thread has ended, by a bug unless the run is over: the relay goes on without it.
    ended: AtomicBool,
    /// Told when what waited was judged.
    drained: Notify,
}

struct Recording {
    file: RecordingFile,
    /// The line of the last entry, from 1: the first says what the file is.
    line: u64,
    /// Masks secrets; an event may wait in it for the end of one.
    redaction: Option<Redaction<(Duration, Option<StreamEnd>)>>,
}

struct RecordingFile {
    writer: Recorder,
    failed: Option<std::io::Error>,
}

impl Recording {
    /// Writes an entry, which becomes a line; returns the line's number.
    fn add(&mut self, connection: u64, side: Side, seen: &Seen, at: Duration) -> u64 {
        let (bytes, tag) = match seen {
            Seen::Bytes(bytes) => (Some(bytes.clone()), (at, None)),
            Seen::End(end) => (None, (at, Some(*end))),
        };
        let event = (connection, side, bytes, tag);
        match &mut self.redaction {
            Some(redaction) => redaction.push(event, &mut |event| self.file.write(event)),
            None => self.file.write(event),
        }
        self.line += 1;
        self.line
    }

    fn forget(&mut self, connection: u64) {
        if let Some(redaction) = &mut self.redaction {
            redaction.forget(connection, &mut |event| self.file.write(event));
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        if let Some(redaction) = &mut self.redaction {
            redaction.finish(&mut |event| self.file.write(event));
        }
        let flushed = self.file.writer.flush();
        self.file.failed.take().map_or(flushed, Err)
    }
}

impl RecordingFile {
    fn write(&mut self, event: crate::redact::Event<(Duration, Option<StreamEnd>)>) {
        let (connection, side, bytes, (at, end)) = event;
        let what = match (bytes, end) {
            (Some(bytes), _) => What::Bytes(bytes),
            (None, Some(StreamEnd::Broken)) => What::Reset,
            (None, _) => What::Closed,
        };
        if self.failed.is_none() {
            self.failed = self.writer.entry(&Entry { line: 0, at, connection, side, what }).err();
            if let Some(error) = &self.failed {
                // Said when it happens: who watches may still make room for another run. Nobody is left to tell when standard error is closed.
                let _ = writeln!(std::io::stderr(), "plimsoll: cannot write the recording: {error}; the run goes on without it");
            }
        }
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("start", &self.start).finish_non_exhaustive()
    }
}

impl Tap {
    /// A tap that gives its events to `sink`.
    pub fn new(settings: Settings, recorder: Option<Recorder>, sink: impl FnMut(&Event) + Send + 'static) -> Self {
        let redaction = settings.aliases.clone().map(|aliases| Redaction::new(aliases, settings.catalog));
        let shared = Arc::new(Shared {
            inspector: Inspector::new(settings),
            traffic: Arc::default(),
            sink: Mutex::new(Box::new(sink)),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            drained: Notify::new(),
        });
        let recorder = recorder.map(|writer| Mutex::new(Recording { file: RecordingFile { writer, failed: None }, line: 1, redaction }));
        let judge = Arc::clone(&shared);
        let judging = std::thread::spawn(move || judge.run());
        let judge = judging.thread().clone();
        Self { shared, judging: Mutex::new(Some(judging)), judge, start: Instant::now(), recorder, policy: None }
    }

    /// The same, in enforce mode: what the policy objects to does not go on.
    #[must_use]
    pub fn enforcing(self, policy: EnforcePolicy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// What passes, in numbers.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.shared.traffic)
    }

    /// A client has come; it leaves when what is returned is dropped.
    pub(super) fn welcome(&self) -> Open {
        Traffic::opens(&self.shared.traffic)
    }

    pub(super) const fn policy(&self) -> Option<&EnforcePolicy> {
        self.policy.as_ref()
    }

    pub(super) fn push(&self, connection: u64, side: Side, seen: Seen) {
        if self.shared.ended.load(Ordering::Relaxed) {
            return;
        }
        if let Seen::Bytes(bytes) = &seen {
            self.shared.traffic.passes(side, bytes.len());
        }
        let at = self.start.elapsed();
        // Held over the push, so that a recording has the order that the judge sees.
        let recorded = self.recorder.as_ref().map(|recorder| {
            let mut recording = lock(recorder);
            let line = recording.add(connection, side, &seen, at);
            (line, recording)
        });
        let stamp = Stamp { at: Some(at), line: recorded.as_ref().map(|(line, _)| *line) };
        self.shared.inspector.push(connection, side, seen, stamp);
    }

    /// In enforce mode: judges what was read before it goes on. What the judge took of `input` is recorded as it was sent.
    pub(super) fn ask(&self, policy: &EnforcePolicy, connection: u64, side: Side, input: &mut Bytes) -> Ruling {
        let whole = input.clone();
        let recording = self.recorder.as_ref().map(lock);
        let line = recording.as_ref().map(|recording| recording.line + 1);
        let ruling = self.ask_about(policy, (connection, side), Asked::Bytes(input), line);
        self.shared.traffic.passes(side, whole.len() - input.len());
        if let Some(mut recording) = recording {
            let taken = whole.slice(..whole.len() - input.len());
            recording.add(connection, side, &Seen::Bytes(taken), self.start.elapsed());
        }
        ruling
    }

    /// In enforce mode: one side has ended.
    pub(super) fn ask_end(&self, policy: &EnforcePolicy, connection: u64, side: Side, end: StreamEnd) -> Ruling {
        if let Some(recorder) = &self.recorder {
            lock(recorder).add(connection, side, &Seen::End(end), self.start.elapsed());
        }
        self.ask_about(policy, (connection, side), Asked::End(end), None)
    }

    /// In enforce mode: the daemon's answer has been held back for long.
    pub(super) fn lose_patience(&self, policy: &EnforcePolicy, connection: u64) -> Ruling {
        self.ask_about(policy, (connection, Side::Daemon), Asked::Patience, None)
    }

    /// What plimsoll answered in the daemon's place to a request that the daemon did not get: without it a recording would pair the next answer with it.
    pub(super) fn record_answer(&self, connection: u64, answer: Bytes) {
        if let Some(recorder) = &self.recorder {
            lock(recorder).add(connection, Side::Daemon, &Seen::Bytes(answer), self.start.elapsed());
        }
    }

    fn ask_about(&self, policy: &EnforcePolicy, whose: (u64, Side), asked: Asked<'_>, line: Option<u64>) -> Ruling {
        let stamp = Stamp { at: Some(self.start.elapsed()), line };
        self.shared.inspector.ask(whose, asked, policy, stamp, &mut |event| lock(&self.shared.sink)(&event))
    }

    /// Wakes the judge, if it sleeps, or naps while much is waiting. Call it after the bytes went on.
    pub(super) fn judge(&self) {
        // Read before it is written, so that the flag stays with those who read it.
        let Shared { asleep, inspector, .. } = &*self.shared;
        if asleep.load(Ordering::Acquire) && asleep.swap(false, Ordering::AcqRel) || inspector.is_filling() {
            self.judge.unpark();
        }
    }

    /// Waits while more lies before the judge than memory is to be spent on: this is how a slow judge slows down a fast stream.
    pub(super) async fn ready(&self) {
        while self.shared.inspector.is_crowded() && !self.shared.ended.load(Ordering::Relaxed) {
            let drained = self.shared.drained.notified();
            if !self.shared.inspector.is_crowded() {
                return;
            }
            drained.await;
        }
    }

    /// Both sides of a connection are done with.
    pub(super) fn gone(&self, connection: u64) {
        if let Some(recorder) = &self.recorder {
            lock(recorder).forget(connection);
        }
        for side in [Side::Client, Side::Daemon] {
            // Not recorded: the ends that were seen are.
            self.shared.inspector.push(connection, side, Seen::End(StreamEnd::Broken), Some(self.start.elapsed()));
        }
        self.judge();
    }

    /// The run is over: all that was pushed is judged. The error is about the recording.
    pub fn finish(&self) -> Result<(), Error> {
        // The recording first: nothing that comes after may lose it.
        let recorded = self.recorder.as_ref().map_or(Ok(()), |recorder| lock(recorder).finish());
        self.shared.stopping.store(true, Ordering::SeqCst);
        if let Some(judging) = lock(&self.judging).take() {
            judging.thread().unpark();
            // A panic of the judge is a bug; it is said here, after the relay did its work.
            judging.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug));
        }
        self.shared.inspector.finish(&mut |event| lock(&self.shared.sink)(&event));
        recorded.map_err(|error| Error::environment(format!("cannot write the recording: {error}")))
    }
}

impl Shared {
    /// The judge's thread.
    fn run(&self) {
        let _ended = SetOnDrop(self);
        while !self.stopping.load(Ordering::SeqCst) {
            let mut any = false;
            let began = Instant::now();
            while self.inspector.judge_some(&mut |event| lock(&self.sink)(&event)) {
                any = true;
                self.drained.notify_waiters();
            }
            if any {
                self.traffic.judged(began.elapsed());
                // Where something came, more comes: a nap gathers it, and spares the relay a wake-up for every read.
                std::thread::park_timeout(NAP);
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // Looking again after saying so: whoever pushed before that has not woken us.
            if self.inspector.is_idle() && !self.stopping.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// Says that the judge has ended, also when it panics.
struct SetOnDrop<'a>(&'a Shared);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        self.0.drained.notify_waiters();
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
