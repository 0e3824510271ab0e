//! `plimsoll check --all-versions`: each recording judged by every API version, and a table of where its client and its daemon break.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use crate::cli::{CheckArgs, VersionChoice};
use crate::error::{Error, Exit};
use crate::inspect::Settings;
use crate::model::{ApiVersion, Counts, Event, Reason, Rule, RunFinished, RunVerdict, Side, Violation};
use crate::report::{Reporter, Style, Tally};

use super::check::judge;
use super::progress::Progress;
use super::session::{Output, Run, Session};

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Error> {
    if args.judge.api_version != VersionChoice::Auto {
        return Err(Error::usage("--all-versions and --api-version exclude each other"));
    }
    if let Some(path) = args.files.iter().find(|path| path.exists() && !path.is_file()) {
        return Err(Error::usage(format!(
            "{}: --all-versions reads a recording once for each version, so it has to be a file",
            path.display()
        )));
    }
    let run = Run { command: "check", output: Output::Live, recording: None };
    let session = Session::start_with(run, &args.judge.output, None, &|out, setting| Box::new(Survey::new(out, setting.style)))?;
    let mut broken = Vec::new();
    for version in ApiVersion::known() {
        for path in &args.files {
            let source = Some(Arc::from(path.display().to_string()));
            let settings = Settings { forced_version: Some(version), source, ..session.settings() };
            let mut progress = Progress::new(&format!("judging by API {version}"), path, args.progress);
            let judged = judge(path, &settings, &mut progress, &mut |event| session.event(&event));
            // Where it breaks is the same at every version.
            if version == ApiVersion::NEWEST {
                broken.extend(judged.err());
            }
        }
    }
    let exit = session.finish()?;
    match Error::all(broken) {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// Calls by which clients find out which version there is.
const ASKING: [&str; 3] = ["SystemPing", "SystemPingHead", "SystemVersion"];

/// The table. A fold over the events, as every report.
struct Survey {
    out: Box<dyn Write + Send>,
    style: Style,
    rows: BTreeMap<ApiVersion, Row>,
    /// Versions in the paths, and how often.
    spoken: BTreeMap<ApiVersion, u64>,
    finished: Option<RunFinished>,
}

/// What was found at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    client: Found,
    daemon: Found,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    errors: u64,
    warnings: u64,
    /// Operations that the version does not have.
    absent: u64,
    /// The first of these, in a few words.
    first: Option<String>,
}

impl Survey {
    fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, style, rows: BTreeMap::new(), spoken: BTreeMap::new(), finished: None }
    }

    /// The version that most requests name.
    fn home(&self) -> Option<ApiVersion> {
        self.spoken.iter().max_by_key(|(version, count)| (**count, **version)).map(|(version, _)| *version)
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let mut spans: Vec<(ApiVersion, ApiVersion, &Row)> = Vec::new();
        for (version, row) in &self.rows {
            match spans.last_mut() {
                Some((_, last, same)) if *same == row => *last = *version,
                _ => spans.push((*version, *version, row)),
            }
        }
        let span = |first: ApiVersion, last: ApiVersion| if first == last { first.to_string() } else { format!("{first} to {last}") };
        let width = spans.iter().map(|(_, _, row)| row.client.to_string().len()).max().unwrap_or_default().max("client".len());
        writeln!(self.out, "{}", self.style.strong(&format!("{:<14}{:<width$}  daemon", "API", "client")))?;
        for (first, last, row) in &spans {
            writeln!(self.out, "{:<14}{:<width$}  {}", span(*first, *last), row.client.to_string(), row.daemon)?;
        }
        Ok(())
    }

    /// Going away from the version that it speaks: the first that has an error.
    fn write_breaks(&mut self) -> io::Result<()> {
        let Some(home) = self.home() else { return Ok(()) };
        writeln!(self.out, "\nthe recording speaks {home}")?;
        for side in [Side::Client, Side::Daemon] {
            let found = |row: &Row| if side == Side::Client { row.client.clone() } else { row.daemon.clone() };
            let breaks = |versions: &mut dyn Iterator<Item = (&ApiVersion, &Row)>| {
                versions.map(|(version, row)| (*version, found(row))).find(|(_, found)| found.is_broken())
            };
            if let Some(row) = self.rows.get(&home).map(found).filter(Found::is_broken) {
                writeln!(self.out, "{side}: breaks at {home} itself: {}", row.first.unwrap_or_default())?;
                continue;
            }
            let older = breaks(&mut self.rows.range(..home).rev());
            let newer = breaks(&mut self.rows.range(home..).skip(1));
            let say = |broken: Option<(ApiVersion, Found)>, way: &str| match broken {
                Some((version, found)) => format!("{way} it breaks first at {version}: {}", found.first.unwrap_or_default()),
                None => format!("{way} it breaks nowhere"),
            };
            writeln!(self.out, "{side}: {}; {}", say(older, "going back"), say(newer, "going on"))?;
        }
        Ok(())
    }
}

