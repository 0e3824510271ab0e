//! The findings, by rule: what each rule is about stands once, and below it every class of findings with its first sample.

use std::collections::BTreeMap;

use super::Report;
use super::curl::{Curl, curl};
use super::matrix::Column;
use super::page::Page;
use crate::catalog::Catalog;
use crate::model::{ApiVersion, Call, Part, Rule, Severity, Side, Violation};
use crate::report::words::{self, plural, shorten};
use crate::report::{Class, bytes};

/// Behind so many bytes no further finding is written, so that the page with all that follows stays under a megabyte.
const PAGE_LIMIT: usize = 900_000;
/// So many classes are shown open.
const OPEN: usize = 8;
/// Longer values are cut.
const VALUE_SHOWN: usize = 400;

/// The classes of a run, grouped by rule and numbered as they stand on the page.
pub(super) struct Findings<'a> {
    rules: Vec<Group<'a>>,
    first: BTreeMap<(&'a str, Column<'a>), usize>,
    beyond: u64,
}

/// What was found of one rule.
struct Group<'a> {
    rule: Rule,
    /// With their numbers; the waived ones last.
    classes: Vec<(usize, &'a Class)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(report: &Report<'a>) -> Self {
        let mut by_rule: BTreeMap<(std::cmp::Reverse<Severity>, Rule), Vec<&'a Class>> = BTreeMap::new();
        for class in report.digest.classes.iter() {
            by_rule.entry((std::cmp::Reverse(class.first.severity()), class.first.rule)).or_default().push(class);
        }
        let mut number = 0;
        let mut rules = Vec::with_capacity(by_rule.len());
        let mut first = BTreeMap::new();
        for ((_, rule), of_rule) in by_rule {
            let mut classes = Vec::with_capacity(of_rule.len());
            for class in of_rule {
                number += 1;
                classes.push((number, class));
                let versions = class.versions.iter().flatten().filter(|_| report.daemons.is_empty()).copied().map(Column::Version);
                for column in versions.chain(class.daemons.iter().map(|name| Column::Daemon(name))) {
                    first.entry((class.operation(), column)).or_insert(number);
                }
            }
            rules.push(Group { rule, classes });
        }
        Self { rules, first, beyond: report.digest.classes.beyond() }
    }

    /// The number of the worst finding of an operation in this column.
    pub(super) fn first(&self, operation: &str, column: Column<'_>) -> Option<usize> {
        self.first.get(&(operation, column)).copied()
    }

    pub(super) fn kinds(&self) -> usize {
        self.rules.iter().map(|group| group.classes.len()).sum()
    }

    /// The rules that were broken, a line each.
    pub(super) fn overview(&self, page: &mut Page) {
        page.raw("<section id=\"rules\"><h2>What was found</h2>\n");
        if self.rules.is_empty() {
            page.raw("<p class=\"soft\">Nothing.</p></section>\n");
            return;
        }
        page.raw(
            "<table class=\"plain rules\"><thead><tr><th scope=\"col\">severity</th><th scope=\"col\">rule</th><th scope=\"col\">what</th>",
        );
        page.raw("<th scope=\"col\">kinds</th><th scope=\"col\">times</th></tr></thead><tbody>\n");
        for group in &self.rules {
            let rule = group.rule;
            page.raw("<tr><td>");
            chip(rule.severity(), page);
            page.raw("</td><td><a href=\"#").text(rule).raw("\">").text(rule).raw("</a></td><td>").prose(rule.title());
            if group.waived() == group.classes.len() {
                page.raw(" <span class=\"chip waived\">waived</span>");
            }
            page.raw("</td><td>").text(group.classes.len()).raw("</td><td>").text(group.times()).raw("</td></tr>\n");
        }
        page.raw("</tbody></table></section>\n");
    }

    pub(super) fn write(&self, report: &Report<'_>, page: &mut Page) {
        page.raw("<section id=\"findings\" tabindex=\"-1\"><h2>Findings</h2>\n");
        if self.rules.is_empty() {
            page.raw("<p class=\"soft\">No violation was found in what was judged.</p></section>\n");
            return;
        }
        self.filter(report, page);
        let open = self.kinds() <= OPEN;
        let mut left = 0;
        for group in &self.rules {
            group.head(page.len() < PAGE_LIMIT, page);
            for (number, class) in &group.classes {
                if page.len() < PAGE_LIMIT {
                    write_class(*number, class, open, report, page);
                } else {
                    left += 1;
                }
            }
            page.raw("</section>\n");
        }
        if left > 0 || self.beyond > 0 {
            page.raw("<p class=\"alert\">This page is kept under a megabyte: ").text(plural(left, "kind")).raw(" of findings more");
            if self.beyond > 0 {
                page.raw(", and ").text(plural(self.beyond, "finding")).raw(" of further kinds");
            }
            page.raw(". <code>--format jsonl</code> has them all.</p>\n");
        }
        page.raw("</section>\n");
    }

    /// Shown by the script, which it needs; not for a single finding.
    fn filter(&self, report: &Report<'_>, page: &mut Page) {
        if self.kinds() < 2 {
            return;
        }
        page.raw("<form id=\"filter\" role=\"search\" hidden><label class=\"wide\"><span>Search <kbd>/</kbd></span>");
        page.raw("<input type=\"search\" name=\"text\" autocomplete=\"off\" spellcheck=\"false\"></label>\n");
        let classes = || self.rules.iter().flat_map(|group| group.classes.iter().map(|(_, class)| *class));
        let severities = [Severity::Error, Severity::Warning, Severity::Note];
        let of = |severity| self.rules.iter().any(|group| group.rule.severity() == severity);
        choice("severity", severities.into_iter().filter(|severity| of(*severity)).map(same), page);
        let sides = [Side::Client, Side::Daemon].into_iter().filter(|side| classes().any(|class| class.first.side == *side));
        choice("side", sides.map(same), page);
        let areas: std::collections::BTreeSet<&str> = self.rules.iter().map(|group| group.rule.area()).collect();
        choice("area", areas.into_iter().map(same), page);
        let operations: std::collections::BTreeSet<&str> = classes().filter_map(|class| class.first.call.operation.as_deref()).collect();
        choice("operation", operations.into_iter().map(same), page);
        let versions: std::collections::BTreeSet<ApiVersion> =
            classes().flat_map(|class| class.versions.iter().flatten().copied()).collect();
        let minor = |version: ApiVersion| (version.minor().to_string(), version.to_string());
        choice("version", versions.into_iter().filter(|version| version.is_known()).map(minor), page);
        choice("daemon", report.daemons.iter().enumerate().map(|(place, name)| (place.to_string(), words::visible(name))), page);
        if classes().any(|class| class.first.waived.is_some()) {
            choice("waived", ["no", "yes"].into_iter().map(same), page);
        }
        page.raw("<p><output aria-live=\"polite\"></output> <button type=\"reset\">Show all</button></p></form>\n");
    }
}

