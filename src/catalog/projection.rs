//! Projecting a schema file to one version: `since`, `until`, `variants` and `$ref` go, plain JSON Schema 2020-12 stays.
//!
//! A member outside its range becomes `{"x-too-new": "1.34"}` or `{"x-removed": "1.23"}`, so that the finding can name the version.

use serde_json::{Map, Value, json};

use super::{Library, secret};
use crate::model::{ApiVersion, VersionRange};

/// Marks a member that only newer versions have.
pub(super) const TOO_NEW: &str = "x-too-new";
/// Marks a member that only older versions have.
pub(super) const REMOVED: &str = "x-removed";

/// Keys whose values map names, not keywords, to schemas.
const NAME_MAPS: [&str; 4] = ["properties", "$defs", "responses", "patternProperties"];
/// Keys whose values are not schemas.
const LITERALS: [&str; 5] = ["examples", "errata", "const", "default", "summary"];

/// Who reads a document of this schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// A daemon's Go decoder: every member may be null, none is required but by the operation's own file.
    Request,
    /// A client: as written.
    Response,
}

/// What cannot be projected: where and why.
#[derive(Debug)]
pub(super) struct ProjectionError {
    /// JSON pointer into the file.
    pub(super) place: String,
    pub(super) what: String,
}

/// What became of a node.
pub(super) enum Projected {
    Present(Value),
    /// Outside its range; the marker that says on which side.
    Absent(Value),
}

/// Projects nodes of one file to one version.
pub(super) struct Projection<'a> {
    pub(super) library: &'a Library,
    pub(super) version: ApiVersion,
    pub(super) direction: Direction,
}

/// The file that a node stands in: the root for its local references.
#[derive(Clone, Copy)]
struct Origin<'a> {
    root: &'a Value,
    own: bool,
}

