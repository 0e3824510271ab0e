//! Which operation a request calls, at which version.

use super::super::Context;
use super::super::finding::Finding;
use super::Exchange;
use crate::catalog::Lookup;
use crate::model::{ApiVersion, Part, Place, Reason, Rule, Side};
use crate::wire::PathVersion;

impl Exchange {
    /// Finds the operation, and the version as far as it is known by now.
    pub(super) fn route(&mut self, context: &Context) {
        let Some(head) = &self.head else {
            self.unjudged = Some(Reason::UnreadableHead);
            return;
        };
        let version = match (&self.target.version, context.settings.forced_version) {
            (_, Some(forced)) => Some(forced),
            (PathVersion::Is(version), None) => Some(*version),
            (PathVersion::Odd(text), None) => {
                self.unjudged = Some(Reason::UnknownVersion(text.clone()));
                return;
            }
            (PathVersion::Absent, None) => context.memory.announced(),
        };
        let method = String::from_utf8_lossy(head.method());
        // The usual case: an operation of this version.
        if let Some(version) = version.filter(|version| version.is_known())
            && let Lookup::Operation(operation) = context.settings.catalog.lookup(&method, &self.target.path, Some(version))
        {
            (self.operation, self.version) = (Some(operation), Some(version));
            return;
        }
        let method = method.into_owned();
        match context.settings.catalog.lookup(&method, &self.target.path, None) {
            Lookup::Operation(operation) => self.operation = Some(operation),
            // A browser's preflight is no call of the API.
            Lookup::WrongMethod(_) if method == "OPTIONS" => self.unjudged = Some(Reason::UnknownOperation),
            Lookup::WrongMethod(methods) => {
                let found = Finding::new(Rule::RouteWrongMethod, Side::Client, Place::of(Part::RequestLine), methods.join(" or "), method);
                self.held.push(found);
                self.unjudged = Some(Reason::UnknownOperation);
            }
            Lookup::Unknown | Lookup::NotInVersion(_) => self.unjudged = Some(Reason::UnknownOperation),
        }
        if let Some(version) = version {
            self.resolve(version, context);
        }
    }

    /// The version is known now.
    pub(in super::super) fn resolve(&mut self, version: ApiVersion, context: &Context) {
        if self.version.is_some() {
            return;
        }
        self.version = Some(version);
        self.call = None;
        if !version.is_known() {
            self.unjudged = Some(Reason::UnknownVersion(version.to_string()));
            return;
        }
        let Some(operation) = self.operation else { return };
        let method = self.head.as_ref().map(|head| String::from_utf8_lossy(head.method()).into_owned()).unwrap_or_default();
        if let Lookup::Operation(found) = context.settings.catalog.lookup(&method, &self.target.path, Some(version)) {
            self.operation = Some(found);
            return;
        }
        let message = format!("API {version} does not have {}", operation.id());
        let found = Finding::new(Rule::RouteNotInVersion, Side::Client, Place::of(Part::Path), operation.versions(), version.to_string());
        self.held.push(found.saying(message));
        self.unjudged.get_or_insert(Reason::NotInVersion);
    }
}