impl Group<'_> {
    fn times(&self) -> u64 {
        self.classes.iter().map(|(_, class)| class.count).sum()
    }

    fn waived(&self) -> usize {
        self.classes.iter().filter(|(_, class)| class.first.waived.is_some()).count()
    }

    /// What the rule is about; its name alone where there is no room.
    fn head(&self, with_texts: bool, page: &mut Page) {
        let rule = self.rule;
        page.raw("<section class=\"rule\" id=\"").text(rule).raw("\" data-severity=\"").text(rule.severity()).raw("\"><h3>");
        chip(rule.severity(), page);
        page.raw(" <a href=\"#").text(rule).raw("\">").text(rule).raw("</a></h3>\n");
        if !with_texts {
            return;
        }
        page.raw("<p class=\"title\">").prose(rule.title());
        let kinds = plural(self.classes.len() as u64, "kind");
        let times = if self.times() == 1 { "once".to_owned() } else { format!("{} times", self.times()) };
        page.raw(" <span class=\"soft\">").text(format_args!("{kinds}, {times}")).raw("</span></p>\n<p class=\"why\">").prose(rule.why());
        page.raw(" <cite>").text(rule.source()).raw("</cite></p>\n");
    }
}

fn chip(severity: Severity, page: &mut Page) {
    page.raw("<span class=\"chip ").text(severity).raw("\">").text(severity).raw("</span>");
}

fn same(what: impl std::fmt::Display) -> (String, String) {
    let what = what.to_string();
    (what.clone(), what)
}

