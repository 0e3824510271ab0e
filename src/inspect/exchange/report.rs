//! What an exchange comes to: when what was found in it is said, and what is said at its end.

use bytes::Bytes;

use super::super::content::Notes;
use super::super::finding::Finding;
use super::{Exchange, Late, RequestState};
use crate::catalog::Schema;
use crate::model::{Enforcement, Event, NotInspected, Reason, Rule, Severity, Side, Summary, Verdict, Violation};
use crate::wire::Flaw;

const ENFORCED: &str = "plimsoll ended the exchange here";

impl Exchange {
    /// The first finding of the request that is objected to.
    pub(in super::super) fn objection(&mut self, objects: &dyn Fn(Rule) -> bool) -> Option<Box<Violation>> {
        let Finding { rule, side, place, message, expected, actual, evidence } = self.held.iter().find(|held| objects(held.rule))?.clone();
        let (call, status, enforced) = (self.call(), self.status, Some(Enforcement::Refused));
        Some(Box::new(Violation { rule, side, call, status, place, message, expected, actual, evidence, enforced, waived: None }))
    }

    /// The request does not go on to the daemon: it ends here, with its findings.
    pub(in super::super) fn refuse(mut self: Box<Self>, objects: &dyn Fn(Rule) -> bool, sink: &mut dyn FnMut(Event)) {
        self.enforced = Some(Enforcement::Refused);
        for finding in std::mem::take(&mut self.held) {
            let enforced = self.enforced.filter(|_| objects(finding.rule));
            self.report_as(finding, enforced, sink);
        }
        // What is not there was refused for what is.
        self.head_judged = true;
        self.request = RequestState::Judged;
        self.finish(None, sink);
    }

    /// The request does not go on to the daemon for what it asks, and is not judged beyond its head.
    pub(in super::super) fn deny(mut self: Box<Self>, sink: &mut dyn FnMut(Event)) {
        self.enforced = Some(Enforcement::Denied);
        self.held.clear();
        self.unjudged = Some(Reason::Denied);
        self.head_judged = true;
        self.request = RequestState::Judged;
        self.finish(None, sink);
    }

    /// The head of a stream of messages has come: until its end the findings of the request's body wait.
    pub(in super::super) fn streams_messages(&mut self) {
        if self.late == Late::No {
            self.late = Late::Waits;
        }
    }

    /// What is wrong with the request's body is to be said at once.
    pub(in super::super) fn waits_for_no_refusal(&mut self) {
        if self.late == Late::No {
            self.late = Late::Never;
        }
    }

    /// The stream has ended, in an error or not.
    pub(in super::super) fn messages_end(&mut self, refused: bool, sink: &mut dyn FnMut(Event)) {
        if self.late == Late::Waits {
            self.late = if refused { Late::Refused } else { Late::No };
            self.settle(sink);
        }
    }

    /// Once the daemon has answered: a request that it refused, with 4xx or in the stream behind a 200, is not reported for what the daemon already
    /// refused.
    pub(in super::super) fn settle(&mut self, sink: &mut dyn FnMut(Event)) {
        match self.status {
            // Only 400 says that the credentials could not be read; 401 to 404 come as well when they were ignored.
            Some(status @ 400..=499) => {
                self.held.retain(|finding| status != 400 && finding.rule.area() == "auth");
                self.release(sink);
            }
            // dockerd says 500 of compressed data that it cannot undo (moby/moby pkg/archive, `DecompressStream`): that is its refusal.
            Some(500..=599) => {
                self.held.retain(|finding| finding.rule != Rule::TarCompression);
                self.release(sink);
            }
            Some(_) if matches!(self.late, Late::No | Late::Never) => self.release(sink),
            Some(_) => {
                let (waiting, sure): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(Finding::is_of_content);
                self.held = sure;
                self.release(sink);
                self.held = if self.late == Late::Waits { waiting } else { Vec::new() };
            }
            None => {}
        }
    }

    fn release(&mut self, sink: &mut dyn FnMut(Event)) {
        for finding in std::mem::take(&mut self.held) {
            self.report(finding, sink);
        }
    }

    /// Something was found so many bytes before the end of the last piece.
    pub(in super::super) fn stands_at(&mut self, finding: &Finding, left: usize) {
        if let Some(found) = &mut self.found {
            found.push((finding.rule, finding.place.clone(), left));
        }
    }

    /// Reports a finding at once.
    pub(in super::super) fn report(&mut self, finding: Finding, sink: &mut dyn FnMut(Event)) {
        self.report_as(finding, None, sink);
    }

