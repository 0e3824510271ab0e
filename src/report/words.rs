//! The words that all formats share: what is said of a finding and of a run is made here once, and each format only lays it out.

use std::fmt::Write as _;

use super::{Class, bytes};
use crate::model::{ApiVersion, Counts, Enforcement, Part, RunFinished, RunVerdict, Side, StaleWaiver, Violation, Waived};

/// No more characters than this are shown of a path or a name.
const PATH_SHOWN: usize = 90;

/// One labelled part of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `at`, `expected`, `actual`, `bytes`, `in`, `client`, `enforced`.
    pub label: &'static str,
    /// At least one; bytes may have several, which belong below one another.
    pub lines: Vec<String>,
}

/// What is known of a finding beside its sentence: where, what is due, what was there, its bytes, the exchange.
#[must_use]
pub fn rows(violation: &Violation) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |label, lines: Vec<String>| rows.push(Row { label, lines });
    row("at", vec![visible(&violation.place.to_string())]);
    if !violation.expected.is_empty() {
        row("expected", vec![visible(&violation.expected)]);
    }
    if !violation.actual.is_empty() {
        row("actual", vec![visible(&violation.actual)]);
    }
    if !violation.evidence.is_empty() {
        let framed = violation.place.part == Part::Frame;
        row("bytes", if framed { bytes::frame_header(&violation.evidence) } else { bytes::dump(&violation.evidence) });
    }
    row("in", vec![exchange(violation)]);
    if let Some(client) = client_at_fault(violation) {
        row("client", vec![visible(&shorten(client, PATH_SHOWN))]);
    }
    if let Some(enforced) = violation.enforced {
        row("enforced", vec![enforced.to_string()]);
    }
    rows
}

/// The sentence and its rows below one another, as the terminal shows them: for all formats that show text. Every line begins with `indent`.
#[must_use]
pub fn block(violation: &Violation, indent: &str) -> String {
    let mut out = format!("{indent}{}", visible(&violation.message));
    for row in rows(violation) {
        for (index, line) in row.lines.iter().enumerate() {
            let label = if index == 0 { row.label } else { "" };
            let _ = write!(out, "\n{indent}  {label:<9} {line}");
        }
    }
    out
}

/// `error  frame.stream-type  daemon  ContainerAttach  API 1.41  ×3`.
#[must_use]
pub fn headline(class: &Class) -> String {
    let violation = &class.first;
    format!("{}  {}  {}  {}", violation.severity(), violation.rule, violation.side, whereabouts(class))
}

/// `GET /v1.41/info → 200 (connection 1, exchange 2)`.
fn exchange(violation: &Violation) -> String {
    let call = &violation.call;
    let unanswered = if violation.enforced == Some(Enforcement::Refused) { "not passed on" } else { "no answer yet" };
    let status = violation.status.map_or_else(|| unanswered.to_owned(), |status| status.to_string());
    let request = visible(&format!("{} {}", call.method, shorten(&call.path, PATH_SHOWN)));
    format!("{request} → {status} (connection {}, exchange {})", call.connection, call.exchange)
}

/// `ContainerList  API 1.24 to 1.41  ×3`: what of a class stands behind its rule and its side.
#[must_use]
pub fn whereabouts(class: &Class) -> String {
    format!("{}  {}{}", operation(class.first.call.operation.as_deref()), class.versions_in_words(), times(class.count))
}

/// The operation's id, or that there is none.
#[must_use]
pub fn operation(id: Option<&str>) -> &str {
    id.unwrap_or("unknown operation")
}

/// `1.41`, or that it is not known.
#[must_use]
pub fn version(version: Option<ApiVersion>) -> String {
    version.map_or_else(|| "version unknown".to_owned(), |version| version.to_string())
}

/// `  ×3`; nothing for once.
#[must_use]
pub fn times(count: u64) -> String {
    if count > 1 { format!("  ×{count}") } else { String::new() }
}

/// Why it is waived, and where that is followed up.
#[must_use]
pub fn waived(waived: &Waived) -> String {
    let ticket = waived.ticket.as_ref().map(|ticket| format!(" ({ticket})")).unwrap_or_default();
    visible(&format!("{}{ticket}", waived.reason))
}

/// `plimsoll-waivers.toml:12  schema.type: it matches nothing`.
#[must_use]
pub fn stale(stale: &StaleWaiver) -> String {
    visible(&format!("{}:{}  {}: {}", stale.file, stale.line, stale.rule, stale.why))
}

/// The verdict in two or three words.
#[must_use]
pub const fn verdict(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "compliant",
        RunVerdict::Violations => "not compliant",
        RunVerdict::BelowCoverage => "too little was seen",
        RunVerdict::NothingInspected => "nothing was judged",
    }
}

/// Behind the verdict: `2 exchanges, 2 judged: 1 error`.
#[must_use]
pub fn sum(finished: &RunFinished) -> String {
    let Counts { error, warning, note } = finished.violations;
    let mut found: Vec<String> = Vec::new();
    found.extend((error > 0).then(|| plural(error, "error")));
    found.extend((warning > 0).then(|| plural(warning, "warning")));
    found.extend((note > 0).then(|| plural(note, "note")));
    let Counts { error, warning, note } = finished.waived;
    let waived = error + warning + note;
    found.extend((waived > 0).then(|| format!("{waived} waived")));
    found.extend((finished.stale_waivers > 0).then(|| plural(finished.stale_waivers, "stale waiver")));
    let found = if found.is_empty() { "no violation".to_owned() } else { found.join(", ") };
    format!("{}, {} judged: {found}", plural(finished.exchanges, "exchange"), finished.inspected)
}

/// How much was seen and how much is asked for, where `--min-coverage` asks.
#[must_use]
pub fn coverage_asked(finished: &RunFinished) -> Option<String> {
    let asked = finished.min_coverage?;
    Some(format!("of the operations of these versions {} % were seen; {asked} % are asked for", finished.covered_percent))
}

/// Whether too little was seen, also where the verdict names something worse.
#[must_use]
pub fn is_below_coverage(finished: &RunFinished) -> bool {
    // The percentage is rounded, the verdict was not made of it.
    finished.verdict == RunVerdict::BelowCoverage || finished.min_coverage.is_some_and(|asked| finished.covered_percent < f64::from(asked))
}

/// What stands before the words that say what is missing.
pub const NOT_WHOLE: &str = "this report is not whole";

/// The name of the client, where it is the client's fault.
#[must_use]
pub fn client_at_fault(violation: &Violation) -> Option<&str> {
    violation.call.client.as_deref().filter(|_| violation.side == Side::Client)
}

/// `1 error`, `2 errors`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The text, or its first characters and `…`.
#[must_use]
pub fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest).chain(['…']).collect()
}

/// The text in one line, with everything escaped that a terminal would obey, a reader not see, or XML 1.0 (section 2.2) not hold.
///
/// What peers send stands in reports: it may move no cursor, end no line and turn no text around.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            char if char.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(char));
            }
            char if char.is_control() || is_unseen(char) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out
}

/// Line ends of Unicode, marks of direction (Unicode Standard Annex 9), byte order marks, and what is no character.
const fn is_unseen(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || (char as u32 & 0xfffe) == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed_and_nothing_unseen() {
        assert_eq!(
            visible("a\x1b[31m\r\n\0b\u{85}\u{202e}c\u{fffe}\u{1ffff}"),
            "a\\x1b[31m\\r\\n\\x00b\\u{85}\\u{202e}c\\u{fffe}\\u{1ffff}"
        );
        assert_eq!(visible("Größe → ✓ 文"), "Größe → ✓ 文");
    }
}
