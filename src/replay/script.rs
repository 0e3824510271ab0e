//! A recording as something to look up: which recorded exchange answers a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Speed;
use super::asked::Asked;
use super::ids::Ids;
use super::secrets::Bindings;
use super::stage::{Cue, Mark, Stage, Turn};
use crate::model::Side;
use crate::transcript::{Call, Exchange, What};
use crate::wire::Head;

/// So many kinds of unmatched requests are kept apart; the others are counted with the last.
const UNMATCHED_LIMIT: usize = 256;

/// A recording that plays the daemon. Shared by all connections; it holds the whole recording in memory.
#[derive(Debug)]
pub struct Script {
    parts: Vec<Part>,
    by_key: HashMap<String, Vec<usize>>,
    by_operation: HashMap<Option<&'static str>, Vec<usize>>,
    ids: Ids,
    pub(super) stage: Stage,
    book: Mutex<Book>,
}

/// What one exchange has to play.
#[derive(Debug)]
pub(super) struct Part {
    asked: Asked,
    line: usize,
    /// Order of the last event of its request.
    pub(super) from: u64,
    pub(super) steps: Vec<Step>,
    cues: Arc<[Cue]>,
    pub(super) hijacked: bool,
    /// The whole answer is there, and the connection may go on after it.
    pub(super) is_complete: bool,
}

/// What the daemon does.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) order: u64,
    pub(super) what: What,
}

/// What has been asked.
#[derive(Debug, Default)]
struct Book {
    /// How often each key was asked for.
    counts: HashMap<String, usize>,
    played: Vec<bool>,
    /// What the aliases of secrets stand for.
    bindings: Bindings,
    answered: u64,
    unmatched: Vec<Unmatched>,
}

/// A request that the recording does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// `GET /v1.41/containers/json?all=1`
    pub request: String,
    /// What comes next to it, in a sentence.
    pub nearest: String,
    /// How often it was asked.
    pub count: u64,
}

impl Script {
    /// Of the exchanges of a recording.
    #[must_use]
    pub fn new(mut exchanges: Vec<Exchange>, speed: Speed) -> Self {
        exchanges.sort_by_key(|exchange| exchange.events.first().map(|piece| piece.order));
        let mut ids = Ids::default();
        for exchange in &exchanges {
            for piece in exchange.events.iter().filter(|piece| piece.side == Side::Daemon) {
                if let What::Bytes(bytes) = &piece.what {
                    ids.learn(bytes);
                }
            }
        }
        let last = exchanges.iter().filter_map(|exchange| exchange.events.last()).map(|piece| piece.order).max().unwrap_or_default();
        let nobody = Mark { owner: None, at: std::time::Duration::ZERO };
        let mut marks = vec![nobody; usize::try_from(last).unwrap_or_default()];
        let (mut by_key, mut by_operation) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        let mut parts = Vec::with_capacity(exchanges.len());
        for (index, exchange) in exchanges.into_iter().enumerate() {
            for piece in &exchange.events {
                if let Some(mark) = usize::try_from(piece.order).ok().and_then(|order| marks.get_mut(order - 1)) {
                    *mark = Mark { owner: Some(index), at: piece.at };
                }
            }
            let part = Part::new(&exchange, &ids);
            by_key.entry(part.asked.key()).or_default().push(index);
            by_operation.entry(part.asked.operation).or_default().push(index);
            parts.push(part);
        }
        let book = Book { played: vec![false; parts.len()], ..Book::default() };
        let stage = Stage::new(marks, parts.len(), speed);
        Self { parts, by_key, by_operation, ids, stage, book: Mutex::new(book) }
    }

    /// Exchanges of the recording, how many of them were played, and how many requests were answered.
    #[must_use]
    pub fn tally(&self) -> (usize, usize, u64) {
        let book = self.lock();
        (self.parts.len(), book.played.iter().filter(|played| **played).count(), book.answered)
    }

    /// The requests that the recording does not have.
    #[must_use]
    pub fn unmatched(&self) -> Vec<Unmatched> {
        self.lock().unmatched.clone()
    }

    /// Requests of the recording that were not asked: line and request.
    pub fn unasked(&self) -> Vec<(usize, String)> {
        let book = self.lock();
        let parts = self.parts.iter().zip(&book.played).filter(|(_, played)| !**played);
        parts.map(|(part, _)| (part.line, part.asked.shown.clone())).collect()
    }

    pub(super) fn part(&self, turn: &Turn) -> &Part {
        &self.parts[turn.exchange]
    }

