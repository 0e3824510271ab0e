//! Query parameters and headers, by name: reading their texts, and what is wrong with them.

use serde_json::Value;

use super::projection::{REMOVED, TOO_NEW};
use super::schema::{DefectKind, Schema};
use super::wire_value::Wire;
use crate::model::Rule;

/// Named parameters: of the query, or headers.
#[derive(Debug, Default)]
pub struct Parameters {
    named: Vec<Parameter>,
}

/// A query parameter or header.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// How its text becomes a value.
    pub wire: Wire,
    /// Whether it must be there.
    pub required: bool,
    /// What its value must be; outside its range of versions a schema that refuses everything and says so.
    schema: Schema,
    /// Outside its range of versions.
    absent: bool,
}

/// Something wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDefect {
    /// The rule that it breaks.
    pub rule: Rule,
    /// Which parameter.
    pub name: String,
    /// Into the parameter's document, where it is one.
    pub pointer: Option<String>,
    /// What is due.
    pub expected: String,
    /// What was there.
    pub actual: String,
}

impl Parameters {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.named.iter()
    }

    /// All defects of a query: decoded names and values, in order.
    #[must_use]
    pub fn judge_query(&self, pairs: &[(String, String)]) -> Vec<ParameterDefect> {
        let mut defects = Vec::new();
        for (index, (name, text)) in pairs.iter().enumerate() {
            let defect = |rule, expected: &str, actual: &str| ParameterDefect {
                rule,
                name: name.clone(),
                pointer: None,
                expected: expected.to_owned(),
                actual: actual.to_owned(),
            };
            let Some(parameter) = self.named.iter().find(|parameter| parameter.name == *name) else {
                defects.push(defect(Rule::QueryUnknownParameter, "a parameter that the API has", text));
                continue;
            };
            if parameter.wire == Wire::List {
                // Judged as one value, at its first place.
                if pairs[..index].iter().all(|(other, _)| other != name) {
                    let list = pairs.iter().filter(|(other, _)| other == name).map(|(_, text)| Value::String(text.clone())).collect();
                    parameter.judge_value(&Value::Array(list), Rule::QueryValue, &mut defects);
                }
                continue;
            }
            if pairs[..index].iter().any(|(other, _)| other == name) {
                defects.push(defect(Rule::QueryRepeated, "once", text));
            }
            parameter.judge(text, Rule::QueryValue, &mut defects);
        }
        let missing = self.named.iter().filter(|parameter| parameter.required && !pairs.iter().any(|(name, _)| *name == parameter.name));
        defects.extend(missing.map(|parameter| parameter.missing(Rule::QueryMissing)));
        defects
    }

    /// All defects of the named headers. `value` gives a header's text; the name's case does not matter to it.
    #[must_use]
    pub fn judge_headers<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Vec<ParameterDefect> {
        let mut defects = Vec::new();
        for parameter in &self.named {
            match value(&parameter.name) {
                // A header that may be repeated: what is seen of it is a list of one.
                Some(text) if parameter.wire == Wire::List => {
                    parameter.judge_value(&Value::Array(vec![Value::String(text.to_owned())]), Rule::HeaderValue, &mut defects);
                }
                Some(text) => parameter.judge(text, Rule::HeaderValue, &mut defects),
                None if parameter.required => defects.push(parameter.missing(Rule::HeaderMissing)),
                None => {}
            }
        }
        defects
    }

    /// Reads a projected object of parameters.
    pub(super) fn read(value: Option<&Value>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Self::default()) };
        let properties = value.get("properties").and_then(Value::as_object);
        let required: Vec<&str> = value.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut named = Vec::new();
        for (name, member) in properties.into_iter().flatten() {
            let mut schema = member.as_object().cloned().ok_or_else(|| format!("parameter {name} is not an object"))?;
            let wire = match schema.remove("wire") {
                None => Wire::Text,
                Some(value) => {
                    value.as_str().and_then(Wire::from_name).ok_or_else(|| format!("parameter {name} has the unknown wire form {value}"))?
                }
            };
            let absent = schema.contains_key(TOO_NEW) || schema.contains_key(REMOVED);
            // `schema` stands apart where the value is a document of its own.
            let schema = schema.remove("schema").unwrap_or(Value::Object(schema));
            named.push(Parameter {
                name: name.clone(),
                wire,
                required: required.contains(&name.as_str()),
                schema: Schema::new(schema),
                absent,
            });
        }
        if let Some(name) = required.iter().find(|name| !named.iter().any(|parameter| parameter.name == **name)) {
            return Err(format!("{name} is required, but there is no such parameter"));
        }
        Ok(Self { named })
    }
}

impl Parameter {
    /// Its schema: plain JSON Schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether this version has it.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.absent
    }

    fn judge(&self, text: &str, bad: Rule, defects: &mut Vec<ParameterDefect>) {
        if self.absent {
            return self.judge_value(&Value::String(text.to_owned()), bad, defects);
        }
        let defect = |rule, expected: &str| ParameterDefect {
            rule,
            name: self.name.clone(),
            pointer: None,
            expected: expected.to_owned(),
            actual: match rule {
                Rule::AuthUnpadded => "no = at the end".to_owned(),
                Rule::AuthStandardAlphabet => "+ or / in it".to_owned(),
                // Credentials are never shown.
                _ if self.wire == Wire::Base64Json => format!("{} characters", text.len()),
                _ => format!("{text:?}"),
            },
        };
        match self.wire.read(text) {
            Err(error) => defects.push(defect(error.rule.unwrap_or(bad), error.expected)),
            Ok((value, flaw)) => {
                defects.extend(flaw.map(|rule| defect(rule, "base64url with padding")));
                self.judge_value(&value, bad, defects);
            }
        }
    }

    fn judge_value(&self, value: &Value, bad: Rule, defects: &mut Vec<ParameterDefect>) {
        defects.extend(self.schema.defects(value).into_iter().map(|defect| ParameterDefect {
            rule: match defect.kind {
                DefectKind::TooNew | DefectKind::Removed | DefectKind::Unknown => defect.kind.rule(),
                _ => bad,
            },
            name: self.name.clone(),
            pointer: Some(defect.pointer).filter(|pointer| !pointer.is_empty()),
            actual: if self.wire == Wire::Base64Json { "something else".to_owned() } else { defect.actual },
            expected: defect.expected,
        }));
    }

    fn missing(&self, rule: Rule) -> ParameterDefect {
        let expected = format!("{} to be there", self.name);
        ParameterDefect { rule, name: self.name.clone(), pointer: None, expected, actual: "nothing".to_owned() }
    }
}
