//! The matrix: a row an operation, a column a version, a sign a cell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Setting;
use super::layout::clipped;
use crate::catalog::Operation;
use crate::model::ApiVersion;
use crate::report::Style;

/// The groups that come first; all others follow.
const ORDER: [&str; 6] = ["container", "exec", "image", "network", "volume", "system"];
/// Between two panels.
const GUTTER: usize = 4;

/// What is shown of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Pass,
    /// Some cases passed, some were skipped.
    Partly,
    Warning,
    Fail,
    Skipped,
    Absent,
}

impl Mark {
    pub(super) const ALL: [Self; 6] = [Self::Pass, Self::Partly, Self::Warning, Self::Fail, Self::Skipped, Self::Absent];

    pub(super) const fn sign(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Partly => '~',
            Self::Warning => '!',
            Self::Fail => '✗',
            Self::Skipped => '-',
            Self::Absent => '·',
        }
    }

    pub(super) const fn legend(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Partly => "passed in part, some cases skipped",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
            Self::Absent => "not in this version",
        }
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Pass | Self::Partly => style.good(text),
            Self::Warning => style.warn(text),
            Self::Fail => style.bad(text),
            Self::Skipped => text.to_owned(),
            Self::Absent => style.dim(text),
        }
    }
}

/// Everything that the matrix shows.
pub(super) struct Matrix<'a> {
    pub(super) marks: &'a BTreeMap<(&'a str, ApiVersion), Mark>,
    pub(super) versions: Vec<ApiVersion>,
    pub(super) setting: &'a Setting,
}

/// A row of a panel; groups stay together where they can.
struct Line {
    text: String,
    /// A group begins here.
    begins: bool,
}

