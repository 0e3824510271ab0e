//! Which case caused which exchange: the judge's events, by connection.
//!
//! Each case has connections of its own, so this holds however many cases run at once and however late the judge is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Event, Rule, Severity, Side, Verdict};

/// What the judge said of one operation in one case.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Some exchange of it was judged.
    pub judged: bool,
    /// Why some exchange of it was not.
    pub unjudged: Option<String>,
    /// The worst of the daemon, with its rule and message; notes are left out.
    pub daemon: Option<(Severity, Rule, String)>,
    /// The worst of the probe's own.
    pub probe: Option<(Severity, Rule, String)>,
}

/// Fills while the probe runs, on the judge's thread.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Connections to cases.
    owners: BTreeMap<u64, usize>,
    /// By case and operation; no operation where the catalogue knows none.
    findings: BTreeMap<(usize, Option<Arc<str>>), Findings>,
    failing: BTreeSet<usize>,
}

impl Ledger {
    /// A connection was made for a case.
    pub fn opened(&self, connection: u64, case: usize) {
        self.lock().owners.insert(connection, case);
    }

    /// One more event of the judge.
    pub fn event(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            // What the daemon refused of the probe's was asked to be refused.
            Event::Violation(violation) if violation.side == Side::Client && violation.status.is_some_and(|status| status >= 400) => {}
            Event::Violation(violation) if violation.severity() > Severity::Note => {
                let severity = violation.severity();
                let case = state.owner(violation.call.connection);
                if severity == Severity::Error && violation.side == Side::Daemon {
                    state.failing.insert(case);
                }
                let findings = state.findings.entry((case, violation.call.operation.clone())).or_default();
                let worst = match violation.side {
                    Side::Daemon => &mut findings.daemon,
                    Side::Client => &mut findings.probe,
                };
                if worst.as_ref().is_none_or(|(before, ..)| *before < severity) {
                    *worst = Some((severity, violation.rule, violation.message.clone()));
                }
            }
            Event::Exchange(summary) if summary.verdict != Verdict::NotInspected => {
                let case = state.owner(summary.call.connection);
                state.findings.entry((case, summary.call.operation.clone())).or_default().judged = true;
            }
            Event::NotInspected(unjudged) => {
                let case = state.owner(unjudged.call.connection);
                let findings = state.findings.entry((case, unjudged.call.operation.clone())).or_default();
                findings.unjudged.get_or_insert_with(|| unjudged.reason.to_string());
            }
            _ => {}
        }
    }

    /// What was found of an operation in a case; what belongs to no operation counts as its own.
    #[must_use]
    pub fn findings(&self, case: usize, operation: &str) -> Findings {
        let state = self.lock();
        let mut found = state.findings.get(&(case, Some(Arc::from(operation)))).cloned().unwrap_or_default();
        if let Some(unknown) = state.findings.get(&(case, None)) {
            found.daemon = found.daemon.or_else(|| unknown.daemon.clone());
            found.probe = found.probe.or_else(|| unknown.probe.clone());
        }
        found
    }

    /// In how many cases an error of the daemon was found so far.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.lock().failing.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Case 0 is what belongs to none: looking around before, clearing away behind.
    fn owner(&self, connection: u64) -> usize {
        self.owners.get(&connection).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{Inspector, Seen, Settings};
    use bytes::Bytes;

    #[test]
    fn findings_belong_to_the_case_that_made_the_connection() {
        let (ledger, inspector) = (Ledger::default(), Inspector::new(Settings::default()));
        let say = |connection, answer: &'static str| {
            let request = "GET /v1.41/version HTTP/1.1\r\nHost: docker\r\n\r\n";
            inspector.push(connection, Side::Client, Seen::Bytes(Bytes::from_static(request.as_bytes())), None);
            inspector.push(connection, Side::Daemon, Seen::Bytes(Bytes::from_static(answer.as_bytes())), None);
        };
        ledger.opened(2, 20);
        ledger.opened(1, 10);
        say(1, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        say(2, "HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"message\":\"oops\"}");
        inspector.finish(&mut |event| ledger.event(&event));
        let worst = |case| ledger.findings(case, "SystemVersion").daemon.map(|(severity, ..)| severity);
        assert_eq!((worst(10), worst(20), worst(0)), (Some(Severity::Error), None, None));
        assert!(ledger.findings(20, "SystemVersion").judged && !ledger.findings(20, "SystemInfo").judged);
        assert_eq!(ledger.failing(), 1);
    }
}
