//! `plimsoll report`: joins JSON Lines reports, and makes other formats of them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::cli::{Input, MergeArgs, RenderArgs, ReportCommand, SheetArgs};
use crate::error::{Error, Exit};
use crate::model::Event;
use crate::report::{Ending, Format, LINE_SCHEMA, Label, Merge, ReportError, Reporter, Setting, Style, read, reporter};

use super::progress::{Counted, Progress, Stdout};
use super::session::{catalog, create, exit, gate, style};

pub(super) fn run(command: &ReportCommand) -> Result<Exit, Error> {
    match command {
        ReportCommand::Merge(args) => merge(args),
        ReportCommand::Render(args) => render(args),
        ReportCommand::Schema => super::print(LINE_SCHEMA),
    }
}

/// What was read of one report.
struct Shard<'a> {
    input: &'a Input,
    events: Vec<Event>,
    ending: Ending,
}

impl Shard<'_> {
    /// Whether its connections have numbers only, so that those of another run would be taken for them.
    fn is_nameless(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Exchange(summary) if summary.call.source.is_none()))
    }

    /// The file whose lines its exchanges name.
    fn recording(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            Event::RunStarted(started) => started.recording.as_deref(),
            _ => None,
        })
    }

    /// What stands for the source of its exchanges, where they have none: the recording, so that its lines can be found again, else the
    /// report; nothing where a daemon's name or the absence of other runs tells them apart.
    fn source(&self, ambiguous: bool) -> Option<Arc<str>> {
        let report = (ambiguous && self.input.name.is_none()).then(|| Arc::from(self.input.path.display().to_string()));
        self.recording().map(Arc::from).or(report).filter(|_| self.is_nameless())
    }
}

fn merge(args: &MergeArgs) -> Result<Exit, Error> {
    let catalog = catalog(args.sheets.schemas.as_deref())?;
    let mut shards = Vec::with_capacity(args.inputs.len());
    for input in &args.inputs {
        let mut events = Vec::new();
        let ending = read_file(&input.path, &mut |event| events.push(event))?;
        shards.push(Shard { input, events, ending });
    }
    // Whatever order they are named in.
    shards.sort_by(|one, other| (&one.input.name, &one.input.path).cmp(&(&other.input.name, &other.input.path)));
    let ambiguous = shards.iter().filter(|shard| shard.is_nameless() && shard.input.name.is_none()).count() > 1;
    let several = shards.len() > 1;
    let mut reporters = open(args.format, &args.sheets, catalog)?;
    let mut waivers = super::waivers::open(args.gate.waivers.as_deref(), catalog)?;
    let mut merge = Merge::default();
    for shard in shards {
        let daemon: Option<Arc<str>> = shard.input.name.as_deref().map(Arc::from);
        let source = if several { shard.source(ambiguous) } else { None };
        for mut event in shard.events {
            if let Some(waivers) = &mut waivers {
                match &mut event {
                    Event::Violation(violation) => violation.waived = waivers.accept(violation),
                    // What matched nothing in one run may do in another.
                    Event::StaleWaiver(_) => continue,
                    _ => {}
                }
            }
            merge.event(event, Label { daemon: daemon.as_ref(), source: source.as_ref() });
        }
        merge.end(&shard.input.path.display().to_string(), shard.ending);
    }
    if let Some(waivers) = waivers {
        merge.stale(waivers.stale());
    }
    let gate = gate(&args.gate);
    let incomplete = merge.incomplete();
    let tally = quiet(merge.report(catalog, gate, &mut reporters))?;
    match (tally.map_or(Exit::Compliant, |tally| exit(tally.verdict(catalog, gate))), incomplete) {
        // What is not there may have held anything: a gate that let it pass would be none.
        (Exit::Compliant, Some(missing)) => Err(Error::environment(missing)),
        (exit, _) => Ok(exit),
    }
}

fn render(args: &RenderArgs) -> Result<Exit, Error> {
    let catalog = catalog(args.sheets.schemas.as_deref())?;
    let mut reporters = open(args.format, &args.sheets, catalog)?;
    let name = args.input.display().to_string();
    let written = crate::report::render(reader(&args.input)?, &name, catalog, &mut reporters);
    quiet(written.map_err(|error| cannot_read(&args.input, error))?)?;
    Ok(Exit::Compliant)
}

pub(super) fn read_file(path: &Path, sink: &mut dyn FnMut(Event)) -> Result<Ending, Error> {
    read(reader(path)?, sink).map_err(|error| cannot_read(path, error))
}

fn reader(path: &Path) -> Result<Counted<Progress>, Error> {
    let file = File::open(path).map_err(|error| cannot_read(path, error.into()))?;
    Ok(Counted::new(BufReader::new(file), Progress::new("reading", path, false)))
}

fn cannot_read(path: &Path, error: ReportError) -> Error {
    match error {
        ReportError::Unreadable(error) => Error::environment(format!("cannot read {}: {error}", path.display())),
        error => Error::usage(format!("{}: {error}", path.display())),
    }
}

fn open(format: Format, sheets: &SheetArgs, catalog: &'static Catalog) -> Result<Vec<Box<dyn Reporter>>, Error> {
    let coverage = sheets.coverage;
    let mut reporters = vec![reporter(format, Box::new(BufWriter::new(Stdout)), Setting { style: style(), catalog, coverage })];
    for (format, path) in &sheets.report {
        let file = create(path, "report")?;
        reporters.push(reporter(*format, Box::new(BufWriter::new(file)), Setting { style: Style::Plain, catalog, coverage }));
    }
    let formats = std::iter::once(format).chain(sheets.report.iter().map(|(format, _)| *format));
    reporters.extend(super::step_summary::reporter(formats)?);
    Ok(reporters)
}

/// A reader that has seen enough (`| head`) is no error.
fn quiet<T>(written: io::Result<T>) -> Result<Option<T>, Error> {
    match written {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(Error::environment(format!("cannot write the report: {error}"))),
    }
}
