//! `plimsoll snapshot record`.

use std::ffi::OsString;
use std::path::Path;

use crate::catalog::Catalog;
use crate::cli::RecordArgs;
use crate::error::{Error, Exit};
use crate::inspect::Settings;
use crate::proxy::Address;
use crate::snapshot::{Exchange, Folder, Normaliser, Reader, Scene, Script, Snapshot, compare, player, script};
use crate::transcript::{self, Transcript};

use super::super::progress::Steps;
use super::super::session::{Output, Session};
use super::super::stage::Stage;
use super::super::wrap;

/// The longest name that is made after a command.
const LONGEST: usize = 60;

pub(super) fn run(args: &RecordArgs) -> Result<Exit, Error> {
    let backend = super::super::tls::backend(args.backend.clone(), &args.dial)?;
    let folder = Folder::new(&args.dir);
    if args.name.is_some() && args.files.len() > 1 {
        return Err(Error::usage("one --name does not fit several files: each is a scenario of its own"));
    }
    if args.command.is_empty() {
        return from_files(args, &backend, &folder);
    }
    let name = args.name.clone().unwrap_or_else(|| slug(&args.command));
    folder.create()?;
    super::super::runtime()?.block_on(async {
        let session = super::session("snapshot-record", &args.judge, Output::AtEnd, &args.dir)?;
        let events = session.clone();
        let stage = Stage::open(backend, session.settings(), true, move |event| events.event(event)).await?;
        let ended = wrap::command(&args.command, stage.host()).await;
        let recorded = stage.close().await;
        let (status, interrupted) = ended?;
        let exit = session.finish()?;
        let Some(transcript) = recorded? else { return Ok(exit) };
        if interrupted {
            return Ok(Exit::Interrupted);
        }
        let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
        keep(&folder, &name, &transcript, &words.join(" "), normaliser(&session.settings()))?;
        Ok(match exit {
            Exit::Compliant if !status.success() => Exit::CommandFailed,
            exit => exit,
        })
    })
}

/// The requests of each file are sent.
fn from_files(args: &RecordArgs, backend: &Address, folder: &Folder) -> Result<Exit, Error> {
    let mut scenarios = Vec::new();
    for path in &args.files {
        let name = args.name.clone().or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        let name = name.ok_or_else(|| Error::usage(format!("{} is no file: give a --name", path.display())))?;
        let (transcript, text) = super::read(path)?;
        scenarios.push((path, name, transcript, text));
    }
    folder.create()?;
    super::super::runtime()?.block_on(async {
        let session = super::session("snapshot-record", &args.judge, Output::Live, &args.dir)?;
        let mut steps = Steps::new("recording", Some(scenarios.len()), "scenarios");
        for (path, name, transcript, text) in scenarios {
            let settings = Settings { source: Some(name.as_str().into()), ..session.settings() };
            let played =
                playable(&transcript, &text, normaliser(&settings)).map_err(|what| Error::usage(format!("{}: {what}", path.display())))?;
            let Playable { script, scenes: expected, text } = played;
            let played = play(&script, &expected, backend.clone(), settings, &session).await?;
            for sentence in &played.unmet {
                say(&format!("{name}: {sentence}"));
            }
            let (scenes, _) = normal(&played.exchanges, normaliser(&session.settings()));
            // A script that is its own source stays as it was written.
            if folder.script(&name) != *path {
                write(&folder.script(&name), &text)?;
            }
            settle(folder, &name, scenes, &path.display().to_string())?;
            steps.done();
        }
        session.finish()
    })
}

/// A fresh one for a run with these settings: a snapshot shows secrets where the report does.
pub(super) fn normaliser(settings: &Settings) -> Normaliser {
    Normaliser::new(settings.catalog).showing_secrets(settings.aliases.is_none())
}

/// Plays a script through a proxy of its own.
pub(super) async fn play(
    script: &Script,
    expected: &[Scene],
    backend: Address,
    settings: Settings,
    session: &Session,
) -> Result<player::Played, Error> {
    let normaliser = normaliser(&settings);
    let events = session.clone();
    let stage = Stage::open(backend, settings, false, move |event| events.event(event)).await?;
    let played = player::play(script, &stage.socket(), expected, normaliser).await;
    stage.close().await?;
    Ok(played)
}

/// What can be played of a transcript.
pub(in super::super) struct Playable {
    /// With aliases in the places of the ids that were recorded.
    pub(in super::super) script: Script,
    /// Its exchanges, normalised; of a script none.
    pub(in super::super) scenes: Vec<Scene>,
    /// The script as a file.
    pub(in super::super) text: Vec<u8>,
}

