//! The gate: how far the bytes of a connection may go on, in enforce mode.
//!
//! The bytes take the same steps as in observe mode, one at a time, and after each it is asked what was found and what is decided by now. Nothing
//! here reads a byte itself, so that what is judged and what goes on is cut at the same places.

use std::sync::Arc;

use bytes::Bytes;

use super::super::content::CAPTURE_LIMIT;
use super::super::enforce::EnforcePolicy;
use super::super::exchange::Found;
use super::{Client, Connection, Daemon, Turn};
use crate::model::{Call, Enforcement, Event, Place, Rule, Side, Violation};
use crate::wire::StreamEnd;
use crate::wire::head::HEAD_LIMIT;

/// Encoded bytes of a message that are held back at most: what a body of single-byte chunks costs more than this goes on before it is judged.
const HOLD_LIMIT: u64 = (2 * CAPTURE_LIMIT + HEAD_LIMIT) as u64;

/// Operations whose clients wait for the head alone: `docker run` starts the container once the wait has one.
const HEAD_IS_A_SIGN: [&str; 1] = ["ContainerWait"];

/// What the judge says of bytes before they go on.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// So many bytes of this direction, from its start, may have gone on by now.
    pub clear: u64,
    /// What is not to go on. The rest of what was taken is to be dropped.
    pub objection: Option<Objection>,
    /// What is not to go on for what it asks; then nothing is objected to. The rest of what was taken is to be dropped, likewise.
    pub denied: Option<Denial>,
    /// Whether the client's bytes are wanted. Not while an answer is due: the next request waits for it.
    pub open: bool,
    /// Whether a request has no byte of its answer yet.
    pub unanswered: bool,
}

/// A request that must not go on, for what it asks. It was taken whole if the connection goes on.
#[derive(Debug, Clone)]
pub struct Denial {
    /// The request.
    pub call: Arc<Call>,
    /// Why, for who asked.
    pub why: String,
    /// Both peers still know where the next message begins, so that the connection can go on.
    pub goes_on: bool,
}

/// What must not go on, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Objection {
    /// What to do.
    pub action: Enforcement,
    /// The violation that decided.
    pub violation: Box<Violation>,
    /// Both peers still know where the next message begins, so that the connection can go on.
    pub goes_on: bool,
    /// What is cut is a raw stream of frames, between two of them.
    pub between_frames: bool,
}

/// Positions in both directions; the index is the side's.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Bytes that the judge took.
    taken: [u64; 2],
    /// Of them, those that may go on.
    clear: [u64; 2],
    /// Where the message that is under way begins.
    start: [u64; 2],
    /// Where its body begins, once its head is read.
    body: [Option<u64>; 2],
    /// The daemon's head goes on before its body.
    impatient: bool,
    /// Bytes of content that were taken: the difference over a step is the piece that it took.
    pub(super) content: [u64; 2],
    /// What was found in the last step of an exchange.
    pub(super) found: Option<Found>,
    /// The number of the last exchange that may be asked for.
    admitted: u64,
    /// The client's bytes cannot be followed, and not by its fault: they are not passed on.
    barred: bool,
}

impl Gate {
    const fn has_begun(&self, side: Side) -> bool {
        self.clear[side as usize] > self.start[side as usize]
    }

    /// All that was taken is decided, and a message ends here.
    const fn message_ends(&mut self, side: Side) {
        let at = self.taken[side as usize];
        (self.clear[side as usize], self.start[side as usize], self.body[side as usize]) = (at, at, None);
        if matches!(side, Side::Daemon) {
            self.impatient = false;
        }
    }

    fn clear_up_to(&mut self, side: Side, at: u64) {
        self.clear[side as usize] = self.clear[side as usize].max(at);
    }
}

impl Connection {
    /// Judges bytes of one side before they go on; stops behind a request, and at what is objected to.
    pub(in super::super) fn ask(&mut self, side: Side, input: &mut Bytes, policy: &EnforcePolicy, turn: &mut Turn<'_>) -> Ruling {
        while !input.is_empty() && (side == Side::Daemon || self.is_open()) {
            let before = input.len();
            let content = self.gate.content[side as usize];
            let mut events = Vec::new();
            {
                let mut inner = Turn { stamp: turn.stamp, context: &mut *turn.context, sink: &mut |event| events.push(event) };
                self.step(side, input, policy, &mut inner);
            }
            self.gate.taken[side as usize] += (before - input.len()) as u64;
            let piece = self.gate.content[side as usize] - content;
            if side == Side::Client
                && let Some((denial, clear)) = self.deny(policy, &mut events, turn)
            {
                return Ruling { clear, denied: Some(denial), ..self.ruling(side, None) };
            }
            if let Some((objection, clear)) = self.act(side, piece, policy, events, turn) {
                return Ruling { clear, ..self.ruling(side, Some(objection)) };
            }
            self.advance(side, piece, policy);
        }
        self.ruling(side, None)
    }

