//! The ids that the daemon of a recording gave: 64 hexadecimal digits, which clients also write short.

use std::collections::BTreeSet;
use std::ops::Bound;

/// Digits of an id.
const LONG: usize = 64;
/// A path's step of so many digits may be a short id: dockerd takes any prefix that is unique.
const SHORTEST_STEP: usize = 4;
/// Digits of the short id that docker prints; what is shorter in a query or a body is a number or a name.
const SHORT: usize = 12;

/// All ids that stand in the answers.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeSet<String>);

impl Ids {
    /// Learns the ids in the bytes of an answer.
    pub(super) fn learn(&mut self, answer: &[u8]) {
        let mut start = 0;
        while start < answer.len() {
            let length = answer[start..].iter().take_while(|byte| is_digit(**byte)).count();
            if length == LONG
                && let Ok(id) = std::str::from_utf8(&answer[start..start + length])
            {
                self.0.insert(id.to_owned());
            }
            start += length + 1;
        }
    }

    /// A path with every id in its long form.
    pub(super) fn path(&self, path: &str) -> String {
        let steps: Vec<&str> = path.split('/').map(|step| self.long(step, SHORTEST_STEP).unwrap_or(step)).collect();
        steps.join("/")
    }

    /// A value of a query or a body, in the long form if it is an id.
    pub(super) fn value<'a>(&'a self, value: &'a str) -> &'a str {
        self.long(value, SHORT).unwrap_or(value)
    }

    /// The one id that begins so.
    fn long(&self, text: &str, shortest: usize) -> Option<&str> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if digits.len() < shortest || digits.len() > LONG || !digits.bytes().all(is_digit) {
            return None;
        }
        let mut fitting = self.0.range::<str, _>((Bound::Included(digits), Bound::Unbounded)).take_while(|id| id.starts_with(digits));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Some(id),
            _ => None,
        }
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_are_made_long() {
        let (one, two) = (format!("4fa8{}", "0".repeat(60)), format!("4fa9{}", "1".repeat(60)));
        let mut ids = Ids::default();
        ids.learn(format!("{{\"Id\":\"{one}\",\"Image\":\"sha256:{two}\",\"Long\":\"{}\"}}", "a".repeat(65)).as_bytes());
        assert_eq!(ids.path("/containers/4fa8/json"), format!("/containers/{one}/json"));
        assert_eq!(ids.path("/containers/4fa/json"), "/containers/4fa/json", "two begin so, and it is too short");
        assert_eq!(ids.path(&format!("/images/sha256:{two}/json")), format!("/images/{two}/json"));
        assert_eq!((ids.value("4fa8"), ids.value("4fa800000000")), ("4fa8", one.as_str()));
        assert_eq!(ids.path("/containers/web/json"), "/containers/web/json");
        assert_eq!(ids.0.len(), 2);
    }
}
