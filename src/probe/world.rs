//! What a probe works with: the plan of the whole run, one world a version with the things that its cases share, and the case itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client::{Client, Gate};
use super::debris::{Debris, Thing};
use super::step::{Call, Skip, Step};
use crate::catalog::Catalog;
use crate::model::ApiVersion;

/// No case takes longer.
const CASE_LIMIT: Duration = Duration::from_secs(90);

/// The whole run. Shared by all versions.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) catalog: &'static Catalog,
    pub(super) gate: Arc<Gate>,
    /// What every name begins with: `plimsoll-4f2a`.
    pub(super) run: String,
    /// The image that containers are made of, or why there is none.
    pub(super) image: Result<String, String>,
    pub(super) allow_destructive: bool,
    /// The operations that were asked for; all when it is empty.
    pub(super) only: BTreeSet<String>,
    pub(super) debris: Debris,
    /// The daemon's newest version, for clearing away.
    pub(super) newest: ApiVersion,
    pub(super) done: Mutex<Vec<Record>>,
    pub(super) count: AtomicUsize,
    pub(super) names: AtomicUsize,
}

/// What became of one case, as far as the client knows.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Its number, by which the judge's findings are found.
    pub(super) number: usize,
    pub(super) operation: &'static str,
    pub(super) version: ApiVersion,
    pub(super) case: String,
    pub(super) skip: Option<String>,
}

impl Plan {
    /// The cases that are over.
    pub(super) fn records(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Case 0 is nobody's.
    fn number(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// One version: its cases run one after the other.
#[derive(Debug)]
pub(super) struct World<'p> {
    pub(super) plan: &'p Plan,
    pub(super) version: ApiVersion,
    fixtures: Fixtures,
}

/// What several cases of a version use.
#[derive(Debug, Default)]
pub(super) struct Fixtures {
    /// Made on first use, by what it is for; or why it could not be.
    made: Vec<(&'static str, Result<String, Skip>)>,
    /// The shared container is running.
    pub(super) running: bool,
}

impl<'p> World<'p> {
    pub(super) fn new(plan: &'p Plan, version: ApiVersion) -> Self {
        Self { plan, version, fixtures: Fixtures::default() }
    }

    /// Whether the version has what came in `1.minor`.
    pub(super) fn since(&self, minor: u16) -> bool {
        self.version >= ApiVersion::new(minor)
    }

    /// One case of an operation. It is not run where the version has no such operation, or others were asked for.
    pub(super) async fn case(&mut self, operation: &'static str, name: &str, steps: impl AsyncFnOnce(&mut Case<'_>) -> Step<()>) {
        let exists = self.plan.catalog.operation(operation).is_some_and(|found| found.exists_at(self.version));
        if !exists || !self.wants(operation) {
            return;
        }
        let number = self.plan.number();
        let client = Client::new(Arc::clone(&self.plan.gate), number);
        let mut case = Case { client, plan: self.plan, version: self.version, fixtures: &mut self.fixtures };
        let ended = tokio::time::timeout(CASE_LIMIT, steps(&mut case)).await;
        let ended = ended.unwrap_or_else(|_| Err(Skip(format!("not over within {} s", CASE_LIMIT.as_secs()))));
        self.record(number, operation, name, ended.err());
    }

    /// A case that changes what is not the probe's own.
    pub(super) async fn destructive(&mut self, operation: &'static str, name: &str, steps: impl AsyncFnOnce(&mut Case<'_>) -> Step<()>) {
        let allowed = self.plan.allow_destructive;
        self.case(operation, name, async |c| if allowed { steps(c).await } else { Err(Skip::because("needs --allow-destructive")) }).await;
    }

    /// Steps that belong to no case.
    pub(super) async fn aside(&mut self, steps: impl AsyncFnOnce(&mut Case<'_>)) {
        let client = Client::new(Arc::clone(&self.plan.gate), 0);
        steps(&mut Case { client, plan: self.plan, version: self.version, fixtures: &mut self.fixtures }).await;
    }

    /// Whether the cases of one of these operations were asked for.
    pub(super) fn wants_any(&self, operations: &[&str]) -> bool {
        operations.iter().any(|operation| self.wants(operation))
    }

    /// Whether the cases of an operation were asked for.
    pub(super) fn wants(&self, operation: &str) -> bool {
        self.plan.only.is_empty() || self.plan.only.contains(operation)
    }

    /// Removes what the cases have made so far: a daemon has only so many networks to give.
    pub(super) async fn tidy(&mut self) {
        self.fixtures = Fixtures::default();
        // What stays is tried again at the end, and reported then.
        self.plan.debris.clear(&self.plan.gate, self.plan.newest, Some(self.version)).await;
    }

    /// A case that was over before it began.
    pub(super) fn skip(&self, operation: &'static str, name: &str, why: &str) {
        self.record(self.plan.number(), operation, name, Some(Skip::because(why)));
    }

    fn record(&self, number: usize, operation: &'static str, name: &str, skip: Option<Skip>) {
        let skip = skip.map(|skip| anonymous(&skip.0, &self.plan.run));
        let record = Record { number, operation, version: self.version, case: name.to_owned(), skip };
        self.plan.records().push(record);
    }
}

/// One case, while it runs.
#[derive(Debug)]
pub(super) struct Case<'w> {
    pub(super) client: Client,
    pub(super) plan: &'w Plan,
    pub(super) version: ApiVersion,
    pub(super) fixtures: &'w mut Fixtures,
}

impl Case<'_> {
    /// Whether the version has what came in `1.minor`.
    pub(super) fn since(&self, minor: u16) -> bool {
        self.version >= ApiVersion::new(minor)
    }

