//! What the tool says: the events of a run. Every report is a fold over them.
//!
//! Serialised, these are the lines of the JSON Lines report, format 1.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{ApiVersion, Enforcement, Place, Rule, Severity, Side};

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// The first event of a run.
    RunStarted(RunStarted),
    /// An exchange is over, or the run ended while it was under way. Its violations came before it, as they were found.
    Exchange(Summary),
    /// Something that does not keep to the API.
    Violation(Box<Violation>),
    /// A part of an exchange that could not be judged.
    NotInspected(NotInspected),
    /// What became of one case of a probe.
    ProbeCase(ProbeCase),
    /// The last event of a run.
    RunFinished(RunFinished),
}

/// How a run began.
#[derive(Debug, Clone, Serialize)]
pub struct RunStarted {
    /// Version of the report format: 1.
    pub format: u32,
    /// Version of plimsoll.
    pub plimsoll: &'static str,
    /// The subcommand: `check`, `proxy` …
    pub command: &'static str,
    /// RFC 3339, UTC.
    pub started_at: String,
}

/// Which call an event belongs to. Shared by all events of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The file that it stands in, where a run judges several.
    pub source: Option<Arc<str>>,
    /// Number of the client connection in this run, from 1.
    pub connection: u64,
    /// Number of the exchange on that connection, from 1.
    pub exchange: u64,
    /// Operation id, when the catalogue knows it.
    pub operation: Option<Arc<str>>,
    /// The method as sent.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// The version that the exchange was judged by.
    pub api_version: Option<ApiVersion>,
    /// The client's name: its User-Agent, escaped, of no more than [`Call::CLIENT_LIMIT`] bytes.
    pub client: Option<Arc<str>>,
}

impl Call {
    /// No more bytes than this are kept of a client's name.
    pub const CLIENT_LIMIT: usize = 200;

    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(source) = &self.source {
            map.serialize_entry("source", &**source)?;
        }
        map.serialize_entry("connection", &self.connection)?;
        map.serialize_entry("exchange", &self.exchange)?;
        map.serialize_entry("operation", &self.operation.as_deref())?;
        map.serialize_entry("method", &self.method)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("api_version", &self.api_version)?;
        match &self.client {
            Some(client) => map.serialize_entry("client", &**client),
            None => Ok(()),
        }
    }
}

/// The line of a finished exchange.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Which call.
    pub call: Arc<Call>,
    /// The final status, if an answer came.
    pub status: Option<u16>,
    /// What the judge makes of it.
    pub verdict: Verdict,
    /// Bytes of the request's body, decoded, and of the client's raw tail.
    pub request_bytes: u64,
    /// Bytes of the response's body, decoded, and of the daemon's raw tail.
    pub response_bytes: u64,
    /// Frames seen, both directions.
    pub frames: u64,
    /// Documents of JSON streams seen.
    pub documents: u64,
    /// From the first byte of the request to the last of the response. `None` when the transcript has no times.
    pub duration_ms: Option<f64>,
    /// What enforce mode did, if anything.
    pub enforced: Option<Enforcement>,
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.call.serialize_into(&mut map)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("verdict", &self.verdict)?;
        map.serialize_entry("request_bytes", &self.request_bytes)?;
        map.serialize_entry("response_bytes", &self.response_bytes)?;
        map.serialize_entry("frames", &self.frames)?;
        map.serialize_entry("documents", &self.documents)?;
        map.serialize_entry("duration_ms", &self.duration_ms)?;
        if let Some(enforced) = self.enforced {
            map.serialize_entry("enforced", &true)?;
            map.serialize_entry("enforcement", &enforced)?;
        }
        map.end()
    }
}

/// What the judge makes of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Judged, without an error or warning. Notes do not count.
    Pass,
    /// Judged, with at least one error or warning.
    Violated,
    /// Nothing beyond HTTP could be judged; a not-inspected event says why.
    NotInspected,
}

/// A deviation: rule, side, place, expected, actual, evidence.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which rule was broken.
    pub rule: Rule,
    /// Who broke it.
    pub side: Side,
    /// In which call.
    pub call: Arc<Call>,
    /// The status of the answer, if it was known by then.
    pub status: Option<u16>,
    /// Where.
    pub place: Place,
    /// One sentence.
    pub message: String,
    /// What is due.
    pub expected: String,
    /// What was there.
    pub actual: String,
    /// The bytes at the place, as far as they help. At most [`Violation::EVIDENCE_LIMIT`].
    pub evidence: Vec<u8>,
    /// What enforce mode did because of it, if anything.
    pub enforced: Option<Enforcement>,
}

impl Violation {
    /// No more bytes than this are kept as evidence.
    pub const EVIDENCE_LIMIT: usize = 64;

    /// The severity is the rule's.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", self.rule.id())?;
        map.serialize_entry("severity", &self.severity())?;
        map.serialize_entry("side", &self.side)?;
        self.call.serialize_into(&mut map)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("place", &self.place)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("expected", &self.expected)?;
        map.serialize_entry("actual", &self.actual)?;
        map.serialize_entry("evidence", &hex(&self.evidence))?;
        if let Some(enforced) = self.enforced {
            map.serialize_entry("enforced", &true)?;
            map.serialize_entry("enforcement", &enforced)?;
        }
        map.end()
    }
}

