//! `GET /networks` and `GET /networks/{id}`.

use std::sync::Arc;

use regex::Regex;
use serde_json::json;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::{Call, Filters};
use super::super::refusal::Refusal;
use super::{Ambiguity, Network, resource};

const FILTERS: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];

pub(super) fn list(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&FILTERS)?;
    let kinds = Kinds::read(&filters)?;
    let state = engine.state();
    let mut all = Vec::new();
    for network in state.networks.iter().filter(|network| kinds.admit(network) && passes(network, &filters)) {
        let mut shown = network.to_json(call.version);
        if !call.since(28) {
            shown["Containers"] = resource::containers(&state, network);
        }
        all.push(shown);
    }
    Ok(Answer::json(all.into()))
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let verbose = match call.query.text("verbose") {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        text => {
            let message = format!("invalid value for verbose: {text}: strconv.ParseBool: parsing \"{text}\": invalid syntax");
            return Err(Refusal::bad_parameter(message));
        }
    };
    let (term, scope) = (call.name.as_str(), call.query.text("scope"));
    let state = engine.state();
    if let Some(twin) = state.swarm.network(term, scope) {
        return Ok(Answer::json(twin));
    }
    let position = state.networks.position(term).map_err(|ambiguity| match ambiguity {
        Ambiguity::None => super::no_such(term),
        Ambiguity::Names(count) => Refusal::bad_parameter(format!("{count} matches found based on name: network {term} is ambiguous")),
        Ambiguity::Prefixes(count) => {
            Refusal::bad_parameter(format!("{count} matches found based on ID prefix: network {term} is ambiguous"))
        }
    })?;
    let network = state.networks.all.get(position).filter(|network| scope.is_empty() || network.scope == scope);
    let network = network.ok_or_else(|| super::no_such(term))?;
    let mut shown = network.to_json(call.version);
    shown["Containers"] = resource::containers(&state, network);
    shown["Status"] = network.status();
    if verbose && network.scope == "swarm" {
        shown["Services"] = json!({});
    }
    Ok(Answer::json(shown))
}

/// `dangling` and `type`, which allow few values.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kinds {
    dangling: Option<bool>,
    builtin: Option<bool>,
}

impl Kinds {
    fn read(filters: &Filters) -> Result<Self, Refusal> {
        let dangling = match filters.get("dangling") {
            [] => None,
            [one] => match one.as_str() {
                "0" | "false" => Some(false),
                "1" | "true" => Some(true),
                _ => {
                    return Err(Refusal::bad_parameter(
                        "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")",
                    ));
                }
            },
            _ => return Err(Refusal::bad_parameter("got more than one value for filter key \"dangling\"")),
        };
        let (mut builtin, mut custom) = (false, false);
        for value in filters.get("type") {
            match value.as_str() {
                "builtin" => builtin = true,
                "custom" => custom = true,
                other => return Err(Refusal::server_error(format!("invalid filter: 'type'='{other}'"))),
            }
        }
        // Both are the same as neither.
        Ok(Self { dangling, builtin: (builtin != custom).then_some(builtin) })
    }

    fn admit(&self, network: &Network) -> bool {
        let is_dangling = !network.is_predefined() && network.members.is_empty();
        self.dangling.is_none_or(|dangling| dangling == is_dangling)
            && self.builtin.is_none_or(|builtin| builtin == network.is_predefined())
    }
}

fn passes(network: &Network, filters: &Filters) -> bool {
    filters.exact("driver", &network.driver)
        && filters.exact("scope", network.scope)
        && filters.any("name", |value| matches(value, &network.name))
        && filters.any("id", |value| matches(value, &network.id))
        && filters.labels(|key| network.labels.get(key).map(String::as_str))
}

/// As Go's filters: the text itself, or a regular expression that is found in it.
pub(in crate::reference) fn matches(pattern: &str, text: &str) -> bool {
    pattern == text || Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::super::call::Query;
    use super::*;

    fn names(networks: &Value) -> Vec<&str> {
        networks.as_array().into_iter().flatten().filter_map(|network| network["Name"].as_str()).collect()
    }

    #[test]
    fn filters_pick() {
        let engine = Engine::new(super::super::super::Settings::default());
        for (filters, expected) in [
            ("", &["bridge", "host", "none"][..]),
            (r#"{"driver":["null"]}"#, &["none"]),
            (r#"{"name":["o"]}"#, &["host", "none"]),
            (r#"{"name":["^ho"]}"#, &["host"]),
            (r#"{"type":["custom"]}"#, &[]),
            (r#"{"type":["custom","builtin"]}"#, &["bridge", "host", "none"]),
            (r#"{"dangling":["true"]}"#, &[]),
            (r#"{"dangling":["0"]}"#, &["bridge", "host", "none"]),
            (r#"{"scope":["swarm"]}"#, &[]),
            (r#"{"label":["a"]}"#, &[]),
        ] {
            let text = filters.replace('^', "%5E");
            let filters = Query::parse(&format!("filters={text}")).filters().expect("filters");
            let kinds = Kinds::read(&filters).expect("filters");
            let state = engine.state();
            let passing = state.networks.iter().filter(|network| kinds.admit(network) && passes(network, &filters));
            let shown: Value = passing.map(|network| network.to_json(crate::model::ApiVersion::NEWEST)).collect();
            assert_eq!(names(&shown), expected, "{text}");
        }
        for bad in [r#"{"type":["x"]}"#, r#"{"dangling":["x"]}"#, r#"{"dangling":["1","0"]}"#] {
            let filters = Query::parse(&format!("filters={bad}")).filters().expect("filters");
            assert!(Kinds::read(&filters).is_err(), "{bad}");
        }
    }
}
