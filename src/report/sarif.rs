//! SARIF 2.1.0 (OASIS Standard, Errata 01), for code scanning and editors: one result a class of findings.
//!
//! A result stands where its first sample stands in the recording; without a recording it has its operation and version only.

mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::markdown::prose;
use super::words::{self, visible};
use super::{Class, Digest, Reporter, Tally};
use crate::model::event::hex;
use crate::model::{Event, Rule, RunFinished, RunVerdict, Severity};

use log::{
    ArtifactLocation, Configuration, Descriptor, DescriptorProperties, DescriptorReference, Driver, Invocation, Location, Log,
    LogicalLocation, Message, Notification, PhysicalLocation, Region, Run, RunResult, RunResultProperties, Suppression, Tool,
};

/// What no path of a URI reference has as it is (RFC 3986 section 3.3).
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// How a result is known again in the next run; the number changes when what it is made of does.
const FINGERPRINT: &str = "plimsollClass/v1";

/// What is said of the run itself: id and title.
const NOTIFICATIONS: [(&str, &str); 5] = [
    ("report.incomplete", "the report is not whole"),
    ("waiver.stale", "a waiver has expired or matches nothing"),
    ("coverage.below", "too little was seen"),
    ("run.nothing-judged", "nothing was judged"),
    ("exchange.not-judged", "a part of an exchange was not judged"),
];

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct Sarif<W> {
    out: W,
    digest: Digest,
}

impl<W: Write> Sarif<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, digest: Digest::default() }
    }
}

impl<W: Write + Send> Reporter for Sarif<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.digest.event(event);
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, &log(&self.digest))?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

fn log(digest: &Digest) -> Log {
    let used: BTreeSet<Rule> = digest.classes.iter().map(|class| class.first.rule).collect();
    let index: BTreeMap<Rule, usize> = used.iter().enumerate().map(|(index, rule)| (*rule, index)).collect();
    let recording = digest.started.as_ref().and_then(|started| started.recording.as_deref());
    let repository = env!("CARGO_PKG_REPOSITORY");
    let driver = Driver {
        name: "plimsoll",
        version: digest.started.as_ref().map(|started| visible(&started.plimsoll)),
        information_uri: Some(repository).filter(|uri| !uri.is_empty()),
        short_description: Message::of(env!("CARGO_PKG_DESCRIPTION")),
        rules: used.into_iter().map(rule).collect(),
        notifications: NOTIFICATIONS.into_iter().map(|(id, title)| Descriptor::titled(id, title)).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        invocations: vec![invocation(digest)],
        results: digest.classes.iter().map(|class| result(class, index[&class.first.rule], recording)).collect(),
    };
    Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: vec![run],
    }
}

fn rule(rule: Rule) -> Descriptor {
    let (id, title, why, source) = (rule.id(), rule.title(), rule.why(), rule.source());
    let more = format!("plimsoll rules explain {id}");
    Descriptor {
        id,
        name: Some(format!("{rule:?}")),
        short_description: Message::of(sentence(title)),
        full_description: Some(Message::of(why)),
        help: Some(Message {
            text: format!("{why}\nSource: {source}.\nAn example that breaks it: {more}"),
            markdown: Some(format!(
                "**{}**\n\n{}\n\nSource: {}.\n\nAn example that breaks it: `{more}`",
                prose(&sentence(title)),
                prose(why),
                prose(source)
            )),
        }),
        default_configuration: Some(Configuration { level: level(rule.severity()) }),
        properties: Some(DescriptorProperties { tags: vec![rule.area(), "docker-engine-api"] }),
    }
}

fn result(class: &Class, rule_index: usize, recording: Option<&str>) -> RunResult {
    let violation = &class.first;
    let call = &violation.call;
    let text = words::block(violation, "");
    let physical = call.source.as_deref().or(recording).map(|file| PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri(file) },
        region: call.line.map(|line| Region { start_line: line }),
    });
    let operation = visible(class.operation());
    let logical = LogicalLocation {
        fully_qualified_name: format!("{operation} {}", words::version(call.api_version)),
        name: operation,
        kind: "function",
    };
    let waived = violation.waived.as_deref();
    RunResult {
        rule_id: violation.rule.id(),
        rule_index,
        level: level(violation.severity()),
        // Section 3.11.6: brackets before a parenthesis would be read as a link.
        message: Message::of(text.replace("](", "\\](")),
        locations: vec![Location { physical_location: physical, logical_locations: vec![logical] }],
        occurrence_count: class.count,
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, fingerprint(class))]),
        suppressions: waived
            .map(|waived| Suppression { kind: "external", status: "accepted", justification: words::waived(waived) })
            .into_iter()
            .collect(),
        properties: RunResultProperties {
            side: violation.side,
            versions: class.versions.iter().map(|version| words::version(*version)).collect(),
            daemons: class.daemons.iter().map(|daemon| visible(daemon)).collect(),
        },
    }
}