    /// Judges the end of one side.
    pub(in super::super) fn ask_end(&mut self, side: Side, end: StreamEnd, policy: &EnforcePolicy, turn: &mut Turn<'_>) -> Ruling {
        let mut events = Vec::new();
        let inner = &mut Turn { stamp: turn.stamp, context: &mut *turn.context, sink: &mut |event| events.push(event) };
        match side {
            Side::Client => self.client_ends(end, inner),
            Side::Daemon => self.daemon_ends(end, inner),
        }
        if let Some((objection, clear)) = self.act(side, 0, policy, events, turn) {
            return Ruling { clear, ..self.ruling(side, Some(objection)) };
        }
        if side == Side::Daemon {
            self.gate.clear_up_to(side, self.gate.taken[side as usize]);
        }
        self.ruling(side, None)
    }

    /// The daemon has sent a head and lets its body wait.
    pub(in super::super) fn lose_patience(&mut self, policy: &EnforcePolicy) -> Ruling {
        self.gate.impatient = true;
        self.advance(Side::Daemon, 0, policy);
        self.ruling(Side::Daemon, None)
    }

    fn step(&mut self, side: Side, input: &mut Bytes, policy: &EnforcePolicy, turn: &mut Turn<'_>) {
        self.gate.found = None;
        for exchange in &mut self.exchanges {
            exchange.found = Some(Vec::new());
            if policy.requests {
                exchange.waits_for_no_refusal();
            }
        }
        match side {
            Side::Client => {
                self.client_step(input, turn);
                self.judge_early(policy);
            }
            Side::Daemon => {
                let reading = matches!(self.client, Client::Head(_));
                self.daemon_step(input, turn);
                // The daemon would not wait for the rest of a head (it has seen nothing of it): nothing of it goes on any more.
                self.gate.barred |= reading && matches!(self.client, Client::Lost) && policy.requests;
            }
        }
        if matches!(self.daemon, Daemon::Unexpected(_)) && side == Side::Daemon {
            // Enough to show is enough: nothing of it goes on.
            self.daemon_step(input, turn);
            self.report_unexpected(&turn.context.settings, turn.sink);
        }
    }

    /// Judges the head of a request whose body is not waited for: because it is a stream, or waits itself for `100 Continue`.
    fn judge_early(&mut self, policy: &EnforcePolicy) {
        let Client::Body { content, .. } = &self.client else { return };
        let held = content.is_held() && !self.is_overlong(Side::Client);
        let Some(exchange) = self.exchanges.back_mut().filter(|_| policy.requests) else { return };
        if !held || exchange.expects_continue() {
            exchange.judge_request_head();
        }
    }

    /// What is objected to after a step, with its events marked and passed on; and how far the bytes before it may go on.
    fn act(
        &mut self,
        side: Side,
        piece: u64,
        policy: &EnforcePolicy,
        mut events: Vec<Event>,
        turn: &mut Turn<'_>,
    ) -> Option<(Objection, u64)> {
        let mut objection = None;
        let found = events.iter().filter_map(|event| match event {
            Event::Violation(violation) if violation.side == side => {
                policy.objects(violation.rule, side, violation.call.operation.as_deref()).then_some(violation)
            }
            _ => None,
        });
        // What stands first in the bytes, not what was found first: of a smaller piece it would have been the only one.
        let left = |violation: &Violation| self.left(violation.rule, &violation.place);
        let first = found.reduce(|first, next| if left(next) > left(first) { next } else { first });
        if let Some(mut violation) = first.cloned() {
            let left = left(&violation);
            let action = match side {
                Side::Daemon if !self.gate.has_begun(side) && violation.rule != Rule::HttpUnexpectedBytes => Enforcement::Replaced,
                _ => Enforcement::Cut,
            };
            violation.enforced = Some(action);
            mark(&mut events, side, action, policy);
            self.clear_before(side, piece, left);
            let clear = self.gate.clear[side as usize];
            let whole = matches!(&self.daemon, Daemon::Head(reader) if reader.is_idle()) && self.exchanges.is_empty();
            let goes_on = action == Enforcement::Replaced && whole && violation.rule.area() != "http" && self.daemon_end.is_none();
            for exchange in &mut self.exchanges {
                exchange.enforced = Some(action);
            }
            if goes_on {
                self.gate.message_ends(side);
            }
            let between_frames = match &self.daemon {
                // Half a header was held back; half a payload was not.
                Daemon::Tail(content) if violation.rule == Rule::FrameTruncated => content.undecided() > 0,
                Daemon::Tail(content) => content.is_framed() && violation.rule.area() == "frame",
                _ => false,
            };
            objection = Some((Objection { action, violation, goes_on, between_frames }, clear));
        }
        for event in events {
            (turn.sink)(event);
        }
        if objection.is_none() && side == Side::Client && policy.requests {
            objection = self.refuse(piece, policy, turn);
        }
        objection
    }

