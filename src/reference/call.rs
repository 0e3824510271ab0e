//! What was asked: the operation, its version, parameters and body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::catalog::Operation;
use crate::model::ApiVersion;

use super::refusal::Refusal;

/// A body that is read whole may have this many bytes: an image to load, say. Beyond it lies the memory of the machine.
const BODY_LIMIT: usize = 1 << 30;

/// A request to an operation.
#[derive(Debug)]
pub struct Call {
    /// The operation, as the catalogue knows it.
    pub operation: &'static Operation,
    /// The version of the path, else the newest.
    pub version: ApiVersion,
    /// The parameter of the path, percent-decoded; empty when there is none.
    pub name: String,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, not read yet.
    pub body: Body,
}

impl Call {
    /// Whether the version is at least `1.minor`.
    #[must_use]
    pub fn since(&self, minor: u16) -> bool {
        self.version >= ApiVersion::new(minor)
    }

    /// A header's value, or the empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The form of a stream of JSON documents that the client asks for by its name in `Accept`, by weight.
    #[must_use]
    pub fn asked_stream(&self) -> Option<&'static str> {
        const KNOWN: [&str; 4] = ["application/jsonl", "application/x-ndjson", "application/json-seq", "application/json"];
        let mut best: Option<(&'static str, f32)> = None;
        for range in self.header("accept").split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
            let Some(known) = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else { continue };
            if weight > best.map_or(0.0, |(_, best)| best) {
                best = Some((known, weight));
            }
        }
        best.map(|(media, _)| media)
    }

    /// The body as JSON. dockerd asks for a media type as soon as there is a body; an empty one is `None`.
    pub async fn json(&mut self) -> Result<Option<Value>, Refusal> {
        let media = self.header("content-type").to_owned();
        let body = self.body.read().await?;
        if body.is_empty() {
            return Ok(None);
        }
        let kind = media.split(';').next().unwrap_or_default().trim();
        if kind.is_empty() {
            return Err(Refusal::bad_parameter("malformed Content-Type header (): mime: no media type"));
        }
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::bad_parameter(format!("unsupported Content-Type header ({media}): must be 'application/json'")));
        }
        // Go decodes the first document and leaves what follows.
        match serde_json::Deserializer::from_slice(&body).into_iter::<Value>().next() {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => Err(Refusal::bad_parameter(format!("invalid JSON: {error}"))),
            None => Ok(None),
        }
    }

    /// The body as JSON, where there must be one.
    pub async fn required_json(&mut self) -> Result<Value, Refusal> {
        self.json().await?.ok_or_else(|| Refusal::bad_parameter("invalid JSON: got EOF while reading request body"))
    }
}

/// The body of a request.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    Wire(Incoming),
    Memory(Bytes),
}

impl Body {
    pub(super) fn wire(incoming: Incoming) -> Self {
        Self(Source::Wire(incoming))
    }

    /// A body that is here already.
    #[must_use]
    pub fn memory(bytes: Bytes) -> Self {
        Self(Source::Memory(bytes))
    }

    /// The whole body.
    pub async fn read(&mut self) -> Result<Bytes, Refusal> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > BODY_LIMIT {
                return Err(Refusal::new(413, "http: request body too large"));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        match &mut self.0 {
            Source::Memory(bytes) => Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Source::Wire(incoming) => loop {
                match incoming.frame().await {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(Refusal::server_error(error.to_string())),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => return Ok(Some(data)),
                        // Trailers.
                        Err(_) => {}
                    },
                }
            },
        }
    }
}

