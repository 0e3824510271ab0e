//! Coverage on the page: a bar for each thing that is counted, and below it what was never seen, by operation.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::page::Page;
use crate::report::coverage::{Facts, Row, Share, Shares, lines};
use crate::report::words::plural;

/// So many lines has the table; versions are taken together where there are more.
const LINES: usize = 60;
/// So many names are written of each kind of missing thing; the coverage report names them all.
const NAMES_SHOWN: usize = 24;

impl Report<'_> {
    pub(super) fn seen(&self, page: &mut Page) {
        page.raw("<section id=\"coverage\"><h2>Coverage</h2>\n");
        if self.coverage.is_empty() {
            page.raw("<p class=\"soft\">Nothing was counted.</p></section>\n");
            return;
        }
        page.raw("<p class=\"soft\">What was seen of all that the versions have, each operation, status, query parameter and member of an answer counted once a version.</p>\n");
        page.raw("<table class=\"bars\"><thead><tr><th scope=\"col\">version</th><th scope=\"col\">operations</th><th scope=\"col\">statuses</th>");
        page.raw("<th scope=\"col\">query parameters</th><th scope=\"col\">members</th></tr></thead><tbody>\n");
        for (name, shares) in lines(self.coverage, self.catalog, LINES) {
            page.raw("<tr><th scope=\"row\">").text(name).raw("</th>");
            for share in [shares.operations, shares.statuses, shares.query, shares.members] {
                page.raw("<td>");
                bar(share, page);
                page.raw("</td>");
            }
            page.raw("</tr>\n");
        }
        page.raw("</tbody></table>\n");
        self.missing(page);
        page.raw("</section>\n");
    }

    /// What was seen at no version and of no daemon.
    fn missing(&self, page: &mut Page) {
        let rows: Vec<&Row> = self.coverage.rows().collect();
        let mut seen: BTreeMap<&str, Facts> = BTreeMap::new();
        let mut unseen: BTreeSet<&str> = BTreeSet::new();
        let mut known: BTreeMap<usize, Facts> = BTreeMap::new();
        for row in rows {
            for (operation, of) in self.coverage.operations(row, self.catalog) {
                let Some(of) = of else {
                    unseen.insert(operation.id());
                    continue;
                };
                let contract = operation.contract(row.1);
                let facts = known.entry(std::ptr::from_ref(contract).addr()).or_insert_with(|| Facts::of(contract));
                let sum = seen.entry(operation.id()).or_default();
                sum.add(facts);
                sum.see(of);
            }
        }
        unseen.retain(|operation| !seen.contains_key(operation));
        if !unseen.is_empty() {
            page.raw("<details class=\"missing\"><summary>").text(plural(unseen.len() as u64, "operation"));
            page.raw(" not seen</summary><p class=\"names\">");
            for operation in &unseen {
                page.raw("<code>").text(operation).raw("</code> ");
            }
            page.raw("</p></details>\n");
        }
        page.raw("<details class=\"missing\"><summary>What is missing of the ").text(plural(seen.len() as u64, "operation"));
        page.raw(" that were seen</summary>\n");
        for (operation, facts) in &seen {
            let Shares { statuses, query, members, .. } = facts.sum();
            page.raw("<h3>").text(operation).raw("</h3><dl class=\"gaps\">");
            let missing = |names: &BTreeMap<String, bool>| names.iter().filter(|(_, seen)| !**seen).map(|(name, _)| name.clone()).collect();
            let codes = facts.statuses.iter().filter(|(_, times)| **times == 0).map(|(status, _)| status.to_string()).collect();
            gap("statuses", statuses, codes, page);
            gap("query", query, missing(&facts.query), page);
            // Of a status that never came every member is missing: that says nothing new.
            let came = facts.members.iter().filter(|(status, _)| facts.statuses.get(status).is_some_and(|times| *times > 0));
            let names = came.flat_map(|(_, names)| missing(names));
            gap("members", members, names.collect(), page);
            page.raw("</dl>\n");
        }
        page.raw("</details>\n");
    }
}

fn gap(what: &'static str, share: Share, missing: Vec<String>, page: &mut Page) {
    if share.all == 0 {
        return;
    }
    page.raw("<dt>").text(what).raw(" <small>").text(share.seen).raw("/").text(share.all).raw("</small></dt><dd>");
    let more = missing.len().saturating_sub(NAMES_SHOWN);
    if missing.is_empty() {
        page.raw("<span class=\"soft\">")
            .raw(match share.seen {
                seen if seen == share.all => "all seen",
                0 => "none of their statuses came",
                _ => "all seen of the statuses that came",
            })
            .raw("</span>");
    }
    for name in missing.into_iter().take(NAMES_SHOWN) {
        page.raw("<code>").text(name).raw("</code> ");
    }
    if more > 0 {
        page.raw("<span class=\"soft\">and ").text(more).raw(" more (--report coverage=PATH names them all)</span>");
    }
    page.raw("</dd>");
}

fn bar(share: Share, page: &mut Page) {
    let percent = share.percent();
    page.raw("<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"100\" height=\"8\"/><rect width=\"");
    page.text(percent).raw("\" height=\"8\"/></svg><span>").text(percent).raw(" %</span> <small>");
    page.text(share.seen).raw("/").text(share.all).raw("</small>");
}