/// `54 68 65`: two digits a byte, separated by blanks.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// A part that could not be judged, and why.
#[derive(Debug, Clone)]
pub struct NotInspected {
    /// In which call.
    pub call: Arc<Call>,
    /// `exchange`, `request`, `request-body`, `response`, `response-body`, `client-stream`, `daemon-stream`.
    pub part: &'static str,
    /// Why.
    pub reason: Reason,
}

impl Serialize for NotInspected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("connection", &self.call.connection)?;
        map.serialize_entry("exchange", &self.call.exchange)?;
        map.serialize_entry("part", self.part)?;
        map.serialize_entry("reason", &self.reason.to_string())?;
        map.serialize_entry("operation", &self.call.operation.as_deref())?;
        map.serialize_entry("method", &self.call.method)?;
        map.serialize_entry("path", &self.call.path)?;
        map.end()
    }
}

/// Why something was not judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A body is larger than what is held for judging.
    CaptureLimit(u64),
    /// A stream's document is larger than what is held for judging.
    DocumentLimit(u64),
    /// The catalogue has no such operation.
    UnknownOperation,
    /// The operation is not part of the version.
    NotInVersion,
    /// The daemon's HTTP layer refused the request before the API saw it.
    RefusedByHttp,
    /// The path names a version that the catalogue does not describe.
    UnknownVersion(String),
    /// The path names no version and the daemon has announced none.
    NoVersion,
    /// Another protocol after the upgrade.
    OpaqueProtocol,
    /// The bytes could not be followed any further after the violation before.
    LostTrack,
    /// A content coding (gzip …) that is not undone.
    ContentCoding(String),
    /// Whether the stream is framed is not known and the bytes fit both.
    FramedOrRaw,
    /// An archive that is compressed in a way that is not undone.
    Compressed(&'static str),
    /// More came out of a compressed archive than is looked at.
    InflateLimit(u64),
    /// The run, the recording or the client's interest ended first.
    Unfinished(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaptureLimit(bytes) => write!(f, "larger than the {} capture limit", Size(*bytes)),
            Self::DocumentLimit(bytes) => write!(f, "a document larger than the {} capture limit", Size(*bytes)),
            Self::UnknownOperation => f.write_str("the catalogue has no such operation"),
            Self::NotInVersion => f.write_str("the operation is not part of this API version"),
            Self::RefusedByHttp => f.write_str("the daemon's HTTP layer refused the request before the API saw it"),
            Self::UnknownVersion(version) => {
                write!(f, "API version {version} is not one of {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST)
            }
            Self::NoVersion => f.write_str("the path names no API version and the daemon has announced none"),
            Self::OpaqueProtocol => f.write_str("another protocol runs after the upgrade"),
            Self::LostTrack => f.write_str("the bytes cannot be followed after the violation before"),
            Self::ContentCoding(coding) => write!(f, "content coding {coding} is not undone"),
            Self::FramedOrRaw => f.write_str("whether the container has a TTY is not known, and the bytes fit both readings"),
            Self::Compressed(name) => write!(f, "compressed with {name}, which is not undone"),
            Self::InflateLimit(bytes) => write!(f, "compressed, and larger than {} when it is undone", Size(*bytes)),
            Self::Unfinished(what) => f.write_str(what),
        }
    }
}

struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        if self.0 >= MIB && self.0.is_multiple_of(MIB) { write!(f, "{} MiB", self.0 / MIB) } else { write!(f, "{} byte", self.0) }
    }
}

/// One case of a probe, at one version.
#[derive(Debug, Clone, Serialize)]
pub struct ProbeCase {
    /// The operation that it is about.
    pub operation: String,
    /// The version.
    pub api_version: ApiVersion,
    /// What it is about, in a few words.
    pub case: String,
    /// What became of it.
    pub result: CaseResult,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// What became of a case. A skip is never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseResult {
    /// Answered as it should be, and nothing above a note was found.
    Pass,
    /// Not run, not reached or not judged; the reason says which.
    Skipped,
    /// A warning was found.
    Warning,
    /// An error was found.
    Fail,
}

/// How a run ended.
#[derive(Debug, Clone, Serialize)]
pub struct RunFinished {
    /// Exchanges seen.
    pub exchanges: u64,
    /// Exchanges judged.
    pub inspected: u64,
    /// Violations by severity.
    pub violations: Counts,
    /// By version: operations seen, and how many that version has.
    pub coverage: BTreeMap<String, Coverage>,
    /// The verdict of the gate.
    pub verdict: RunVerdict,
}

/// Violations by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Breaks what the version requires.
    pub error: u64,
    /// Real clients are known to trip over it.
    pub warning: u64,
    /// Worth knowing.
    pub note: u64,
}

impl Counts {
    /// Counts one more.
    pub const fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.error += 1,
            Severity::Warning => self.warning += 1,
            Severity::Note => self.note += 1,
        }
    }
}

/// What of one version was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Operations seen, operations that the version has in the catalogue.
    pub operations: [usize; 2],
}

/// The verdict of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// Nothing at or above `--fail-on`.
    Pass,
    /// Violations at or above `--fail-on`.
    Violations,
    /// Nothing was judged.
    NothingInspected,
}