impl Projection<'_> {
    /// Projects a part of `root`, the file of an operation.
    pub(super) fn project(&self, node: &Value, root: &Value, place: &str) -> Result<Projected, ProjectionError> {
        self.node(node, Origin { root, own: true }, place, 0)
    }

    /// Projects a whole type file.
    pub(super) fn project_type(&self, file: &Value) -> Result<Projected, ProjectionError> {
        self.node(&without(file, &["$defs", "summary", "errata"]), Origin { root: file, own: false }, "", 0)
    }

    fn node(&self, node: &Value, origin: Origin<'_>, place: &str, depth: u32) -> Result<Projected, ProjectionError> {
        if depth > 64 {
            return Err(ProjectionError { place: place.to_owned(), what: "the references go round in a circle".to_owned() });
        }
        match node {
            Value::Array(items) => self.list(items, origin, place, depth).map(Projected::Present),
            Value::Object(object) => self.object(object, origin, place, depth),
            plain => Ok(Projected::Present(plain.clone())),
        }
    }

    /// Items with a range of their own are `{"value": …, "since": …}`.
    fn list(&self, items: &[Value], origin: Origin<'_>, place: &str, depth: u32) -> Result<Value, ProjectionError> {
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{place}/{index}");
            if let Some((value, object)) = item.as_object().and_then(|object| Some((object.get("value")?, object)))
                && object.keys().all(|key| matches!(key.as_str(), "value" | "since" | "until"))
            {
                if range_of(object, &place)?.contains(self.version) {
                    out.push(value.clone());
                }
            } else if let Projected::Present(value) = self.node(item, origin, &place, depth + 1)? {
                out.push(value);
            }
        }
        Ok(Value::Array(out))
    }

    fn object(&self, object: &Map<String, Value>, origin: Origin<'_>, place: &str, depth: u32) -> Result<Projected, ProjectionError> {
        let range = range_of(object, place)?;
        if !range.contains(self.version) {
            let marker = if self.version < range.since { json!({ TOO_NEW: range.since }) } else { json!({ REMOVED: range.until }) };
            return Ok(Projected::Absent(marker));
        }
        if let Some(variants) = object.get("variants") {
            let base = without_keys(object, &["variants", "since", "until"]);
            return match self.variant(variants, &format!("{place}/variants"))? {
                Ok(variant) => self.object(&overlay(base, without_keys(variant, &["since", "until"])), origin, place, depth + 1),
                Err(marker) => Ok(Projected::Absent(marker)),
            };
        }
        if let Some(name) = object.get("$ref") {
            return self.reference(name, &without_keys(object, &["$ref", "since", "until"]), origin, place, depth);
        }
        let mut out = Map::with_capacity(object.len());
        for (key, value) in object {
            let place = format!("{place}/{}", escape(key));
            match value {
                _ if matches!(key.as_str(), "since" | "until") && value.is_string() => {}
                _ if key == secret::KEYWORD && secret::Mask::read(value).is_none() => {
                    let what = "is true, environment, assignments, url, json or registry-auth".to_owned();
                    return Err(ProjectionError { place, what });
                }
                _ if LITERALS.contains(&key.as_str()) => drop(out.insert(key.clone(), value.clone())),
                Value::Object(names) if NAME_MAPS.contains(&key.as_str()) => {
                    out.insert(key.clone(), self.name_map(key, names, origin, &place, depth)?);
                }
                _ => {
                    if let Projected::Present(value) = self.node(value, origin, &place, depth + 1)? {
                        out.insert(key.clone(), value);
                    }
                }
            }
        }
        widen_if_nullable(&mut out);
        drop_required_of_absent(&mut out);
        if self.direction == Direction::Request {
            as_go_decodes(&mut out, origin.own);
        }
        Ok(Projected::Present(Value::Object(out)))
    }

    fn name_map(
        &self,
        key: &str,
        names: &Map<String, Value>,
        origin: Origin<'_>,
        place: &str,
        depth: u32,
    ) -> Result<Value, ProjectionError> {
        let mut out = Map::with_capacity(names.len());
        for (name, value) in names {
            match self.node(value, origin, &format!("{place}/{}", escape(name)), depth + 1)? {
                Projected::Present(value) => drop(out.insert(name.clone(), value)),
                Projected::Absent(marker) if key == "properties" => drop(out.insert(name.clone(), marker)),
                Projected::Absent(_) => {}
            }
        }
        Ok(Value::Object(out))
    }

    /// The variant of this version, or the marker for a version that none of them covers.
    fn variant<'v>(&self, variants: &'v Value, place: &str) -> Result<Result<&'v Map<String, Value>, Value>, ProjectionError> {
        let error = |place: &str, what: String| ProjectionError { place: place.to_owned(), what };
        let list = variants.as_array().ok_or_else(|| error(place, "is not a list".to_owned()))?;
        let mut ranges: Vec<(VersionRange, &Map<String, Value>)> = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let place = format!("{place}/{index}");
            let object = item.as_object().ok_or_else(|| error(&place, "is not an object".to_owned()))?;
            let range = range_of(object, &place)?;
            if let Some((other, _)) = ranges.iter().find(|(other, _)| other.overlaps(range)) {
                return Err(error(&place, format!("{range} overlaps {other}, the range of another variant")));
            }
            ranges.push((range, object));
        }
        if let Some((_, object)) = ranges.iter().find(|(range, _)| range.contains(self.version)) {
            return Ok(Ok(object));
        }
        let next = ranges.iter().map(|(range, _)| range.since).filter(|since| *since > self.version).min();
        let ended = ranges.iter().map(|(range, _)| range.until).filter(|until| *until < self.version).max();
        Ok(Err(match (ended, next) {
            (None, Some(since)) => json!({ TOO_NEW: since }),
            (until, _) => json!({ REMOVED: until.unwrap_or(ApiVersion::OLDEST) }),
        }))
    }

    /// The reference is replaced by what it names, and its siblings are laid over it.
    fn reference(
        &self,
        name: &Value,
        siblings: &Map<String, Value>,
        origin: Origin<'_>,
        place: &str,
        depth: u32,
    ) -> Result<Projected, ProjectionError> {
        let error = |what: String| ProjectionError { place: place.to_owned(), what };
        let name = name.as_str().ok_or_else(|| error("$ref is not a text".to_owned()))?;
        let target = if let Some(local) = name.strip_prefix("#/$defs/") {
            let definition = origin.root.get("$defs").and_then(|defs| defs.get(local));
            self.node(definition.ok_or_else(|| error(format!("there is no definition {name} in this file")))?, origin, place, depth + 1)?
        } else {
            let file = self.library.types.get(name).ok_or_else(|| error(format!("there is no type file for {name}")))?;
            let root = without(file, &["$defs", "summary", "errata"]);
            self.node(&root, Origin { root: file, own: false }, place, depth + 1)?
        };
        let Projected::Present(target) = target else { return Ok(target) };
        let siblings = match self.object(siblings, origin, place, depth + 1)? {
            Projected::Present(Value::Object(siblings)) => siblings,
            other => return Ok(other),
        };
        let Value::Object(target) = target else { return Err(error(format!("{name} is not an object"))) };
        let mut out = overlay(target, siblings);
        widen_if_nullable(&mut out);
        drop_required_of_absent(&mut out);
        Ok(Projected::Present(Value::Object(out)))
    }
}

