//! The probe: drives a daemon through the private proxy, with a scenario for each operation and version, and makes a scorecard of what the
//! judge says.
//!
//! It judges nothing itself: its client only says how far a case came. What it makes it labels and removes again.

pub mod client;
mod debris;
pub mod ledger;
mod scenario;
pub mod scorecard;
mod step;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::model::{ApiVersion, CaseResult, ProbeCase, Severity, VersionRange};

use client::{Client, Gate};
use debris::{Debris, Thing};
use ledger::{Findings, Ledger};
use step::Call;
use world::{Plan, World};

/// So many versions are driven at once: more would only wait for one another in a real daemon.
pub const AT_ONCE: usize = 8;
/// So long what was interrupted may still be at work.
const AFTERMATH: Duration = Duration::from_millis(500);
/// The images that are looked for, and pulled if there is none, when none is named. Each has a shell.
const IMAGES: [&str; 4] = ["base:latest", "busybox:latest", "alpine:latest", "debian:latest"];
/// What no daemon has.
const NOBODY: &str = "plimsoll-probe-nobody";

/// What is to be probed.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The versions; all that the daemon announces when none are named.
    pub versions: Option<VersionRange>,
    /// The operations; all when none is named.
    pub operations: BTreeSet<String>,
    /// Cases may change what is not the probe's own.
    pub allow_destructive: bool,
    /// The image that containers are made of.
    pub image: Option<String>,
    /// So many versions are driven at once.
    pub at_once: usize,
    /// What is known of the API.
    pub catalog: &'static Catalog,
}

/// A probe that has looked around, and is ready to start.
#[derive(Debug)]
pub struct Probe {
    plan: Plan,
    ledger: Arc<Ledger>,
    versions: Vec<ApiVersion>,
    at_once: usize,
    /// The image that was pulled, which goes when everything else has gone.
    pulled: Option<String>,
}

impl Probe {
    /// Looks around: which versions the daemon speaks, and what containers can be made of. `id` tells runs apart.
    pub async fn prepare(wishes: Wishes, gate: Arc<Gate>, ledger: Arc<Ledger>, id: &str) -> Result<Self, Error> {
        let mut client = Client::new(Arc::clone(&gate), 0);
        let offered = offered(&mut client).await?;
        let versions: Vec<_> = ApiVersion::known().filter(|version| wishes.versions.unwrap_or(offered).contains(*version)).collect();
        let newest = offered.until.min(ApiVersion::NEWEST);
        let debris = Debris::default();
        let found = image(&mut client, newest, wishes.image.as_deref()).await;
        let pulled = found.as_ref().ok().filter(|found| found.pulled).map(|found| found.name.clone());
        let plan = Plan {
            catalog: wishes.catalog,
            gate,
            run: format!("plimsoll-{id}"),
            image: found.map(|found| found.name),
            allow_destructive: wishes.allow_destructive,
            only: wishes.operations,
            debris,
            newest,
            done: Mutex::default(),
            count: AtomicUsize::new(0),
            names: AtomicUsize::new(0),
        };
        let has_any =
            |version: &ApiVersion| plan.catalog.operations_at(*version).any(|found| World::new(&plan, *version).wants(found.id()));
        if !versions.iter().any(has_any) {
            return Err(Error::usage("none of these operations is part of any of these versions"));
        }
        Ok(Self { plan, ledger, versions, at_once: wishes.at_once, pulled })
    }

    /// The versions that will be driven.
    #[must_use]
    pub fn versions(&self) -> &[ApiVersion] {
        &self.versions
    }

    /// How many cases are over, and in how many an error was found.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.plan.records().len(), self.ledger.failing())
    }

    /// Runs all cases. May be dropped at any time; [`Probe::clear`] removes what it leaves.
    pub async fn run(&self) {
        let worlds = self.versions.iter().map(|version| async {
            let mut world = World::new(&self.plan, *version);
            let refused = scenario::refused(&mut world).await;
            if refused.is_none() {
                scenario::together(&mut world).await;
                world.tidy().await;
            }
            (world, refused)
        });
        let mut worlds: Vec<_> = futures_util::stream::iter(worlds).buffer_unordered(self.at_once).collect().await;
        worlds.sort_by_key(|(world, _)| world.version);
        let mut refused = BTreeMap::new();
        let mut spoken = Vec::new();
        for (world, why) in worlds {
            match why {
                Some(why) => drop(refused.insert(world.version, why)),
                None => spoken.push(world),
            }
        }
        for world in &mut spoken {
            scenario::alone(world).await;
            world.tidy().await;
        }
        for world in &mut spoken {
            scenario::last(world).await;
        }
        self.complete(&refused);
    }

    /// Every operation of every version has at least one case, if only one that says why there is none.
    fn complete(&self, refused: &BTreeMap<ApiVersion, String>) {
        let catalog = self.plan.catalog;
        for version in &self.versions {
            let world = World::new(&self.plan, *version);
            let cased: BTreeSet<&str> =
                self.plan.records().iter().filter(|record| record.version == *version).map(|record| record.operation).collect();
            for operation in
                catalog.operations_at(*version).filter(|operation| world.wants(operation.id()) && !cased.contains(operation.id()))
            {
                world.skip(operation.id(), "any", refused.get(version).map_or("there is no scenario for it", String::as_str));
            }
        }
    }

    /// Removes everything that was made; gives what could not be removed.
    pub async fn clear(&self) -> Vec<String> {
        if let Some(image) = &self.pulled {
            self.plan.debris.add(self.plan.newest, Thing::Image(image.clone()));
        }
        self.plan.debris.clear(&self.plan.gate, self.plan.newest, None).await
    }

    /// The same after an interrupt: what was under way may have been made only after it was to be removed.
    pub async fn clear_twice(&self) -> Vec<String> {
        let before = self.plan.debris.all();
        self.clear().await;
        tokio::time::sleep(AFTERMATH).await;
        for (version, thing) in before {
            self.plan.debris.add(version, thing);
        }
        self.clear().await
    }

    /// What became of the cases. Call it when the judge has seen everything.
    #[must_use]
    pub fn results(&self) -> Vec<ProbeCase> {
        let mut records = self.plan.records().clone();
        records.sort_by_key(|record| (record.version, record.number));
        let result = |record: world::Record| {
            let (result, reason) = outcome(self.ledger.findings(record.number, record.operation), record.skip);
            ProbeCase { daemon: None, operation: record.operation.into(), api_version: record.version, case: record.case, result, reason }
        };
        records.into_iter().map(result).collect()
    }
}

