//! The matrix: what was seen of each operation at each version, or of each daemon where there are several.

use std::collections::BTreeMap;

use super::Report;
use super::findings::Findings;
use super::page::Page;
use crate::catalog::Operation;
use crate::model::{ApiVersion, Counts};
use crate::report::{Cell, Mark};

/// With no more columns than this tables stand side by side, and versions are written in full.
const NARROW: usize = 6;

/// What a column is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column<'a> {
    Daemon(&'a str),
    Version(ApiVersion),
}

impl<'a> Report<'a> {
    fn columns(&self) -> Vec<Column<'a>> {
        if self.daemons.is_empty() {
            self.versions.iter().copied().map(Column::Version).collect()
        } else {
            self.daemons.iter().copied().map(Column::Daemon).collect()
        }
    }

    /// The cells of each operation that was seen, versions of one daemon taken together.
    fn marks(&self) -> BTreeMap<&str, BTreeMap<Column<'a>, (Mark, Counts)>> {
        let mut marks: BTreeMap<&str, BTreeMap<Column<'a>, (Mark, Counts)>> = BTreeMap::new();
        for (key, cell) in &self.digest.cells {
            let Some(operation) = key.operation.as_deref() else { continue };
            let column = match (key.daemon.as_deref(), key.version) {
                (Some(daemon), _) => Column::Daemon(daemon),
                (None, Some(version)) if self.daemons.is_empty() => Column::Version(version),
                (None, _) => continue,
            };
            let (mark, counts) = marks.entry(operation).or_default().entry(column).or_insert((Mark::Pass, Counts::default()));
            let Cell { violations, .. } = cell;
            *mark = cell.mark().max(*mark);
            counts.error += violations.error;
            counts.warning += violations.warning;
        }
        marks
    }

    pub(super) fn matrix(&self, findings: &Findings<'_>, page: &mut Page) {
        let (columns, marks) = (self.columns(), self.marks());
        page.raw("<section id=\"matrix\"><h2>Matrix</h2>\n");
        if columns.is_empty() || marks.is_empty() {
            page.raw("<p class=\"soft\">No operation was seen.</p></section>\n");
            return;
        }
        page.raw("<p class=\"legend\">");
        for mark in Mark::ALL {
            page.raw("<span><b class=\"").text(class(mark)).raw("\">").text(mark.sign()).raw("</b> ").text(mark.legend()).raw("</span> ");
        }
        page.raw("<span><b>·</b> not seen</span></p>\n");
        page.raw(match columns.len() {
            0..=2 => "<div class=\"panels\">\n",
            3..=NARROW => "<div class=\"panels roomy\">\n",
            _ => "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Matrix\">\n",
        });
        let mut operations: Vec<&Operation> = self.catalog.operations().iter().filter(|one| marks.contains_key(one.id())).collect();
        operations.sort_by_key(|operation| (operation.tag(), operation.id()));
        for of_tag in operations.chunk_by(|one, other| one.tag() == other.tag()) {
            let Some(first) = of_tag.first() else { continue };
            page.raw("<table class=\"matrix\"><thead><tr><th scope=\"col\">").text(first.tag()).raw("</th>");
            for column in &columns {
                page.raw("<th scope=\"col\">");
                match column {
                    Column::Daemon(name) => page.text(name),
                    Column::Version(version) => page.text(version),
                };
                page.raw("</th>");
            }
            page.raw("</tr></thead>\n<tbody>\n");
            for operation in of_tag {
                page.raw("<tr><th scope=\"row\">").text(operation.id()).raw("</th>");
                for column in &columns {
                    let cell = marks.get(operation.id()).and_then(|marks| marks.get(column));
                    write_cell(operation.id(), *column, cell.copied(), findings, page);
                }
                page.raw("\n");
            }
            page.raw("</tbody></table>\n");
        }
        page.raw("</div></section>\n");
    }
}

/// Closing tags that HTML lets one leave out are left out: there may be thousands of cells.
fn write_cell(operation: &str, column: Column<'_>, cell: Option<(Mark, Counts)>, findings: &Findings<'_>, page: &mut Page) {
    let Some((mark, counts)) = cell else {
        page.raw("<td>");
        return;
    };
    page.raw("<td class=").text(class(mark)).raw(">");
    match findings.first(operation, column).filter(|_| matches!(mark, Mark::Error | Mark::Warning | Mark::Waived)) {
        Some(number) => {
            page.raw("<a href=#f").text(number).raw(" title=\"").text(mark.legend());
            if counts.error + counts.warning > 1 {
                page.raw(" ×").text(counts.error + counts.warning);
            }
            page.raw("\">").text(mark.sign()).raw("</a>");
        }
        None => drop(page.text(mark.sign())),
    }
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Pass => "p",
        Mark::Partly => "q",
        Mark::Waived => "v",
        Mark::NotJudged => "u",
        Mark::Warning => "w",
        Mark::Error => "e",
    }
}
