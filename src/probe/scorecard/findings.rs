//! What was found, by rule: each kind with the operations and versions that have it, and the first one's words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Setting;
use super::layout::{ranges, wrapped};
use crate::model::{ApiVersion, Rule, Severity, Side, Violation};

/// Kinds shown of a rule; JSON Lines has them all.
const KINDS_SHOWN: usize = 12;

/// The errors and warnings, the daemon's and the probe's own.
#[derive(Debug, Default)]
pub(super) struct Findings {
    daemon: BTreeMap<&'static str, Group>,
    probe: BTreeMap<&'static str, Group>,
}

#[derive(Debug)]
struct Group {
    rule: Rule,
    count: u64,
    /// By operation and place.
    kinds: BTreeMap<(String, String), Kind>,
}

#[derive(Debug)]
struct Kind {
    count: u64,
    versions: BTreeSet<ApiVersion>,
    first: Box<Violation>,
}

impl Findings {
    pub(super) fn add(&mut self, violation: &Violation) {
        let groups = if violation.side == Side::Daemon { &mut self.daemon } else { &mut self.probe };
        let group = groups.entry(violation.rule.id()).or_insert_with(|| Group { rule: violation.rule, count: 0, kinds: BTreeMap::new() });
        group.count += 1;
        let call = &violation.call;
        let operation = call.operation.as_deref().unwrap_or("unknown operation");
        let key = (operation.to_owned(), format!("{:?}", violation.place.class()));
        let kind = group.kinds.entry(key);
        let kind = kind.or_insert_with(|| Kind { count: 0, versions: BTreeSet::new(), first: Box::new(violation.clone()) });
        kind.count += 1;
        kind.versions.extend(call.api_version);
    }

    pub(super) fn render(&self, setting: &Setting) -> String {
        let mut out = String::new();
        let mut groups: Vec<&Group> = self.daemon.values().collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.rule.severity()), group.rule.id()));
        if let Some(first) = groups.first() {
            let _ = writeln!(out, "{}", setting.style.strong("What the daemon does wrong"));
            for group in &groups {
                group.render(&mut out, setting);
            }
            let _ = writeln!(out, "  why, and who trips: plimsoll rules explain {}\n", first.rule);
        }
        if !self.probe.is_empty() {
            let _ = writeln!(out, "{}", setting.style.strong("What the probe itself does wrong: a bug of plimsoll's, please report it"));
            for group in self.probe.values() {
                group.render(&mut out, setting);
            }
            out.push('\n');
        }
        out
    }
}

impl Group {
    fn render(&self, out: &mut String, setting: &Setting) {
        let style = setting.style;
        let severity = self.rule.severity();
        let sign = if severity == Severity::Error { style.bad("✗") } else { style.warn("!") };
        let times = if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
        let _ = writeln!(out, "{sign} {}  {}", style.strong(self.rule.id()), style.dim(&times));
        for ((operation, _), kind) in self.kinds.iter().take(KINDS_SHOWN) {
            let at = ranges(&kind.versions);
            let at = if at.is_empty() { "at no version".to_owned() } else { at };
            out.push_str(&wrapped(&format!("  {operation}  "), &at, 6, setting.width));
            let first = &kind.first;
            out.push_str(&wrapped("      ", &format!("{}: {}", first.place, first.message), 6, setting.width));
            if !first.expected.is_empty() || !first.actual.is_empty() {
                let compared = format!("expected {}, actual {}", or_nothing(&first.expected), or_nothing(&first.actual));
                out.push_str(&wrapped("      ", &compared, 6, setting.width));
            }
        }
        if self.kinds.len() > KINDS_SHOWN {
            let _ = writeln!(out, "  … and {} kinds more (--format jsonl names them all)", self.kinds.len() - KINDS_SHOWN);
        }
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
