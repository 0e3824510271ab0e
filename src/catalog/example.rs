//! The examples in the files: each is judged at every version that it claims.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::contract::{BodyContract, Contract};
use super::operation::Operation;
use crate::model::{ApiVersion, Rule, Severity, VersionRange};

/// An example of a file.
pub(super) struct Example<'a> {
    json: &'a Value,
}

impl<'a> Example<'a> {
    pub(super) fn new(json: &'a Value) -> Self {
        Self { json }
    }

    /// The versions that it claims and the operation has.
    pub(super) fn versions(&self, operation: &Operation) -> Result<Vec<ApiVersion>, String> {
        let at = self.json.get("at").and_then(Value::as_str).ok_or("has no `at`")?;
        let range: VersionRange = at.parse().map_err(|error| format!("`at`: {error}"))?;
        Ok(ApiVersion::known().filter(|version| range.contains(*version) && operation.exists_at(*version)).collect())
    }

    /// What is not as the example says at this version.
    pub(super) fn check(&self, contract: &Contract) -> Result<(), String> {
        let mut found: Vec<Rule> = self.judge(contract)?.into_iter().filter(|rule| rule.severity() != Severity::Note).collect();
        found.sort_unstable();
        found.dedup();
        let names = |rules: &[Rule]| rules.iter().map(|rule| rule.id()).collect::<Vec<_>>().join(", ");
        match self.json.get("breaks").and_then(Value::as_str) {
            None if found.is_empty() => Ok(()),
            None => Err(format!("breaks {}", names(&found))),
            Some(id) => {
                let rule: Rule = id.parse().map_err(|error| format!("`breaks`: {error}"))?;
                match found[..] {
                    [only] if only == rule => Ok(()),
                    [] => Err(format!("should break {rule}, breaks nothing")),
                    _ => Err(format!("should break {rule}, breaks {}", names(&found))),
                }
            }
        }
    }

    fn judge(&self, contract: &Contract) -> Result<Vec<Rule>, String> {
        let headers = |parameters: &super::Parameters| {
            let value = |name: &str| {
                let headers = self.json.get("headers")?.as_object()?;
                headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?.1.as_str()
            };
            parameters.judge_headers(value).into_iter().map(|defect| defect.rule).collect()
        };
        if let Some(query) = self.json.get("query").and_then(Value::as_str) {
            return Ok(contract.query.judge_query(&pairs(query)).into_iter().map(|defect| defect.rule).collect());
        }
        if let Some(document) = self.json.get("request") {
            return document_rules(&contract.request, document);
        }
        let Some(status) = self.json.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()) else {
            if self.json.get("headers").is_some() {
                return Ok(headers(&contract.headers));
            }
            return Err("has none of status, request, query, headers".to_owned());
        };
        let Some(response) = contract.responses.get(&status) else { return Ok(vec![Rule::StatusUndocumented]) };
        if self.json.get("headers").is_some() {
            return Ok(headers(&response.headers));
        }
        if let Some(items) = self.json.get("items").and_then(Value::as_array) {
            return items
                .iter()
                .map(|item| document_rules(&response.body, item))
                .collect::<Result<Vec<_>, _>>()
                .map(|rules| rules.concat());
        }
        match self.json.get("body").or_else(|| self.json.get("text")) {
            Some(document) => document_rules(&response.body, document),
            None => Ok(Vec::new()),
        }
    }
}

fn document_rules(body: &BodyContract, document: &Value) -> Result<Vec<Rule>, String> {
    let schema = body.schema.as_ref().ok_or("shows a document where the file has no schema")?;
    Ok(schema.defects(document).into_iter().map(|defect| defect.kind.rule()).collect())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
