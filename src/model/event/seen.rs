//! What a run has seen of an operation: the stuff that coverage is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ApiVersion;

/// What was seen of one operation at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationSeen {
    /// The name of the daemon, where a run asks several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<Arc<str>>,
    /// The version.
    pub api_version: ApiVersion,
    /// The operation.
    pub operation: Arc<str>,
    /// Final statuses of exchanges that were judged, and how often each came.
    pub statuses: BTreeMap<u16, u64>,
    /// Query parameters that requests named and the version has.
    pub query: BTreeSet<String>,
    /// By status: JSON pointers of the members that answers had and the version has; `*` stands for every item and every key of a map.
    pub members: BTreeMap<u16, BTreeSet<String>>,
}

impl OperationSeen {
    /// Adds what another run has seen of the same operation.
    pub fn add(&mut self, other: Self) {
        for (status, times) in other.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
        self.query.extend(other.query);
        for (status, members) in other.members {
            self.members.entry(status).or_default().extend(members);
        }
    }
}
