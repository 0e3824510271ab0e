//! Reads events back from the lines of a JSON Lines report, format 1.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Call, Event, NotInspected, Reason, Summary, Verdict, Violation, Waived};
use crate::model::{Enforcement, Place, Rule, Side};

/// A line that is no event of a report.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is no JSON object with a `type`, or what stands in it is not what the type has.
    #[error("{0}")]
    Bad(#[from] serde_json::Error),
    /// A type that this plimsoll does not know: a newer one wrote it.
    #[error("`{0}` is no type of event that this plimsoll knows")]
    UnknownType(String),
}

/// Reads one line.
pub fn read(line: &[u8]) -> Result<Event, EventError> {
    const TYPES: [&str; 9] =
        ["run-started", "exchange", "violation", "not-inspected", "probe-case", "scenario", "coverage", "stale-waiver", "run-finished"];

    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }

    let Typed { kind } = serde_json::from_slice(line)?;
    if !TYPES.contains(&&*kind) {
        return Err(EventError::UnknownType(kind.into_owned()));
    }
    Ok(serde_json::from_slice(line)?)
}

impl<'de> Deserialize<'de> for Summary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(flatten)]
            call: Arc<Call>,
            status: Option<u16>,
            verdict: Verdict,
            request_bytes: u64,
            response_bytes: u64,
            frames: u64,
            documents: u64,
            duration_ms: Option<f64>,
            enforcement: Option<Enforcement>,
        }

        let Line { call, status, verdict, request_bytes, response_bytes, frames, documents, duration_ms, enforcement } =
            Line::deserialize(deserializer)?;
        Ok(Self { call, status, verdict, request_bytes, response_bytes, frames, documents, duration_ms, enforced: enforcement })
    }
}

impl<'de> Deserialize<'de> for Violation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            rule: Rule,
            side: Side,
            #[serde(flatten)]
            call: Arc<Call>,
            status: Option<u16>,
            place: Place,
            message: String,
            expected: String,
            actual: String,
            evidence: String,
            enforcement: Option<Enforcement>,
            waived: Option<Arc<Waived>>,
        }

        let Line { rule, side, call, status, place, message, expected, actual, evidence, enforcement, waived } =
            Line::deserialize(deserializer)?;
        let evidence = unhex(&evidence).ok_or_else(|| D::Error::custom("the evidence is not in hexadecimal"))?;
        Ok(Self { rule, side, call, status, place, message, expected, actual, evidence, enforced: enforcement, waived })
    }
}

impl<'de> Deserialize<'de> for NotInspected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(flatten)]
            call: Arc<Call>,
            part: String,
            reason: String,
        }

        let Line { call, part, reason } = Line::deserialize(deserializer)?;
        Ok(Self { call, part: part.into(), reason: Reason::Said(reason) })
    }
}

/// The bytes of `54 68 65`.
fn unhex(text: &str) -> Option<Vec<u8>> {
    text.split(' ').filter(|byte| !byte.is_empty()).map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_is_said() {
        let said = |line: &str| read(line.as_bytes()).expect_err("no event").to_string();
        assert_eq!(said(r#"{"type":"weather"}"#), "`weather` is no type of event that this plimsoll knows");
        assert!(said("{").starts_with("EOF"), "{}", said("{"));
        let unknown = said(
            r#"{"type":"violation","rule":"schema.taste","side":"client","connection":1,"exchange":1,"operation":null,"method":"","path":"","api_version":null,"status":null,"place":{"part":"body"},"message":"","expected":"","actual":"","evidence":""}"#,
        );
        assert!(unknown.contains("there is no rule `schema.taste`"), "{unknown}");
    }
}
