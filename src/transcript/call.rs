//! What a request asks for: version, path and query of its target, taken apart, and the operation.

use percent_encoding::percent_decode;

use crate::catalog::{Catalog, Lookup, Operation};
use crate::model::ApiVersion;
use crate::wire::Head;

/// A request's target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The version in the path.
    pub version: Option<ApiVersion>,
    /// Percent-decoded, without the version.
    pub path: String,
    /// Decoded names and values, in order.
    pub query: Vec<(String, String)>,
}

impl Call {
    /// Of a request's head. Whatever does not decode stands as it is.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let target = head.target();
        let (path, query) = split_once(target, b'?');
        let path = percent_decode(path).decode_utf8_lossy().into_owned();
        let (version, path) = split_version(&path);
        let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| split_once(pair, b'=')).map(|(name, value)| (decode(name), decode(value))).collect();
        Self { method: String::from_utf8_lossy(head.method()).into_owned(), version, path, query }
    }

    /// The operation that it leads to; of any version where the path names none.
    #[must_use]
    pub fn operation(&self) -> Option<&'static Operation> {
        match Catalog::builtin().lookup(&self.method, &self.path, self.version) {
            Lookup::Operation(operation) | Lookup::NotInVersion(operation) => Some(operation),
            Lookup::WrongMethod(_) | Lookup::Unknown => None,
        }
    }
}

/// dockerd's router takes `/v{version:[0-9.]+}`; `/volumes` is no version.
fn split_version(path: &str) -> (Option<ApiVersion>, String) {
    let versioned = path.strip_prefix("/v").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match versioned.and_then(|(prefix, rest)| prefix.parse().ok().map(|version| (version, rest))) {
        Some((version, rest)) => (Some(version), format!("/{rest}")),
        None => (None, path.to_owned()),
    }
}

fn split_once(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    memchr::memchr(at, bytes).map_or((bytes, b""), |found| (&bytes[..found], &bytes[found + 1..]))
}

fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}
