//! Whether a daemon says the same of its versions everywhere, and whether a client keeps to them.

use std::collections::VecDeque;

use serde_json::Value;

use super::super::finding::Finding;
use super::super::refusal;
use super::Fact;
use crate::model::{ApiVersion, Part, Place, Rule, Side};

/// What the daemon announced.
#[derive(Debug, Default)]
pub(super) struct Versions {
    header: Option<ApiVersion>,
    /// `MinAPIVersion` of the last `/version`.
    oldest: Option<ApiVersion>,
    /// The last answers to `/_ping`, oldest first.
    pings: VecDeque<Ping>,
}

/// What the headers of an answer to `/_ping` say of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Ping {
    /// HEAD, not GET.
    pub(in super::super) is_head: bool,
    /// `Api-Version` and `Ostype`, as they stand.
    pub(in super::super) headers: [Option<Vec<u8>>; 2],
}

const PING_HEADERS: [&str; 2] = ["Api-Version", "Ostype"];

impl Versions {
    pub(super) fn announced(&mut self, version: ApiVersion) {
        self.header = Some(version);
    }

    /// HEAD says what GET says: of three answers the outer two agree, and the inner one, by the other method, does not.
    pub(super) fn ping(&mut self, ping: Ping) -> Option<Finding> {
        self.pings.push_back(ping);
        if self.pings.len() > 3 {
            self.pings.pop_front();
        }
        let [first, second, third] = self.pings.make_contiguous() else { return None };
        if first != third || first.is_head == second.is_head {
            return None;
        }
        let at = first.headers.iter().zip(&second.headers).position(|(one, other)| one != other)?;
        let shown = |ping: &Ping| ping.headers[at].as_deref().map_or_else(|| "none".to_owned(), crate::wire::excerpt);
        let method = |ping: &Ping| if ping.is_head { "HEAD" } else { "GET" };
        let place = Place::header(PING_HEADERS[at]);
        let expected = format!("{}, as the {} before and this {} say", shown(first), method(first), method(first));
        let found = Finding::new(
            Rule::VersionDisagree,
            Side::Daemon,
            place,
            expected,
            format!("{} in the {} between", shown(second), method(second)),
        );
        Some(found.saying("HEAD and GET of /_ping have different headers"))
    }

    /// A client keeps within the versions that the daemon has.
    pub(super) fn judge_request(&self, asked: ApiVersion, status: u16, document: Option<&Value>) -> Option<Finding> {
        let message = document.and_then(refusal::message).unwrap_or_default().to_ascii_lowercase();
        let refused = status == 400
            && message.contains("client version")
            && ["too old", "too new", "newer"].iter().any(|words| message.contains(words));
        let above = self.header.filter(|newest| asked > *newest).map(|newest| format!("at most {newest}"));
        let below = self.oldest.filter(|oldest| asked < *oldest).map(|oldest| format!("at least {oldest}"));
        let due = above.or(below).or_else(|| refused.then(|| "a version that the daemon has".to_owned()))?;
        Some(Finding::new(Rule::VersionUnsupported, Side::Client, Place::of(Part::Path), due, asked.to_string()))
    }

    /// `GET /version` and the headers speak of the same daemon; and the oldest version is not newer than the newest.
    pub(super) fn judge_version(&mut self, fact: &Fact<'_>) -> Vec<Finding> {
        let version = |name: &str| {
            let text = fact.document.and_then(|document| document.get(name)).and_then(Value::as_str)?;
            text.parse::<ApiVersion>().ok()
        };
        let mut findings = Vec::new();
        let found = |pointer: &str, expected: String, actual: ApiVersion| {
            let place = Place::of(Part::Body).at_pointer(pointer);
            Finding::new(Rule::VersionDisagree, Side::Daemon, place, expected, actual.to_string())
        };
        let newest = version("ApiVersion");
        self.oldest = version("MinAPIVersion").filter(|oldest| newest.is_some_and(|newest| *oldest <= newest));
        if let (Some(header), Some(newest)) = (self.header, newest)
            && header != newest
        {
            findings.push(found("/ApiVersion", format!("{header}, as the Api-Version header says"), newest));
        }
        if let (Some(oldest), Some(newest)) = (version("MinAPIVersion"), newest)
            && oldest > newest
        {
            findings.push(found("/MinAPIVersion", format!("at most {newest}, the ApiVersion"), oldest));
        }
        findings
    }
}
