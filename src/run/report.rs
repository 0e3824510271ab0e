//! `plimsoll report`: joins JSON Lines reports, and makes other formats of them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::cli::{Input, MergeArgs, RenderArgs, ReportCommand};
use crate::error::{Error, Exit};
use crate::model::{Event, RunFinished};
use crate::report::{Ending, Format, Gate, Label, Merge, ReportError, Reporter, Setting, Style, Tally, read, reporter};

use super::session::{catalog, create, exit, gate, style};

pub(super) fn run(command: &ReportCommand) -> Result<Exit, Error> {
    match command {
        ReportCommand::Merge(args) => merge(args),
        ReportCommand::Render(args) => render(args),
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
        self.input.name.is_none()
            && self.events.iter().any(|event| matches!(event, Event::Exchange(summary) if summary.call.source.is_none()))
    }
}

fn merge(args: &MergeArgs) -> Result<Exit, Error> {
    let catalog = catalog(args.schemas.as_deref())?;
    let mut shards = Vec::with_capacity(args.inputs.len());
    for input in &args.inputs {
        let mut events = Vec::new();
        let ending = read_file(&input.path, &mut |event| events.push(event))?;
        shards.push(Shard { input, events, ending });
    }
    // Whatever order they are named in.
    shards.sort_by(|one, other| (&one.input.name, &one.input.path).cmp(&(&other.input.name, &other.input.path)));
    let ambiguous = shards.iter().filter(|shard| shard.is_nameless()).count() > 1;
    let mut reporters = open(args.format, &args.report, catalog)?;
    let mut waivers = super::waivers::open(args.gate.waivers.as_deref(), catalog)?;
    let mut merge = Merge::default();
    for shard in shards {
        let named = |path: &Path| Arc::from(path.display().to_string());
        let daemon: Option<Arc<str>> = shard.input.name.as_deref().map(Arc::from);
        let source: Option<Arc<str>> = (ambiguous && shard.is_nameless()).then(|| named(&shard.input.path));
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
    let tally = quiet(merge.report(catalog, gate, &mut reporters))?;
    Ok(tally.map_or(Exit::Compliant, |tally| exit(tally.verdict(catalog, gate))))
}

fn render(args: &RenderArgs) -> Result<Exit, Error> {
    let catalog = catalog(args.schemas.as_deref())?;
    let mut reporters = open(args.format, &args.report, catalog)?;
    let mut tally = Tally::default();
    let mut written = Ok(());
    let mut tell = |event: &Event, tally: &mut Tally| {
        tally.event(event);
        for reporter in &mut reporters {
            if written.is_ok() {
                written = reporter.event(event);
            }
        }
    };
    let ending = read_file(&args.input, &mut |event| tell(&event, &mut tally))?;
    if let Ending::CutOff { .. } = ending {
        tell(&Event::RunFinished(unfinished(&tally, catalog, &args.input, ending)), &mut tally);
    }
    let written = written.and_then(|()| reporters.iter_mut().try_for_each(|reporter| reporter.finish(&tally)));
    quiet(written)?;
    Ok(Exit::Compliant)
}

/// What a run that was cut off comes to.
fn unfinished(tally: &Tally, catalog: &Catalog, path: &Path, ending: Ending) -> RunFinished {
    RunFinished { incomplete: crate::report::missing(&path.display().to_string(), ending), ..tally.finished(catalog, Gate::default()) }
}

pub(super) fn read_file(path: &Path, sink: &mut dyn FnMut(Event)) -> Result<Ending, Error> {
    let unreadable = |error: io::Error| Error::environment(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    read(BufReader::new(file), sink).map_err(|error| match error {
        ReportError::Unreadable(error) => unreadable(error),
        error => Error::usage(format!("{}: {error}", path.display())),
    })
}

fn open(format: Format, files: &[(Format, PathBuf)], catalog: &'static Catalog) -> Result<Vec<Box<dyn Reporter>>, Error> {
    let mut reporters = vec![reporter(format, Box::new(BufWriter::new(io::stdout())), Setting { style: style(), catalog })];
    for (format, path) in files {
        let file = create(path, "report")?;
        reporters.push(reporter(*format, Box::new(BufWriter::new(file)), Setting { style: Style::Plain, catalog }));
    }
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
