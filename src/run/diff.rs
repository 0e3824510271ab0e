//! `plimsoll diff`: the same requests to two daemons, or two recordings, and where the answers differ.

mod ahead;
mod scenes;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use crate::catalog::Catalog;
use crate::cli::{DiffArgs, DiffFormat};
use crate::error::{Error, Exit};
use crate::inspect::Settings;
use crate::model::{Difference, Event};
use crate::proxy::Address;
use crate::report::Style;
use crate::snapshot::{Normaliser, Scene, Script, Snapshot, compare, player};

use super::progress::{Stdout, Steps};
use super::snapshot::{Playable, normal, playable, read, show_difference};
use super::stage::Stage;
use super::wrap;
use ahead::{Ahead, WIDEST, WINDOW};
use scenes::Scenes;

pub(super) fn run(args: DiffArgs) -> Result<Exit, Error> {
    let normaliser = Normaliser::new(Catalog::builtin()).showing_secrets(args.no_redact);
    let mut matrix = Matrix::new(args.format);
    match (args.a, args.b, &args.files[..]) {
        (Some(a), Some(b), files) => {
            let [a, b] = super::tls::backends([a, b], &args.dial)?;
            let transcripts = files
                .iter()
                .map(|path| read(path).map(|(transcript, text)| (path, transcript, text)))
                .collect::<Result<Vec<_>, Error>>()?;
            if transcripts.is_empty() && args.command.is_empty() {
                return Err(Error::usage("what is to be asked? Name a transcript, or a command behind --"));
            }
            super::runtime()?.block_on(async {
                if args.command.is_empty() {
                    for (path, transcript, text) in transcripts {
                        let playable = playable(&transcript, &text, normaliser.clone());
                        let Playable { script, scenes, .. } =
                            playable.map_err(|what| Error::usage(format!("{}: {what}", path.display())))?;
                        // A scenario has its answers beside it.
                        let snapshot = Snapshot::read(&path.with_extension("snap"))?.map(|snapshot| snapshot.scenes);
                        let left = ask(&a, &script, snapshot.as_deref().unwrap_or(&scenes), &normaliser).await?;
                        let right = ask(&b, &script, snapshot.as_deref().unwrap_or(&scenes), &normaliser).await?;
                        matrix.compare(&left, &right)?;
                    }
                    return Ok(());
                }
                let stage = Stage::open(a, settings(args.no_redact), true, |_| {}).await?;
                let ended = wrap::command(&args.command, stage.host()).await;
                let recorded = stage.close().await?;
                ended?;
                let Some(transcript) = recorded.filter(|transcript| !transcript.entries.is_empty()) else { return Ok(()) };
                let Playable { script, scenes, .. } = playable(&transcript, &[], normaliser.clone()).map_err(Error::usage)?;
                let other = ask(&b, &script, &scenes, &normaliser).await?;
                matrix.compare(&scenes, &other)
            })?;
        }
        (None, None, [left, right]) => {
            if let Some(option) = super::tls::typed(&args.dial) {
                return Err(Error::usage(format!("{option} is for --a and --b: recordings are not dialled")));
            }
            let (mut left, mut right) = (Scenes::open(left, normaliser.clone())?, Scenes::open(right, normaliser)?);
            matrix.recordings(&mut left, &mut right)?;
            let broken = [left.broken(), right.broken()].into_iter().flatten().collect();
            let exit = matrix.finish()?;
            return Error::all(broken).map_or(Ok(exit), Err);
        }
        _ => return Err(Error::usage("write --a ADDR --b ADDR and a transcript or a command, or two recordings")),
    }
    matrix.finish()
}

async fn ask(address: &Address, script: &Script, expected: &[Scene], normaliser: &Normaliser) -> Result<Vec<Scene>, Error> {
    // Snapshots say how many there will be; a script alone does not.
    let mut steps = Steps::new(format!("asking {address}"), Some(expected.len()).filter(|count| *count > 0), "exchanges");
    let sink = move |event: &Event| {
        if matches!(event, Event::Exchange(_)) {
            steps.done();
        }
    };
    let stage = Stage::open(address.clone(), Settings::default(), false, sink).await?;
    let played = player::play(script, &stage.socket(), expected, normaliser.clone()).await;
    stage.close().await?;
    for sentence in &played.unmet {
        super::signals::announce(&format!("{address}: {sentence}"));
    }
    Ok(normal(&played.exchanges, normaliser.clone()).0)
}

/// Of the run that is recorded.
fn settings(no_redact: bool) -> Settings {
    let settings = Settings::default();
    Settings { aliases: settings.aliases.filter(|_| !no_redact), ..Settings::default() }
}

/// Counts by operation, and tells of differences as they are found.
struct Matrix {
    format: DiffFormat,
    style: Style,
    last: usize,
    exchange: usize,
    /// By operation and version.
    rows: BTreeMap<(String, String), Row>,
}

#[derive(Default)]
struct Row {
    exchanges: usize,
    different: usize,
}

impl Matrix {
    fn new(format: DiffFormat) -> Self {
        Self { format, style: super::session::style(), last: 0, exchange: 0, rows: BTreeMap::new() }
    }

