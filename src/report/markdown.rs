//! The Markdown report (GitHub Flavored Markdown): for step summaries, comments, and to be read as it is.
//!
//! What peers sent stands in code blocks; everywhere else it is escaped, so that it is shown and never obeyed.

mod table;

use std::fmt::Write as _;
use std::io::{self, Write};

use super::words::{self, visible};
use super::{Class, Digest, Reporter, Tally};
use crate::model::{Event, Rule, RunFinished};

/// Lines of lists; beyond them they are counted.
const LINES_SHOWN: usize = 60;

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct Markdown<W> {
    out: W,
    digest: Digest,
    room: usize,
}

impl<W: Write> Markdown<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self::within(out, usize::MAX)
    }

    /// The same in about `room` bytes: findings for which there is no room are counted.
    pub fn within(out: W, room: usize) -> Self {
        Self { out, digest: Digest::default(), room }
    }
}

impl<W: Write + Send> Reporter for Markdown<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.digest.event(event);
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        let text = render(&self.digest, self.room);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

fn render(digest: &Digest, room: usize) -> String {
    let mut out = head(digest);
    out += &table::render(&digest.cells);
    let mut tail = waived(digest);
    tail += &stale(digest);
    tail += &unjudged(digest);
    tail += &coverage(digest);
    let room = room.saturating_sub(out.len() + tail.len());
    out += &findings(digest, room);
    out + &tail
}

fn head(digest: &Digest) -> String {
    let mut out = String::new();
    let verdict = digest.finished.as_ref().map_or(words::NOT_WHOLE, |finished| words::verdict(finished.verdict));
    let _ = writeln!(out, "# plimsoll: {verdict}\n");
    if let Some(missing) = digest.incomplete() {
        let _ = writeln!(out, "**{}**: {}\n", words::NOT_WHOLE, escaped(&visible(missing)));
    }
    if let Some(finished) = &digest.finished {
        let _ = writeln!(out, "{}\n", words::sum(finished));
        if let Some(asked) = words::coverage_asked(finished) {
            let _ = writeln!(out, "{asked}\n");
        }
    }
    out
}

/// By rule, the worst first; each class is folded up under its sentence.
fn findings(digest: &Digest, room: usize) -> String {
    let classes: Vec<&Class> = digest.classes.iter().filter(|class| class.first.waived.is_none()).collect();
    if classes.is_empty() {
        return String::new();
    }
    let mut out = "## Findings\n\n".to_owned();
    let mut shown = 0;
    let mut rule = None;
    for class in &classes {
        let mut part = String::new();
        if rule != Some(class.first.rule) {
            part += &heading(class.first.rule);
        }
        part += &details(class);
        if out.len() + part.len() > room && shown > 0 {
            break;
        }
        rule = Some(class.first.rule);
        out += &part;
        shown += 1;
    }
    let left = classes.len() - shown;
    if left > 0 {
        let _ = writeln!(out, "… and {left} more kinds of findings, for which there is no room here\n");
    }
    if digest.classes.beyond() > 0 {
        let _ = writeln!(out, "… and {} that are named nowhere here\n", words::plural(digest.classes.beyond(), "finding"));
    }
    out
}

fn heading(rule: Rule) -> String {
    let title = format!("### {}: `{}`\n\n", rule.severity(), rule.id());
    format!("{title}**{}.** {} *{}*\n\n", prose(rule.title()), prose(rule.why()), prose(rule.source()))
}

fn details(class: &Class) -> String {
    let violation = &class.first;
    let summary = format!("{}: {}", words::whereabouts(class).replace("  ", ", "), visible(&violation.message));
    let block = words::block(violation, "");
    let rows = block.split_once('\n').map_or("", |(_, rows)| rows);
    let fence = fence(rows);
    let rows: Vec<&str> = rows.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    let summary = format!("<details>\n<summary>{} ({})</summary>\n", in_html(&summary), violation.side);
    format!("{summary}\n{fence}text\n{}\n{fence}\n\n</details>\n\n", rows.join("\n"))
}

fn waived(digest: &Digest) -> String {
    let lines = digest.classes.iter().filter_map(|class| {
        let waived = class.first.waived.as_ref()?;
        let violation = &class.first;
        let place = visible(&violation.place.to_string());
        let head = format!("`{}`, {}, {}", violation.rule, violation.side, escaped(&words::whereabouts(class).replace("  ", ", ")));
        Some(format!("{head}, {}: {}", escaped(&place), escaped(&words::waived(waived))))
    });
    list("Waived", &lines.collect::<Vec<_>>())
}

fn stale(digest: &Digest) -> String {
    let line = |stale| escaped(&words::stale(stale)).replace("  ", " ");
    list("Stale waivers", &digest.stale.iter().map(line).collect::<Vec<_>>())
}

fn unjudged(digest: &Digest) -> String {
    let line = |((reason, part), count): (&(String, String), &u64)| {
        escaped(&format!("{part}{}: {reason}", words::times(*count).replace("  ", " ")))
    };
    list("Not judged", &digest.reasons.iter().map(line).collect::<Vec<_>>())
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let left = lines.len().saturating_sub(LINES_SHOWN);
    let mut out = format!("## {title}\n\n");
    for line in lines.iter().take(LINES_SHOWN) {
        let _ = writeln!(out, "- {line}");
    }
    if left > 0 {
        let _ = writeln!(out, "- … and {left} more");
    }
    out + "\n"
}

fn coverage(digest: &Digest) -> String {
    let Some(RunFinished { coverage, .. }) = digest.finished.as_ref().filter(|finished| !finished.coverage.is_empty()) else {
        return String::new();
    };
    let mut out = "## Coverage\n\n| API version | operations seen | of |\n|:--|--:|--:|\n".to_owned();
    for (version, coverage) in coverage {
        let [seen, all] = coverage.operations;
        let _ = writeln!(out, "| {version} | {seen} | {all} |");
    }
    out
}

/// The text with everything escaped that Markdown or HTML in it would read as its own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', char]),
            char => out.push(char),
        }
    }
    out
}

/// A text of ours, in which backticks set code apart.
pub(super) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(index, part): (usize, &&str)| if index % 2 == 1 { format!("`{part}`") } else { escaped(part) };
    parts.iter().enumerate().map(part).collect()
}

/// The text in HTML, where nothing is Markdown.
fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A fence that the text does not end.
fn fence(text: &str) -> String {
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_obeyed() {
        assert_eq!(escaped("a|b `c` <img> [d](e) __f__ &amp;"), r"a\|b \`c\` &lt;img&gt; \[d\](e) \_\_f\_\_ &amp;amp;");
        assert_eq!(prose("a `b <c>` d_e"), r"a `b <c>` d\_e");
        assert_eq!(prose("a ` b"), r"a \` b");
        assert_eq!(fence("a ``` b"), "````");
        assert_eq!(fence("plain"), "```");
    }
}