/// The same for the same defect in every run: of the rule, the side, the operation and the place without its positions.
fn fingerprint(class: &Class) -> String {
    let violation = &class.first;
    let place = violation.place.class();
    let mut hash = Sha256::new();
    for part in [violation.rule.id(), &violation.side.to_string(), class.operation(), &place.to_string()] {
        hash.update(part);
        hash.update([0]);
    }
    hex(&hash.finalize()).replace(' ', "")
}

fn invocation(digest: &Digest) -> Invocation {
    let mut configuration = Vec::new();
    let mut execution = Vec::new();
    if let Some(missing) = digest.incomplete() {
        execution.push(notification("report.incomplete", "error", &format!("{}: {}", words::NOT_WHOLE, visible(missing))));
    }
    if let Some(finished) = &digest.finished {
        if finished.verdict == RunVerdict::NothingInspected {
            execution.push(notification("run.nothing-judged", "error", &verdict(finished)));
        }
        if let Some(asked) = words::coverage_asked(finished).filter(|_| words::is_below_coverage(finished)) {
            execution.push(notification("coverage.below", "error", &asked));
        }
    }
    for stale in &digest.stale {
        let level = if digest.stale_fail() { "error" } else { "warning" };
        let region = Some(Region { start_line: stale.line });
        let physical = PhysicalLocation { artifact_location: ArtifactLocation { uri: uri(&stale.file) }, region };
        let location = Location { physical_location: Some(physical), logical_locations: Vec::new() };
        configuration.push(Notification { locations: vec![location], ..notification("waiver.stale", level, &words::stale(stale)) });
    }
    for ((reason, part), count) in &digest.reasons {
        execution.push(notification("exchange.not-judged", "note", &format!("{part}{}: {reason}", words::times(*count))));
    }
    if digest.classes.beyond() > 0 {
        let more = words::plural(digest.classes.beyond(), "finding");
        execution.push(notification("report.incomplete", "warning", &format!("{more} that are named nowhere here")));
    }
    Invocation {
        execution_successful: digest.incomplete().is_none(),
        exit_code_description: digest.finished.as_ref().map(verdict),
        start_time_utc: digest.started.as_ref().map(|started| visible(&started.started_at)),
        tool_configuration_notifications: configuration,
        tool_execution_notifications: execution,
    }
}

fn notification(id: &'static str, level: &'static str, text: &str) -> Notification {
    let index = NOTIFICATIONS.iter().position(|(known, _)| *known == id);
    let text = text.replace("](", "\\](");
    Notification { descriptor: DescriptorReference { id, index }, level, message: Message::of(text), locations: Vec::new() }
}

fn verdict(finished: &RunFinished) -> String {
    format!("{}: {}", words::verdict(finished.verdict), words::sum(finished))
}

/// The names are SARIF's.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// `The defect in a few words.`
fn sentence(title: &str) -> String {
    let mut chars = title.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(['.']).collect()
}

/// A path as a URI reference: relative ones stay relative, to the folder that plimsoll ran in.
fn uri(path: &str) -> String {
    let encoded = utf8_percent_encode(path, NOT_IN_PATHS).to_string();
    if encoded.starts_with('/') {
        return format!("file://{encoded}");
    }
    // RFC 3986 section 4.2: a colon in the first step would be read as a scheme's.
    if encoded.split('/').next().is_some_and(|first| first.contains(':')) { format!("./{encoded}") } else { encoded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uri_references() {
        for (path, due) in [
            ("a/b.wire", "a/b.wire"),
            ("/tmp/a b#1.wire", "file:///tmp/a%20b%231.wire"),
            ("c:d.wire", "./c:d.wire"),
            ("größe%.wire", "gr%C3%B6%C3%9Fe%25.wire"),
        ] {
            assert_eq!(uri(path), due);
        }
    }
}
