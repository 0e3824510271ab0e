//! One run: its reports from the first event to the last, and its exit code.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::Catalog;
use crate::cli::{GateArgs, JudgeArgs, OutputArgs, VersionChoice};
use crate::error::{Error, Exit};
use crate::inspect::{Look, Settings, Thresholds};
use crate::model::{ApiVersion, Event, OperationSeen, RunFinished, RunStarted, RunVerdict, Violation};
use crate::proxy::Recorder;
use crate::report::{Format, Gate, Reporter, Setting, Style, Tally, Terminal, Waivers, reporter};
use crate::transcript::Writer;

use super::progress::Stdout;
use super::signals::announce;

/// Where the standard report goes while the run lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// To standard output, as it happens.
    Live,
    /// To standard output at the end: until then it belongs to the command that is run.
    AtEnd,
}

impl Sheet {
    /// One that goes elsewhere than to standard output.
    fn beside(reporter: Box<dyn Reporter>, name: &str) -> Self {
        Self { reporter, name: name.to_owned(), beside: true, torn: false }
    }
}

/// What a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// The subcommand.
    pub(super) command: &'static str,
    /// Where its standard report goes meanwhile.
    pub(super) output: Output,
    /// The file that it is recorded in.
    pub(super) recording: Option<&'a Path>,
}

/// Makes the report for people, of where it goes and how.
pub(super) type ForPeople = dyn Fn(Box<dyn Write + Send>, Setting) -> Box<dyn Reporter>;

/// The reports of a run. Shared with the tap.
#[derive(Clone)]
pub(super) struct Session {
    state: Arc<Mutex<State>>,
    gate: Gate,
    settings: Settings,
}

struct State {
    tally: Tally,
    waivers: Option<Waivers>,
    reporters: Vec<Sheet>,
    /// Recordings and reports that could not be written to their end.
    unwritten: Vec<String>,
    /// What the judges of this run have seen, told once at its end.
    seen: BTreeMap<Cell, OperationSeen>,
    /// Kept until the end.
    spool: Option<Spool>,
    failed: Option<Error>,
}

/// The daemon's name, the version and the operation.
type Cell = (Option<Arc<str>>, ApiVersion, Arc<str>);

/// One report, and where it goes.
struct Sheet {
    reporter: Box<dyn Reporter>,
    /// `the report a.jsonl`, or standard output.
    name: String,
    /// It is a file, beside what is told of the run on standard output.
    beside: bool,
    /// It took no more: half a line is the last.
    torn: bool,
}

/// A temporary file that the report waits in.
struct Spool(File);

impl Session {
    /// Opens all reports and says that the run has begun.
    pub(super) fn start(command: &'static str, args: &JudgeArgs, output: Output, recording: Option<&Path>) -> Result<Self, Error> {
        let forced = match args.api_version {
            VersionChoice::Auto => None,
            VersionChoice::Forced(version) => Some(version),
        };
        Self::start_with(Run { command, output, recording }, &args.output, forced, &|out, setting| Box::new(Terminal::new(out, setting)))
    }