    /// The turn that answers a request: the n-th of equal ones gets the n-th recorded answer, then the last again. What is unmatched is kept.
    pub(super) fn claim(&self, head: &Head, body: &[u8]) -> Result<Turn, Unmatched> {
        let asked = Asked::new(head, &Call::of(head), body, &self.ids);
        let key = asked.key();
        let mut book = self.lock();
        let candidates = self.by_key.get(&key).map_or(&[][..], Vec::as_slice);
        let Some(index) = book.choose(&self.parts, candidates, &key, &asked) else {
            let unmatched = Unmatched { nearest: self.nearest(&asked), request: asked.shown, count: 1 };
            let known = &mut book.unmatched;
            let same = known.iter().position(|other| other.request == unmatched.request && other.nearest == unmatched.nearest);
            match same.or_else(|| (known.len() >= UNMATCHED_LIMIT).then(|| known.len() - 1)) {
                Some(index) => known[index].count += 1,
                None => known.push(unmatched.clone()),
            }
            return Err(unmatched);
        };
        book.answered += 1;
        book.played[index] = true;
        drop(book);
        Ok(self.stage.begin(index, Arc::clone(&self.parts[index].cues)))
    }

    fn nearest(&self, asked: &Asked) -> String {
        let Some(candidates) = self.by_operation.get(&asked.operation) else {
            return match asked.operation {
                Some(operation) => format!("it has no {operation} at all"),
                None => "it has nothing like it".to_owned(),
            };
        };
        let differences = candidates.iter().map(|index| (&self.parts[*index], asked.differences(&self.parts[*index].asked)));
        match differences.min_by_key(|(_, differences)| differences.len()) {
            Some((part, differences)) => {
                let shown: Vec<_> = differences.iter().take(3).map(String::as_str).collect();
                format!("the nearest is {} in line {}: {}", part.asked.shown, part.line, shown.join("; "))
            }
            None => "it has nothing like it".to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The next of equal ones, else the last again. Those with secrets are told apart by what these are bound to.
    fn choose(&mut self, parts: &[Part], candidates: &[usize], key: &str, asked: &Asked) -> Option<usize> {
        if asked.secrets.is_empty() {
            let last = candidates.len().checked_sub(1)?;
            let count = self.counts.entry(key.to_owned()).or_default();
            let nth = *count;
            *count += 1;
            return Some(candidates[nth.min(last)]);
        }
        let fitting = || candidates.iter().copied().filter(|index| self.bindings.fit(&asked.secrets, &parts[*index].asked.secrets));
        let index = fitting().find(|index| !self.played[*index]).or_else(|| fitting().next_back())?;
        self.bindings.bind(&asked.secrets, &parts[index].asked.secrets);
        Some(index)
    }
}

impl Part {
    /// Whether the client had ended before this event.
    pub(super) fn client_ends_before(&self, order: u64) -> bool {
        self.cues.iter().any(|cue| matches!(cue, Cue::Ended { order: end } if *end < order))
    }

    fn new(exchange: &Exchange, ids: &Ids) -> Self {
        let request = || exchange.events.iter().filter(|piece| piece.side == Side::Client && !piece.is_tail);
        let from = request().filter(|piece| matches!(piece.what, What::Bytes(_))).map(|piece| piece.order).max().unwrap_or_default();
        let (mut sent, mut cues) = (0, Vec::new());
        for piece in exchange.events.iter().filter(|piece| piece.side == Side::Client && piece.order > from) {
            match &piece.what {
                What::Bytes(bytes) => {
                    sent += bytes.len() as u64;
                    cues.push(Cue::Sent { order: piece.order, bytes: sent });
                }
                What::Closed | What::Reset => cues.push(Cue::Ended { order: piece.order }),
            }
        }
        let response = exchange.response.as_ref();
        Self {
            asked: Asked::new(&exchange.request.head, &exchange.call, &exchange.request.body, ids),
            line: exchange.events.first().map_or(0, |piece| piece.line),
            from,
            steps: steps(exchange),
            cues: cues.into(),
            hijacked: exchange.hijacked,
            is_complete: !exchange.hijacked && response.is_some_and(|response| response.is_complete),
        }
    }
}

/// What the daemon did, without `100 Continue`: that is said when a live client asks for it.
fn steps(exchange: &Exchange) -> Vec<Step> {
    let mut before = exchange.response.as_ref().map_or(0, |response| continues(exchange, response.head.bytes()));
    let mut steps = Vec::new();
    for piece in exchange.events.iter().filter(|piece| piece.side == Side::Daemon) {
        let what = match &piece.what {
            What::Bytes(bytes) => {
                let cut = before.min(bytes.len());
                before -= cut;
                What::Bytes(bytes.slice(cut..))
            }
            end => end.clone(),
        };
        if !matches!(&what, What::Bytes(bytes) if bytes.is_empty()) {
            steps.push(Step { order: piece.order, what });
        }
    }
    steps
}

/// Bytes of interim answers before the final head, if they are no more than `100 Continue`.
fn continues(exchange: &Exchange, head: &[u8]) -> usize {
    let sent = exchange.sent(Side::Daemon, false);
    let at = memchr::memmem::find(&sent, head).unwrap_or_default();
    if sent.starts_with(b"HTTP/1.1 100") { at } else { 0 }
}
