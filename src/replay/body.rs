//! Bodies of requests, in a form in which two that ask for the same are equal.

use std::fmt;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ids::Ids;

/// More than this does not come out of a compressed archive for comparing.
const INFLATE_LIMIT: u64 = 256 << 20;

/// What a request brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// A document: members in order of their names, ids long.
    Json(Value),
    /// An archive: a line an entry, sorted, without times and owners, which differ on the next machine.
    Archive(Vec<String>),
    /// Anything else.
    Bytes { length: usize, digest: String },
}

impl Body {
    /// Of the decoded bytes.
    pub(super) fn of(bytes: &[u8], ids: &Ids) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some(value) = json(bytes, ids) {
            return Self::Json(value);
        }
        entries(bytes).map_or_else(|| Self::Bytes { length: bytes.len(), digest: digest(bytes) }, Self::Archive)
    }

    /// Where two differ: a place, and what it is.
    pub(super) fn difference(&self, recorded: &Self) -> Option<String> {
        match (self, recorded) {
            _ if self == recorded => None,
            (Self::Json(here), Self::Json(there)) => Some(json_difference(here, there, "")),
            (Self::Archive(here), Self::Archive(there)) => {
                let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
                let odd = here.iter().find(|line| !there.contains(line)).or_else(|| there.iter().find(|line| !here.contains(line)));
                Some(format!("the archive differs in {}", odd.map(|line| name(line)).unwrap_or_default()))
            }
            _ => Some(format!("the body is {self}, recorded is {recorded}")),
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Json(_) => f.write_str("JSON"),
            Self::Archive(entries) => write!(f, "an archive of {} entries", entries.len()),
            Self::Bytes { length, .. } => write!(f, "{length} bytes"),
        }
    }
}

/// A document in which two that ask for the same are equal.
pub(super) fn json(bytes: &[u8], ids: &Ids) -> Option<Value> {
    serde_json::from_slice(bytes).ok().map(|value| normal(value, ids))
}

/// The size of the client's terminal is the user's, not the request's.
fn normal(value: Value, ids: &Ids) -> Value {
    match value {
        Value::String(text) => Value::String(ids.value(&text).to_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| normal(item, ids)).collect()),
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| name != "ConsoleSize");
            let mut members: Vec<_> = kept.map(|(name, value)| (name, normal(value, ids))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

fn json_difference(here: &Value, there: &Value, pointer: &str) -> String {
    if let (Value::Object(ours), Value::Object(theirs)) = (here, there) {
        let names = ours.keys().chain(theirs.keys());
        for name in names {
            match (ours.get(name), theirs.get(name)) {
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => return json_difference(a, b, &format!("{pointer}/{name}")),
                (Some(_), None) => return format!("body {pointer}/{name} is not in the recorded one"),
                _ => return format!("body {pointer}/{name} is missing"),
            }
        }
    }
    let short = |value: &Value| {
        let text = value.to_string();
        if text.chars().count() > 40 { text.chars().take(40).chain(['…']).collect() } else { text }
    };
    let place = if pointer.is_empty() { "/" } else { pointer };
    format!("body {place} is {}, recorded {}", short(here), short(there))
}

/// The entries of a tar archive, also of one in gzip.
fn entries(bytes: &[u8]) -> Option<Vec<String>> {
    let mut inflated = Vec::new();
    let bytes = if bytes.starts_with(b"\x1f\x8b\x08") {
        MultiGzDecoder::new(bytes).take(INFLATE_LIMIT).read_to_end(&mut inflated).ok()?;
        &inflated[..]
    } else {
        bytes
    };
    let mut lines = Vec::new();
    for entry in tar::Archive::new(bytes).entries().ok()? {
        let mut entry = entry.ok()?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        let (name, link) = (entry.path_bytes(), entry.link_name_bytes().unwrap_or_default());
        let (name, link) = (String::from_utf8_lossy(&name), String::from_utf8_lossy(&link));
        let header = entry.header();
        let kind = char::from(header.entry_type().as_byte());
        lines.push(format!("{name}\t{kind} {:o} {link} {}", header.mode().unwrap_or_default(), digest(&content)));
    }
    lines.sort();
    // Any 1 KiB of zeros is an empty archive.
    (!lines.is_empty() || bytes.iter().all(|byte| *byte == 0)).then_some(lines)
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(time: u64, files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mtime(time);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).expect("a vector takes all");
        }
        builder.into_inner().expect("a vector takes all")
    }

    #[test]
    fn what_asks_for_the_same_is_equal() {
        let of = |bytes: &[u8]| Body::of(bytes, &Ids::default());
        assert_eq!(of(br#"{"a":1,"b":{"c":null,"d":[]}}"#), of(br#" {"b":{"d":[],"c":null},"a":1,"ConsoleSize":[1,2]}"#));
        assert_eq!(of(&archive(1, &[("a", "x"), ("b", "y")])), of(&archive(2, &[("b", "y"), ("a", "x")])));
        for (here, there, said) in [
            (&br#"{"a":{"b":1}}"#[..], &br#"{"a":{"b":2}}"#[..], "body /a/b is 1, recorded 2"),
            (br#"{"a":1,"n":0}"#, br#"{"a":1}"#, "body /n is not in the recorded one"),
            (br#"{"a":1}"#, br#"{"a":1,"n":0}"#, "body /n is missing"),
            (b"", br#"{"a":1}"#, "the body is empty, recorded is JSON"),
            (&archive(1, &[("a", "x")]), &archive(1, &[("a", "z")]), "the archive differs in a"),
            (b"abc", b"abcd", "the body is 3 bytes, recorded is 4 bytes"),
        ] {
            assert_eq!(of(here).difference(&of(there)).as_deref(), Some(said));
        }
    }
}