    /// The same, with a report for people of the subcommand's own.
    pub(super) fn start_with(
        run: Run<'_>,
        args: &OutputArgs,
        forced_version: Option<ApiVersion>,
        terminal: &ForPeople,
    ) -> Result<Self, Error> {
        let thresholds = Thresholds { head: args.timing_head, close: args.timing_close };
        let settings = Settings {
            catalog: catalog(args.schemas.as_deref())?,
            forced_version,
            announced_version: None,
            source: None,
            daemon: None,
            thresholds,
            look: Look::Quick,
            coverage: args.coverage || args.format.shows_coverage() || args.report.iter().any(|(format, _)| format.shows_coverage()),
            aliases: (!args.no_redact).then(Arc::default),
        };
        let gate = gate(&args.gate);
        let waivers = super::waivers::open(args.gate.waivers.as_deref(), settings.catalog)?;
        let mut reporters: Vec<Sheet> = Vec::new();
        let mut spool = None;
        let catalog = settings.catalog;
        let mut open = |format, out, style, path: Option<&Path>| {
            let setting = Setting { style, catalog, coverage: args.coverage };
            let reporter = match format {
                Format::Terminal => terminal(out, setting),
                format => reporter(format, out, setting),
            };
            let name = path.map_or_else(|| "the report on standard output".to_owned(), |path| format!("the report {}", path.display()));
            reporters.push(Sheet { reporter, name, beside: path.is_some(), torn: false });
        };
        match (args.format, run.output) {
            (Format::Jsonl, Output::AtEnd) => {
                let file = tempfile::tempfile().map_err(|error| Error::environment(format!("cannot make a temporary file: {error}")))?;
                let writer = file.try_clone().map_err(|error| Error::environment(format!("cannot use a temporary file: {error}")))?;
                spool = Some(Spool(file));
                open(Format::Jsonl, Box::new(BufWriter::new(writer)), Style::Plain, None);
            }
            (Format::Html | Format::Coverage, _) => open(args.format, Box::new(BufWriter::new(Stdout)), style(), None),
            (Format::Github, Output::AtEnd) => open(Format::Github, Box::new(OnNewLine { begun: false }), Style::Plain, None),
            (format, _) => open(format, Box::new(Stdout), style(), None),
        }
        for (format, path) in &args.report {
            let file = create(path, "report")?;
            // A line of JSON Lines is written as it happens, so that a killed run loses none.
            let out: Box<dyn Write + Send> = if *format == Format::Jsonl { Box::new(file) } else { Box::new(BufWriter::new(file)) };
            open(*format, out, Style::Plain, Some(path));
        }
        let formats = std::iter::once(args.format).chain(args.report.iter().map(|(format, _)| *format));
        let summary = super::step_summary::reporter(formats)?;
        reporters.extend(summary.map(|reporter| Sheet::beside(reporter, "the step summary")));
        let (seen, unwritten) = (BTreeMap::new(), Vec::new());
        let state = State { tally: Tally::default(), waivers, reporters, unwritten, seen, spool, failed: None };
        let session = Self { state: Arc::new(Mutex::new(state)), gate, settings };
        session.event(&Event::RunStarted(RunStarted {
            format: 1,
            plimsoll: env!("CARGO_PKG_VERSION").into(),
            command: run.command.into(),
            started_at: jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| jiff::Timestamp::now()).to_string(),
            fail_on: gate.fail_on,
            allow_stale_waivers: gate.allow_stale,
            recording: run.recording.map(|path| path.display().to_string()),
        }));
        Ok(session)
    }

    /// One more report, from here on.
    pub(super) fn also(&self, reporter: Box<dyn Reporter>) {
        let name = "the report".to_owned();
        self.lock().reporters.push(Sheet { reporter, name, beside: true, torn: false });
    }

    /// How to judge.
    pub(super) fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// One more event, to every report.
    pub(super) fn event(&self, event: &Event) {
        let mut state = self.lock();
        if let Event::Coverage(seen) = event {
            return state.see(seen);
        }
        let accepted = match (event, &mut state.waivers) {
            (Event::Violation(violation), Some(waivers)) => waivers.accept(violation).map(|waived| {
                let violation = Violation { waived: Some(waived), ..(**violation).clone() };
                Event::Violation(Box::new(violation))
            }),
            _ => None,
        };
        drop(state);
        self.tell(accepted.as_ref().unwrap_or(event));
    }

    /// An event as it stands, to every report.
    fn tell(&self, event: &Event) {
        let mut state = self.lock();
        state.tally.event(event);
        let before = state.unwritten.len();
        state.write(event, |_| true);
        for torn in &state.unwritten[before..] {
            announce(&format!("{torn}; the run goes on without it"));
        }
    }

    /// Says of a recording, or of something else beside the reports, that it could not be written to its end.
    pub(super) fn unwritten(&self, what: &Result<(), Error>) {
        if let Err(error) = what {
            self.lock().unwritten.push(error.to_string());
        }
    }

    /// The last event, the ends of all reports, and the exit code that the verdict asks for.
    pub(super) fn finish(&self) -> Result<Exit, Error> {
        let stale: Vec<_> = self.lock().waivers.iter().flat_map(Waivers::stale).collect();
        for stale in stale {
            self.event(&Event::StaleWaiver(stale));
        }
        let seen = std::mem::take(&mut self.lock().seen);
        for seen in seen.into_values() {
            self.tell(&Event::Coverage(seen));
        }
        let finished = self.lock().tally.finished(self.settings.catalog, self.gate);
        let verdict = finished.verdict;
        let mut state = self.lock();
        // Those on standard output last: they say which of the others are not whole.
        for beside in [true, false] {
            let finished = RunFinished { unwritten: state.unwritten.clone(), ..finished.clone() };
            state.end(&finished, beside);
        }
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        Ok(exit(verdict))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Each recording has a judge of its own; the run is one.
    fn see(&mut self, seen: &OperationSeen) {
        let key = (seen.daemon.clone(), seen.api_version, Arc::clone(&seen.operation));
        match self.seen.get_mut(&key) {
            Some(known) => known.add(seen.clone()),
            None => drop(self.seen.insert(key, seen.clone())),
        }
    }

    /// An event, to the reports of one kind. One that takes no more gets no more: it would go on behind half a line.
    fn write(&mut self, event: &Event, which: impl Fn(&Sheet) -> bool) {
        for index in 0..self.reporters.len() {
            let sheet = &mut self.reporters[index];
            if !sheet.torn
                && which(sheet)
                && let Err(error) = sheet.reporter.event(event)
            {
                self.tear(index, &error);
            }
        }
    }

    /// The last event and the end of the reports that are files, or of those that are not.
    fn end(&mut self, finished: &RunFinished, beside: bool) {
        let event = Event::RunFinished(finished.clone());
        self.tally.event(&event);
        self.write(&event, |sheet| sheet.beside == beside);
        for index in 0..self.reporters.len() {
            let sheet = &mut self.reporters[index];
            if sheet.beside == beside
                && !sheet.torn
                && let Err(error) = sheet.reporter.finish(&self.tally)
            {
                self.tear(index, &error);
            }
        }
        if let Some(error) = self.spool.take_if(|_| !beside).and_then(|spool| spool.print().err()) {
            self.fail("the report on standard output", &error);
        }
    }

    fn tear(&mut self, index: usize, error: &io::Error) {
        self.reporters[index].torn = true;
        let name = self.reporters[index].name.clone();
        self.fail(&name, error);
    }

    /// A reader that has seen enough (`| head`) is no error; the verdict still stands.
    fn fail(&mut self, name: &str, error: &io::Error) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            let failed = Error::environment(format!("cannot write {name}: {error}"));
            self.unwritten.push(failed.to_string());
            self.failed = Some(match self.failed.take() {
                Some(before) => Error::environment(format!("{before}\n{failed}")),
                None => failed,
            });
        }
    }
}

