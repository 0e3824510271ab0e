//! A process's standard streams as its clients see them: who listens, who types, and what is kept as the log.
//!
//! A console lives as long as its container (or exec); each run of the process opens it and closes it. Between a process and its clients nothing is lost
//! and nothing grows: a slow client makes the process wait, as dockerd's pipes do. It knows nothing of HTTP or frames.

mod client;
mod listener;
mod log;
mod reader;
mod stdin;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::reference::clock::Clock;
use crate::reference::program::{Input, Output, Terminal, pipe};

use listener::Listener;
use log::Log;
use stdin::Stdin;

pub(in crate::reference) use client::{Keyboard, Listening, Running};
pub(in crate::reference) use log::Record;
pub(in crate::reference) use reader::Reader;

/// Chunks that may be under way between a process and its console.
const UNDER_WAY: usize = 4;
/// So long dockerd waits for the streams of a process that has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// Where an output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reference) enum Source {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// The standard streams of a container or an exec. Clones are the same console.
#[derive(Debug, Clone)]
pub(in crate::reference) struct Console(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    clock: Clock,
    inner: Mutex<Inner>,
    /// Something was written to the log, or the process ended.
    logged: Notify,
    /// Somebody read the log.
    read: Notify,
    /// How often the process was opened, and whether it is now.
    runs: watch::Sender<Run>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Run {
    number: u64,
    open: bool,
}

#[derive(Debug)]
struct Inner {
    /// An exec has none.
    log: Option<Log>,
    listeners: Vec<Arc<Listener>>,
    stdin: Arc<Stdin>,
    terminal: Option<Terminal>,
    /// Rows and columns that were asked for before there was a terminal.
    size: Option<(u16, u16)>,
    pumps: Vec<JoinHandle<()>>,
}

impl Console {
    /// The console of a container.
    pub(in crate::reference) fn new(tty: bool, open_stdin: bool, stdin_once: bool) -> Self {
        Self::with(tty, open_stdin, stdin_once, Clock::system(), Some(Log::default()))
    }

    /// The console of an exec: nothing is kept of it.
    pub(in crate::reference) fn unlogged(tty: bool, open_stdin: bool) -> Self {
        Self::with(tty, open_stdin, true, Clock::system(), None)
    }

    /// The same with the daemon's time. Before anything else is done with it.
    #[must_use]
    pub(in crate::reference) fn with_clock(self, clock: &Clock) -> Self {
        let Shared { tty, open_stdin, stdin_once, .. } = *self.0;
        let log = self.lock().log.is_some().then(Log::default);
        Self::with(tty, open_stdin, stdin_once, clock.clone(), log)
    }

    fn with(tty: bool, open_stdin: bool, stdin_once: bool, clock: Clock, log: Option<Log>) -> Self {
        let inner = Inner { log, listeners: Vec::new(), stdin: Arc::default(), terminal: None, size: None, pumps: Vec::new() };
        let (logged, read, runs) = (Notify::new(), Notify::new(), watch::Sender::new(Run::default()));
        Self(Arc::new(Shared { tty, open_stdin, stdin_once, clock, inner: Mutex::new(inner), logged, read, runs }))
    }

    /// Opens it for one run of the process: its standard input, output and error. Within the runtime.
    pub(in crate::reference) fn open(&self) -> (Input, Output, Output) {
        let mut inner = self.lock();
        let stdin = Arc::clone(&inner.stdin);
        let (streams, pumps) = if self.0.tty {
            let (rows, columns) = inner.size.unwrap_or_default();
            let (terminal, screen) = Terminal::open(rows, columns);
            let streams = (terminal.input(), terminal.output(), terminal.output());
            tokio::spawn(keys(stdin, terminal.clone()));
            inner.terminal = Some(terminal);
            (streams, vec![tokio::spawn(self.clone().pump(Source::Output, screen))])
        } else {
            let (output, out) = pipe(UNDER_WAY);
            let (error, err) = pipe(UNDER_WAY);
            let input = if self.0.open_stdin {
                let (sender, input) = pipe(UNDER_WAY);
                tokio::spawn(feed(stdin, sender));
                input
            } else {
                Input::empty()
            };
            let pumps = vec![tokio::spawn(self.clone().pump(Source::Output, out)), tokio::spawn(self.clone().pump(Source::Error, err))];
            ((input, output, error), pumps)
        };
        inner.pumps = pumps;
        drop(inner);
        self.0.runs.send_modify(|run| *run = Run { number: run.number + 1, open: true });
        streams
    }

    /// The process has ended: what it wrote reaches its log and listeners, then they see the end. The next run starts with a fresh standard input.
    pub(in crate::reference) async fn close(&self) {
        let pumps = {
            let mut inner = self.lock();
            inner.terminal = None;
            // The process reads no more. What keeps the terminal open for it goes as well.
            std::mem::take(&mut inner.stdin).abandon();
            std::mem::take(&mut inner.pumps)
        };
        let stops: Vec<_> = pumps.iter().map(JoinHandle::abort_handle).collect();
        let drained = async {
            for pump in pumps {
                // A pump that panicked has nothing more to give.
                let _ = pump.await;
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            stops.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let mut inner = self.lock();
        if let Some(log) = &mut inner.log {
            log.finish(self.0.clock.now());
            log.trim();
        }
        for listener in std::mem::take(&mut inner.listeners) {
            listener.end();
        }
        drop(inner);
        self.0.runs.send_modify(|run| run.open = false);
        self.0.logged.notify_waiters();
    }

    /// Nothing was started after all, or the container is gone: whoever is attached sees the end.
    pub(in crate::reference) fn abandon(&self) {
        let mut inner = self.lock();
        inner.terminal = None;
        std::mem::take(&mut inner.stdin).abandon();
        for listener in std::mem::take(&mut inner.listeners) {
            listener.end();
        }
        drop(inner);
        self.0.runs.send_modify(|run| run.open = false);
        self.0.logged.notify_waiters();
    }

    /// Whether it has a terminal.
    pub(in crate::reference) fn tty(&self) -> bool {
        self.0.tty
    }

    /// Whether a client may type.
    pub(in crate::reference) fn open_stdin(&self) -> bool {
        self.0.open_stdin
    }

    /// Whether the end of the first client's input is the end of the process's input.
    pub(in crate::reference) fn stdin_once(&self) -> bool {
        self.0.stdin_once
    }

    /// The terminal of the run that goes on.
    pub(in crate::reference) fn terminal(&self) -> Option<Terminal> {
        self.lock().terminal.clone()
    }

    /// Another size of the terminal; kept for the next run when nothing runs.
    pub(in crate::reference) fn resize(&self, rows: u16, columns: u16) {
        let mut inner = self.lock();
        inner.size = Some((rows, columns));
        let terminal = inner.terminal.clone();
        drop(inner);
        if let Some(terminal) = terminal {
            terminal.resize(rows, columns);
        }
    }

    /// Listens from now on. With `replay` also what was written before, without gap or double: first the log's records, then what is in none yet.
    pub(in crate::reference) fn listen(&self, output: bool, error: bool, replay: bool) -> Listening {
        let mut inner = self.lock();
        let listener = Arc::new(Listener::new(output, error));
        let mut reader = None;
        if let (true, Some(log)) = (replay, &mut inner.log) {
            let position = log.position(None);
            reader = Some(Reader { console: self.clone(), position, until: log.end(), running: None });
            for (source, bytes) in log.unfinished() {
                listener.push(source, &bytes);
            }
        }
        inner.listeners.push(Arc::clone(&listener));
        drop(inner);
        Listening { console: self.clone(), listener, replay: reader }
    }

    /// What the process's standard input is now, and will be until the run ends.
    pub(in crate::reference) fn keyboard(&self) -> Keyboard {
        Keyboard(Arc::clone(&self.lock().stdin))
    }

    /// Reads the log: the last `tail` records or all, to its end as it is now.
    pub(in crate::reference) fn log(&self, tail: Option<u64>) -> Reader {
        let mut inner = self.lock();
        let log = inner.log.get_or_insert_default();
        let position = log.position(tail);
        let until = log.end();
        drop(inner);
        Reader { console: self.clone(), position, until, running: self.run() }
    }

    /// What can be waited for of the run that goes on; `None` when nothing runs.
    pub(in crate::reference) fn run(&self) -> Option<Running> {
        let runs = self.0.runs.subscribe();
        let run = *runs.borrow();
        run.open.then_some(Running { runs, number: run.number })
    }

    /// From a pipe of the process to the log and the listeners, to its end.
    async fn pump(self, source: Source, from: Input) {
        while let Some(bytes) = from.read().await {
            self.publish(source, &bytes).await;
        }
    }

    async fn publish(&self, source: Source, bytes: &Bytes) {
        let listeners: Vec<Arc<Listener>> = {
            let mut inner = self.lock();
            if let Some(log) = &mut inner.log {
                log.write(source, bytes, self.0.clock.now());
                log.trim();
            }
            inner.listeners.retain(|listener| !listener.has_left());
            inner.listeners.iter().inspect(|listener| listener.push(source, bytes)).cloned().collect()
        };
        self.0.logged.notify_waiters();
        for listener in listeners {
            listener.room().await;
        }
        self.log_room().await;
    }

    /// Waits for those who read the log, when it would drop what they have not read.
    async fn log_room(&self) {
        loop {
            let read = self.0.read.notified();
            tokio::pin!(read);
            read.as_mut().enable();
            if self.lock().log.as_mut().is_none_or(Log::trim) {
                return;
            }
            read.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the clients to a terminal.
async fn keys(stdin: Arc<Stdin>, terminal: Terminal) {
    while let Some(bytes) = stdin.read().await {
        // What nobody reads blocks the clients, not the end of the process.
        let typed = tokio::select! {
            typed = terminal.type_in(&bytes) => typed,
            () = stdin.gone() => return,
        };
        if typed.is_err() {
            return;
        }
    }
}

/// From the clients to a pipe; its end is theirs.
async fn feed(stdin: Arc<Stdin>, to: Output) {
    while let Some(bytes) = stdin.read().await {
        let written = tokio::select! {
            written = to.write(bytes) => written,
            () = stdin.gone() => return,
        };
        if written.is_err() {
            // The process reads no more: as a broken pipe does, this ends the clients' writing.
            stdin.abandon();
            return;
        }
    }
}

#[cfg(test)]
mod tests;
