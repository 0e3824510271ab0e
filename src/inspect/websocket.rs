//! Judges the handshake of WebSocket attach: what the client offers, what the daemon makes of it (RFC 6455 section 4). Never the frames.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::finding::Finding;
use crate::model::{ApiVersion, Place, Rule, Side};
use crate::wire::{Agreement, DataType, Head, excerpt};

/// RFC 6455 section 1.3: what the server adds to the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The first version with binary messages: Docker Engine API change log, 1.28.
const BINARY: ApiVersion = ApiVersion::new(28);

/// What is wrong with the client's half of the handshake; nothing, if it asks for no WebSocket.
pub(super) fn judge_request(head: &Head) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !head.has_token("Upgrade", "websocket") {
        return findings;
    }
    let shown = |value: Option<&[u8]>| value.map_or_else(|| "none".to_owned(), excerpt);
    let mut find = |rule, name: &str, expected: &str| {
        findings.push(Finding::new(rule, Side::Client, Place::header(name), expected, shown(head.value(name))));
    };
    let key = head.value("Sec-WebSocket-Key").and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != 16) {
        find(Rule::WebsocketKey, "Sec-WebSocket-Key", "base64 of 16 bytes");
    }
    if head.value("Sec-WebSocket-Version") != Some(b"13") {
        find(Rule::WebsocketVersion, "Sec-WebSocket-Version", "13");
    }
    findings
}

/// What is wrong with the daemon's 101. That a header is missing is for its schema.
pub(super) fn judge_answer(request: &Head, answer: &Head) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(key), Some(accept)) = (request.value("Sec-WebSocket-Key"), answer.value("Sec-WebSocket-Accept")) {
        let due = accept_of(key);
        if due.as_bytes() != accept {
            findings.push(Finding::new(Rule::WebsocketAccept, Side::Daemon, Place::header("Sec-WebSocket-Accept"), due, excerpt(accept)));
        }
    }
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        let offered: Vec<&[u8]> = choices(request, name).collect();
        if let Some(odd) = choices(answer, name).find(|chosen| !offered.contains(chosen)) {
            let expected = match &offered[..] {
                [] => "none, since the client offers none".to_owned(),
                offered => format!("one of {}", excerpt(&offered.join(&b", "[..]))),
            };
            findings.push(Finding::new(Rule::WebsocketNegotiation, Side::Daemon, Place::header(name), expected, excerpt(odd)));
        }
    }
    findings
}

/// By what the frames of one side are judged after this 101.
pub(super) fn agreement(answer: &Head, version: ApiVersion, side: Side) -> Agreement {
    let daemon = side == Side::Daemon;
    let data = if version < BINARY { DataType::Text } else { DataType::Binary };
    Agreement {
        side,
        // What a client types may be either: dockerd takes both.
        data: daemon.then_some(data),
        // dockerd cuts its text where its reads happen to end, and the container need not print text at all.
        utf8: !daemon || data == DataType::Binary,
        extended: answer.value("Sec-WebSocket-Extensions").is_some(),
    }
}

/// RFC 6455 section 4.2.2, item 5.4: base64 of the SHA-1 of key and GUID.
fn accept_of(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// The names in a list of subprotocols or extensions, without their parameters.
fn choices<'a>(head: &'a Head, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let items = head.values(name).flat_map(|value| value.split(|byte| *byte == b','));
    items.map(|item| item.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