    /// Denies the request that the client is sending, if it is not to be asked for. One that cannot be followed is refused instead.
    fn deny(&mut self, policy: &EnforcePolicy, events: &mut Vec<Event>, turn: &mut Turn<'_>) -> Option<(Denial, u64)> {
        if policy.limits.is_empty() || self.gate.admitted == self.count {
            return None;
        }
        let complete = matches!(self.client, Client::Head(_) | Client::Limbo { .. });
        let overlong = self.is_overlong(Side::Client);
        let exchange = self.exchanges.back_mut().filter(|exchange| exchange.status.is_none())?;
        let head = exchange.head.as_ref()?;
        let objects = |rule: Rule| rule.area() == "http" && policy.objects(rule, Side::Client, None);
        let denial = policy.limits.denial(turn.context.settings.catalog, head.method(), head.target(), exchange.version());
        if exchange.objection(&objects).is_some() {
            return None;
        }
        let Some(why) = denial else {
            self.gate.admitted = self.count;
            return None;
        };
        // A body that is held is waited for, so that the connection can go on.
        if let Client::Body { content, .. } = &self.client
            && content.is_held()
            && !exchange.expects_continue()
            && !overlong
        {
            return None;
        }
        let stays = exchange.head.as_ref().is_some_and(|head| !head.is_http10() && !head.has_token("Connection", "close"));
        let goes_on = complete && stays && !self.gate.has_begun(Side::Client);
        let clear = self.gate.clear[Side::Client as usize];
        for event in events.drain(..) {
            (turn.sink)(event);
        }
        let mut exchange = self.exchanges.pop_back()?;
        let call = exchange.call();
        self.last = Some((Arc::clone(&call), None));
        exchange.deny(turn.sink);
        self.client = if goes_on { Client::Head(crate::wire::HeadReader::new(Side::Client)) } else { Client::Lost };
        self.gate.message_ends(Side::Client);
        Some((Denial { call, why, goes_on }, clear))
    }

    /// Refuses the request that the client is sending, if there is reason to.
    fn refuse(&mut self, piece: u64, policy: &EnforcePolicy, turn: &mut Turn<'_>) -> Option<(Objection, u64)> {
        let complete = matches!(self.client, Client::Head(_) | Client::Limbo { .. });
        let overlong = self.is_overlong(Side::Client);
        let exchange = self.exchanges.back_mut().filter(|exchange| exchange.status.is_none())?;
        // A body that is still to come decides with its head, unless the bytes cannot be followed at all.
        let operation = exchange.operation.map(crate::catalog::Operation::shared_id);
        let objects = |rule: Rule| policy.objects(rule, Side::Client, operation.as_deref());
        let violation = exchange.objection(&objects)?;
        let waits = match &self.client {
            Client::Body { content, .. } => content.is_held() && !exchange.expects_continue(),
            _ => false,
        };
        if waits && violation.rule.area() != "http" && !overlong {
            return None;
        }
        let stays = exchange.head.as_ref().is_some_and(|head| !head.is_http10() && !head.has_token("Connection", "close"));
        let goes_on = complete && stays && !self.gate.has_begun(Side::Client) && violation.rule.area() != "http";
        let left = self.left(violation.rule, &violation.place);
        self.clear_before(Side::Client, piece, left);
        let clear = self.gate.clear[Side::Client as usize];
        if let Some(mut exchange) = self.exchanges.pop_back() {
            self.last = Some((exchange.call(), None));
            exchange.refuse(&objects, turn.sink);
        }
        self.client = if goes_on { Client::Head(crate::wire::HeadReader::new(Side::Client)) } else { Client::Lost };
        self.gate.message_ends(Side::Client);
        Some((Objection { action: Enforcement::Refused, violation, goes_on, between_frames: false }, clear))
    }