/// The parameters of a query string.
#[derive(Debug, Clone, Default)]
pub struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Reads a query string, as Go does: `+` is a space, a pair that cannot be decoded is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let decode = |text: &str| {
            let text: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            all.entry(decode(name)).or_default().push(decode(value));
        }
        Self(all)
    }

    /// The first value, or the empty text.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.all(name).first().map(String::as_str).unwrap_or_default()
    }

    /// Every value.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the parameter was given at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Anything but the empty text, 0, no, false and none is true (`httputils.BoolValue` of moby).
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        !matches!(self.text(name).trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// The flag, or this when it was not given.
    #[must_use]
    pub fn flag_or(&self, name: &str, default: bool) -> bool {
        if self.has(name) { self.flag(name) } else { default }
    }

    /// A whole number; `None` when it was not given or is empty. In Go's words when it is none.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.text(name) {
            "" => Ok(None),
            text => {
                text.parse().map(Some).map_err(|_| Refusal::bad_parameter(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")))
            }
        }
    }

    /// `filters`: lists of texts, or the older maps of flags.
    pub fn filters(&self) -> Result<Filters, Refusal> {
        let text = self.text("filters");
        if text.is_empty() {
            return Ok(Filters::default());
        }
        let invalid = |why: String| Refusal::bad_parameter(format!("invalid filters: {why}"));
        let value: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let mut all = BTreeMap::new();
        for (name, values) in value.as_object().ok_or_else(|| invalid("not an object".to_owned()))? {
            let values: Vec<String> = match values {
                Value::Array(items) if items.iter().all(Value::is_string) => {
                    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                Value::Object(flags) if flags.values().all(Value::is_boolean) => {
                    flags.iter().filter(|(_, on)| on.as_bool() == Some(true)).map(|(key, _)| key.clone()).collect()
                }
                Value::Null => Vec::new(),
                _ => return Err(invalid(format!("{name} is neither a list of texts nor a map of flags"))),
            };
            all.insert(name.clone(), values);
        }
        Ok(Filters(all))
    }
}

/// Filters of a list: a thing passes when, for each name, one of the values fits.
#[derive(Debug, Clone, Default)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// The values of a filter; empty when it was not given.
    #[must_use]
    pub fn get(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether no value of this filter was given.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        self.get(name).is_empty()
    }

    /// Refuses a filter that the operation does not know.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::bad_parameter(format!("invalid filter '{name}'"))),
            None => Ok(()),
        }
    }

    /// No value was given, or one of them is the text.
    #[must_use]
    pub fn exact(&self, name: &str, text: &str) -> bool {
        self.lacks(name) || self.get(name).iter().any(|value| value == text)
    }

    /// No value was given, or one of them satisfies the test.
    pub fn any(&self, name: &str, test: impl Fn(&str) -> bool) -> bool {
        self.lacks(name) || self.get(name).iter().any(|value| test(value))
    }

    /// A filter that is a flag (`dangling`): `None` when it was not given.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let values = self.get(name);
        let is = |words: [&str; 2]| values.iter().any(|value| words.contains(&value.as_str()));
        match (values.is_empty(), is(["1", "true"]), is(["0", "false"])) {
            (true, ..) => Ok(None),
            (false, true, false) => Ok(Some(true)),
            (false, false, true) => Ok(Some(false)),
            _ => Err(Refusal::bad_parameter(format!("invalid filter '{name}={values:?}'"))),
        }
    }

    /// All of the `label` values (`key` or `key=value`) fit, and none of `label!`.
    pub fn labels<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let fits = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(wanted).is_some(),
        };
        self.get("label").iter().all(fits) && !self.get("label!").iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_go_reads_it() {
        let query = Query::parse("all=1&limit=-1&t=a&t=b%2Fc&cmd=a+b&empty&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D&bad=x1");
        assert!(query.flag("all") && !query.flag("none") && query.has("empty"));
        assert_eq!(query.int("limit"), Ok(Some(-1)));
        assert_eq!(query.all("t"), ["a", "b/c"]);
        assert_eq!(query.text("cmd"), "a b");
        assert!(query.int("bad").is_err());
        let filters = query.filters().expect("filters");
        assert!(filters.labels(|key| (key == "a").then_some("b")));
        assert!(!filters.labels(|_| None));
        assert!(filters.only(&["name"]).is_err());
        for (text, good) in [("", true), ("[]", false), ("{\"a\":{\"b\":true}}", true), ("{\"a\":\"b\"}", false), ("{", false)] {
            let query = Query(BTreeMap::from([("filters".to_owned(), vec![text.to_owned()])]));
            assert_eq!(query.filters().is_ok(), good, "{text}");
        }
    }
}
