//! What was said last on a connection, for when it is said again: a client that polls sends the same head byte for byte, and so does the daemon but for
//! its clock and the length. What is known of such a head need not be found out twice.
//!
//! A head is remembered only where nothing was found in it, and where what it means depends on its own bytes alone.

use std::sync::Arc;

use bytes::Bytes;

use super::super::exchange::{Exchange, Names};
use crate::catalog::Operation;
use crate::model::ApiVersion;
use crate::wire::{BodyLength, Head, Target};

/// Longer heads are read anew each time.
const LONGEST: usize = 2 << 10;

/// The last heads of a connection.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    request: Option<Request>,
    answer: Option<Answer>,
}

/// A request in whose head nothing was found.
#[derive(Debug)]
pub(in super::super) struct Request {
    pub(in super::super) head: Head,
    pub(in super::super) target: Arc<Target>,
    pub(in super::super) operation: &'static Operation,
    pub(in super::super) version: ApiVersion,
    pub(in super::super) names: Names,
    /// Of its body.
    pub(in super::super) length: BodyLength,
}

/// An answer to that request in whose head nothing was found.
#[derive(Debug)]
struct Answer {
    head: Head,
    target: Arc<Target>,
    known: Known,
}

/// What an answer's head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// `Api-Version`.
    pub(super) version: Option<ApiVersion>,
    /// `Date`.
    pub(super) date: Option<i64>,
    pub(super) length: BodyLength,
}

impl Repeat {
    /// The request whose head stands at the beginning of `input`, if it is the last one's.
    pub(super) fn request(&self, input: &[u8]) -> Option<&Request> {
        self.request.as_ref().filter(|request| input.starts_with(request.head.bytes()))
    }

    /// The answer to `exchange` whose head stands at the beginning of `input`, if both were said before.
    pub(super) fn answer(&self, input: &[u8], exchange: &Exchange) -> Option<(Head, Known)> {
        let answer = self.answer.as_ref()?;
        let same = Arc::ptr_eq(&answer.target, &exchange.target) && input.starts_with(answer.head.bytes());
        same.then(|| (answer.head.clone(), answer.known))
    }

    /// Remembers the request of an exchange that was judged just now.
    pub(super) fn asked(&mut self, exchange: &Exchange) {
        if self.request.as_ref().is_some_and(|request| Arc::ptr_eq(&request.target, &exchange.target)) {
            return;
        }
        let request = exchange.as_request().filter(|request| request.head.bytes().len() <= LONGEST);
        self.request = request.map(|request| Request { head: detached(&request.head), ..request });
        self.answer = None;
    }

    /// Remembers the head of an answer in which nothing was found.
    pub(super) fn answered(&mut self, exchange: &Exchange, head: &Head, known: Known) {
        let of_last = self.request.as_ref().is_some_and(|request| Arc::ptr_eq(&request.target, &exchange.target));
        if of_last && head.bytes().len() <= LONGEST {
            self.answer = Some(Answer { head: detached(head), target: Arc::clone(&exchange.target), known });
        }
    }
}

/// The same head in memory of its own: it is not to hold on to what was read with it.
fn detached(head: &Head) -> Head {
    head.clone().backed_by(Bytes::copy_from_slice(head.bytes()))
}
