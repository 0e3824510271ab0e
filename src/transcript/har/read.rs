//! An archive becomes the lines of a recording again, one entry at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::entry::{HarEntry, HarRequest, HarResponse, Pair};
use crate::model::{ApiVersion, Side};
use crate::transcript::{Entry, What};

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is no archive, or one that contradicts itself.
    #[error("{0}")]
    Broken(String),
    /// The machine does not give its bytes.
    #[error("{0}")]
    Unreadable(io::Error),
}

/// Takes the lines of a recording, each with the version that the daemon is known to announce.
pub(super) type Lines<'a> = dyn FnMut(Option<ApiVersion>, Entry) + 'a;

/// So many bytes of the entries of another tool are held, to bring them into the order of their beginnings.
const SORTED: usize = 256 << 20;

/// Reads an archive. Its lines go to `sink` in the order of their times, or of their numbers where plimsoll wrote it; those of entries that are under
/// way at the same time are held.
///
/// HAR prefers entries in the order of their beginnings, and tools write them as answers end or by page: they are sorted, as far as 256 MiB of them
/// reach. An entry of a larger archive that began before what had to be given already is an error.
pub fn read(source: impl Read, sink: &mut Lines<'_>) -> Result<(), HarError> {
    read_within(SORTED, source, sink)
}

fn read_within(limit: usize, source: impl Read, sink: &mut Lines<'_>) -> Result<(), HarError> {
    let mut lines = Merge {
        unsorted: Unsorted::new(limit),
        waiting: BTreeMap::new(),
        version: None,
        base: None,
        count: 0,
        connections: 0,
        given: Key::default(),
        sink,
    };
    let mut document = serde_json::Deserializer::from_reader(source);
    let read = Archive(&mut lines).deserialize(&mut document).and_then(|()| document.end());
    // Also before a break: what was read stands.
    let sorted = lines.sort_all();
    lines.give(None);
    read.map_err(said)?;
    sorted.map_err(HarError::Broken)
}

fn said(error: serde_json::Error) -> HarError {
    if error.is_io() {
        return HarError::Unreadable(error.into());
    }
    let text = error.to_string();
    let (what, place) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    match what.strip_prefix(OWN) {
        Some(own) => HarError::Broken(own.to_owned()),
        None => HarError::Broken(format!("line {place}: {what}")),
    }
}

/// Begins messages that say the place themselves.
const OWN: &str = "\u{0}";

/// Where an event stands among all: number or time first.
type Key = (u64, u64);

/// Entries of another tool, each with its number, by their beginnings.
struct Unsorted {
    entries: BTreeMap<(Timestamp, u64), HarEntry>,
    bytes: usize,
    limit: usize,
}

impl Unsorted {
    const fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, limit }
    }

    fn add(&mut self, number: u64, entry: HarEntry) -> Result<(), String> {
        let started = &entry.started_date_time;
        let began = started.parse().map_err(|_| format!("`{started}` is no time (as in 2026-01-01T00:00:00.000Z)"))?;
        self.bytes += size(&entry);
        self.entries.insert((began, number), entry);
        Ok(())
    }

    /// The one that began first.
    fn first(&mut self) -> Option<(Timestamp, u64, HarEntry)> {
        let ((began, number), entry) = self.entries.pop_first()?;
        self.bytes -= size(&entry);
        Some((began, number, entry))
    }

    const fn is_full(&self) -> bool {
        self.bytes > self.limit
    }
}

/// With what a map takes for each of them.
fn size(entry: &HarEntry) -> usize {
    size_of::<HarEntry>() + entry.request.size() + entry.response.size()
}

/// Brings the events of entries that overlap into one order.
struct Merge<'a, 's> {
    unsorted: Unsorted,
    waiting: BTreeMap<Key, Entry>,
    version: Option<ApiVersion>,
    /// When the first entry began.
    base: Option<Timestamp>,
    /// Entries read.
    count: u64,
    /// Connections of another tool's entries: one each.
    connections: u64,
    /// The key of the last event that was given.
    given: Key,
    sink: &'a mut Lines<'s>,
}

impl Merge<'_, '_> {
    fn add(&mut self, entry: HarEntry) -> Result<(), String> {
        self.count += 1;
        if entry.events.is_none() {
            self.unsorted.add(self.count, entry).map_err(|what| format!("entry {}: {what}", self.count))?;
            while self.unsorted.is_full() {
                self.sort_one()?;
            }
            return Ok(());
        }
        self.sort_all()?;
        let events = own_events(entry).map_err(|what| format!("entry {}: {what}", self.count))?;
        self.merge(self.count, events)
    }

    fn sort_all(&mut self) -> Result<(), String> {
        while !self.unsorted.entries.is_empty() {
            self.sort_one()?;
        }
        Ok(())
    }

    /// Takes the entry that began first of those that are held.
    fn sort_one(&mut self) -> Result<(), String> {
        let Some((began, number, entry)) = self.unsorted.first() else { return Ok(()) };
        let base = *self.base.get_or_insert(began);
        let Ok(began) = Duration::try_from(began.duration_since(base)) else { return Err(self.too_late(number)) };
        let connection = self.connections + 1;
        let events = foreign_events(began, connection, entry).map_err(|what| format!("entry {number}: {what}"))?;
        self.connections = connection;
        self.merge(number, events)
    }

