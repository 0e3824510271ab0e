//! Writing waiver files: what is to be added for a report, and what is to go.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Waivers;
use crate::model::{Rule, Side, Violation};
use crate::report::{Class, Classes};

/// A waiver that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addition {
    rule: Rule,
    operation: Option<String>,
    versions: Option<String>,
    side: Side,
    pointer: Option<String>,
    /// Where the operation is not known.
    path: Option<String>,
}

impl Addition {
    fn of(class: &Class) -> Self {
        let violation: &Violation = &class.first;
        let call = &violation.call;
        let known: Vec<_> = class.versions.iter().flatten().collect();
        let versions = match &known[..] {
            [] => None,
            [one] => Some(one.to_string()),
            [first, .., last] => Some(format!("{first}..{last}")),
        };
        let path = call.operation.is_none().then(|| call.path.split_once('?').map_or(&*call.path, |(path, _)| path).to_owned());
        Self {
            rule: violation.rule,
            operation: call.operation.as_deref().map(str::to_owned),
            // A version that is not known cannot be asked for.
            versions: versions.filter(|_| !class.versions.contains(&None)),
            side: violation.side,
            pointer: violation.place.class().pointer,
            path: path.filter(|path| path.starts_with('/')),
        }
    }

    /// The `[[waiver]]` in TOML.
    #[must_use]
    pub fn to_toml(&self, reason: &str) -> String {
        let mut out = "[[waiver]]\n".to_owned();
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(out, "{key} = {}", toml::Value::from(value));
        };
        line("rule", self.rule.id());
        let optional = [("operation", &self.operation), ("versions", &self.versions), ("pointer", &self.pointer), ("path", &self.path)];
        for (key, value) in optional {
            if let Some(value) = value {
                line(key, value);
            }
        }
        line("side", &self.side.to_string());
        line("reason", reason);
        out
    }
}

/// One waiver for each class of findings that nothing accepts yet and that `wanted` picks; sorted, each once.
#[must_use]
pub fn added(classes: &Classes, wanted: &dyn Fn(&Violation) -> bool) -> BTreeSet<Addition> {
    classes.iter().filter(|class| class.first.waived.is_none() && wanted(&class.first)).map(Addition::of).collect()
}

/// The text of the file without the waivers that are stale, and how many went. Comments right above a waiver go with it; the rest stays as it is.
#[must_use]
pub fn pruned(waivers: &Waivers, text: &str) -> (String, usize) {
    let stale: BTreeSet<u64> = waivers.stale().map(|stale| stale.line).collect();
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for waiver in waivers.all.iter().filter(|waiver| stale.contains(&waiver.waived.line)) {
        let head = text[..waiver.span.start.min(text.len())].rfind('\n').map_or(0, |end| end + 1);
        let start = with_comments(text, head);
        let end = end_of(text, waiver.span.start);
        if start >= kept {
            out.push_str(&text[kept..start]);
        }
        kept = end;
    }
    out.push_str(&text[kept..]);
    (out, stale.len())
}

/// Where the comment lines right above this line begin.
fn with_comments(text: &str, mut start: usize) -> usize {
    while start > 0 {
        let above = text[..start - 1].rfind('\n').map_or(0, |end| end + 1);
        if !text[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    start
}

/// Where the waiver that begins here ends: before the next table with its comments, or at the end of the text.
fn end_of(text: &str, start: usize) -> usize {
    let mut at = text[start..].find('\n').map_or(text.len(), |end| start + end + 1);
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        if text[at..end].trim_start().starts_with("[[") {
            return with_comments(text, at);
        }
        at = end;
    }
    text.len()
}
