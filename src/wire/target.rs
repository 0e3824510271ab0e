//! The request target: version prefix, path and query.

use percent_encoding::percent_decode;

use crate::model::ApiVersion;

/// A request target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the path says about the version.
    pub version: PathVersion,
    /// Percent-decoded, without the version prefix.
    pub path: String,
    /// Decoded names and values, in order.
    pub query: Vec<(String, String)>,
    /// The first thing that is not validly percent-encoded.
    pub bad_encoding: Option<String>,
    /// It stands in the query.
    pub bad_in_query: bool,
}

/// What the path says about the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathVersion {
    /// `/v1.41/…`
    Is(ApiVersion),
    /// `/v2.0/…`, `/v1.x/…`: a prefix that is no version of this API.
    Odd(String),
    /// None.
    Absent,
}

impl Target {
    /// Takes a target apart, whatever it is.
    #[must_use]
    pub fn parse(target: &[u8]) -> Self {
        let target = without_authority(target);
        let (raw_path, raw_query) = split_once(target, b'?');
        let mut bad_encoding = bad_escape(raw_path);
        let path = percent_decode(raw_path).decode_utf8_lossy().into_owned();
        let (version, path) = split_version(&path);
        let mut query = Vec::new();
        let in_path = bad_encoding.is_some();
        for pair in raw_query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            bad_encoding = bad_encoding.or_else(|| bad_escape(pair));
            let (name, value) = split_once(pair, b'=');
            query.push((decode_query(name), decode_query(value)));
        }
        let bad_in_query = !in_path && bad_encoding.is_some();
        Self { version, path, query, bad_encoding, bad_in_query }
    }

    /// The path without the version prefix, as it was sent: nothing in it is decoded.
    #[must_use]
    pub fn undecoded_path(target: &[u8]) -> String {
        split_version(&String::from_utf8_lossy(split_once(without_authority(target), b'?').0)).1
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The step behind a prefix: the id in `/containers/{id}/attach`.
    #[must_use]
    pub fn step_after(&self, prefix: &str) -> Option<&str> {
        self.path.strip_prefix(prefix)?.split('/').next().filter(|step| !step.is_empty())
    }
}

/// RFC 9112 section 3.2.2: `http://host/path` is a target, too.
fn without_authority(target: &[u8]) -> &[u8] {
    let Some(scheme) = target.windows(3).position(|window| window == b"://").filter(|_| target[0] != b'/') else { return target };
    let rest = &target[scheme + 3..];
    rest.iter().position(|byte| *byte == b'/').map_or(b"/", |slash| &rest[slash..])
}

fn split_version(path: &str) -> (PathVersion, String) {
    let unversioned = || (PathVersion::Absent, path.to_owned());
    let Some(rest) = path.strip_prefix("/v") else { return unversioned() };
    let (prefix, rest) = rest.split_once('/').unwrap_or((rest, ""));
    // dockerd's router takes `/v{version:[0-9.]+}`; `/volumes` is no version.
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return unversioned();
    }
    let version = prefix.parse().map_or_else(|_| PathVersion::Odd(prefix.to_owned()), PathVersion::Is);
    (version, format!("/{rest}"))
}

fn split_once(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    memchr::memchr(at, bytes).map_or((bytes, b""), |found| (&bytes[..found], &bytes[found + 1..]))
}

fn decode_query(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// RFC 3986 section 2.1: `%` and two hexadecimal digits.
fn bad_escape(text: &[u8]) -> Option<String> {
    let bad = |at: &usize| !text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let at = memchr::memchr_iter(b'%', text).find(bad)?;
    Some(String::from_utf8_lossy(&text[at..text.len().min(at + 3)]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let is = |minor| PathVersion::Is(ApiVersion::new(minor));
        for (text, version, path) in [
            ("/v1.41/containers/json?all=1", is(41), "/containers/json"),
            ("/containers/json", PathVersion::Absent, "/containers/json"),
            ("/volumes", PathVersion::Absent, "/volumes"),
            ("/v1.41/images/registry:5000/a%2Fb:1/json", is(41), "/images/registry:5000/a/b:1/json"),
            ("http://docker/v1.24/_ping", is(24), "/_ping"),
            ("/v2.0/info", PathVersion::Odd("2.0".to_owned()), "/info"),
            ("/v1.41", is(41), "/"),
            ("*", PathVersion::Absent, "*"),
            ("", PathVersion::Absent, ""),
        ] {
            let target = Target::parse(text.as_bytes());
            assert_eq!((target.version, target.path.as_str()), (version, path), "{text}");
        }
        let target = Target::parse(b"/a?x=1+2&y=%7B%7D&z&x=%zz");
        let pairs: Vec<_> = target.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("x", "1 2"), ("y", "{}"), ("z", ""), ("x", "%zz")]);
        assert_eq!(target.bad_encoding.as_deref(), Some("%zz"));
    }
}
