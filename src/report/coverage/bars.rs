//! Coverage for people: a line a version, a bar a thing that is counted, no more than a screen.

use std::fmt::Write as _;

use super::{Coverage, Row, Share, Shares};
use crate::catalog::Catalog;
use crate::report::Style;
use crate::report::words::visible;

/// More versions than these share lines.
const SCREEN: usize = 16;
/// Cells of a bar.
const WIDTH: usize = 8;
/// A column: bar, blank, three digits and the sign.
const COLUMN: usize = WIDTH + 6;

/// The table, or nothing where nothing was counted.
#[must_use]
pub fn bars(coverage: &Coverage, catalog: &Catalog, style: Style) -> String {
    let lines = lines(coverage, catalog, SCREEN);
    let mut out = String::new();
    if lines.is_empty() {
        return out;
    }
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().max("coverage".len());
    let heads = ["operations", "statuses", "query", "members"].map(|head| format!("{head:<COLUMN$}")).join("  ");
    let _ = writeln!(out, "{}  {}", style.strong(&format!("{:<width$}", "coverage")), style.dim(heads.trim_end()));
    for (name, shares) in &lines {
        let Shares { operations, statuses, query, members } = shares;
        let cells = [operations, statuses, query, members].map(|share| format!("{} {:>3} %", bar(*share), share.percent()));
        let _ = writeln!(out, "{name:<width$}  {}", cells.join("  "));
    }
    let _ = writeln!(out, "{}\n", style.dim("what is missing: --report coverage=PATH, --report html=PATH"));
    out
}

/// A line for each daemon and version; versions beside one another are taken together where there are more than so many.
pub(in crate::report) fn lines(coverage: &Coverage, catalog: &Catalog, most: usize) -> Vec<(String, Shares)> {
    let rows: Vec<(Row, Shares)> = coverage.shares(catalog).into_iter().collect();
    let mut daemons: Vec<&[(Row, Shares)]> = rows.chunk_by(|one, other| one.0.0 == other.0.0).collect();
    let many = daemons.len();
    let together = daemons.iter().map(|rows| rows.len()).max().unwrap_or_default().div_ceil((most / many.max(1)).max(1)).max(1);
    daemons.truncate(most);
    let mut lines = Vec::new();
    for versions in daemons.into_iter().flat_map(|rows| rows.chunks(together)) {
        let [((daemon, first), _), ..] = versions else { continue };
        let last = versions.last().map_or(*first, |((_, last), _)| *last);
        let daemon = daemon.as_ref().map(|name| format!("{} ", visible(name))).unwrap_or_default();
        let span = if *first == last { first.to_string() } else { format!("{first}–{last}") };
        let mut sum = Shares::default();
        for (_, shares) in versions {
            sum.add(*shares);
        }
        lines.push((format!("{daemon}{span}"), sum));
    }
    lines
}

/// Full cells only for what is full, and never an empty bar where anything was seen.
fn bar(share: Share) -> String {
    let full = (share.seen * WIDTH).checked_div(share.all).unwrap_or(WIDTH).max(usize::from(share.seen > 0));
    "█".repeat(full) + &"░".repeat(WIDTH - full)
}
