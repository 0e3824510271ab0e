//! Judges the handshake by which a connection becomes a raw two-way stream: request and answer as a pair.

use super::exchange::Exchange;
use super::finding::Finding;
use super::streams::Streams;
use super::websocket;
use crate::catalog::{Framing, ResponseContract};
use crate::model::{ApiVersion, Part, Place, Rule, Side};
use crate::wire::{Head, excerpt};

/// The first version that answers 101: Docker Engine API 1.17.
const UPGRADES: ApiVersion = ApiVersion::new(17);

/// Whether this answer hands over the connection.
#[must_use]
pub fn hands_over(head: &Head, status: u16, response: Option<&ResponseContract>) -> bool {
    let bounded = head.value("Content-Length").is_some() || head.value("Transfer-Encoding").is_some();
    status == 101 || (status == 200 && !bounded && response.is_some_and(|response| response.hijack))
}

/// Everything that is wrong with the handshake.
pub(super) fn judge(
    exchange: &Exchange,
    head: &Head,
    status: u16,
    response: Option<&ResponseContract>,
    streams: Option<Streams>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(request) = &exchange.head else { return findings };
    let status_line = || Place::of(Part::StatusLine);
    let hijack = response.is_some_and(|response| response.hijack);
    let raw = hijack && response.is_some_and(|response| !matches!(response.body.framing, Framing::Websocket | Framing::Opaque));
    let asked = request.has_token("Connection", "upgrade") && request.has_token("Upgrade", "tcp");
    // dockerd takes any Upgrade header for the question, also without Connection.
    let asked_somehow = request.value("Upgrade").is_some();
    if status == 101 {
        if !asked_somehow {
            findings.push(Finding::new(Rule::HijackUnasked, Side::Daemon, status_line(), "200", "101"));
        }
        // tcp is all that dockerd ever switches attach and exec to, whatever was offered.
        let other = raw && !head.has_token("Upgrade", "tcp");
        if !head.has_token("Connection", "upgrade") || head.value("Upgrade").is_none() || other {
            let shown = |name: &str| head.value(name).map_or_else(|| format!("no {name}"), |value| format!("{name}: {}", excerpt(value)));
            let actual = format!("{}, {}", shown("Connection"), shown("Upgrade"));
            findings.push(Finding::new(
                Rule::HijackHeaders,
                Side::Daemon,
                Place::header(if head.has_token("Connection", "upgrade") { "Upgrade" } else { "Connection" }),
                if raw { "Connection: Upgrade and Upgrade: tcp" } else { "Connection: Upgrade and Upgrade" },
                actual,
            ));
        }
    }
    if status == 101 && response.is_some_and(|response| response.body.framing == Framing::Websocket) {
        findings.extend(websocket::judge_answer(request, head));
    }
    // A detached exec has nothing to hand over: a plain, empty 200.
    if !hijack || exchange.facts.detach {
        return findings;
    }
    let half = request.value("Upgrade").is_some() != request.has_token("Connection", "upgrade");
    let other = request.value("Upgrade").filter(|_| !request.has_token("Upgrade", "tcp"));
    if raw && matches!(status, 101 | 200) && (half || other.is_some()) {
        let shown = |name: &str| request.value(name).map_or_else(|| format!("no {name}"), |value| format!("{name}: {}", excerpt(value)));
        let place = Place::header(if other.is_some() || request.value("Upgrade").is_none() { "Upgrade" } else { "Connection" });
        let actual = format!("{}, {}", shown("Connection"), shown("Upgrade"));
        findings.push(Finding::new(Rule::HijackHalfAsked, Side::Client, place, "Connection: Upgrade and Upgrade: tcp, or neither", actual));
    }
    if status == 200
        && !asked_somehow
        && exchange.version().is_some_and(|version| version >= UPGRADES)
        && streams.is_some_and(|streams| streams.stdin)
    {
        let place = Place::header("Upgrade");
        findings.push(Finding::new(Rule::HijackNotAsked, Side::Client, place, "Connection: Upgrade and Upgrade: tcp", "none"));
    }
    if status == 200 && asked && exchange.version().is_some_and(|version| version >= UPGRADES) {
        findings.push(Finding::new(Rule::HijackNotUpgraded, Side::Daemon, status_line(), "101", "200"));
    }
    if let Some(name) = ["Content-Length", "Transfer-Encoding"].into_iter().find(|name| head.value(name).is_some()) {
        let actual = excerpt(head.value(name).unwrap_or_default());
        findings.push(Finding::new(Rule::HijackLength, Side::Daemon, Place::header(name), format!("no {name}"), actual));
    }
    findings
}
