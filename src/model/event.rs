//! What the tool says: the events of a run. Every report is a fold over them.
//!
//! Serialised, these are the lines of the JSON Lines report, format 1.

mod read;
mod reason;
mod seen;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{ApiVersion, Enforcement, FailOn, Place, Rule, Scenario, Severity, Side};

pub use read::{EventError, read};
pub use reason::Reason;
pub use seen::OperationSeen;

/// One line of the report.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// What was seen of one operation at one version, in the whole run.
    Coverage(OperationSeen),
    /// A waiver that has expired or matches nothing any more.
    StaleWaiver(StaleWaiver),
    /// What became of one scenario of snapshots.
    Scenario(Scenario),
    /// The last event of a run.
    RunFinished(RunFinished),
}

/// How a run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Version of the report format: 1.
    pub format: u32,
    /// Version of plimsoll.
    pub plimsoll: Cow<'static, str>,
    /// The subcommand: `check`, `proxy` …
    pub command: Cow<'static, str>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// The severity from which on the run fails.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_on: FailOn,
    /// Whether waivers that have expired or match nothing are let be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_stale_waivers: bool,
    /// The file that the run is recorded in: the lines of its exchanges are lines of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// Which call an event belongs to. Shared by all events of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// The recording that it stands in, where recordings are judged.
    pub source: Option<Arc<str>>,
    /// The line of the recording in which its request begins, from 1.
    pub line: Option<u64>,
    /// The name of the daemon, where a run asks several.
    pub daemon: Option<Arc<str>>,
    /// Number of the client connection in this run, from 1.
    pub connection: u64,
    /// Number of the exchange on that connection, from 1.
    pub exchange: u64,
    /// Operation id, when the catalogue knows it.
    pub operation: Option<Arc<str>>,
    /// The method as sent.
    pub method: Arc<str>,
    /// Path and query as sent.
    pub path: Arc<str>,
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
        if let Some(line) = self.line {
            map.serialize_entry("line", &line)?;
        }
        if let Some(daemon) = &self.daemon {
            map.serialize_entry("daemon", &**daemon)?;
        }
        map.serialize_entry("connection", &self.connection)?;
        map.serialize_entry("exchange", &self.exchange)?;
        map.serialize_entry("operation", &self.operation.as_deref())?;
        map.serialize_entry("method", &*self.method)?;
        map.serialize_entry("path", &*self.path)?;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The waiver that accepts it, if one does: then it fails no run.
    pub waived: Option<Arc<Waived>>,
}

/// The waiver that accepts a violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// Why it is accepted.
    pub reason: String,
    /// Where it is followed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The line of the waiver file, from 1.
    pub line: u64,
}

/// A waiver that is of no use any more: it fails the gate, so that no list of waivers grows stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleWaiver {
    /// The waiver file.
    pub file: String,
    /// The line of the waiver, from 1.
    pub line: u64,
    /// The rule or area that it names.
    pub rule: String,
    /// What is wrong with it: one sentence.
    pub why: String,
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
        if let Some(waived) = &self.waived {
            map.serialize_entry("waived", &**waived)?;
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
    pub part: Cow<'static, str>,
    /// Why.
    pub reason: Reason,
}

impl Serialize for NotInspected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.call.serialize_into(&mut map)?;
        map.serialize_entry("part", &self.part)?;
        map.serialize_entry("reason", &self.reason.to_string())?;
        map.end()
    }
}

/// One case of a probe, at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCase {
    /// The name of the daemon, where a run asks several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<Arc<str>>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// Exchanges seen.
    pub exchanges: u64,
    /// Exchanges judged.
    pub inspected: u64,
    /// Violations by severity, but for the waived ones.
    pub violations: Counts,
    /// Violations that a waiver accepts.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub waived: Counts,
    /// Waivers that have expired or match nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stale_waivers: u64,
    /// By version: operations seen, and how many that version has.
    pub coverage: BTreeMap<ApiVersion, Coverage>,
    /// Operations that were judged, of all that the versions have that were used, in percent.
    #[serde(default)]
    pub covered_percent: f64,
    /// What `--min-coverage` asks for, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_coverage: Option<u8>,
    /// What is missing of the report, where it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// Recordings and other reports of the run that could not be written to their end, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwritten: Vec<String>,
    /// The verdict of the gate.
    pub verdict: RunVerdict,
}

/// Violations by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Breaks what the version requires.
    pub error: u64,
    /// Real clients are known to trip over it.
    pub warning: u64,
    /// Worth knowing.
    pub note: u64,
}

impl Counts {
    /// Whether nothing was counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.error == 0 && self.warning == 0 && self.note == 0
    }

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Operations seen, operations that the version has in the catalogue.
    pub operations: [usize; 2],
}

/// The verdict of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// Nothing at or above `--fail-on`.
    Pass,
    /// Violations at or above `--fail-on`, or stale waivers.
    Violations,
    /// Less was seen than `--min-coverage` asks for.
    BelowCoverage,
    /// Nothing was judged.
    NothingInspected,
}

/// What is so unless it is asked for otherwise needs no words.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
