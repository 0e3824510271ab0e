//! The report for people of a run over scenarios: a line each, and where they differ; then what the judge says.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Difference, Event, RunVerdict, Scenario, ScenarioResult};
use crate::report::{Reporter, Setting, Style, Tally, Terminal};

/// More than this of one value is not shown.
const SHOWN: usize = 160;

/// Tells of scenarios as they end, and of the rest when the run does.
pub(super) struct Scenarios {
    out: Shared,
    style: Style,
    dir: PathBuf,
    terminal: Terminal<Shared>,
    counts: Vec<(ScenarioResult, usize)>,
}

/// Two write to it, one after the other.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl Scenarios {
    pub(super) fn new(out: Box<dyn Write + Send>, setting: Setting, dir: PathBuf) -> Self {
        let out = Shared(Arc::new(Mutex::new(out)));
        Self { terminal: Terminal::new(out.clone(), setting), out, style: setting.style, dir, counts: Vec::new() }
    }

    fn scenario(&mut self, scenario: &Scenario) -> io::Result<()> {
        match self.counts.iter_mut().find(|(result, _)| *result == scenario.result) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((scenario.result, 1)),
        }
        let word = format!("{:<8}", scenario.result.word());
        let word = if scenario.result.fails() { self.style.bad(&word) } else { self.style.good(&word) };
        let exchanges = match scenario.exchanges {
            1 => "1 exchange".to_owned(),
            count => format!("{count} exchanges"),
        };
        writeln!(self.out, "{word} {}  {}", self.style.strong(&scenario.scenario), self.style.dim(&exchanges))?;
        let mut last = 0;
        for difference in &scenario.differences {
            show_difference(&mut self.out, self.style, difference, &mut last)?;
        }
        for note in &scenario.notes {
            writeln!(self.out, "  {note}")?;
        }
        Ok(())
    }
}

impl Reporter for Scenarios {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Scenario(scenario) => self.scenario(scenario),
            // What the judge says is told apart from what has changed.
            Event::RunFinished(finished) => {
                let mut finished = finished.clone();
                let is_changed = self.counts.iter().any(|(result, _)| result.fails());
                if is_changed && finished.violations.error == 0 && finished.violations.warning == 0 && finished.inspected > 0 {
                    finished.verdict = RunVerdict::Pass;
                }
                self.terminal.event(&Event::RunFinished(finished))
            }
            event => self.terminal.event(event),
        }
    }

    fn finish(&mut self, tally: &Tally) -> io::Result<()> {
        if !self.counts.is_empty() {
            writeln!(self.out)?;
        }
        self.terminal.finish(tally)?;
        if self.counts.is_empty() {
            return Ok(());
        }
        self.counts.sort();
        let counts: Vec<String> = self.counts.iter().map(|(result, count)| format!("{count} {}", result.word())).collect();
        let counts = counts.join(", ");
        let waits = self.counts.iter().any(|(result, _)| matches!(result, ScenarioResult::Changed | ScenarioResult::New));
        let fails = self.counts.iter().any(|(result, _)| result.fails());
        writeln!(self.out, "snapshots: {}", if fails { self.style.bad(&counts) } else { self.style.good(&counts) })?;
        if waits {
            writeln!(self.out, "what waits: plimsoll snapshot review --dir {}", self.dir.display())?;
        }
        self.out.flush()
    }
}

/// A difference, with the exchange before the first of each.
pub(in super::super) fn show_difference(out: &mut dyn Write, style: Style, difference: &Difference, last: &mut usize) -> io::Result<()> {
    if difference.exchange != *last {
        *last = difference.exchange;
        let operation = style.strong(difference.operation.as_deref().unwrap_or("-"));
        writeln!(out, "  {}. {operation} {}", difference.exchange, shorten(&difference.request))?;
    }
    let pointer = if difference.pointer.is_empty() { "(the whole exchange)" } else { &difference.pointer };
    writeln!(out, "     {pointer}")?;
    if let Some(expected) = &difference.expected {
        writeln!(out, "       {}", style.bad(&format!("- {}", shorten(expected))))?;
    }
    if let Some(actual) = &difference.actual {
        writeln!(out, "       {}", style.good(&format!("+ {}", shorten(actual))))?;
    }
    Ok(())
}

/// On one line, and not longer than [`SHOWN`].
fn shorten(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}
