//! The processes of one container: who runs, signals, the freezer.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::signal;

/// A future of a process's exit code.
pub(super) type Body = Pin<Box<dyn Future<Output = u8> + Send>>;

/// Processes that one container may have at once; a fork bomb ends here.
const MOST_PROCESSES: usize = 500;

/// One running process, as `top` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number in the container.
    pub pid: u32,
    /// Its parent's; 0 for the first and for what `exec` started.
    pub ppid: u32,
    /// The name or number of its user.
    pub user: String,
    /// When it started.
    pub start: Timestamp,
    /// Its command line.
    pub argv: Vec<String>,
}

/// The processes of a container. Clones are the same container.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    freezer: Mutex<Freezer>,
}

#[derive(Debug, Default)]
struct Table {
    last: u32,
    /// The one whose end is the end of all.
    main: Option<u32>,
    over: bool,
    live: BTreeMap<u32, Arc<State>>,
}

#[derive(Debug, Default)]
struct Freezer {
    frozen: bool,
    waiting: Vec<Waker>,
}

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    Ignored,
    Caught,
}

/// One process's place in the table.
#[derive(Debug)]
pub(super) struct State {
    pub(super) pid: u32,
    ppid: u32,
    /// Whether it is PID 1, which signals do not end.
    init: bool,
    user: String,
    start: Timestamp,
    group: AtomicU32,
    argv: Mutex<Vec<String>>,
    dispositions: Mutex<BTreeMap<u8, Disposition>>,
    caught: Mutex<VecDeque<u8>>,
    arrived: Notify,
    killed: watch::Sender<Option<u8>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn deliver(&self, number: u8) {
        let disposition = locked(&self.dispositions).get(&number).copied();
        match disposition {
            _ if number == signal::KILL => {}
            Some(Disposition::Ignored) => return,
            Some(Disposition::Caught) => {
                let mut caught = locked(&self.caught);
                if !caught.contains(&number) {
                    caught.push_back(number);
                }
                drop(caught);
                self.arrived.notify_one();
                return;
            }
            None if self.init || !signal::ends(number) => return,
            None => {}
        }
        self.killed.send_if_modified(|killed| {
            let first = killed.is_none();
            *killed = killed.or(Some(number));
            first
        });
    }

    /// What to do with a signal from now on; none is what the kernel does.
    pub(super) fn dispose(&self, number: u8, disposition: Option<Disposition>) {
        let mut dispositions = locked(&self.dispositions);
        match disposition {
            Some(disposition) => dispositions.insert(number, disposition),
            None => dispositions.remove(&number),
        };
    }

    /// Handlers do not outlive `exec`; what is ignored stays ignored.
    fn reset(&self) {
        locked(&self.dispositions).retain(|_, disposition| *disposition == Disposition::Ignored);
        locked(&self.caught).clear();
    }

    /// A signal that was caught and not looked at yet.
    pub(super) fn take_caught(&self) -> Option<u8> {
        locked(&self.caught).pop_front()
    }

    /// Returns when a signal was caught.
    pub(super) async fn caught(&self) {
        while locked(&self.caught).is_empty() {
            self.arrived.notified().await;
        }
    }

    pub(super) fn group(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }

    pub(super) fn set_group(&self, group: u32) {
        self.group.store(group, Ordering::Relaxed);
    }

    /// The process became another program, by `exec`.
    pub(super) fn becomes(&self, argv: Vec<String>) {
        *locked(&self.argv) = argv;
        self.reset();
    }
}

impl Processes {
    /// A container without processes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that runs, by number.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let table = locked(&self.shared.table);
        let listed = |state: &Arc<State>| Listed {
            pid: state.pid,
            ppid: state.ppid,
            user: state.user.clone(),
            start: state.start,
            argv: locked(&state.argv).clone(),
        };
        table.live.values().map(listed).collect()
    }

    /// Sends a signal to one process; false when there is none. 0 only asks.
    #[must_use]
    pub fn signal(&self, pid: u32, number: u8) -> bool {
        let state = locked(&self.shared.table).live.get(&pid).cloned();
        state.is_some_and(|state| {
            if number != 0 {
                state.deliver(number);
            }
            true
        })
    }

    /// Sends a signal to all processes of a group, as a terminal does.
    pub(super) fn signal_group(&self, group: u32, number: u8) {
        let states: Vec<Arc<State>> = locked(&self.shared.table).live.values().filter(|state| state.group() == group).cloned().collect();
        for state in &states {
            state.deliver(number);
        }
    }

    /// Ends everything at once, as the end of PID 1 does. No process starts here any more.
    pub fn kill_all(&self) {
        let mut table = locked(&self.shared.table);
        table.over = true;
        let states: Vec<Arc<State>> = table.live.values().cloned().collect();
        drop(table);
        for state in &states {
            state.deliver(signal::KILL);
        }
    }

    /// No process makes progress until [`Processes::resume`]; SIGKILL works all the same.
    pub fn pause(&self) {
        locked(&self.shared.freezer).frozen = true;
    }

    /// Processes go on.
    pub fn resume(&self) {
        let mut freezer = locked(&self.shared.freezer);
        freezer.frozen = false;
        let waiting = std::mem::take(&mut freezer.waiting);
        drop(freezer);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Takes a place for a process; none when there are too many, or all is over. The first one is the container's main process.
    pub(super) fn admit(&self, init: bool, parent: Option<&State>, user: &str, argv: &[String], now: Timestamp) -> Option<Place> {
        let mut table = locked(&self.shared.table);
        if table.over || table.live.len() >= MOST_PROCESSES {
            return None;
        }
        // With an init of Docker's own that is PID 1.
        let pid = if table.last == 0 && !init { 7 } else { table.last.checked_add(1)? };
        table.last = pid;
        table.main.get_or_insert(pid);
        let state = Arc::new(State {
            pid,
            ppid: parent.map_or(0, |parent| parent.pid),
            init,
            user: user.to_owned(),
            start: now,
            group: AtomicU32::new(parent.map_or(pid, State::group)),
            argv: Mutex::new(argv.to_vec()),
            dispositions: Mutex::new(parent.map_or_else(BTreeMap::new, |parent| locked(&parent.dispositions).clone())),
            caught: Mutex::default(),
            arrived: Notify::new(),
            killed: watch::channel(None).0,
        });
        state.reset();
        table.live.insert(pid, Arc::clone(&state));
        Some(Place { processes: self.clone(), state })
    }

    /// Returns only when nothing is paused.
    fn gate(&self, waker: &Waker) -> Poll<()> {
        let mut freezer = locked(&self.shared.freezer);
        if !freezer.frozen {
            return Poll::Ready(());
        }
        if !freezer.waiting.iter().any(|other| other.will_wake(waker)) {
            freezer.waiting.push(waker.clone());
        }
        Poll::Pending
    }
}

/// A process's place in its container: given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) processes: Processes,
    pub(super) state: Arc<State>,
}

impl Place {
    /// Runs a process in this place until it ends or is killed.
    pub(super) async fn run(self, mut body: Body) -> u8 {
        let mut killed = self.state.killed.subscribe();
        let live = poll_fn(|context| match self.processes.gate(context.waker()) {
            Poll::Ready(()) => body.as_mut().poll(context),
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            biased;
            number = async { killed.wait_for(Option::is_some).await.ok().and_then(|number| *number) } => 128_u8.saturating_add(number.unwrap_or(signal::KILL)),
            code = live => code,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = locked(&self.processes.shared.table);
        table.live.remove(&self.state.pid);
        let last = table.main == Some(self.state.pid);
        drop(table);
        if last {
            self.processes.kill_all();
        }
    }
}
