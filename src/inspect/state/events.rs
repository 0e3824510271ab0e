//! Streams of events, held against the calls that they tell of: exit codes, and events that do not come. Only streams that nobody filters count, and
//! only calls that begin when such a stream has been open for a while.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::super::documents::News;
use super::super::finding::Finding;
use crate::model::{Part, Place, Rule, Side};

/// No more streams than this are followed at once.
const STREAMS: usize = 64;
/// No more calls than this are waited for in one stream.
const AWAITED: usize = 1024;
/// dockerd sends the head before it subscribes.
const SETTLED: Duration = Duration::from_secs(2);
/// So many seconds later an event must have come.
const PATIENCE: i64 = 10;

/// What is awaited: of a start and of a removal.
const KINDS: [&str; 2] = ["start", "destroy"];

/// The streams that are open, by connection.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<u64, Stream>);

/// One of them.
#[derive(Debug)]
struct Stream {
    /// When its head was read: in ticks, and on the clock.
    tick: u64,
    at: Option<Duration>,
    /// Events that calls are to bring.
    awaited: VecDeque<Awaited>,
    /// Of what is awaited, the actions of which an event came. A reader that keeps dockerd waiting for 100 ms loses single events (moby/moby
    /// pkg/pubsub, `sendTopic`), also when the machine is to blame; a daemon that does not have an event never sends it.
    heard: Vec<&'static str>,
}

/// An event that is to come.
#[derive(Debug)]
struct Awaited {
    id: String,
    action: &'static str,
    /// When the call began, in ticks.
    begin: u64,
    /// The daemon's clock when it was answered with success.
    done: Option<i64>,
}

impl Streams {
    pub(super) fn open(&mut self, connection: u64, tick: u64, at: Option<Duration>) {
        if self.0.len() < STREAMS {
            self.0.insert(connection, Stream { tick, at, awaited: VecDeque::new(), heard: Vec::new() });
        }
    }

    pub(super) fn close(&mut self, connection: u64) {
        self.0.remove(&connection);
    }

    /// A call begins that brings an event if it succeeds: from now on the event may come.
    pub(super) fn await_event(&mut self, id: &str, action: &'static str, begin: u64, at: Option<Duration>) {
        for stream in self.0.values_mut() {
            let settled = stream.at.zip(at).is_some_and(|(opened, now)| now.saturating_sub(opened) > SETTLED);
            if settled && stream.awaited.len() < AWAITED {
                stream.awaited.push_back(Awaited { id: id.to_owned(), action, begin, done: None });
            }
        }
    }

    /// It was answered.
    pub(super) fn answered(&mut self, action: &'static str, begin: u64, succeeded: bool, date: Option<i64>) {
        for stream in self.0.values_mut() {
            match date.filter(|_| succeeded) {
                Some(date) => {
                    let own = stream.awaited.iter_mut().filter(|awaited| awaited.action == action && awaited.begin == begin);
                    own.for_each(|awaited| awaited.done = Some(date));
                }
                None => stream.awaited.retain(|awaited| awaited.action != action || awaited.begin != begin),
            }
        }
    }

    /// An event of a container came: the first that should have come before it is missing. By the daemon's own clock, as a client that reads slowly
    /// makes all of them late, but none of them pass another.
    pub(super) fn came(&mut self, connection: u64, event: &News) -> Option<Finding> {
        let stream = self.0.get_mut(&connection)?;
        if let Some(action) = KINDS.into_iter().find(|action| *action == event.action && !stream.heard.contains(action)) {
            stream.heard.push(action);
        }
        let heard = &stream.heard;
        let late = |awaited: &Awaited| awaited.done.is_some_and(|done| event.time - done > PATIENCE);
        stream.awaited.retain(|awaited| {
            let came = awaited.action == event.action && awaited.id == event.id;
            let lost = heard.contains(&awaited.action) && late(awaited);
            !(came || lost)
        });
        let position = stream.awaited.iter().position(late)?;
        let awaited = stream.awaited.remove(position)?;
        let expected = format!("the event {} of {}", awaited.action, awaited.id);
        let actual = format!("events of {} s after the call was answered, and none of its kind", event.time - awaited.done?);
        Some(Finding::new(Rule::StateEventMissing, Side::Daemon, Place::of(Part::Stream), expected, actual))
    }

    /// Whether a stream has been open since before this tick, so that no event since then was missed.
    pub(super) fn sees_since(&self, connection: u64, tick: u64) -> bool {
        self.0.get(&connection).is_some_and(|stream| stream.tick < tick)
    }
}
