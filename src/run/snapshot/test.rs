//! `plimsoll snapshot test`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::{Shard, TestArgs, Unreferenced};
use crate::error::{Error, Exit};
use crate::inspect::Settings;
use crate::model::{Event, Scenario, ScenarioResult};
use crate::proxy::Address;
use crate::snapshot::{Folder, Script, Snapshot, compare};
use crate::transcript::Transcript;

use super::super::progress::Steps;
use super::super::session::{Output, Session};
use super::record::{normal, normaliser, play};

/// More differences of one scenario are counted, not kept.
const DIFFERENCES_LIMIT: usize = 200;

pub(super) fn run(args: TestArgs) -> Result<Exit, Error> {
    let backend = super::super::tls::backend(args.backend, &args.dial)?;
    let folder = Folder::new(&args.dir);
    let all = folder.scenarios()?;
    if let Some(name) = args.names.iter().find(|name| !all.contains(name)) {
        return Err(Error::usage(format!("there is no scenario {name}: {} is not there", folder.script(name).display())));
    }
    let chosen: Vec<String> = all.iter().filter(|name| args.names.is_empty() || args.names.contains(name)).cloned().collect();
    if chosen.is_empty() {
        let how = "record one with `plimsoll snapshot record`";
        return Err(Error::usage(format!("there is no scenario (NAME.wire) in {}: {how}", args.dir.display())));
    }
    let chosen = part(chosen, args.shard);
    // All files are read first: a bad one is said before anything is played.
    let mut plays = Vec::new();
    for name in chosen {
        let (transcript, _) = super::read(&folder.script(&name))?;
        let snapshot = Snapshot::read(&folder.snapshot(&name))?;
        plays.push((name, transcript, snapshot));
    }
    let mut unreferenced = if args.names.is_empty() { folder.snapshots()? } else { Vec::new() };
    unreferenced.retain(|name| !all.contains(name));
    let own = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.map_or(if backend == Address::Reference { own } else { 1 }, usize::from);
    super::super::runtime()?.block_on(async {
        let session = super::session("snapshot-test", &args.judge, Output::Live, &args.dir)?;
        let stage = Arc::new(Setting { backend, folder: folder.clone(), session: session.clone(), update: args.update });
        let gate = Arc::new(Semaphore::new(jobs));
        let mut running = JoinSet::new();
        for (index, (name, transcript, snapshot)) in plays.into_iter().enumerate() {
            let (stage, gate) = (Arc::clone(&stage), Arc::clone(&gate));
            running.spawn(async move {
                let _turn = gate.acquire().await;
                (index, stage.scenario(&name, &transcript, snapshot).await)
            });
        }
        // Told in the order of their names, however they end.
        let (mut ended, mut next) = (BTreeMap::new(), 0);
        let mut steps = Steps::new("testing", Some(running.len()), "scenarios");
        while let Some(done) = running.join_next().await {
            let (index, scenario) = done.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
            ended.insert(index, scenario?);
            steps.done();
            while let Some(scenario) = ended.remove(&next) {
                session.event(&Event::Scenario(scenario));
                next += 1;
            }
        }
        for name in unreferenced {
            match args.unreferenced {
                Unreferenced::Ignore => {}
                Unreferenced::Delete => {
                    Folder::remove(&folder.snapshot(&name))?;
                    Folder::remove(&folder.pending(&name))?;
                }
                Unreferenced::Reject => session.event(&Event::Scenario(Scenario {
                    scenario: name,
                    result: ScenarioResult::Unreferenced,
                    exchanges: 0,
                    differences: Vec::new(),
                    notes: Vec::new(),
                })),
            }
        }
        session.finish()
    })
}

/// Every nth scenario: neighbours in name are often neighbours in length.
fn part(names: Vec<String>, shard: Option<Shard>) -> Vec<String> {
    match shard {
        Some(Shard { part, parts }) => names.into_iter().skip(part - 1).step_by(parts).collect(),
        None => names,
    }
}

/// What all scenarios of a run have in common.
struct Setting {
    backend: Address,
    folder: Folder,
    session: Session,
    update: bool,
}

impl Setting {
    async fn scenario(&self, name: &str, transcript: &Transcript, snapshot: Option<Snapshot>) -> Result<Scenario, Error> {
        let settings = Settings { source: Some(name.into()), ..self.session.settings() };
        let catalog = settings.catalog;
        let script = Script::of(transcript, catalog);
        let expected = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.scenes);
        let played = play(&script, expected, self.backend.clone(), settings, &self.session).await?;
        let (scenes, _) = normal(&played.exchanges, normaliser(&self.session.settings()));
        let mut differences = compare::scenarios(expected, &scenes);
        let exchanges = scenes.len();
        let pending = self.folder.pending(name);
        let (source, expression) = snapshot.as_ref().map_or_else(
            || (self.folder.script(name).display().to_string(), format!("plimsoll snapshot test {name}")),
            |snapshot| (snapshot.source.clone(), snapshot.expression.clone()),
        );
        let new = Snapshot { source, expression, scenes };
        let result = match &snapshot {
            Some(_) if differences.is_empty() => ScenarioResult::Pass,
            _ if self.update => ScenarioResult::Updated,
            Some(_) => ScenarioResult::Changed,
            None => ScenarioResult::New,
        };
        match result {
            ScenarioResult::Pass => Folder::remove(&pending)?,
            ScenarioResult::Updated => {
                new.write(&self.folder.snapshot(name))?;
                Folder::remove(&pending)?;
            }
            _ => new.write(&pending)?,
        }
        if snapshot.is_none() {
            differences.clear();
        }
        differences.truncate(DIFFERENCES_LIMIT);
        let notes = if result == ScenarioResult::Pass { Vec::new() } else { played.unmet };
        Ok(Scenario { scenario: name.to_owned(), result, exchanges, differences, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        let names: Vec<String> = (0..7).map(|number| format!("s{number}")).collect();
        let mut all: Vec<String> = (1..=3).flat_map(|number| part(names.clone(), Some(Shard { part: number, parts: 3 }))).collect();
        all.sort();
        assert_eq!(all, names);
        assert_eq!(part(names, Some(Shard { part: 3, parts: 3 })), ["s2", "s5"]);
    }
}