/// A list to choose one from, where there is a choice.
fn choice(name: &'static str, options: impl Iterator<Item = (String, String)>, page: &mut Page) {
    let options: Vec<(String, String)> = options.collect();
    if options.len() < 2 {
        return;
    }
    page.raw("<label><span>").raw(name).raw("</span><select name=\"").raw(name).raw("\"><option value=\"\">all</option>");
    for (value, label) in options {
        page.raw("<option value=\"").text(value).raw("\">").text(label).raw("</option>");
    }
    page.raw("</select></label>\n");
}

/// Tags that HTML lets one leave out are left out: there may be thousands of classes.
fn write_class(number: usize, class: &Class, open: bool, report: &Report<'_>, page: &mut Page) {
    let violation = &*class.first;
    page.raw("<details class=f id=f").text(number).raw(" data-side=").text(violation.side);
    page.raw(" data-version=\"").text(runs(class)).raw("\"");
    if !class.daemons.is_empty() {
        let places = class.daemons.iter().filter_map(|name| report.daemons.iter().position(|other| other == name));
        page.raw(" data-daemon=\"").text(places.map(|place| place.to_string()).collect::<Vec<_>>().join(" ")).raw("\"");
    }
    if violation.waived.is_some() {
        page.raw(" data-waived");
    }
    page.raw(if open { " open>" } else { ">" });
    page.raw("<summary><b>").text(words::operation(violation.call.operation.as_deref())).raw("</b> ");
    page.raw("<code>").text(shorten(&violation.place.class().to_string(), 120)).raw("</code> <span>");
    page.text(violation.side).raw(" · ").text(class.versions_in_words());
    for daemon in &class.daemons {
        page.raw(" · ").text(daemon);
    }
    page.text(words::times(class.count)).raw("</span>");
    if violation.waived.is_some() {
        page.raw(" <span class=\"chip waived\">waived</span>");
    }
    page.raw("</summary>");
    if violation.message != violation.rule.title() {
        page.raw("<p>").prose(&shorten(&violation.message, VALUE_SHOWN)).raw("</p>");
    }
    page.raw("<dl>");
    for row in words::rows(violation) {
        page.raw("<dt>").raw(row.label);
        if row.label == "bytes" {
            write_bytes(violation, page);
            continue;
        }
        page.raw("<dd>");
        for line in &row.lines {
            page.text(shorten(line, VALUE_SHOWN));
        }
    }
    if let Some(place) = recorded(&violation.call, report) {
        page.raw("<dt>recorded<dd>").text(&place);
    }
    if let Some(waived) = &violation.waived {
        page.raw("<dt>waived<dd class=t>").text(words::waived(waived));
    }
    write_again(&violation.call, report.catalog, page);
    page.raw("</dl></details>\n");
}

/// The parts of a frame header in colours with their labels; other bytes as they are dumped.
fn write_bytes(violation: &Violation, page: &mut Page) {
    let parts = bytes::frame_parts(&violation.evidence).filter(|_| violation.place.part == Part::Frame);
    let Some(parts) = parts else {
        page.raw("<dd><pre>");
        for line in bytes::dump(&violation.evidence) {
            page.text(line).raw("\n");
        }
        page.raw("</pre>");
        return;
    };
    page.raw("<dd class=\"frame\">");
    for (place, part) in parts.iter().enumerate() {
        page.raw("<span class=\"b").text(place).raw("\"><code>").text(bytes::hex(part.bytes)).raw("</code><code>");
        page.text(bytes::characters(part.bytes)).raw("</code>").text(&part.label).raw("</span>");
    }
}

/// The file and line in which the request begins.
fn recorded(call: &Call, report: &Report<'_>) -> Option<String> {
    let recording = report.digest.started.as_ref().and_then(|started| started.recording.as_deref());
    let file = call.source.as_deref().or(recording)?;
    Some(call.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}

fn write_again(call: &Call, catalog: &Catalog, page: &mut Page) {
    let Curl { line, note } = curl(call, catalog);
    page.raw("<dt>curl<dd>");
    if let Some(line) = line {
        page.raw("<pre class=c>").text(line).raw("</pre>");
    }
    if let Some(note) = note {
        page.raw("<small>").text(note).raw("</small>");
    }
}

/// Versions as the script reads them: `24-41 44`.
fn runs(class: &Class) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for minor in class.versions.iter().flatten().map(|version| version.minor()) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == minor => *last = minor,
            _ => runs.push((minor, minor)),
        }
    }
    let shown = runs.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    shown.collect::<Vec<_>>().join(" ")
}
