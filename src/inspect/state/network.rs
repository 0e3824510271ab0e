//! The list of networks, held against the networks that containers are on.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::super::finding::Finding;
use super::{Fact, LONGEST_NAME};
use crate::model::{Part, Place, Rule, Side};

/// A container on more networks than this is not held against the list.
pub(super) const NETWORKS: usize = 64;
/// A longer list is not remembered.
const LONGEST_LIST: usize = 4096;

/// The networks of a container by name, each with a hash of its whole endpoint.
pub(super) type Endpoints = BTreeMap<String, u64>;

/// Names and ids of a whole list.
#[derive(Debug)]
pub(super) struct Networks {
    begin: u64,
    end: u64,
    names: HashSet<String>,
}

/// What an inspect says of a container's networks, and when.
pub(super) struct Window<'a> {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// When the run began, if it runs.
    pub(super) run: Option<&'a str>,
    pub(super) networks: &'a Endpoints,
}

impl Networks {
    /// Reads an answer; `None` for a list that is not whole.
    pub(super) fn read(fact: &Fact<'_>) -> Option<Self> {
        let list = fact.document?.as_array().filter(|list| list.len() <= LONGEST_LIST && fact.target.parameter("filters").is_none())?;
        let texts = |name: &'static str| list.iter().filter_map(move |network| network.get(name).and_then(Value::as_str));
        let names = texts("Name").chain(texts("Id")).filter(|name| name.len() <= LONGEST_NAME).map(str::to_owned).collect();
        Some(Self { begin: fact.begin, end: fact.end, names })
    }

    /// A network that a running container was on before and after the list, with the very same endpoint, and that the list does not have.
    /// A network with a running container on it cannot be removed, so it was there all the time.
    pub(super) fn unknown(&self, before: &Window<'_>, after: &Window<'_>) -> Option<Finding> {
        let around = before.end < self.begin && self.end < after.begin && before.run.is_some() && before.run == after.run;
        let mut stayed = after.networks.iter().filter(|(name, endpoint)| before.networks.get(*name) == Some(*endpoint));
        let (name, _) = stayed.find(|(name, _)| around && !self.names.contains(*name))?;
        let pointer = format!("/NetworkSettings/Networks/{}", name.replace('~', "~0").replace('/', "~1"));
        let place = Place::of(Part::Body).at_pointer(pointer);
        let due = "the name of a network of the list before";
        Some(Finding::new(Rule::StateNetworkUnknown, Side::Daemon, place, due, format!("{name:?}")))
    }
}
