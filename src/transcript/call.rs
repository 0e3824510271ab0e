//! What a request asks for: version, path and query of its target, taken apart, and the operation.

use crate::catalog::{Catalog, Lookup, Operation};
use crate::model::ApiVersion;
use crate::wire::{Head, PathVersion, Target};

/// A request's target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The version in the path.
    pub version: Option<ApiVersion>,
    /// Percent-decoded, without the version.
    pub path: String,
    /// Decoded names and values, in order.
    pub query: Vec<(String, String)>,
}

impl Call {
    /// Of a request's head. Whatever does not decode stands as it is; so does a prefix that is no version of this API.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let method = String::from_utf8_lossy(head.method()).into_owned();
        let Target { version, path, query, .. } = Target::parse(head.target());
        let (version, path) = match version {
            PathVersion::Is(version) => (Some(version), path),
            PathVersion::Odd(prefix) => (None, format!("/v{prefix}{path}")),
            PathVersion::Absent => (None, path),
        };
        Self { method, version, path, query }
    }

    /// The operation that it leads to; of any version where the path names none.
    #[must_use]
    pub fn operation(&self) -> Option<&'static Operation> {
        match Catalog::builtin().lookup(&self.method, &self.path, self.version) {
            Lookup::Operation(operation) | Lookup::NotInVersion(operation) => Some(operation),
            Lookup::WrongMethod(_) | Lookup::Unknown => None,
        }
    }
}