    pub(super) fn get(&mut self, path: impl AsRef<str>) -> Call<'_> {
        self.call("GET", path.as_ref())
    }

    pub(super) fn post(&mut self, path: impl AsRef<str>) -> Call<'_> {
        self.call("POST", path.as_ref())
    }

    pub(super) fn put(&mut self, path: impl AsRef<str>) -> Call<'_> {
        self.call("PUT", path.as_ref())
    }

    pub(super) fn head(&mut self, path: impl AsRef<str>) -> Call<'_> {
        self.call("HEAD", path.as_ref())
    }

    pub(super) fn delete(&mut self, path: impl AsRef<str>) -> Call<'_> {
        self.call("DELETE", path.as_ref())
    }

    fn call(&mut self, method: &'static str, path: &str) -> Call<'_> {
        Call::new(&mut self.client, method, format!("/v{}{path}", self.version))
    }

    /// A name that nothing else has.
    pub(super) fn name(&self, what: &str) -> String {
        let number = self.plan.names.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{}-{what}-{number}", self.plan.run, self.version.minor())
    }

    /// The image that containers are made of.
    pub(super) fn image(&self) -> Step<String> {
        self.plan.image.clone().map_err(|why| Skip(format!("needs an image: {why}")))
    }

    /// To be removed when the run is over, whatever happens.
    pub(super) fn leaves(&self, thing: Thing) {
        self.plan.debris.add(self.version, thing);
    }

    /// What was made for this already; or makes it, once.
    pub(super) async fn once(&mut self, what: &'static str, make: impl AsyncFnOnce(&mut Self) -> Step<String>) -> Step<String> {
        if let Some((_, made)) = self.fixtures.made.iter().find(|(name, _)| *name == what) {
            return made.clone();
        }
        let made = make(self).await.map_err(|skip| skip.preparing(what));
        self.fixtures.made.push((what, made.clone()));
        made
    }
}

/// Without what differs from run to run and version to version: reasons are counted by their text.
fn anonymous(text: &str, run: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|char: char| char.is_ascii_alphanumeric()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.find(|char: char| !char.is_ascii_alphanumeric() && char != '-').unwrap_or(from.len());
        let (word, behind) = from.split_at(end);
        let named = word.strip_prefix(run).and_then(|name| name.strip_prefix('-')).and_then(|name| name.split_once('-'));
        match named {
            Some((_, name)) => out.push_str(name.rsplit_once('-').map_or(name, |(name, _)| name)),
            None if word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) => out.push_str("ID"),
            None if word == "v1" => {
                // The version in a path.
                let digits = behind.strip_prefix('.').map_or(0, |minor| minor.bytes().take_while(u8::is_ascii_digit).count());
                out.push_str(if digits > 0 { "v1.N" } else { word });
                rest = if digits > 0 { &behind[1 + digits..] } else { behind };
                continue;
            }
            None => out.push_str(word),
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_the_same_for_all_versions() {
        for (text, shown) in [
            ("No such container: plimsoll-4f2a-41-box-3", "No such container: box"),
            ("\"/plimsoll-4f2a-9-my-net-12\" is in use by 4fa6e0f0c6786287e131c3852c58a2e0", "\"/my-net\" is in use by ID"),
            ("could not start it: 500", "could not start it: 500"),
            ("no service: /v1.41/swarm, v1", "no service: /v1.N/swarm, v1"),
            ("", ""),
        ] {
            assert_eq!(anonymous(text, "plimsoll-4f2a"), shown);
        }
    }
}
