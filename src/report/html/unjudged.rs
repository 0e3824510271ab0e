//! What was not judged, and why.

use super::Report;
use super::page::Page;

/// More reasons than this are counted.
const SHOWN: usize = 60;

impl Report<'_> {
    pub(super) fn unjudged(&self, page: &mut Page) {
        let reasons = &self.digest.reasons;
        page.raw("<section id=\"unjudged\"><h2>Not judged</h2>\n");
        if reasons.is_empty() {
            page.raw("<p class=\"soft\">Everything that was seen was judged.</p></section>\n");
            return;
        }
        page.raw("<table class=\"plain\"><thead><tr><th scope=\"col\">part</th><th scope=\"col\">why</th><th scope=\"col\">times</th></tr></thead><tbody>\n");
        for ((reason, part), count) in reasons.iter().take(SHOWN) {
            let short = crate::report::words::shorten(reason, 160);
            page.raw("<tr><td>")
                .text(crate::report::words::shorten(part, 40))
                .raw("</td><td>")
                .text(short)
                .raw("</td><td>")
                .text(count)
                .raw("</td></tr>\n");
        }
        page.raw("</tbody></table>\n");
        if reasons.len() > SHOWN {
            page.raw("<p class=\"soft\">… and ").text(reasons.len() - SHOWN).raw(" reasons more (--format jsonl names them all)</p>\n");
        }
        page.raw("</section>\n");
    }
}
