//! Reads a JSON Lines report, also one that was cut off, and gives its events back.

use std::io::{self, BufRead};

use crate::model::Event;
use crate::model::event::{self, EventError};

/// How a report ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With `run-finished`.
    Whole,
    /// Before it: the run was killed, or the file cut off.
    CutOff {
        /// The last line that could be read, from 1; 0 when there was none.
        line: u64,
        /// Whether a piece of a line came after it.
        torn: bool,
    },
}

/// A report that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file could not be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// A line in the middle is no event.
    #[error("line {line}: {error}")]
    Bad {
        /// From 1.
        line: u64,
        /// What is wrong.
        error: EventError,
    },
    /// It does not begin as reports do.
    #[error("it is no JSON Lines report: its first line is no run-started")]
    NoReport,
    /// A newer plimsoll wrote it.
    #[error("it has format {0}; this plimsoll reads format 1")]
    Newer(u32),
}

/// Reads a report to its end and gives each event to `sink`. Blank lines and types of events that are not known are passed over.
pub fn read(mut report: impl BufRead, sink: &mut dyn FnMut(Event)) -> Result<Ending, ReportError> {
    let mut text = Vec::new();
    let (mut line, mut last, mut whole) = (0, 0, false);
    loop {
        text.clear();
        if report.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        line += 1;
        let torn = text.pop_if(|byte| *byte == b'\n').is_none();
        if text.trim_ascii().is_empty() {
            continue;
        }
        match event::read(&text) {
            Ok(event) => {
                match &event {
                    Event::RunStarted(started) if started.format != 1 => return Err(ReportError::Newer(started.format)),
                    Event::RunStarted(_) => {}
                    _ if last == 0 => return Err(ReportError::NoReport),
                    _ => {}
                }
                whole = matches!(event, Event::RunFinished(_));
                last = line;
                sink(event);
            }
            Err(_) if torn && last > 0 => return Ok(Ending::CutOff { line: last, torn: true }),
            Err(_) if last == 0 => return Err(ReportError::NoReport),
            Err(EventError::UnknownType(_)) => last = line,
            Err(error) => return Err(ReportError::Bad { line, error }),
        }
    }
    match (last, whole) {
        (0, _) => Err(ReportError::NoReport),
        (_, true) => Ok(Ending::Whole),
        (line, false) => Ok(Ending::CutOff { line, torn: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"type":"run-started","format":1,"plimsoll":"0.1.0","command":"check","started_at":"2026-01-01T00:00:00Z"}"#;
    const FINISHED: &str = r#"{"type":"run-finished","exchanges":0,"inspected":0,"violations":{"error":0,"warning":0,"note":0},"coverage":{},"verdict":"nothing-inspected"}"#;

    fn ending(text: &str) -> Result<(usize, Ending), String> {
        let mut events = 0;
        read(text.as_bytes(), &mut |_| events += 1).map(|ending| (events, ending)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_report_is_read_as_far_as_it_goes() {
        assert_eq!(ending(&format!("{STARTED}\n{FINISHED}\n")), Ok((2, Ending::Whole)));
        assert_eq!(ending(&format!("{STARTED}\n\n{FINISHED}")), Ok((2, Ending::Whole)));
        assert_eq!(ending(&format!("{STARTED}\n{}", &FINISHED[..40])), Ok((1, Ending::CutOff { line: 1, torn: true })));
        assert_eq!(ending(&format!("{STARTED}\n{{\"type\":\"weather\"}}\n")), Ok((1, Ending::CutOff { line: 2, torn: false })));
    }

    #[test]
    fn what_is_no_report_is_said() {
        let none = Err("it is no JSON Lines report: its first line is no run-started".to_owned());
        for text in ["", "\n", "@plimsoll-transcript 1\n", FINISHED, &STARTED[..30]] {
            assert_eq!(ending(text), none, "{text}");
        }
        assert_eq!(ending(&STARTED.replace(":1,", ":2,")), Err("it has format 2; this plimsoll reads format 1".to_owned()));
        let broken = ending(&format!("{STARTED}\n{{\"type\":\"exchange\"}}\n{FINISHED}\n"));
        assert!(broken.as_ref().is_err_and(|said| said.starts_with("line 2: missing field")), "{broken:?}");
    }
}