    fn too_late(&self, number: u64) -> String {
        let limit = self.unsorted.limit >> 20;
        format!(
            "entry {number} began before what stands far before it, and {limit} MiB are sorted at most; sort the entries by startedDateTime"
        )
    }

    fn merge(&mut self, number: u64, events: Vec<(Key, Entry)>) -> Result<(), String> {
        if let Some((first, _)) = events.first() {
            if *first < self.given {
                return Err(self.too_late(number));
            }
            self.give(Some(*first));
        }
        for ((major, mut minor), event) in events {
            while self.waiting.contains_key(&(major, minor)) {
                minor += 1;
            }
            self.waiting.insert((major, minor), event);
        }
        Ok(())
    }

    /// Gives all events before this one.
    fn give(&mut self, before: Option<Key>) {
        let mut held: Option<(u64, Entry)> = None;
        let mut rest = before.map(|key| self.waiting.split_off(&key)).unwrap_or_default();
        std::mem::swap(&mut rest, &mut self.waiting);
        for (key, event) in rest {
            self.given = key;
            match (&mut held, &event.what) {
                // A line that held the end of one exchange and the beginning of the next is one line again.
                (Some((number, Entry { line: 1, connection, side, what: What::Bytes(bytes), .. })), What::Bytes(more))
                    if (*number, *connection, *side) == (key.0, event.connection, event.side) =>
                {
                    *bytes = [&bytes[..], &more[..]].concat().into();
                }
                _ => {
                    if let Some((_, before)) = held.replace((key.0, event)) {
                        (self.sink)(self.version, Entry { line: 0, ..before });
                    }
                }
            }
        }
        if let Some((_, last)) = held {
            (self.sink)(self.version, Entry { line: 0, ..last });
        }
    }
}

/// Of an archive that another tool wrote: a connection an entry, HTTP/1.1, with the lengths that the decoded bodies have.
fn foreign_events(began: Duration, connection: u64, entry: HarEntry) -> Result<Vec<(Key, Entry)>, String> {
    let HarEntry { mut request, mut response, timings, .. } = entry;
    // Below 0: the time is not known.
    let later = |milliseconds: f64| Duration::try_from_secs_f64(milliseconds.max(0.0) / 1e3).unwrap_or_default();
    let answered = began + later(timings.send) + later(timings.wait);
    let ended = answered + later(timings.receive);
    let mut events = Vec::new();
    let mut add = |at: Duration, side, what| events.push((at, side, what));
    let body = request.body()?;
    adapt_request(&mut request, body.len());
    add(began, Side::Client, What::Bytes(request.build(&body).into()));
    if response.status > 0 {
        let body = response.body()?;
        adapt_response(&mut response, &request.method, body.len());
        add(answered, Side::Daemon, What::Bytes(response.build(&body).into()));
    }
    add(ended, Side::Client, What::Closed);
    if response.status > 0 {
        add(ended, Side::Daemon, What::Closed);
    }
    let key = |at: Duration| (u64::try_from(at.as_micros()).unwrap_or(u64::MAX), connection << 3);
    Ok(events.into_iter().map(|(at, side, what)| (key(at), Entry { line: 0, at, connection, side, what })).collect())
}

/// Of an archive that plimsoll wrote.
fn own_events(entry: HarEntry) -> Result<Vec<(Key, Entry)>, String> {
    let HarEntry { request, response, connection, events, .. } = entry;
    let connection =
        connection.as_deref().and_then(|number| number.parse().ok()).filter(|number| *number > 0).ok_or("needs a connection")?;
    let client = request.message.sent(request.build(&request.body()?))?;
    let daemon = response.message.sent(response.build(&response.body()?))?;
    let mut left = [client, daemon];
    let mut events = events.unwrap_or_default();
    // A message that was edited may be longer than its lines were: the last line has the rest.
    for (index, mark) in [">", "<"].into_iter().enumerate() {
        let length: usize = events.iter().filter(|(_, operator, ..)| operator == mark).map(|(_, _, bytes, _)| bytes).sum();
        if let Some(last) = events.iter_mut().rfind(|(_, operator, ..)| operator == mark) {
            last.2 += left[index].len().saturating_sub(length);
        }
    }
    let mut found = Vec::with_capacity(events.len());
    for (at, operator, bytes, order) in events {
        let at = Duration::try_from_secs_f64(at).map_err(|_| format!("`{at}` is no time"))?;
        let side = if operator.starts_with('>') { Side::Client } else { Side::Daemon };
        let what = match operator.as_str() {
            ">" | "<" => {
                let left = &mut left[side as usize];
                What::Bytes(left.split_to(bytes.min(left.len())))
            }
            ">|" | "<|" => What::Closed,
            ">!" | "<!" => What::Reset,
            other => return Err(format!("`{other}` is no operator")),
        };
        // The line says that pieces with one number are one line.
        found.push(((order, 0), Entry { line: 1, at, connection, side, what }));
    }
    Ok(found)
}