    fn report_as(&mut self, finding: Finding, enforced: Option<Enforcement>, sink: &mut dyn FnMut(Event)) {
        self.violated |= finding.rule.severity() > Severity::Note;
        let Finding { rule, side, place, message, expected, actual, evidence } = finding;
        let call = self.call();
        sink(Event::Violation(Box::new(Violation {
            rule,
            side,
            call,
            status: self.status,
            place,
            message,
            expected,
            actual,
            evidence,
            enforced,
            waived: None,
        })));
    }

    /// Says that a part could not be judged.
    pub(in super::super) fn unjudged_part(&mut self, part: &'static str, reason: Reason, sink: &mut dyn FnMut(Event)) {
        sink(Event::NotInspected(NotInspected { call: self.call(), part: part.into(), reason }));
    }

    /// The exchange is over, or the run is.
    pub(in super::super) fn finish(mut self: Box<Self>, unfinished: Option<&'static str>, sink: &mut dyn FnMut(Event)) {
        if self.status.is_none() {
            self.judge_request();
        }
        // Nobody refused what was found, so it stands.
        self.release(sink);
        if self.version.is_none() && self.operation.is_some() {
            self.give_up(Reason::NoVersion);
        }
        if let Some(what) = unfinished.map(|what| self.enforced.map_or(what, |_| ENFORCED)) {
            let part = if self.status.is_none() { "response" } else { "response-body" };
            self.unjudged_part(part, Reason::Unfinished(what), sink);
            if self.status.is_none() {
                self.give_up(Reason::Unfinished(what));
            }
        }
        for (part, reason) in std::mem::take(&mut self.spared) {
            self.unjudged_part(part, reason, sink);
        }
        let judged = self.unjudged.is_none();
        if let Some(reason) = self.unjudged.take().filter(|reason| !matches!(reason, Reason::Unfinished(_))) {
            self.unjudged_part("exchange", reason, sink);
        }
        if let (true, Some(coverage), Some(operation), Some(version), Some(status)) =
            (judged, &self.coverage, self.operation, self.version, self.status)
        {
            coverage.exchange(operation, version, status, &self.target.query);
        }
        let verdict = match (self.violated, judged) {
            (true, _) => Verdict::Violated,
            (false, true) => Verdict::Pass,
            (false, false) => Verdict::NotInspected,
        };
        let duration = self.started.zip(self.last).map(|(start, end)| end.saturating_sub(start).as_secs_f64() * 1000.0);
        sink(Event::Exchange(Summary {
            call: self.call(),
            status: self.status,
            verdict,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            frames: self.frames,
            documents: self.documents,
            duration_ms: duration.map(|duration| (duration * 1000.0).round() / 1000.0),
            enforced: self.enforced,
        }));
    }
}

/// Where the findings of a running body go.
pub(in super::super) struct Noting<'a> {
    pub(in super::super) exchange: &'a mut Exchange,
    pub(in super::super) part: &'static str,
    pub(in super::super) side: Side,
    pub(in super::super) sink: &'a mut dyn FnMut(Event),
}

impl Notes for Noting<'_> {
    fn at(&mut self, left: usize) {
        self.exchange.left = left;
    }

    fn finding(&mut self, finding: Finding) {
        self.exchange.stands_at(&finding, self.exchange.left);
        match self.exchange.status {
            None if self.side == Side::Client => self.exchange.hold(finding),
            // Refused while it was still on its way.
            Some(400..=499) if self.side == Side::Client => {}
            Some(500..=599) if self.side == Side::Client && finding.rule == Rule::TarCompression => {}
            Some(_)
                if self.side == Side::Client && finding.is_of_content() && matches!(self.exchange.late, Late::Waits | Late::Refused) =>
            {
                if self.exchange.late == Late::Waits {
                    self.exchange.hold(finding);
                }
            }
            _ => self.exchange.report(finding, self.sink),
        }
    }

    fn redacted(&self, document: &Bytes, schema: Option<&Schema>) -> Bytes {
        self.exchange.redactor().map_or_else(|| document.clone(), |redactor| redactor.masked_fault(document, schema.map(Schema::secrets)))
    }

    fn redacted_flaw(&self, flaw: Flaw) -> Flaw {
        match self.exchange.redactor() {
            Some(redactor) => redactor.masked_document_flaw(flaw),
            None => flaw,
        }
    }

    fn unjudged(&mut self, reason: Reason) {
        self.exchange.unjudged_part(self.part, reason, self.sink);
    }
}