impl Found {
    fn is_broken(&self) -> bool {
        self.errors + self.absent > 0
    }

    fn add(&mut self, violation: &Violation) {
        // It is counted as an absent call.
        if violation.rule == Rule::RouteNotInVersion {
            return;
        }
        let mut counts = Counts::default();
        counts.add(violation.severity());
        self.errors += counts.error;
        self.warnings += counts.warning;
        if counts.error > 0 && self.first.is_none() {
            let operation = violation.call.operation.as_deref().unwrap_or(&violation.call.path);
            self.first = Some(format!("{} in {operation}, {}", violation.rule, violation.place));
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |count: u64, noun: &str| (count > 0).then(|| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        let absent = plural(self.absent, "call").map(|calls| format!("{calls} absent"));
        let words: Vec<_> = [absent, plural(self.errors, "error"), plural(self.warnings, "warning")].into_iter().flatten().collect();
        f.write_str(&if words.is_empty() { "-".to_owned() } else { words.join(", ") })
    }
}

impl Reporter for Survey {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Violation(violation) => {
                if let Some(version) = violation.call.api_version {
                    let row = self.rows.entry(version).or_default();
                    if violation.side == Side::Client { row.client.add(violation) } else { row.daemon.add(violation) }
                }
            }
            Event::NotInspected(unjudged) if unjudged.reason == Reason::NotInVersion => {
                // Who asks for the version at a path without one has not chosen one yet.
                if !unjudged.call.path.starts_with("/v1.") && unjudged.call.operation.as_deref().is_some_and(|id| ASKING.contains(&id)) {
                    return Ok(());
                }
                if let Some(version) = unjudged.call.api_version {
                    let client = &mut self.rows.entry(version).or_default().client;
                    client.absent += 1;
                    let operation = unjudged.call.operation.as_deref().unwrap_or(&unjudged.call.path);
                    client.first.get_or_insert_with(|| format!("there is no {operation}"));
                }
            }
            Event::Exchange(summary) => {
                if let Some(version) = summary.call.api_version {
                    self.rows.entry(version).or_default();
                }
                let prefix = summary.call.path.strip_prefix("/v").and_then(|rest| rest.split('/').next());
                if let Some(version) = prefix.and_then(|prefix| prefix.parse().ok()) {
                    *self.spoken.entry(version).or_default() += 1;
                }
            }
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.write_rows()?;
        self.write_breaks()?;
        let verdict = match self.finished.as_ref().map(|finished| finished.verdict) {
            Some(RunVerdict::Pass) => self.style.good("compliant with every version"),
            Some(RunVerdict::Violations) => self.style.bad("not compliant with every version"),
            _ => self.style.bad("nothing was judged"),
        };
        writeln!(self.out, "{verdict}")?;
        self.out.flush()
    }
}
