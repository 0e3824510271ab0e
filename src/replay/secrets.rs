//! Secrets of requests. A recording has aliases in their places, so that each of these stands for whatever a live client sends there: for the same
//! value wherever it stands, and no two of them for one.

use std::collections::{BTreeMap, HashMap};

use super::body::Body;
use crate::catalog::{Catalog, Framing, Operation, Schema};
use crate::model::{ApiVersion, Side};
use crate::redact::{Aliases, Redactor, number_of_alias, replace_in_document, replace_in_parameter};
use crate::wire::Head;

/// In the place of every secret.
const PLACE: &str = "<redacted>";

/// The secrets of one request, in the order of their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Secrets(Vec<String>);

/// Takes the secrets out of what a request asks for.
pub(super) fn take(
    operation: Option<&'static Operation>,
    version: Option<ApiVersion>,
    query: &mut BTreeMap<String, Vec<String>>,
    body: &mut Body,
) -> Secrets {
    let names = Catalog::builtin().secret_names();
    let mut found = Vec::new();
    let mut take = |secret: &str| {
        found.push(secret.to_owned());
        PLACE.to_owned()
    };
    for (name, values) in query {
        for value in values {
            replace_in_parameter(name, value, names, &mut take);
        }
    }
    if let Body::Json(document) = body {
        let version = version.filter(|version| version.is_known()).unwrap_or(ApiVersion::NEWEST);
        let contract = operation.map(|operation| &operation.contract(version).request);
        let schema = contract.filter(|body| body.framing == Framing::Json).and_then(|body| body.schema.as_ref());
        replace_in_document(document, schema.map(Schema::secrets), names, &mut take);
    }
    Secrets(found)
}

/// A request's target, as it may be shown.
pub(super) fn shown_target(head: &Head) -> String {
    let redactor = Redactor { aliases: &Aliases::default(), names: Catalog::builtin().secret_names() };
    let (head, _) = redactor.masked_head(Side::Client, head.clone(), Vec::new());
    String::from_utf8_lossy(head.target()).into_owned()
}

impl Secrets {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the aliases of a recording stand for, once a client has sent it.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    values: HashMap<u32, String>,
    aliases: HashMap<String, u32>,
}

impl Bindings {
    /// Whether what a client sent may be what was recorded.
    pub(super) fn fit(&self, live: &Secrets, recorded: &Secrets) -> bool {
        // What they agree on so far binds the rest of the same request, too.
        let mut here = HashMap::new();
        live.0.len() == recorded.0.len()
            && live.0.iter().zip(&recorded.0).all(|(live, recorded)| {
                let Some(number) = number_of_alias(recorded) else { return live == recorded };
                // As long as what it stands for was when it was sent: an escape is longer than what it stands for.
                let is_long_enough = recorded.len() >= live.len();
                if number == 0 {
                    return is_long_enough;
                }
                match (self.values.get(&number), self.aliases.get(live)) {
                    (Some(value), _) => value == live,
                    (None, Some(_)) => false,
                    (None, None) => is_long_enough && *here.entry(number).or_insert(live) == live,
                }
            })
    }

    /// From now on each alias stands for this.
    pub(super) fn bind(&mut self, live: &Secrets, recorded: &Secrets) {
        for (live, recorded) in live.0.iter().zip(&recorded.0) {
            if let Some(number) = number_of_alias(recorded).filter(|number| *number > 0) {
                self.values.entry(number).or_insert_with(|| live.clone());
                self.aliases.entry(live.clone()).or_insert(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_one_value_and_a_value_one_alias() {
        let secrets = |texts: &[&str]| Secrets(texts.iter().map(|text| (*text).to_owned()).collect());
        let mut bindings = Bindings::default();
        for (live, recorded, fits) in [
            (&["plain"][..], &["plain"][..], true),
            (&["plain"], &["other"], false),
            (&["plain"], &[], false),
            (&["correct horse"], &["redacted-1***"], true),
            (&["a longer secret"], &["redacted-1***"], false),
            (&["on"], &["**"], true),
            (&["abc"], &["**"], false),
            (&["correct horse", "another horse"], &["redacted-1***", "redacted-1***"], false),
            (&["SWMTKN-1-correct-horse"], &["SWMTKN-1-redacted-5***"], true),
        ] {
            assert_eq!(bindings.fit(&secrets(live), &secrets(recorded)), fits, "{live:?} {recorded:?}");
        }
        bindings.bind(&secrets(&["correct horse"]), &secrets(&["redacted-1***"]));
        for (live, recorded, fits) in
            [("correct horse", "redacted-1***", true), ("another horse", "redacted-1***", false), ("correct horse", "redacted-2***", false)]
        {
            assert_eq!(bindings.fit(&secrets(&[live]), &secrets(&[recorded])), fits, "{live} {recorded}");
        }
    }
}