fn adapt_request(request: &mut HarRequest, length: usize) {
    let host = request.authority().map(str::to_owned);
    let has_length = adapt(&mut request.message.headers);
    if let Some(host) = host.filter(|_| !request.message.headers.iter().any(|header| header.name.eq_ignore_ascii_case("Host"))) {
        request.message.headers.push(Pair { name: "Host".to_owned(), value: host });
    }
    if has_length || length > 0 {
        request.message.headers.push(Pair { name: "Content-Length".to_owned(), value: length.to_string() });
    }
}

fn adapt_response(response: &mut HarResponse, method: &str, length: usize) {
    adapt(&mut response.message.headers);
    let bodiless = method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304);
    if !bodiless {
        response.message.headers.push(Pair { name: "Content-Length".to_owned(), value: length.to_string() });
    }
}

/// Without what no longer fits: codings and lengths of bodies that were decoded, pseudo headers of HTTP/2. Whether there was a length.
fn adapt(headers: &mut Vec<Pair>) -> bool {
    let before = headers.len();
    let is = |header: &Pair, name: &str| header.name.eq_ignore_ascii_case(name);
    let had = headers.iter().any(|header| is(header, "Content-Length") || is(header, "Transfer-Encoding"));
    let unfit = ["Content-Length", "Transfer-Encoding", "Content-Encoding"];
    headers.retain(|header| !header.name.starts_with(':') && !unfit.iter().any(|name| is(header, name)));
    had && before > headers.len()
}

/// The whole document.
struct Archive<'m, 'a, 's>(&'m mut Merge<'a, 's>);
/// `log`
struct Log<'m, 'a, 's>(&'m mut Merge<'a, 's>);
/// `log.entries`
struct Entries<'m, 'a, 's>(&'m mut Merge<'a, 's>);

macro_rules! seed {
    ($name:ident, $method:ident) => {
        impl<'de> DeserializeSeed<'de> for $name<'_, '_, '_> {
            type Value = ();

            fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.$method(self)
            }
        }
    };
}

seed!(Archive, deserialize_map);
seed!(Log, deserialize_map);
seed!(Entries, deserialize_seq);

impl<'de> Visitor<'de> for Archive<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an HTTP archive")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "log" {
                map.next_value_seed(Log(&mut *self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("log")) }
    }
}

impl<'de> Visitor<'de> for Log<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "entries" => map.next_value_seed(Entries(&mut *self.0))?,
                "_apiVersion" => {
                    let version: String = map.next_value()?;
                    self.0.version = Some(version.parse().map_err(|bad| A::Error::custom(format!("{OWN}_apiVersion: {bad}")))?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<HarEntry>()? {
            self.0.add(entry).map_err(|what| A::Error::custom(format!("{OWN}{what}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry that begins at this second of the minute.
    fn entry(second: u32) -> String {
        format!(
            r#"{{"startedDateTime":"2026-11-22T10:00:{second:02}Z","time":0,"timings":{{}},"response":{{"status":204}},
                 "request":{{"method":"GET","url":"http://d/{second}"}}}}"#
        )
    }

    fn paths(limit: usize, seconds: &[u32]) -> (Vec<String>, Result<(), String>) {
        let entries: Vec<_> = seconds.iter().map(|second| entry(*second)).collect();
        let har = format!("{{\"log\":{{\"entries\":[{}]}}}}", entries.join(","));
        let mut found = Vec::new();
        let read = read_within(limit, har.as_bytes(), &mut |_, entry| {
            if let (Side::Client, What::Bytes(bytes)) = (entry.side, &entry.what) {
                let path = String::from_utf8_lossy(bytes).split(' ').nth(1).unwrap_or_default().to_owned();
                found.push(format!("c{} +{} {path}", entry.connection, entry.at.as_secs()));
            }
        });
        (found, read.map_err(|error| error.to_string()))
    }

    #[test]
    fn entries_of_other_tools_come_in_the_order_of_their_beginnings() {
        let sorted = ["c1 +0 /1", "c2 +1 /2", "c3 +2 /3", "c4 +8 /9"].map(str::to_owned).to_vec();
        for seconds in [[1, 2, 3, 9], [9, 3, 2, 1], [2, 1, 9, 3]] {
            assert_eq!(paths(SORTED, &seconds), (sorted.clone(), Ok(())), "{seconds:?}");
        }
        // Two entries are held.
        let two = 3 * size(&serde_json::from_str(&entry(1)).expect("an entry")) - 1;
        assert_eq!(paths(two, &[2, 1, 3, 9]), (sorted, Ok(())));
        let (found, read) = paths(two, &[2, 3, 9, 1]);
        assert_eq!(found, ["c1 +0 /2", "c2 +1 /3", "c3 +7 /9"], "what was read stands");
        let said = "entry 4 began before what stands far before it, and 0 MiB are sorted at most; sort the entries by startedDateTime";
        assert_eq!(read, Err(said.to_owned()));
    }
}
