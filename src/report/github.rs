//! Annotations for GitHub Actions: workflow commands on standard output, one a class of findings, when the run is over.
//!
//! The step summary is the Markdown report; who opens the reports appends it to the file that `GITHUB_STEP_SUMMARY` names.

use std::io::{self, Write};

use super::words::{self, visible};
use super::{Class, Digest, Reporter, Tally};
use crate::model::{Event, RunVerdict, Severity};

/// GitHub shows no more annotations of one severity of a step; the last one says how many there are beside.
const SHOWN: usize = 10;

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct Github<W> {
    out: W,
    digest: Digest,
}

/// One annotation.
struct Annotation {
    severity: Severity,
    /// The recording or the waiver file.
    file: Option<String>,
    line: Option<u64>,
    title: String,
    message: String,
}

impl<W: Write> Github<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, digest: Digest::default() }
    }

    fn write(&mut self) -> io::Result<()> {
        let all = annotations(&self.digest);
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let of_kind: Vec<&Annotation> = all.iter().filter(|annotation| annotation.severity == severity).collect();
            let shown = if of_kind.len() > SHOWN { SHOWN - 1 } else { of_kind.len() };
            for annotation in &of_kind[..shown] {
                writeln!(self.out, "{}", annotation.command())?;
            }
            let left = of_kind.len() - shown;
            if left > 0 {
                let message =
                    format!("{left} more kinds of findings of this severity; the step summary and the other formats have them all");
                let rest = Annotation { severity, file: None, line: None, title: "plimsoll".to_owned(), message };
                writeln!(self.out, "{}", rest.command())?;
            }
        }
        if let Some(finished) = &self.digest.finished {
            writeln!(self.out, "{}: {}", words::verdict(finished.verdict), words::sum(finished))?;
        }
        self.out.flush()
    }
}

impl<W: Write + Send> Reporter for Github<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.digest.event(event);
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.write()
    }
}

/// What concerns the run first, then the classes from the worst; what is waived annotates nothing.
fn annotations(digest: &Digest) -> Vec<Annotation> {
    let of_run = |message: String| Annotation { severity: Severity::Error, file: None, line: None, title: "plimsoll".to_owned(), message };
    let mut all = Vec::new();
    all.extend(digest.incomplete().map(|missing| of_run(format!("{}: {}", words::NOT_WHOLE, visible(missing)))));
    if let Some(finished) = &digest.finished {
        if finished.verdict == RunVerdict::NothingInspected {
            all.push(of_run(words::verdict(finished.verdict).to_owned()));
        }
        if let Some(asked) = words::coverage_asked(finished).filter(|_| words::is_below_coverage(finished)) {
            all.push(of_run(format!("{}: {asked}", words::verdict(RunVerdict::BelowCoverage))));
        }
    }
    for stale in &digest.stale {
        all.push(Annotation {
            severity: if digest.stale_fail() { Severity::Error } else { Severity::Warning },
            file: Some(visible(&stale.file)),
            line: Some(stale.line),
            title: format!("stale waiver of {}", visible(&stale.rule)),
            message: visible(&stale.why),
        });
    }
    let recording = digest.started.as_ref().and_then(|started| started.recording.as_deref());
    all.extend(digest.classes.iter().filter(|class| class.first.waived.is_none()).map(|class| of_class(class, recording)));
    all
}

fn of_class(class: &Class, recording: Option<&str>) -> Annotation {
    let violation = &class.first;
    let mut message = visible(&violation.message);
    for row in words::rows(violation) {
        // The labels of bytes need letters of one width, which annotations have not.
        message.extend(row.lines.first().map(|line| format!("\n{}: {line}", row.label)));
    }
    Annotation {
        severity: violation.severity(),
        file: violation.call.source.as_deref().or(recording).map(visible),
        line: violation.call.line,
        title: format!("{}  {}  {}", violation.rule, violation.side, words::whereabouts(class)),
        message,
    }
}

impl Annotation {
    /// `::error file=…,line=…,title=…::message`
    fn command(&self) -> String {
        let name = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut properties: Vec<String> = Vec::new();
        if let Some(file) = &self.file {
            properties.push(format!("file={}", property(file)));
            properties.extend(self.line.map(|line| format!("line={line}")));
        }
        properties.push(format!("title={}", property(&self.title)));
        format!("::{name} {}::{}", properties.join(","), data(&self.message))
    }
}

/// The escapes of a message: of what would end the command, and of the escape itself.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The escapes of a property: also of what would end the property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_a_command_or_a_property() {
        let annotation = Annotation {
            severity: Severity::Note,
            file: Some("a,b:c%0A.wire".to_owned()),
            line: Some(7),
            title: "t::x".to_owned(),
            message: "50 %\r\n::stop-commands::x".to_owned(),
        };
        assert_eq!(annotation.command(), "::notice file=a%2Cb%3Ac%250A.wire,line=7,title=t%3A%3Ax::50 %25%0D%0A::stop-commands::x");
    }
}