/// The range that stands on an object; all versions when there is none.
pub(super) fn range_of(object: &Map<String, Value>, place: &str) -> Result<VersionRange, ProjectionError> {
    let bound = |key: &str, default: ApiVersion| match object.get(key) {
        // `since` and `until` are also names of parameters; those are objects.
        Some(Value::String(text)) => {
            text.parse::<ApiVersion>().map_err(|error| ProjectionError { place: format!("{place}/{key}"), what: error.to_string() })
        }
        _ => Ok(default),
    };
    let range = VersionRange { since: bound("since", ApiVersion::OLDEST)?, until: bound("until", ApiVersion::NEWEST)? };
    if range.since > range.until {
        let what = format!("the range ends at {} before it begins at {}", range.until, range.since);
        return Err(ProjectionError { place: place.to_owned(), what });
    }
    Ok(range)
}

fn overlay(mut base: Map<String, Value>, over: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in over {
        match (key.as_str(), base.get_mut(&key), value) {
            ("properties" | "$defs", Some(Value::Object(under)), Value::Object(value)) => under.extend(value),
            ("required", Some(Value::Array(under)), Value::Array(value)) => under.extend(value),
            (_, _, value) => drop(base.insert(key, value)),
        }
    }
    base
}

fn without(value: &Value, keys: &[&str]) -> Value {
    value.as_object().map_or_else(|| value.clone(), |object| Value::Object(without_keys(object, keys)))
}

fn without_keys(object: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    object
        .iter()
        .filter(|(key, value)| !keys.contains(&key.as_str()) || (matches!(key.as_str(), "since" | "until") && !value.is_string()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn widen_if_nullable(schema: &mut Map<String, Value>) {
    if schema.get("nullable").is_some_and(Value::is_boolean)
        && schema.get("type").is_some()
        && schema.remove("nullable") == Some(json!(true))
    {
        accept_null(schema);
    }
}

fn accept_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
        Some(Value::String(name)) if name != "null" => {
            let widened = json!([name, "null"]);
            schema.insert("type".to_owned(), widened);
        }
        _ => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

fn drop_required_of_absent(schema: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    let absent: Vec<String> = properties
        .iter()
        .filter(|(_, member)| member.get(TOO_NEW).is_some() || member.get(REMOVED).is_some())
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(|name| absent.iter().any(|other| other == name)));
    }
}

/// Go's decoder leaves a member alone that is null or missing; only the operation's own file says what dockerd insists on.
fn as_go_decodes(schema: &mut Map<String, Value>, own: bool) {
    if !own {
        schema.remove("required");
    }
    let kept: Vec<String> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, member) in properties.iter_mut() {
            if let (false, Value::Object(member)) = (kept.contains(name), member) {
                accept_null(member);
            }
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(Value::Object(item)) = schema.get_mut(key) {
            accept_null(item);
        }
    }
}