    /// The same requests: exchange by exchange.
    fn compare(&mut self, left: &[Scene], right: &[Scene]) -> Result<(), Error> {
        for index in 0..left.len().max(right.len()) {
            self.pair(left.get(index), right.get(index))?;
        }
        Ok(())
    }

    /// Two recordings: exchanges that one of them does not have are found out by what was asked.
    fn recordings(&mut self, left: &mut Scenes, right: &mut Scenes) -> Result<(), Error> {
        let (mut olds, mut news) = (Ahead::new(left), Ahead::new(right));
        let (mut window, mut lost) = (WINDOW, 0u64);
        loop {
            olds.fill(window);
            news.fill(window);
            let (Some(old), Some(new)) = (olds.front(), news.front()) else { break };
            match (olds.find(new), news.find(old)) {
                (Some(0), _) => {
                    window = WINDOW;
                    let (old, new) = (olds.next(), news.next());
                    self.pair(old.as_ref(), new.as_ref())?;
                }
                (Some(missing), Some(added)) if added < missing => self.only(None, news.next())?,
                (Some(_), _) => self.only(olds.next(), None)?,
                (None, Some(_)) => self.only(None, news.next())?,
                (None, None) => {
                    window = WIDEST.min(window * 2);
                    let (olds_grew, news_grew) = (olds.fill(window), news.fill(window));
                    if olds_grew || news_grew {
                        continue;
                    }
                    lost += u64::from(!olds.is_over() || !news.is_over());
                    self.only(olds.next(), None)?;
                    self.only(None, news.next())?;
                }
            }
        }
        for old in olds {
            self.only(Some(old), None)?;
        }
        for new in news {
            self.only(None, Some(new))?;
        }
        if lost > 0 {
            let what = "in neither recording was anything found that belongs to the next exchange of the other";
            let how = format!("at most {WIDEST} exchanges are looked at; what stands further apart is shown as missing and as new");
            super::signals::announce(&format!("{what}, {lost} times: {how}"));
        }
        Ok(())
    }

    #[expect(clippy::needless_pass_by_value, reason = "the scene is done with")]
    fn only(&mut self, left: Option<Scene>, right: Option<Scene>) -> Result<(), Error> {
        self.pair(left.as_ref(), right.as_ref())
    }

    fn pair(&mut self, left: Option<&Scene>, right: Option<&Scene>) -> Result<(), Error> {
        let Some(scene) = left.or(right) else { return Ok(()) };
        self.exchange += 1;
        let version = scene.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
        let row = self.rows.entry((scene.operation.clone().unwrap_or_else(|| "-".to_owned()), version)).or_default();
        row.exchanges += 1;
        let found = compare::pair(self.exchange, left, right);
        row.different += usize::from(!found.is_empty());
        for difference in &found {
            self.tell(difference)?;
        }
        Ok(())
    }

    fn tell(&mut self, difference: &Difference) -> Result<(), Error> {
        let mut out = Stdout;
        let written = match self.format {
            DiffFormat::Terminal => show_difference(&mut out, self.style, difference, &mut self.last),
            DiffFormat::Jsonl => {
                let mut line = json!(difference);
                line["type"] = json!("difference");
                writeln!(out, "{line}")
            }
        };
        settle(written)
    }

    fn finish(self) -> Result<Exit, Error> {
        use std::fmt::Write as _;
        let (exchanges, different) =
            self.rows.values().fold((0, 0), |(exchanges, different), row| (exchanges + row.exchanges, different + row.different));
        let mut out = String::new();
        if self.format == DiffFormat::Terminal && exchanges > 0 {
            let width = self.rows.keys().map(|(operation, _)| operation.len()).max().unwrap_or_default();
            if different > 0 {
                out.push('\n');
            }
            for ((operation, version), row) in &self.rows {
                let verdict = match row.different {
                    0 => self.style.good("same"),
                    count => self.style.bad(&format!("{count} differ")),
                };
                // Writing to a text cannot fail.
                let _ = writeln!(out, "  {operation:width$}  {version:>4}  {:>5}  {verdict}", row.exchanges);
            }
        }
        match self.format {
            DiffFormat::Terminal => {
                let exchanges = if exchanges == 1 { "1 exchange".to_owned() } else { format!("{exchanges} exchanges") };
                let _ = match different {
                    0 => writeln!(out, "{}: {exchanges}", self.style.good("no difference")),
                    count => writeln!(out, "{}: {count} of {exchanges}", self.style.bad("different")),
                };
            }
            DiffFormat::Jsonl => {
                for ((operation, version), row) in &self.rows {
                    let line = json!({ "type": "operation", "operation": operation, "api_version": version, "exchanges": row.exchanges, "different": row.different });
                    let _ = writeln!(out, "{line}");
                }
                let line = json!({ "type": "diff-finished", "exchanges": exchanges, "different": different });
                let _ = writeln!(out, "{line}");
            }
        }
        super::print(&out)?;
        Ok(match (exchanges, different) {
            (0, _) => Exit::NothingInspected,
            (_, 0) => Exit::Compliant,
            _ => Exit::Violations,
        })
    }
}

/// A reader that has seen enough (`| head`) is no error.
fn settle(written: io::Result<()>) -> Result<(), Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::environment(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
