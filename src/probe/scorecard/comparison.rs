//! The scorecards of several daemons: a column a daemon, then what each does wrong and what was skipped at it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use super::matrix::Mark;
use super::{Scorecard, Setting, layout, verdict};
use crate::catalog::Operation;
use crate::model::{Event, RunFinished};
use crate::report::{Reporter, Tally};

/// No column is narrower, nor wider.
const COLUMN: std::ops::RangeInclusive<usize> = 6..=16;

/// Collects, a card a daemon; writes when the run is over.
#[derive(Debug)]
pub struct Comparison<W> {
    out: W,
    /// In the order in which they were named.
    cards: Vec<(String, Scorecard<io::Sink>)>,
    setting: Setting,
    finished: Option<RunFinished>,
}

/// What became of an operation at one daemon: the worst of its versions, and how many of them had that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Worst {
    mark: Mark,
    versions: usize,
}

impl<W: Write> Comparison<W> {
    /// Writes to `out`. `daemons` are names and addresses as the user gave them.
    pub fn new(out: W, daemons: &[(String, String)], setting: &Setting) -> Self {
        let card = |(name, address): &(String, String)| {
            let setting = Setting { backend: address.clone(), ..setting.clone() };
            (name.clone(), Scorecard::new(io::sink(), setting))
        };
        Self { out, cards: daemons.iter().map(card).collect(), setting: setting.clone(), finished: None }
    }

    fn write(&mut self) -> io::Result<()> {
        let worst: Vec<BTreeMap<&str, Worst>> = self.cards.iter().map(|(_, card)| worst(card)).collect();
        let text = self.matrix(&worst);
        self.out.write_all(text.as_bytes())?;
        for (name, card) in &self.cards {
            let said = card.details();
            if !said.is_empty() {
                writeln!(self.out, "{}\n\n{said}", self.setting.style.strong(&format!("── {name} ({})", card.setting.backend)))?;
            }
        }
        if let Some(finished) = self.finished.take() {
            let unseen = worst.iter().flat_map(BTreeMap::values).filter(|worst| worst.mark == Mark::Skipped).count();
            writeln!(self.out, "{}", verdict(&finished, unseen, self.setting.style))?;
        }
        self.out.flush()
    }

    fn matrix(&self, worst: &[BTreeMap<&str, Worst>]) -> String {
        let style = self.setting.style;
        let shown: BTreeSet<&str> = worst.iter().flat_map(BTreeMap::keys).copied().collect();
        let rows: Vec<&Operation> = self.setting.catalog.operations().iter().filter(|operation| shown.contains(operation.id())).collect();
        let names = rows.iter().map(|operation| operation.id().len()).max().unwrap_or_default();
        let width = self.cards.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().clamp(*COLUMN.start(), *COLUMN.end());
        let mut out = " ".repeat(names);
        for (name, _) in &self.cards {
            let _ = write!(out, "  {}", style.strong(&format!("{:<width$}", layout::clipped(name, width))));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        let mut tag = "";
        for operation in rows {
            if operation.tag() != tag {
                tag = operation.tag();
                let _ = writeln!(out, "{}", style.dim(tag));
            }
            let mut line = format!("{:<names$}", operation.id());
            for cells in worst {
                line += "  ";
                line += &cell(cells.get(operation.id()).copied(), width, style);
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        let said: Vec<String> = Mark::ALL.iter().map(|mark| format!("{} {}", mark.sign(), mark.legend())).collect();
        out + "\n" + &layout::wrapped("", &(said.join(" · ") + "; a number is that of versions"), 0, self.setting.width) + "\n"
    }
}

/// The sign, and the number of versions where they are not all.
fn cell(worst: Option<Worst>, width: usize, style: crate::report::Style) -> String {
    let Some(Worst { mark, versions }) = worst else { return Mark::Absent.paint(style, &format!("{:<width$}", Mark::Absent.sign())) };
    let text = if matches!(mark, Mark::Pass) { mark.sign().to_string() } else { format!("{} {versions}", mark.sign()) };
    mark.paint(style, &format!("{text:<width$}"))
}

/// By operation: the mark that matters most, and how many versions have it.
fn worst<W: Write>(card: &Scorecard<W>) -> BTreeMap<&str, Worst> {
    let weight = |mark: Mark| match mark {
        Mark::Fail => 5,
        Mark::Warning => 4,
        Mark::Skipped => 3,
        Mark::Partly => 2,
        Mark::Pass => 1,
        Mark::Absent => 0,
    };
    let mut all: BTreeMap<&str, Worst> = BTreeMap::new();
    for ((operation, _), mark) in card.marks() {
        let worst = all.entry(operation).or_insert(Worst { mark, versions: 0 });
        if weight(mark) > weight(worst.mark) {
            *worst = Worst { mark, versions: 1 };
        } else if mark == worst.mark {
            worst.versions += 1;
        }
    }
    all
}

impl<W: Write + Send> Reporter for Comparison<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let daemon = match event {
            Event::ProbeCase(case) => &case.daemon,
            Event::Violation(violation) => &violation.call.daemon,
            Event::RunFinished(finished) => {
                self.finished = Some(finished.clone());
                return Ok(());
            }
            _ => return Ok(()),
        };
        match self.cards.iter_mut().find(|(name, _)| Some(name.as_str()) == daemon.as_deref()) {
            Some((_, card)) => card.event(event),
            None => Ok(()),
        }
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.write()
    }
}