/// What the judge and the client say together.
fn outcome(found: Findings, skip: Option<String>) -> (CaseResult, Option<String>) {
    if let Some((severity, rule, message)) = found.daemon {
        let result = if severity == Severity::Error { CaseResult::Fail } else { CaseResult::Warning };
        return (result, Some(format!("{rule}: {message}")));
    }
    if let Some((_, rule, message)) = found.probe {
        return (CaseResult::Skipped, Some(format!("the probe's own request is at fault: {rule}: {message}")));
    }
    if let Some(why) = skip {
        return (CaseResult::Skipped, Some(why));
    }
    if !found.judged {
        let why = found.unjudged.unwrap_or_else(|| "it was not asked".to_owned());
        return (CaseResult::Skipped, Some(format!("nothing of it was judged: {why}")));
    }
    (CaseResult::Pass, None)
}

/// The versions that the daemon says it speaks.
async fn offered(client: &mut Client) -> Result<VersionRange, Error> {
    let answer = Call::new(client, "GET", "/version".to_owned()).send().await;
    let answer = answer.map_err(|skip| Error::environment(format!("the daemon cannot be asked for its versions: {}", skip.0)))?;
    if answer.status != 200 {
        let message = step::message(&answer.body);
        return Err(Error::environment(format!("the daemon cannot be asked for its versions: {} {message}", answer.status)));
    }
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let version = |name: &str| document.get(name).and_then(Value::as_str).and_then(|text| text.parse::<ApiVersion>().ok());
    // A daemon that says nothing of its oldest is older than the question, 1.25, and speaks everything before.
    let until = version("ApiVersion").unwrap_or(ApiVersion::NEWEST);
    Ok(VersionRange { since: version("MinAPIVersion").unwrap_or(ApiVersion::OLDEST).min(until), until })
}

/// An image with a shell.
struct Found {
    name: String,
    /// It was not there before.
    pulled: bool,
}

/// The image that containers are made of: the one that was named, or one of those that are known, there already or pulled.
async fn image(client: &mut Client, version: ApiVersion, named: Option<&str>) -> Result<Found, String> {
    let candidates: Vec<&str> = named.map_or_else(|| IMAGES.to_vec(), |name| vec![name]);
    for name in &candidates {
        let answer = Call::new(client, "GET", format!("/v{version}/images/{name}/json")).send().await.map_err(|skip| skip.0)?;
        if answer.status == 200 {
            return Ok(Found { name: (*name).to_owned(), pulled: false });
        }
    }
    let mut said = String::new();
    for name in candidates.iter().filter(|name| named.is_some() || !name.starts_with("base")) {
        let (repository, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((name, "latest"));
        let call = Call::new(client, "POST", format!("/v{version}/images/create")).query("fromImage", repository).query("tag", tag);
        let answer = call.send().await.map_err(|skip| skip.0)?;
        let there = Call::new(client, "GET", format!("/v{version}/images/{name}/json")).send().await.map_err(|skip| skip.0)?;
        if there.status == 200 {
            return Ok(Found { name: (*name).to_owned(), pulled: true });
        }
        said = step::message(&answer.body);
    }
    Err(format!("none of {} is there, and it cannot be pulled ({said}); name one with --image", candidates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;

    #[test]
    fn the_judge_has_the_last_word_and_a_skip_is_never_a_pass() {
        let judged = Findings { judged: true, ..Findings::default() };
        let found = |severity| Some((severity, Rule::SchemaType, "wrong".to_owned()));
        let skip = || Some("not reached".to_owned());
        let of = |findings: &Findings, skip| outcome(findings.clone(), skip).0;
        assert_eq!(of(&judged, None), CaseResult::Pass);
        assert_eq!(of(&judged, skip()), CaseResult::Skipped);
        assert_eq!(of(&Findings::default(), None), CaseResult::Skipped);
        assert_eq!(of(&Findings { daemon: found(Severity::Warning), ..judged.clone() }, skip()), CaseResult::Warning);
        assert_eq!(of(&Findings { daemon: found(Severity::Error), ..judged.clone() }, None), CaseResult::Fail);
        assert_eq!(of(&Findings { probe: found(Severity::Error), ..judged }, None), CaseResult::Skipped);
    }
}
