//! Something found, before it is known which call and status it will be reported with.

use crate::catalog::{Defect, ParameterDefect};
use crate::model::{Part, Place, Rule, Side, Violation};
use crate::wire::Flaw;

/// A violation without its call.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) rule: Rule,
    pub(super) side: Side,
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) evidence: Vec<u8>,
}

impl Finding {
    /// With the rule's title as its message.
    pub(super) fn new(rule: Rule, side: Side, place: Place, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self { rule, side, place, message: rule.title().to_owned(), expected: expected.into(), actual: actual.into(), evidence: Vec::new() }
    }

    pub(super) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    pub(super) fn showing(mut self, evidence: &[u8]) -> Self {
        self.evidence = evidence[..evidence.len().min(Violation::EVIDENCE_LIMIT)].to_vec();
        self
    }

    /// Whether it is about what a message holds, and not about how it is sent.
    pub(super) fn is_of_content(&self) -> bool {
        matches!(self.place.part, Part::Body | Part::Entry) && self.rule.area() != "http"
    }

    /// A flaw of a head.
    pub(super) fn of_head(flaw: Flaw, side: Side) -> Self {
        let place = match (flaw.rule, flaw.field.as_deref()) {
            (_, Some(name)) => Place::header(name),
            (Rule::HttpFieldSyntax | Rule::HttpObsoleteFolding, None) => Place::of(Part::Header),
            _ if side == Side::Client => Place::of(Part::RequestLine),
            _ => Place::of(Part::StatusLine),
        };
        let framed = flaw.rule == Rule::HttpStartLine && matches!(flaw.evidence[..], [0..=3, 0, 0, 0, ..]);
        let finding = Self::of_flaw(flaw, side, place);
        if framed && side == Side::Daemon { finding.saying("a frame header stands where the status line is due") } else { finding }
    }

    /// A flaw of a body's coding.
    pub(super) fn of_body(flaw: Flaw, side: Side) -> Self {
        Self::of_flaw(flaw, side, Place::of(Part::Body))
    }

    /// A flaw of a frame.
    pub(super) fn of_frame(flaw: Flaw, side: Side) -> Self {
        let message = match flaw.rule {
            Rule::FrameStreamType if flaw.index == Some(0) => {
                format!("the stream is not framed: clients stop with `Unrecognized input header: {}`", flaw.actual)
            }
            Rule::FrameStreamType => format!("clients stop with `Unrecognized input header: {}`", flaw.actual),
            rule => rule.title().to_owned(),
        };
        Self::of_flaw(flaw, side, Place::of(Part::Frame)).saying(message)
    }

    /// A flaw of an archive.
    pub(super) fn of_archive(flaw: Flaw, side: Side) -> Self {
        let part = if flaw.rule == Rule::TarCompression { Part::Body } else { Part::Entry };
        Self::of_flaw(flaw, side, Place::of(part))
    }

    /// A flaw of a WebSocket stream: of a frame, or of the stream as a whole.
    pub(super) fn of_websocket(flaw: Flaw, side: Side) -> Self {
        let part = if flaw.index.is_some() { Part::Frame } else { Part::Stream };
        Self::of_flaw(flaw, side, Place::of(part))
    }

    /// A flaw of a JSON stream.
    pub(super) fn of_document(flaw: Flaw, side: Side) -> Self {
        Self::of_flaw(flaw, side, Place::of(Part::Document))
    }

    fn of_flaw(flaw: Flaw, side: Side, mut place: Place) -> Self {
        place.index = flaw.index;
        place.offset = Some(flaw.offset);
        let finding = Self::new(flaw.rule, side, place, flaw.expected, flaw.actual);
        finding.showing(&flaw.evidence)
    }

    /// A defect of a document that stands at `place`.
    pub(super) fn of_defect(defect: Defect, side: Side, place: Place) -> Self {
        Self::new(defect.kind.rule(), side, place.at_pointer(defect.pointer), words(defect.expected, side), defect.actual)
    }

    /// A defect of a query parameter or header.
    pub(super) fn of_parameter(defect: ParameterDefect, side: Side, part: Part) -> Self {
        let mut place = Place::of(part).named(defect.name);
        place.pointer = defect.pointer;
        let expected = words(defect.expected, side).replace("no such member", "no such parameter");
        Self::new(defect.rule, side, place, expected, defect.actual)
    }
}

/// Go takes null everywhere in a request, so that it is not worth saying there.
fn words(expected: String, side: Side) -> String {
    if side == Side::Daemon || !expected.contains("null") {
        return expected;
    }
    let kept: Vec<&str> = expected.split(" or ").filter(|word| *word != "null").collect();
    kept.join(" or ")
}
