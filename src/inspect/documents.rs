//! Judges the documents of a JSON stream as they pass: each by its schema, and what one says of the one before it. It keeps none of them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Look;
use super::content::{Notes, json_error, json_limit};
use super::coverage::BodyCoverage;
use super::excerpt::{self, Excerpt};
use super::exchange::Exchange;
use super::filters::Wanted;
use super::finding::Finding;
use super::outcome::Outcome;
use crate::catalog::{Operation, Schema};
use crate::model::{Part, Place, Reason, Rule, Side};
use crate::wire::json_stream::DOCUMENT_LIMIT;
use crate::wire::{JsonStreamDecoder, JsonStreamItem, StreamEnd};

/// The Date header is in whole seconds, and events of one moment may pass one another.
const CLOCK_SLACK: i64 = 2;
/// Longer ids and actions are of no use.
const LONGEST_WORD: usize = 256;

/// The documents of one stream.
#[derive(Debug)]
pub(super) struct Documents {
    decoder: JsonStreamDecoder,
    schema: Option<&'static Schema>,
    watch: Watch,
    look: Look,
    coverage: Option<Arc<BodyCoverage>>,
    /// Events of containers, for the rules over several exchanges.
    news: Vec<(u64, News)>,
    outcome: Outcome,
    /// Bytes from the begin of the last document to the end of the piece that it came in.
    left: usize,
    lost: bool,
}

/// An event of a container.
#[derive(Debug)]
pub(super) struct News {
    pub(super) id: String,
    pub(super) action: String,
    /// The daemon's clock, in seconds since 1970.
    pub(super) time: i64,
    /// Of `die`.
    pub(super) exit_code: Option<i64>,
    /// Bytes from its begin to the end of the piece that it came in.
    pub(super) left: usize,
}

impl News {
    fn read(document: &Value, left: usize) -> Option<Self> {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).filter(|text| text.len() <= LONGEST_WORD);
        let action = text("/Action").or_else(|| text("/status"))?.to_owned();
        let exit_code = text("/Actor/Attributes/exitCode").filter(|_| action == "die").and_then(|code| code.parse().ok());
        let id = text("/Actor/ID").or_else(|| text("/id"))?.to_owned();
        let is_container = document.get("Type").is_none_or(|kind| kind == "container");
        is_container.then_some(Self { id, action, time: document.get("time").and_then(Value::as_i64)?, exit_code, left })
    }
}

/// What the documents of a stream are to one another.
#[derive(Debug)]
pub(super) enum Watch {
    /// Nothing.
    Nothing,
    /// Events. Where only new ones were asked for, none is older than the answer: the daemon's clock then, until one was.
    Events { from: Option<i64>, latest: Option<i64>, wanted: Wanted },
    /// Samples: what the one before says of the processors.
    Stats(Option<Sample>),
}

/// What two samples share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample {
    total: Option<u64>,
    system: Option<u64>,
}

impl Documents {
    pub(super) fn new(schema: Option<&'static Schema>, watch: Watch, look: Look, coverage: Option<Arc<BodyCoverage>>) -> Self {
        let (decoder, outcome) = (JsonStreamDecoder::default(), Outcome::default());
        Self { decoder, schema, watch, look, coverage, news: Vec::new(), outcome, left: 0, lost: false }
    }

    pub(super) fn push(&mut self, mut bytes: Bytes, side: Side, notes: &mut dyn Notes) {
        while !self.lost && !bytes.is_empty() {
            if let Some(item) = self.decoder.next(&mut bytes) {
                if let JsonStreamItem::Document { bytes: text, .. } = &item {
                    self.left = bytes.len() + text.len();
                    notes.at(self.left);
                }
                self.see(item, side, notes);
            }
        }
    }

    pub(super) fn finish(&mut self, end: StreamEnd, side: Side, notes: &mut dyn Notes) {
        if let Some(item) = self.decoder.finish(end).filter(|_| !self.lost) {
            self.see(item, side, notes);
        }
    }

    /// Bytes at the end of what was taken that are half a document.
    pub(super) fn undecided(&self) -> usize {
        self.decoder.undecided()
    }

    pub(super) fn count(&self) -> u64 {
        self.decoder.count()
    }

    /// Whether the last document refuses what was sent.
    pub(super) const fn is_refusal(&self) -> bool {
        self.outcome.is_refusal()
    }

    /// The events since the last call.
    pub(super) fn take_news(&mut self) -> Vec<(u64, News)> {
        std::mem::take(&mut self.news)
    }