/// `text` is what the transcript was read from: one that is a script already is played as it stands. The error is a sentence.
pub(in super::super) fn playable(transcript: &Transcript, text: &[u8], normaliser: Normaliser) -> Result<Playable, String> {
    let catalog = normaliser.catalog();
    let (scenes, normaliser) = normal(&exchanges(transcript, catalog), normaliser);
    if scenes.is_empty() {
        return Err("there is no request in it".to_owned());
    }
    if script::is_one(transcript) {
        return Ok(Playable { script: Script::of(transcript, catalog), scenes: Vec::new(), text: text.to_vec() });
    }
    let text = script::make(transcript, catalog, &scenes, normaliser.aliases())?;
    let read = transcript::read(&text).map_err(|error| error.to_string())?;
    Ok(Playable { script: Script::of(&read, catalog), scenes, text })
}

/// The exchanges of a transcript.
fn exchanges(transcript: &Transcript, catalog: &'static Catalog) -> Vec<Exchange> {
    let mut reader = Reader::of(transcript, catalog);
    for entry in &transcript.entries {
        reader.push(entry, &mut |_| {});
    }
    reader.finish()
}

/// Normal scenes, and what their aliases stand for.
pub(in super::super) fn normal(exchanges: &[Exchange], mut normaliser: Normaliser) -> (Vec<Scene>, Normaliser) {
    let scenes = exchanges.iter().map(|exchange| normaliser.next(Scene::of(exchange))).collect();
    (scenes, normaliser)
}

/// Keeps what was recorded: the client side, and the answers.
fn keep(folder: &Folder, name: &str, transcript: &Transcript, expression: &str, normaliser: Normaliser) -> Result<(), Error> {
    let catalog = normaliser.catalog();
    let (scenes, normaliser) = normal(&exchanges(transcript, catalog), normaliser);
    if scenes.is_empty() {
        return Ok(());
    }
    let script = script::make(transcript, catalog, &scenes, normaliser.aliases()).map_err(Error::usage)?;
    write(&folder.script(name), &script)?;
    settle(folder, name, scenes, expression)
}

/// A first snapshot holds at once: it was asked for. One that differs from what holds waits.
fn settle(folder: &Folder, name: &str, scenes: Vec<Scene>, expression: &str) -> Result<(), Error> {
    let (path, pending) = (folder.snapshot(name), folder.pending(name));
    let count = scenes.len();
    let new = Snapshot { source: folder.script(name).display().to_string(), expression: expression.to_owned(), scenes };
    // One that cannot be read is no reason not to record: it is replaced once somebody accepts.
    let differences = match Snapshot::read(&path) {
        Ok(Some(old)) => compare::scenarios(&old.scenes, &new.scenes).len(),
        Ok(None) => {
            new.write(&path)?;
            Folder::remove(&pending)?;
            say(&format!("{name}: {count} exchanges recorded in {}", path.display()));
            return Ok(());
        }
        Err(_) => 1,
    };
    if differences == 0 {
        Folder::remove(&pending)?;
        say(&format!("{name}: {count} exchanges, as in {}", path.display()));
        return Ok(());
    }
    new.write(&pending)?;
    say(&format!("{name}: differs from {}; {} waits to be accepted", path.display(), pending.display()));
    Ok(())
}

fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| Error::environment(format!("cannot write {}: {error}", path.display())))
}

/// Standard output is for the report.
fn say(text: &str) {
    super::super::signals::announce(text);
}

/// `docker run --rm busybox` is called `docker-run-rm-busybox`.
fn slug(words: &[OsString]) -> String {
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        let word = if index == 0 { word.rsplit('/').next().unwrap_or_default() } else { &word };
        for part in word.split(|char: char| !char.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
            if !out.is_empty() && out.len() + part.len() > LONGEST {
                return out;
            }
            if !out.is_empty() {
                out.push('-');
            }
            out.push_str(&part.to_ascii_lowercase());
        }
    }
    if out.is_empty() { "scenario".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_called_after_their_commands() {
        for (words, name) in [
            (vec!["docker", "run", "--rm", "busybox"], "docker-run-rm-busybox"),
            (vec!["/usr/bin/python3", "a.py"], "python3-a-py"),
            (vec!["--"], "scenario"),
        ] {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            assert_eq!(slug(&words), name);
        }
    }
}
