//! What was skipped, by reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Setting;
use super::layout::{ranges, wrapped};
use crate::model::ApiVersion;

/// Operations named of a reason.
const NAMED: usize = 8;

/// The reasons, with what they kept from being seen.
#[derive(Debug, Default)]
pub(super) struct Skips(BTreeMap<String, Reason>);

#[derive(Debug, Default)]
struct Reason {
    count: u64,
    /// By operation, its cases.
    operations: BTreeMap<String, BTreeSet<String>>,
    versions: BTreeSet<ApiVersion>,
}

impl Skips {
    pub(super) fn add(&mut self, reason: &str, operation: &str, case: &str, version: ApiVersion) {
        let reason = self.0.entry(reason.to_owned()).or_default();
        reason.count += 1;
        reason.operations.entry(operation.to_owned()).or_default().insert(case.to_owned());
        reason.versions.insert(version);
    }

    pub(super) fn render(&self, setting: &Setting) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let style = setting.style;
        let total: u64 = self.0.values().map(|reason| reason.count).sum();
        let mut out = format!("{}\n", style.strong(&format!("Why {total} case{} skipped", if total == 1 { " was" } else { "s were" })));
        let mut reasons: Vec<_> = self.0.iter().collect();
        reasons.sort_by_key(|(text, reason)| (std::cmp::Reverse(reason.count), text.as_str()));
        for (text, reason) in reasons {
            out.push_str(&wrapped(&format!("{:>6}  ", reason.count), text, 8, setting.width));
            let mut named: Vec<String> = reason.operations.iter().take(NAMED).map(|(operation, cases)| named(operation, cases)).collect();
            if reason.operations.len() > NAMED {
                named.push(format!("{} more", reason.operations.len() - NAMED));
            }
            let whom = format!("{} at {}", named.join(", "), ranges(&reason.versions));
            for line in wrapped("        ", &whom, 8, setting.width).lines() {
                let _ = writeln!(out, "{}", style.dim(line));
            }
        }
        out + "\n"
    }
}

/// The operation, with its case where there is but one.
fn named(operation: &str, cases: &BTreeSet<String>) -> String {
    match cases.first() {
        Some(only) if cases.len() == 1 && only != "any" => format!("{operation} ({only})"),
        _ => operation.to_owned(),
    }
}