/// A step of a JSON pointer (RFC 6901).
pub(super) fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(node: &Value, minor: u16, direction: Direction) -> Value {
        let library = Library {
            types: [(
                "types/port".to_owned(),
                json!({ "summary": "x", "type": "object", "required": ["A"], "properties": { "A": { "type": "string" } } }),
            )]
            .into(),
            common: Value::Null,
        };
        let projection = Projection { library: &library, version: ApiVersion::new(minor), direction };
        match projection.project(node, node, "") {
            Ok(Projected::Present(value) | Projected::Absent(value)) => value,
            Err(error) => json!(format!("{}: {}", error.place, error.what)),
        }
    }

    #[test]
    fn ranges_variants_and_references() {
        use Direction::{Request, Response};
        for (node, minor, direction, expected) in [
            (json!({ "since": "1.5", "type": "string" }), 4, Response, json!({ "x-too-new": "1.5" })),
            (json!({ "until": "1.5", "type": "string" }), 6, Response, json!({ "x-removed": "1.5" })),
            (json!({ "enum": ["a", { "value": "b", "since": "1.5" }] }), 4, Response, json!({ "enum": ["a"] })),
            (json!({ "enum": ["a", { "value": "b", "since": "1.5" }] }), 5, Response, json!({ "enum": ["a", "b"] })),
            (
                json!({ "variants": [{ "until": "1.4", "type": "string" }, { "since": "1.5", "type": "array" }] }),
                4,
                Response,
                json!({ "type": "string" }),
            ),
            (
                json!({ "variants": [{ "until": "1.4", "type": "string" }, { "since": "1.6", "type": "array" }] }),
                5,
                Response,
                json!({ "x-removed": "1.4" }),
            ),
            (
                json!({ "properties": { "since": { "type": "string" }, "B": { "since": "1.5" } }, "required": ["B", "since"] }),
                4,
                Response,
                json!({ "properties": { "since": { "type": "string" }, "B": { "x-too-new": "1.5" } }, "required": ["since"] }),
            ),
            (
                json!({ "$ref": "types/port", "nullable": true, "required": ["B"], "properties": { "B": { "type": "integer" } } }),
                4,
                Response,
                json!({ "type": ["object", "null"], "required": ["A", "B"], "properties": { "A": { "type": "string" }, "B": { "type": "integer" } } }),
            ),
            (
                json!({ "properties": { "P": { "$ref": "types/port" } } }),
                4,
                Request,
                json!({ "properties": { "P": { "type": ["object", "null"], "properties": { "A": { "type": ["string", "null"] } } } } }),
            ),
        ] {
            assert_eq!(project(&node, minor, direction), expected, "{node} at 1.{minor}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (node, expected) in [
            (json!({ "a": { "since": "1.9", "until": "1.8" } }), "/a: the range ends at 1.8 before it begins at 1.9"),
            (json!({ "a": { "since": "2.0" } }), "/a/since: `2.0` is not an API version (as in `1.41`)"),
            (
                json!({ "variants": [{ "until": "1.5" }, { "since": "1.5" }] }),
                "/variants/1: 1.5..1.55 overlaps 1.0..1.5, the range of another variant",
            ),
            (json!({ "a": [{ "$ref": "types/none" }] }), "/a/0: there is no type file for types/none"),
            (
                json!({ "$defs": { "A": { "$ref": "#/$defs/A" } }, "a": { "$ref": "#/$defs/A" } }),
                "/$defs/A: the references go round in a circle",
            ),
        ] {
            assert_eq!(project(&node, 5, Direction::Response), json!(expected));
        }
    }
}
