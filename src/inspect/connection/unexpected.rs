//! Bytes of the daemon that belong to no request. Where they end is not looked for: nothing behind them is paired with a request any more.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Settings;
use super::super::finding::Finding;
use super::{Connection, Daemon};
use crate::model::{Call, Event, Part, Place, Rule, Side, Violation};
use crate::wire::excerpt;

/// So much of what belongs to no request is shown.
pub(super) const UNEXPECTED_SHOWN: usize = 48;
/// So much of it is shown as it is, where it is no piece of an answer with secrets: `OK` behind an answer to HEAD.
const HARMLESS: usize = 8;

impl Connection {
    /// Reports the bytes that belong to no request; as many as a line holds, wherever they were cut.
    pub(in super::super) fn report_unexpected(&mut self, settings: &Settings, sink: &mut dyn FnMut(Event)) {
        let redactor = settings.redactor();
        let Daemon::Unexpected(held) = &mut self.daemon else { return };
        let held = Bytes::from(std::mem::take(held));
        self.daemon = Daemon::Lost;
        let (call, status) = self.last.clone().unwrap_or_else(|| {
            let (connection, empty) = (self.id, Arc::default);
            let call = Call {
                source: None,
                line: None,
                daemon: None,
                connection,
                exchange: 0,
                operation: None,
                method: empty(),
                path: empty(),
                api_version: None,
                client: None,
            };
            (Arc::new(call), None)
        });
        let held = match redactor {
            Some(_) if held.len() <= HARMLESS && harmless(&call, status, settings) => held,
            Some(redactor) => redactor.masked_scrap(&held),
            None => held,
        };
        let found =
            Finding::new(Rule::HttpUnexpectedBytes, Side::Daemon, Place::of(Part::Stream), "nothing", excerpt(&held)).showing(&held);
        let Finding { rule, side, place, message, expected, actual, evidence } = found;
        sink(Event::Violation(Box::new(Violation {
            rule,
            side,
            call,
            status,
            place,
            message,
            expected,
            actual,
            evidence,
            enforced: None,
            waived: None,
        })));
    }
}

/// Whether the answer before has no place for secrets, so that what stands behind it is no piece of one.
fn harmless(call: &Call, status: Option<u16>, settings: &Settings) -> bool {
    let operation = call.operation.as_deref().and_then(|id| settings.catalog.operation(id));
    let contract =
        operation.zip(call.api_version.filter(|version| version.is_known())).map(|(operation, version)| operation.contract(version));
    let response = contract.zip(status).and_then(|(contract, status)| contract.responses.get(&status));
    response.is_some_and(|response| response.body.schema.as_ref().is_none_or(|schema| !schema.secrets().is_marked()))
}
