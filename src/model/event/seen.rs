//! What a run has seen of an operation: the stuff that coverage is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    #[serde(deserialize_with = "by_status")]
    pub statuses: BTreeMap<u16, u64>,
    /// Query parameters that requests named and the version has.
    pub query: BTreeSet<String>,
    /// By status: JSON pointers of the members that answers had and the version has; `*` stands for every item and every key of a map.
    #[serde(deserialize_with = "by_status")]
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

/// Keys of JSON objects are texts, and serde reads them as such where it has to look for the `type` of the object first.
fn by_status<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<BTreeMap<u16, T>, D::Error> {
    let named = BTreeMap::<String, T>::deserialize(deserializer)?;
    let number = |(status, value): (String, T)| match status.parse() {
        Ok(status) => Ok((status, value)),
        Err(_) => Err(D::Error::custom(format_args!("`{status}` is no status"))),
    };
    named.into_iter().map(number).collect()
}