impl Matrix<'_> {
    pub(super) fn render(&self) -> String {
        let Setting { width, style, .. } = self.setting;
        if self.versions.is_empty() {
            return String::new();
        }
        let names = self.rows().map(|operation| operation.id().chars().count()).max().unwrap_or_default();
        // Every version is a column, and names give way; when even so there is no room, the lines are as long as they must be.
        let gaps = names + 2 + self.columns(true) <= *width;
        let columns = self.columns(gaps);
        let names = names.min(width.saturating_sub(columns + 1).max(12));
        let head = [self.head(names, gaps, false), self.head(names, gaps, true)];
        let panel = head.iter().map(|line| line.chars().count()).fold(names + 1 + columns, usize::max);
        let lines = self.lines(names, gaps, panel);
        // Side by side, where the terminal has room and there is enough to show.
        let panels = ((width + GUTTER) / (panel + GUTTER)).clamp(1, 3).min(lines.len().div_ceil(12)).max(1);
        let parts = split(lines, panels);
        let rows = parts.iter().map(Vec::len).max().unwrap_or_default();
        let mut out = String::new();
        for line in &head {
            let shown: Vec<String> = parts.iter().map(|_| format!("{line:<panel$}")).collect();
            let _ = writeln!(out, "{}", style.dim(shown.join(&" ".repeat(GUTTER)).trim_end()));
        }
        for row in 0..rows {
            let mut line = String::new();
            for part in &parts {
                let cell = part.get(row).map_or_else(|| " ".repeat(panel), |line| line.text.clone());
                line += &cell;
                line += &" ".repeat(GUTTER);
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out + "\n" + &self.legend() + "\n"
    }

    /// The operations that have a cell, by group.
    fn rows(&self) -> impl Iterator<Item = &'static Operation> {
        let shown: std::collections::BTreeSet<&str> = self.marks.keys().map(|(operation, _)| *operation).collect();
        let place = |operation: &&Operation| ORDER.iter().position(|tag| *tag == operation.tag()).unwrap_or(ORDER.len());
        let mut rows: Vec<&'static Operation> =
            self.setting.catalog.operations().iter().filter(|operation| shown.contains(operation.id())).collect();
        // They are sorted by tag already.
        rows.sort_by_key(place);
        rows.into_iter()
    }

    fn columns(&self, gaps: bool) -> usize {
        self.versions.len() + if gaps { self.versions.iter().skip(1).filter(|version| gap(**version)).count() } else { 0 }
    }

    /// `1.20` over the column where it begins, and a tick below.
    fn head(&self, names: usize, gaps: bool, ticks: bool) -> String {
        let mut line = " ".repeat(names + 1);
        let mut column = names + 1;
        for (index, version) in self.versions.iter().enumerate() {
            if gaps && index > 0 && gap(*version) {
                column += 1;
            }
            // Every tenth, and the first where the next one leaves it room.
            let next_tenth = 10 - version.minor() % 10;
            if version.minor().is_multiple_of(10) || (index == 0 && (ticks || next_tenth > 4)) {
                let filled = line.chars().count();
                line += &" ".repeat(column.saturating_sub(filled));
                line += &if ticks { "╷".to_owned() } else { version.to_string() };
            }
            column += 1;
        }
        line
    }

    fn lines(&self, names: usize, gaps: bool, panel: usize) -> Vec<Line> {
        let style = self.setting.style;
        let mut lines = Vec::new();
        let mut tag = "";
        for operation in self.rows() {
            if operation.tag() != tag {
                tag = operation.tag();
                let rule = "─".repeat(panel.saturating_sub(tag.chars().count() + 1));
                lines.push(Line { text: format!("{} {}", style.strong(tag), style.dim(&rule)), begins: true });
            }
            let text = format!("{:<names$} {}", clipped(operation.id(), names), self.cells(operation.id(), gaps));
            let text = text + &" ".repeat(panel - names - 1 - self.columns(gaps));
            lines.push(Line { text, begins: false });
        }
        lines
    }

    /// The signs of an operation, coloured in runs.
    fn cells(&self, operation: &str, gaps: bool) -> String {
        let mut out = String::new();
        let mut run = String::new();
        let mut before = Mark::Absent;
        for (index, version) in self.versions.iter().enumerate() {
            let mark = self.marks.get(&(operation, *version)).copied().unwrap_or(Mark::Absent);
            if mark != before && !run.is_empty() {
                out += &before.paint(self.setting.style, &run);
                run.clear();
            }
            before = mark;
            if gaps && index > 0 && gap(*version) {
                run.push(' ');
            }
            run.push(mark.sign());
        }
        out + &before.paint(self.setting.style, &run)
    }

    fn legend(&self) -> String {
        let style = self.setting.style;
        let rows: Vec<_> = self.rows().collect();
        let count = |mark: Mark| match mark {
            Mark::Absent => rows.len() * self.versions.len() - self.marks.len(),
            _ => self.marks.values().filter(|other| **other == mark).count(),
        };
        let digits = self.marks.len().max(count(Mark::Absent)).to_string().len();
        let (first, last) = (self.versions[0], self.versions[self.versions.len() - 1]);
        let what = if first == last { format!("API {first}") } else { format!("API {first} to {last}") };
        let title = format!("{} operations at {what}, {} cells", rows.len(), self.marks.len());
        let mut out = format!("{title}\n");
        for (mark, count) in Mark::ALL.into_iter().map(|mark| (mark, count(mark))) {
            if count > 0 || matches!(mark, Mark::Pass | Mark::Fail) {
                let _ = writeln!(out, "  {} {count:>digits$} {}", mark.paint(style, &mark.sign().to_string()), mark.legend());
            }
        }
        out
    }
}

/// Tens are set apart.
fn gap(version: ApiVersion) -> bool {
    version.minor().is_multiple_of(10)
}

/// Panels of about the same length, cut where a group begins if one begins near.
fn split(lines: Vec<Line>, panels: usize) -> Vec<Vec<Line>> {
    let mut rest = lines;
    let mut parts = Vec::new();
    for left in (1..=panels).rev() {
        let due = rest.len().div_ceil(left);
        let near = |at: &usize| rest.get(*at).is_some_and(|line| line.begins);
        let cut = if left == 1 {
            rest.len()
        } else {
            (due..(due + 6).min(rest.len())).find(near).or_else(|| (due.saturating_sub(6)..due).rev().find(near)).unwrap_or(due)
        };
        let behind = rest.split_off(cut.min(rest.len()));
        parts.push(std::mem::replace(&mut rest, behind));
    }
    parts
}