    /// Moves what may go on after a step without objection.
    fn advance(&mut self, side: Side, piece: u64, policy: &EnforcePolicy) {
        let taken = self.gate.taken[side as usize];
        let overlong = self.is_overlong(side);
        let (boundary, content, unread) = match side {
            Side::Client => match &self.client {
                Client::Head(reader) => (reader.is_idle(), None, 0),
                Client::Limbo { .. } => (true, None, 0),
                Client::Body { content, decoder } => (false, Some(content), decoder.undecided()),
                Client::Tail(content) => (false, Some(content), 0),
                // What cannot be followed may ask for anything.
                Client::Lost if !policy.limits.is_empty() => {
                    self.gate.barred = true;
                    return;
                }
                Client::Lost => return self.gate.clear_up_to(side, taken),
            },
            Side::Daemon => match &self.daemon {
                Daemon::Head(reader) => (reader.is_idle(), None, 0),
                Daemon::Body { content, decoder, .. } => (false, Some(content), decoder.undecided()),
                Daemon::Tail(content) => (false, Some(content), 0),
                Daemon::Unexpected(_) | Daemon::Lost => return self.gate.clear_up_to(side, taken),
            },
        };
        let Some(content) = content.filter(|_| !boundary) else {
            if boundary {
                self.gate.message_ends(side);
            } else if !policy.watches(side) {
                self.gate.clear_up_to(side, taken);
            }
            return;
        };
        // The step that completes a head takes nothing behind it.
        let body = *self.gate.body[side as usize].get_or_insert(taken);
        if !policy.watches(side) {
            self.gate.clear_up_to(side, taken);
        } else if content.is_held() && !overlong {
            let early = match side {
                Side::Client => self.exchanges.back().is_some_and(|exchange| exchange.expects_continue()),
                Side::Daemon => {
                    let operation = self.exchanges.front().and_then(|exchange| exchange.operation);
                    self.gate.impatient || operation.is_some_and(|operation| HEAD_IS_A_SIGN.contains(&operation.id()))
                }
            };
            if early {
                self.gate.clear_up_to(side, body);
            }
        } else if let undecided @ 1.. = content.undecided() as u64 {
            // Half of something: what stands before it in the same piece may go on.
            if undecided <= piece {
                self.gate.clear_up_to(side, taken - undecided);
            } else if taken - self.gate.clear[side as usize] > HOLD_LIMIT {
                self.gate.clear_up_to(side, taken);
            }
        } else {
            self.gate.clear_up_to(side, taken - unread as u64);
        }
    }

    /// What stands before the bad part may go on, which begins so many bytes before the end of the piece. Before the piece, that was found out
    /// before.
    fn clear_before(&mut self, side: Side, piece: u64, left: usize) {
        let (taken, left) = (self.gate.taken[side as usize], left as u64);
        // A client's raw tail begins behind its request, which went on long ago.
        let begun = self.gate.has_begun(side) || (side == Side::Client && matches!(self.client, Client::Tail(_)));
        if begun && (1..=piece).contains(&left) {
            self.gate.clear_up_to(side, taken - left);
        }
    }

    fn is_overlong(&self, side: Side) -> bool {
        self.gate.taken[side as usize] - self.gate.start[side as usize] > HOLD_LIMIT
    }

    /// How many bytes before the end of the last piece it was found; 0 when it is about no place in it.
    fn left(&self, rule: Rule, place: &Place) -> usize {
        let found = self.exchanges.iter().filter_map(|exchange| exchange.found.as_ref()).chain(&self.gate.found).flatten();
        found.into_iter().find(|found| found.0 == rule && found.1 == *place).map_or(0, |found| found.2)
    }

    fn is_open(&self) -> bool {
        match &self.client {
            Client::Head(reader) => !reader.is_idle() || self.exchanges.is_empty() || matches!(self.daemon, Daemon::Lost),
            Client::Limbo { .. } => false,
            Client::Lost => !self.gate.barred,
            Client::Body { .. } | Client::Tail(_) => true,
        }
    }

    fn ruling(&self, side: Side, objection: Option<Objection>) -> Ruling {
        let unanswered = self.exchanges.iter().any(|exchange| exchange.status.is_none()) && !self.gate.has_begun(Side::Daemon);
        Ruling { clear: self.gate.clear[side as usize], objection, denied: None, open: self.is_open(), unanswered }
    }
}

/// Says in the events of a step that something was done.
fn mark(events: &mut [Event], side: Side, action: Enforcement, policy: &EnforcePolicy) {
    for event in events {
        match event {
            Event::Violation(violation)
                if violation.side == side && policy.objects(violation.rule, side, violation.call.operation.as_deref()) =>
            {
                violation.enforced = Some(action);
            }
            Event::Exchange(summary) => summary.enforced = Some(action),
            _ => {}
        }
    }
}
