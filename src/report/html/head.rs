//! The top of the page: the verdict, and what there is below it; and its foot.

use super::Report;
use super::findings::Findings;
use super::page::Page;
use crate::model::{Counts, RunVerdict};
use crate::report::words;

/// The load line: what the tool is named for.
const MARK: &str = concat!(
    "<svg class=\"mark\" viewBox=\"0 0 48 32\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"16\" r=\"11\"/>",
    "<path d=\"M2 16h44\"/></svg>"
);
pub(super) const ICON: &str = concat!(
    "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32' fill='none' ",
    "stroke='%230b6a8a' stroke-width='3.5'%3E%3Ccircle cx='16' cy='16' r='10'/%3E%3Cpath d='M1 16h30'/%3E%3C/svg%3E\">\n"
);

impl Report<'_> {
    pub(super) fn title(&self) -> String {
        let verdict = self.digest.finished.as_ref().map_or("not finished", |finished| words::verdict(finished.verdict));
        let command = self.digest.started.as_ref().map_or("", |started| &started.command);
        format!("{verdict} · plimsoll {}", words::visible(command))
    }

    pub(super) fn head(&self, findings: &Findings<'_>, page: &mut Page) {
        page.raw("<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n<header>\n<p class=\"brand\">").raw(MARK);
        page.raw("<span>plimsoll</span>");
        if let Some(started) = &self.digest.started {
            page.raw(" <span class=\"soft\">").text(&started.command).raw(" · <time>").text(&started.started_at).raw("</time></span>");
        }
        page.raw("</p>\n");
        if let Some(finished) = &self.digest.finished {
            let good = finished.verdict == RunVerdict::Pass && finished.incomplete.is_none();
            page.raw(if good { "<h1 class=\"good\">" } else { "<h1 class=\"bad\">" });
            page.text(capital(words::verdict(finished.verdict))).raw("</h1>\n<p class=\"sum\">").text(words::sum(finished)).raw("</p>\n");
            if let Some(missing) = &finished.incomplete {
                page.raw("<p class=\"alert\"><strong>").text(words::NOT_WHOLE).raw("</strong>: ").text(missing).raw("</p>\n");
            }
            if let Some(asked) = words::coverage_asked(finished) {
                page.raw("<p>").text(capital(&asked)).raw("</p>\n");
            }
            let Counts { error, warning, note } = finished.violations;
            page.raw("<dl class=\"tiles\">");
            let tiles = [("errors", error, "error"), ("warnings", warning, "warning"), ("notes", note, "note")];
            for (label, count, class) in tiles {
                page.raw("<div class=\"").text(if count > 0 { class } else { "none" }).raw("\"><dt>").text(label).raw("</dt><dd>");
                page.text(count).raw("</dd></div>");
            }
            let waived = finished.waived.error + finished.waived.warning + finished.waived.note;
            for (label, count) in [("waived", waived), ("exchanges", finished.exchanges), ("judged", finished.inspected)] {
                page.raw(if count > 0 { "<div><dt>" } else { "<div class=\"none\"><dt>" })
                    .text(label)
                    .raw("</dt><dd>")
                    .text(count)
                    .raw("</dd></div>");
            }
            page.raw("<div><dt>operations seen</dt><dd>").text(finished.covered_percent.round()).raw("<small> %</small></dd></div></dl>\n");
        }
        for stale in &self.digest.stale {
            page.raw("<p class=\"alert\"><strong>Stale waiver</strong> ").text(words::stale(stale)).raw("</p>\n");
        }
        page.raw("<nav aria-label=\"Parts of the report\"><a href=\"#findings\">Findings <small>")
            .text(findings.kinds())
            .raw("</small></a>");
        page.raw("<a href=\"#matrix\">Matrix</a><a href=\"#coverage\">Coverage</a><a href=\"#unjudged\">Not judged <small>");
        page.text(self.digest.reasons.len()).raw("</small></a></nav>\n</header>\n");
    }

    pub(super) fn foot(&self, page: &mut Page) {
        page.raw("<footer><p>");
        if let Some(started) = &self.digest.started {
            page.raw("plimsoll ").text(&started.plimsoll).raw(", <code>").text(&started.command).raw("</code>, begun ");
            page.text(&started.started_at);
            if let Some(recording) = &started.recording {
                page.raw(", recorded in <code>").text(recording).raw("</code>");
            }
            page.raw(". ");
        }
        page.raw(
            "This page is whole in itself: it fetches nothing. <code>--format jsonl</code> has every finding and exchange.</p></footer>\n",
        );
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
