//! The recording as its clients: each recorded connection again, with the waits of the recording.
//!
//! What a client sends waits for what it had seen before: a whole answer is waited for until it is whole, a stream until as much of it has come as
//! had come then. Ids that the live daemon gave take the place of the recorded ones in later requests.

mod answers;
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Speed;
use crate::model::Side;
use crate::transcript::{Exchange, What};

use answers::Answers;
use names::Names;

/// So long after the last sign of life the rest of a stream is waited for: it need not be as long as the recorded one.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);
/// So long after the last sign of life a whole answer is waited for.
const ANSWER_PATIENCE: Duration = Duration::from_mins(1);

/// Plays the clients at a unix socket until all have ended. The requests whose answers it did not wait for any longer: line and request.
pub async fn play(exchanges: Vec<Exchange>, socket: &Path, speed: Speed) -> Vec<(usize, String)> {
    let play = Arc::new(Play::new(exchanges, socket.to_owned(), speed));
    let mut connections: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, exchange) in play.exchanges.iter().enumerate() {
        connections.entry(exchange.connection).or_default().push(index);
    }
    let mut clients = JoinSet::new();
    for indexes in connections.into_values() {
        let play = Arc::clone(&play);
        clients.spawn(async move {
            play.client(&indexes).await;
            play.leave(&indexes);
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
    }
    let given_up = std::mem::take(&mut play.lock().given_up);
    let named = |index: usize| {
        let exchange = &play.exchanges[index];
        let target = String::from_utf8_lossy(exchange.request.head.target()).into_owned();
        (exchange.events.first().map_or(0, |piece| piece.line), format!("{} {target}", exchange.call.method))
    };
    given_up.into_iter().map(named).collect()
}

/// Shared by all connections.
#[derive(Debug)]
struct Play {
    exchanges: Vec<Exchange>,
    socket: PathBuf,
    speed: Speed,
    /// By the order of the events, the first of order 1 at index 0.
    events: Vec<Option<Event>>,
    state: Mutex<State>,
    changed: Notify,
}

/// A recorded event: whose, when, and what is to be there live for it to have happened.
#[derive(Debug, Clone, Copy)]
struct Event {
    exchange: usize,
    at: Duration,
    due: Due,
}

#[derive(Debug, Clone, Copy)]
enum Due {
    /// The client has sent it.
    Sent,
    /// So many bytes of the daemon's have come.
    Bytes(u64),
    /// The answer is whole.
    Whole,
}

#[derive(Debug)]
struct State {
    live: Vec<Live>,
    names: Names,
    active: Instant,
    given_up: Vec<usize>,
}

/// What has happened of an exchange.
#[derive(Debug, Clone, Default)]
struct Live {
    /// Order of the last event of the client that was sent.
    sent: u64,
    bytes: u64,
    whole: bool,
    /// Nothing more comes of it.
    over: bool,
}

impl Play {
    fn new(mut exchanges: Vec<Exchange>, socket: PathBuf, speed: Speed) -> Self {
        exchanges.sort_by_key(|exchange| exchange.events.first().map(|piece| piece.order));
        let last = exchanges.iter().filter_map(|exchange| exchange.events.last()).map(|piece| piece.order).max().unwrap_or_default();
        let mut events = vec![None; usize::try_from(last).unwrap_or_default()];
        for (index, exchange) in exchanges.iter().enumerate() {
            let whole = !exchange.hijacked && exchange.response.as_ref().is_some_and(|response| response.is_complete);
            let last = exchange.events.iter().rfind(|piece| piece.side == Side::Daemon && matches!(piece.what, What::Bytes(_)));
            let last = last.map(|piece| piece.order);
            let mut bytes = 0;
            for piece in &exchange.events {
                let due = match (&piece.what, piece.side) {
                    (_, Side::Client) => Due::Sent,
                    (What::Bytes(sent), Side::Daemon) => {
                        bytes += sent.len() as u64;
                        if whole && Some(piece.order) == last { Due::Whole } else { Due::Bytes(bytes) }
                    }
                    // An end that comes earlier or later changes nothing for what the client sends.
                    (_, Side::Daemon) => Due::Bytes(bytes),
                };
                if let Some(slot) = usize::try_from(piece.order).ok().and_then(|order| events.get_mut(order - 1)) {
                    *slot = Some(Event { exchange: index, at: piece.at, due });
                }
            }
        }
        let live = vec![Live::default(); exchanges.len()];
        let state = State { live, names: Names::default(), active: Instant::now(), given_up: Vec::new() };
        Self { exchanges, socket, speed, events, state: Mutex::new(state), changed: Notify::new() }
    }

    /// One connection, from its first request to its end.
    async fn client(&self, indexes: &[usize]) {
        let Some(first) = indexes.first().and_then(|index| self.exchanges[*index].events.first()) else { return };
        // It is dialled when its first request is due, so that connections keep their order.
        self.until(0, first.order).await;
        let Ok(stream) = UnixStream::connect(&self.socket).await else { return };
        let (mut reader, mut writer) = stream.into_split();
        let answers = Mutex::new(Answers::default());
        let reading = async {
            let mut read = vec![0; 64 << 10];
            loop {
                match reader.read(&mut read).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => self.receive(&mut lock(&answers), Bytes::copy_from_slice(&read[..count])),
                }
            }
            self.leave(indexes);
        };
        let writing = async {
            let mut from = first.order - 1;
            for index in indexes {
                lock(&answers).expect(*index, &self.exchanges[*index]);
                if self.send(*index, &mut from, &mut writer).await.is_break() {
                    return;
                }
            }
            // What the recorded client still saw.
            let last = indexes.iter().filter_map(|index| self.exchanges[*index].events.last()).map(|piece| piece.order).max();
            self.wait(from, last.unwrap_or_default() + 1, Some(indexes)).await;
        };
        tokio::pin!(reading, writing);
        tokio::select! {
            () = &mut reading => {
                // The daemon has ended; the client may still be sending.
                writing.await;
            }
            () = &mut writing => {}
        }
    }

    /// Sends what the client sent in one exchange.
    async fn send<W: AsyncWriteExt + Unpin>(&self, index: usize, from: &mut u64, writer: &mut W) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        let exchange = &self.exchanges[index];
        let mut request: Option<Bytes> = None;
        let mut length = exchange.sent(Side::Client, false).len();
        for piece in exchange.events.iter().filter(|piece| piece.side == Side::Client) {
            self.until(*from, piece.order).await;
            *from = piece.order;
            let sent = match &piece.what {
                What::Bytes(bytes) if piece.is_tail => writer.write_all(bytes).await,
                What::Bytes(bytes) => {
                    // With live ids, which are known by now: the request is cut where the recorded one was.
                    let rest = request.get_or_insert_with(|| self.lock().names.apply(exchange).into());
                    length -= bytes.len().min(length);
                    let count = if length == 0 { rest.len() } else { bytes.len().min(rest.len()) };
                    writer.write_all(&rest.split_to(count)).await
                }
                What::Closed => writer.shutdown().await,
                What::Reset => return Break(()),
            };
            if sent.is_err() {
                return Break(());
            }
            let mut state = self.lock();
            state.live[index].sent = piece.order;
            state.active = Instant::now();
            drop(state);
            self.changed.notify_waiters();
        }
        Continue(())
    }

    /// What the live daemon sends.
    fn receive(&self, answers: &mut Answers, bytes: Bytes) {
        let mut state = self.lock();
        state.active = Instant::now();
        answers.push(bytes, &mut |index, count, answer| {
            state.live[index].bytes += count as u64;
            if let Some(answer) = answer {
                state.live[index].whole = true;
                state.names.learn(&self.exchanges[index], answer);
            }
        });
        drop(state);
        self.changed.notify_waiters();
    }

    fn leave(&self, indexes: &[usize]) {
        let mut state = self.lock();
        for index in indexes {
            state.live[*index].over = true;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the event of order `to` is due, and the recorded pause before it is over.
    async fn until(&self, from: u64, to: u64) {
        self.wait(from, to, None).await;
        let at = |order: u64| self.event(order).map(|event| event.at);
        let before = (1..to).rev().find_map(at).unwrap_or_default();
        let pause = self.speed.pause(at(to).unwrap_or_default().saturating_sub(before));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
            self.lock().active = Instant::now();
        }
    }

    /// Waits for all events between `from` and `to`, of these exchanges only if they are given.
    async fn wait(&self, from: u64, to: u64, of: Option<&[usize]>) {
        let mut seen = from;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Some(left) = self.blocked(&mut seen, to, of) else { return };
            drop(tokio::time::timeout(left, changed).await);
        }
    }

    fn event(&self, order: u64) -> Option<Event> {
        *self.events.get(usize::try_from(order).ok()?.checked_sub(1)?)?
    }

    /// How long an event between `seen` and `to` is still waited for, if one has not happened. Moves `seen` on.
    fn blocked(&self, seen: &mut u64, to: u64, of: Option<&[usize]>) -> Option<Duration> {
        let mut state = self.lock();
        while *seen + 1 < to {
            let order = *seen + 1;
            if let Some(event) = self.event(order).filter(|event| of.is_none_or(|of| of.contains(&event.exchange))) {
                let live = &state.live[event.exchange];
                let (happened, patience) = match event.due {
                    Due::Sent => (live.sent >= order, ANSWER_PATIENCE),
                    Due::Bytes(bytes) => (live.whole || live.bytes >= bytes, STREAM_PATIENCE),
                    Due::Whole => (live.whole, ANSWER_PATIENCE),
                };
                if !happened && !live.over {
                    let left = patience.saturating_sub(state.active.elapsed());
                    if !left.is_zero() {
                        return Some(left);
                    }
                    if matches!(event.due, Due::Whole) {
                        state.live[event.exchange].over = true;
                        state.given_up.push(event.exchange);
                    }
                }
            }
            *seen = order;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
