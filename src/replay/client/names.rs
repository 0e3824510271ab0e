//! Ids that the daemon gives: what the recording calls one way the live daemon calls another.

use serde_json::Value;

use crate::model::Side;
use crate::transcript::Exchange;

/// Digits of an id, and of its short form.
const LONG: usize = 64;
const SHORT: usize = 12;

/// Recorded names and live ones.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(Vec<u8>, Vec<u8>)>);

impl Names {
    /// Learns from a live answer what the daemon called what it made.
    pub(super) fn learn(&mut self, exchange: &Exchange, live: &[u8]) {
        let Some(recorded) = exchange.response.as_ref().map(|response| &response.body[..]) else { return };
        if exchange.call.method != "POST" {
            return;
        }
        let (old, new) = (ids(recorded), ids(live));
        if old.len() == new.len() {
            for (old, new) in old.into_iter().zip(new) {
                self.add(old, new);
            }
        }
        // Ids of a swarm and names of volumes are no digests.
        let (Ok(old), Ok(new)) = (serde_json::from_slice::<Value>(recorded), serde_json::from_slice::<Value>(live)) else { return };
        for member in ["Id", "ID", "Name"] {
            if let (Some(old), Some(new)) = (old.get(member).and_then(Value::as_str), new.get(member).and_then(Value::as_str)) {
                self.add(old.as_bytes(), new.as_bytes());
            }
        }
    }

    fn add(&mut self, old: &[u8], new: &[u8]) {
        if old == new || old.len() < SHORT || self.0.iter().any(|(known, _)| known == old) {
            return;
        }
        if old.len() == LONG && new.len() == LONG {
            self.0.push((old[..SHORT].to_vec(), new[..SHORT].to_vec()));
        }
        // Longer ones first: a short id begins like its long one.
        self.0.push((old.to_vec(), new.to_vec()));
        self.0.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
    }

    /// A recorded request with live names: the head's and the body's, and the length that a body then has.
    pub(super) fn apply(&self, exchange: &Exchange) -> Vec<u8> {
        let sent = exchange.sent(Side::Client, false);
        let split = exchange.request.head.bytes().len().min(sent.len());
        let (head, body) = sent.split_at(split);
        let is_chunked = exchange.request.chunks.is_some();
        let mut head = self.replace(head, false);
        let live = self.replace(body, is_chunked);
        if live.len() != body.len() {
            let (old, new) = (format!("Content-Length: {}\r\n", body.len()), format!("Content-Length: {}\r\n", live.len()));
            if let Some(at) = memchr::memmem::find(&head, old.as_bytes()) {
                head.splice(at..at + old.len(), new.bytes());
            }
        }
        [head, live].concat()
    }

    /// All names of a text in their live form. `same_length` leaves out those that would make it longer or shorter.
    fn replace(&self, text: &[u8], same_length: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let is_start = at == 0 || !text[at - 1].is_ascii_alphanumeric();
            let fits = |(old, new): &&(Vec<u8>, Vec<u8>)| {
                let behind = text.get(at + old.len());
                text[at..].starts_with(old)
                    && behind.is_none_or(|byte| !byte.is_ascii_alphanumeric())
                    && (!same_length || old.len() == new.len())
            };
            if let Some((old, new)) = is_start.then(|| self.0.iter().find(fits)).flatten() {
                out.extend_from_slice(new);
                at += old.len();
            } else {
                out.push(text[at]);
                at += 1;
            }
        }
        out
    }
}

/// All ids in the long form, in order.
fn ids(text: &[u8]) -> Vec<&[u8]> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.split(|byte| !is_digit(byte)).filter(|run| run.len() == LONG).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_where_they_stand_alone() {
        let (old, new) = ("a".repeat(64), "b".repeat(64));
        let mut names = Names::default();
        names.add(old.as_bytes(), new.as_bytes());
        names.add(b"zw54ozo8p5l38nm50dfvv6l1k", b"short");
        let text = format!("/containers/{old}/start?x={} {} zw54ozo8p5l38nm50dfvv6l1k", &old[..12], &old[..13]);
        let live = String::from_utf8(names.replace(text.as_bytes(), false)).expect("text");
        assert_eq!(live, format!("/containers/{new}/start?x={} {} short", &new[..12], &old[..13]));
        let live = String::from_utf8(names.replace(text.as_bytes(), true)).expect("text");
        assert!(live.ends_with("zw54ozo8p5l38nm50dfvv6l1k") && live.contains(&new));
    }
}