/// Standard output, from a new line on: what the command printed need not have ended its last one, and GitHub reads commands at the
/// beginning of a line only.
struct OnNewLine {
    begun: bool,
}

impl Write for OnNewLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stdout = Stdout;
        if !std::mem::replace(&mut self.begun, true) {
            stdout.write_all(b"\n")?;
        }
        stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Stdout.flush()
    }
}

impl Spool {
    fn print(mut self) -> io::Result<()> {
        use std::io::Seek as _;
        self.0.rewind()?;
        let mut stdout = Stdout;
        io::copy(&mut self.0, &mut stdout)?;
        stdout.flush()
    }
}

/// The built-in catalogue, or the one with the user's files laid over it.
pub(super) fn catalog(schemas: Option<&Path>) -> Result<&'static Catalog, Error> {
    let Some(dir) = schemas else { return Ok(Catalog::builtin()) };
    let catalog = Catalog::with_overlay(dir).map_err(|error| Error::usage(format!("--schemas {}: {error}", dir.display())))?;
    // One for the whole run, as the built-in one is.
    Ok(Box::leak(Box::new(catalog)))
}

/// What the gate is to hold the run to.
pub(super) fn gate(args: &GateArgs) -> Gate {
    Gate { fail_on: args.fail_on, min_coverage: args.min_coverage, allow_stale: args.allow_stale_waivers }
}

/// The exit code that a verdict asks for.
pub(super) const fn exit(verdict: RunVerdict) -> Exit {
    match verdict {
        RunVerdict::Pass => Exit::Compliant,
        RunVerdict::Violations | RunVerdict::BelowCoverage => Exit::Violations,
        RunVerdict::NothingInspected => Exit::NothingInspected,
    }
}

/// Begins a recording.
pub(super) fn recorder(path: Option<&Path>) -> Result<Option<Recorder>, Error> {
    let Some(path) = path else { return Ok(None) };
    let file = create(path, "recording")?;
    Writer::new(BufWriter::new(file), None)
        .map(Some)
        .map_err(|error| Error::environment(format!("cannot write the recording {}: {error}", path.display())))
}

pub(super) fn create(path: &Path, what: &str) -> Result<File, Error> {
    File::create(path).map_err(|error| Error::environment(format!("cannot write the {what} {}: {error}", path.display())))
}

/// Colour on a terminal only, unless `NO_COLOR` or `CLICOLOR` say otherwise.
pub(super) fn style() -> Style {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Style::Plain,
        _ if io::stdout().is_terminal() => Style::Colour,
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => Style::Colour,
        anstream::ColorChoice::Auto => Style::Plain,
    }
}
