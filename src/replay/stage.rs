//! Who is on, and what has happened: an event of the recording waits for those before it.
//!
//! Events of what was never asked for are not waited for long, nor is a client that does otherwise than the recorded one: nothing hangs for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Speed;

/// So long after the last sign of life an event waits for those of other exchanges that stood before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a recorded event belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Index of the exchange; `None` when it belongs to none.
    pub(super) owner: Option<usize>,
    pub(super) at: Duration,
}

/// What the client of a turn is to do before what is after it may happen: it has sent so many bytes of the tail, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    Sent { order: u64, bytes: u64 },
    Ended { order: u64 },
}

impl Cue {
    const fn order(self) -> u64 {
        match self {
            Self::Sent { order, .. } | Self::Ended { order } => order,
        }
    }
}

/// One playing of an exchange.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Index of the exchange.
    pub(super) exchange: usize,
    id: usize,
    /// It was played before: nothing else waits for it, nor it for anything else.
    is_encore: bool,
}

/// Shared by all connections.
#[derive(Debug)]
pub(super) struct Stage {
    /// By the order of the events, from 1.
    marks: Vec<Mark>,
    speed: Speed,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phases: Vec<Phase>,
    playing: HashMap<usize, Playing>,
    next: usize,
    /// The last sign of life.
    active: Instant,
    /// So many turns wait because the recording paused there.
    pausing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Awaited,
    Playing,
    Over,
}

#[derive(Debug)]
struct Playing {
    cues: Arc<[Cue]>,
    /// The first cue that has not come.
    cue: usize,
    sent: u64,
    ended: bool,
    /// Order of the first event of the daemon that has not happened.
    step: u64,
}

impl Playing {
    /// The order of the first event of the client that has not happened.
    fn client(&self) -> u64 {
        self.cues.get(self.cue).map_or(u64::MAX, |cue| cue.order())
    }
}

impl Stage {
    /// `marks` stand in the order of the events, the first at index 0 being of order 1.
    pub(super) fn new(marks: Vec<Mark>, exchanges: usize, speed: Speed) -> Self {
        let state =
            State { phases: vec![Phase::Awaited; exchanges], playing: HashMap::new(), next: exchanges, active: Instant::now(), pausing: 0 };
        Self { marks, speed, state: Mutex::new(state), changed: Notify::new() }
    }

    /// An exchange begins: its request is there.
    pub(super) fn begin(&self, exchange: usize, cues: Arc<[Cue]>) -> Turn {
        let mut state = self.lock();
        let is_encore = state.phases[exchange] != Phase::Awaited;
        let id = if is_encore { state.next } else { exchange };
        state.next += usize::from(is_encore);
        if !is_encore {
            state.phases[exchange] = Phase::Playing;
        }
        state.playing.insert(id, Playing { cues, cue: 0, sent: 0, ended: false, step: 0 });
        state.active = Instant::now();
        drop(state);
        self.changed.notify_waiters();
        Turn { exchange, id, is_encore }
    }

    /// The client has sent so many more bytes of the tail, or has ended (`None`).
    pub(super) fn heard(&self, turn: &Turn, bytes: Option<usize>) {
        let mut state = self.lock();
        state.active = Instant::now();
        if let Some(playing) = state.playing.get_mut(&turn.id) {
            match bytes {
                Some(bytes) => playing.sent += bytes as u64,
                None => playing.ended = true,
            }
            // Who has ended sends no more: what is missing is not waited for.
            while let Some(cue) = playing.cues.get(playing.cue) {
                let come = playing.ended || matches!(cue, Cue::Sent { bytes, .. } if *bytes <= playing.sent);
                if !come {
                    break;
                }
                playing.cue += 1;
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// All events of the daemon before this order have happened.
    pub(super) fn played(&self, turn: &Turn, next: u64) {
        if let Some(playing) = self.lock().playing.get_mut(&turn.id) {
            playing.step = next;
        }
        self.changed.notify_waiters();
    }

    /// Nothing more comes of it.
    pub(super) fn leave(&self, turn: &Turn) {
        let mut state = self.lock();
        state.playing.remove(&turn.id);
        if !turn.is_encore {
            state.phases[turn.exchange] = Phase::Over;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the event of order `to` is due: all between `from` and it have happened, and the recorded pause is over.
    pub(super) async fn until(&self, turn: &Turn, from: u64, to: u64) {
        let mut seen = from;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Some(left) = self.blocked(turn, &mut seen, to) else { break };
            match left {
                // Another one pauses, or it is the client's own turn: that may take long.
                None => changed.await,
                Some(left) => drop(tokio::time::timeout(left, changed).await),
            }
        }
        let at = |order: u64| usize::try_from(order).ok().and_then(|order| self.marks.get(order.checked_sub(1)?)).map(|mark| mark.at);
        let before = (from..to).rev().find(|order| *order == from || self.concerns(turn, *order)).and_then(at);
        let recorded = at(to).zip(before).map_or(Duration::ZERO, |(at, before)| at.saturating_sub(before));
        let pause = self.speed.pause(recorded);
        if !pause.is_zero() {
            self.lock().pausing += 1;
            let _paused = Paused(self);
            tokio::time::sleep(pause).await;
        }
    }

    fn owner(&self, order: u64) -> Option<usize> {
        let index = usize::try_from(order).ok()?.checked_sub(1)?;
        self.marks.get(index)?.owner
    }

    /// Whether a turn waits for this event.
    fn concerns(&self, turn: &Turn, order: u64) -> bool {
        self.owner(order).is_some_and(|owner| owner == turn.exchange || !turn.is_encore)
    }

    /// Whether an event between `seen` and `to` has not happened, and how long it is still waited for. Moves `seen` on.
    #[expect(clippy::option_option, reason = "not blocked; blocked for as long as it takes; blocked for so long")]
    fn blocked(&self, turn: &Turn, seen: &mut u64, to: u64) -> Option<Option<Duration>> {
        let state = self.lock();
        while *seen + 1 < to {
            let order = *seen + 1;
            let Some(owner) = self.owner(order).filter(|_| self.concerns(turn, order)) else {
                *seen = order;
                continue;
            };
            if owner == turn.exchange {
                // The daemon's own events come one after the other anyway.
                if state.playing.get(&turn.id).is_some_and(|playing| playing.client() <= order) {
                    return Some(None);
                }
            } else {
                let happened = match state.phases[owner] {
                    Phase::Awaited => false,
                    Phase::Over => true,
                    Phase::Playing => state.playing.get(&owner).is_none_or(|playing| playing.client().min(playing.step) > order),
                };
                if !happened {
                    let left = PATIENCE.saturating_sub(state.active.elapsed());
                    match (state.pausing > 0, left.is_zero()) {
                        (true, _) => return Some(None),
                        (false, false) => return Some(Some(left)),
                        (false, true) => {}
                    }
                }
            }
            *seen = order;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn pauses as long as this lives.
struct Paused<'a>(&'a Stage);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.pausing -= 1;
        state.active = Instant::now();
        drop(state);
        self.0.changed.notify_waiters();
    }
}