    fn see(&mut self, item: JsonStreamItem, side: Side, notes: &mut dyn Notes) {
        match item {
            JsonStreamItem::Flaw(flaw) => {
                let lost = flaw.rule == Rule::JsonStreamMalformed;
                notes.finding(Finding::of_document(notes.redacted_flaw(flaw), side));
                if lost {
                    notes.unjudged(Reason::LostTrack);
                }
            }
            JsonStreamItem::TooLarge { .. } => notes.unjudged(Reason::DocumentLimit(DOCUMENT_LIMIT as u64)),
            JsonStreamItem::Document { index, offset, bytes } => {
                if let Some(coverage) = &self.coverage {
                    coverage.see(&bytes);
                }
                if matches!(self.watch, Watch::Nothing) {
                    self.outcome.see(&bytes);
                }
                if self.schema.is_some_and(|schema| self.look == Look::Quick && schema.accepts(&bytes)) {
                    if let Some(excerpt) = self.watch.excerpt().and_then(|wanted| wanted.read(&bytes)) {
                        self.hear(index, &excerpt, notes);
                    }
                    return;
                }
                let place = Place::of(Part::Document).at_index(index);
                match serde_json::from_slice::<Value>(&bytes) {
                    Err(error) => {
                        let error = json_error(&error);
                        match json_limit(&error) {
                            Some(reason) => notes.unjudged(reason),
                            None => notes.finding(
                                Finding::new(Rule::JsonStreamMalformed, side, place.at_offset(offset), "a JSON document", error)
                                    .showing(&notes.redacted(&bytes, self.schema)),
                            ),
                        }
                    }
                    Ok(value) => {
                        let mut defects = self.schema.map(|schema| schema.defects(&value)).unwrap_or_default();
                        if let Some(schema) = self.schema.filter(|_| !defects.is_empty()) {
                            let shown = notes.redacted(&bytes, self.schema);
                            if shown != bytes
                                && let Ok(shown) = serde_json::from_slice(&shown)
                            {
                                defects = schema.defects(&shown);
                            }
                        }
                        for defect in defects {
                            notes.finding(Finding::of_defect(defect, side, place.clone()));
                        }
                        self.hear(index, &value, notes);
                    }
                }
            }
        }
    }

    /// What a document says beside the others: it is the whole one, or an excerpt.
    fn hear(&mut self, index: u64, document: &Value, notes: &mut dyn Notes) {
        if matches!(self.watch, Watch::Events { .. }) {
            self.news.extend(News::read(document, self.left).map(|news| (index, news)));
        }
        if let Some(finding) = self.watch.see(document, Place::of(Part::Document).at_index(index)) {
            notes.finding(finding);
        }
    }
}

impl Watch {
    /// What is to be watched in the answer to a call.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let given = |name: &str| exchange.target.parameter(name).is_some_and(|value| !value.is_empty());
        match exchange.operation.filter(|_| exchange.status == Some(200)).map(Operation::id) {
            // With `until` alone dockerd gives old ones, too: moby/moby daemon/events/events.go, loadBufferedEvents.
            Some("SystemEvents") => Self::Events {
                from: exchange.date.filter(|_| !given("since") && !given("until")),
                latest: None,
                wanted: Wanted::of(exchange.target.parameter("filters")),
            },
            Some("ContainerStats") => Self::Stats(None),
            _ => Self::Nothing,
        }
    }

    /// What [`Self::see`] and [`News`] read of a document.
    fn excerpt(&self) -> Option<&'static Excerpt> {
        match self {
            Self::Nothing => None,
            Self::Events { .. } => Some(&excerpt::EVENT),
            Self::Stats(_) => Some(&excerpt::SAMPLE),
        }
    }

    fn see(&mut self, document: &Value, place: Place) -> Option<Finding> {
        match self {
            Self::Nothing => None,
            Self::Events { from, latest, wanted } => {
                if let Some(finding) = wanted.excludes(document, &place) {
                    return Some(finding);
                }
                // What comes from other nodes has the time of other clocks.
                let is_local = document.get("scope").is_none_or(|scope| scope == "local");
                let time = document.get("time").and_then(Value::as_i64).filter(|time| is_local && *time > 0)?;
                let found = |rule, due| Some(Finding::new(rule, Side::Daemon, place.at_pointer("/time"), due, time.to_string()));
                if from.take_if(|from| time < *from - CLOCK_SLACK).is_some() {
                    *latest = None;
                    return found(Rule::StateEventReplay, "an event from now on, since no `since` was asked for".to_owned());
                }
                let before = latest.replace(time)?;
                (time < before - CLOCK_SLACK).then(|| found(Rule::StateEventOrder, format!("{before} or later, as in the event before")))?
            }
            Self::Stats(before) => {
                let previous = before.replace(Sample::of(document.get("cpu_stats")))?;
                let repeated = Sample::of(document.get("precpu_stats"));
                // Before 1.19 a sample says nothing of the one before.
                let says = repeated.total.is_some() || repeated.system.is_some();
                (says && repeated != previous).then(|| {
                    let place = place.at_pointer("/precpu_stats");
                    Finding::new(Rule::StateStatsRelation, Side::Daemon, place, previous.words(), repeated.words())
                })
            }
        }
    }
}

impl Sample {
    fn of(processors: Option<&Value>) -> Self {
        let number = |pointer: &str| processors.and_then(|processors| processors.pointer(pointer)).and_then(Value::as_u64);
        Self { total: number("/cpu_usage/total_usage"), system: number("/system_cpu_usage") }
    }

    fn words(&self) -> String {
        let shown = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        format!("total_usage {}, system_cpu_usage {}", shown(self.total), shown(self.system))
    }
}
