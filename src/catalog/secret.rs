//! What is secret in documents, headers and queries: the keyword `secret` of the schema files.
//!
//! It says where secrets stand, not how they are masked. A secret member keeps its place at every version: what a version does not have is
//! known by its name ([`SecretNames`]), wherever it stands.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use super::projection::{REMOVED, TOO_NEW};

/// The keyword.
pub(super) const KEYWORD: &str = "secret";
/// Keys whose values map names to schemas.
const NAME_MAPS: [&str; 3] = ["properties", "$defs", "patternProperties"];
/// Keys whose values are no schemas.
const LITERALS: [&str; 5] = ["const", "enum", "default", "required", "examples"];
/// Keys whose schemas say more of the same document.
const SAME_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "if", "then", "else", "not"];

/// How much of a value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// All of it: `"secret": true`.
    Whole,
    /// What follows `KEY=`: `"environment"`.
    Environment,
    /// What follows each `KEY=` of a text with several (Dockerfile instructions): `"assignments"`.
    Assignments,
    /// User, password and query of a URL: `"url"`.
    Url,
    /// The values of a JSON document in a text; its keys stay: `"json"`.
    Json,
    /// Base64url of a JSON document, of which user names and addresses stay: `"registry-auth"`.
    RegistryAuth,
}

impl Mask {
    /// Reads the keyword's value.
    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(true) => Self::Whole,
            Value::String(name) => match name.as_str() {
                "environment" => Self::Environment,
                "assignments" => Self::Assignments,
                "url" => Self::Url,
                "json" => Self::Json,
                "registry-auth" => Self::RegistryAuth,
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// A place in documents of one schema: what is secret there and below.
#[derive(Debug, Default)]
pub struct SecretPlace {
    mask: Option<Mask>,
    /// Something at or below it is secret.
    marked: bool,
    /// By name in lower case, since Go's decoder does not mind the case.
    members: FxHashMap<Box<str>, SecretPlace>,
    items: Option<Box<SecretPlace>>,
    others: Option<Box<SecretPlace>>,
    /// It has named members, so that any other is unknown.
    named: bool,
}

/// Where a member of an object leads.
#[derive(Debug, Clone, Copy)]
pub enum SecretStep<'a> {
    /// To a place that the schema knows.
    Known(&'a SecretPlace),
    /// To none: only the member's name can say.
    Unknown,
}

impl SecretPlace {
    /// How its value is masked, with all that is in it.
    #[must_use]
    pub const fn mask(&self) -> Option<Mask> {
        self.mask
    }

    /// Whether it or anything below it is secret.
    #[must_use]
    pub const fn is_marked(&self) -> bool {
        self.marked
    }

    /// The member of this name, in lower case.
    #[must_use]
    pub fn member(&self, name: &str) -> SecretStep<'_> {
        match (self.members.get(name), &self.others) {
            (Some(member), _) => SecretStep::Known(member),
            (None, Some(other)) if !self.named || other.marked => SecretStep::Known(other),
            _ => SecretStep::Unknown,
        }
    }

    /// The items of an array, where the schema describes them.
    #[must_use]
    pub fn item(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// Reads the places of a projected schema.
    pub(super) fn read(schema: &Value) -> Self {
        let mut place = Self::default();
        place.add(schema);
        place
    }

    fn add(&mut self, schema: &Value) {
        let Some(object) = schema.as_object() else { return };
        self.mask = self.mask.or_else(|| object.get(KEYWORD).and_then(Mask::read));
        self.marked |= self.mask.is_some();
        for (name, member) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.named = true;
            if member.get(TOO_NEW).is_none() && member.get(REMOVED).is_none() {
                let place = self.members.entry(name.to_lowercase().into()).or_default();
                place.add(member);
                self.marked |= place.marked;
            }
        }
        for (key, under) in [("items", &mut self.items), ("additionalProperties", &mut self.others)] {
            if let Some(schema) = object.get(key).filter(|schema| schema.is_object()) {
                let place = under.get_or_insert_default();
                place.add(schema);
                self.marked |= place.marked;
            }
        }
        for schema in SAME_PLACE.iter().filter_map(|key| object.get(*key)) {
            match schema {
                Value::Array(schemas) => schemas.iter().for_each(|schema| self.add(schema)),
                schema => self.add(schema),
            }
        }
    }
}

/// Takes the keyword out of a schema: what is left is plain JSON Schema. Whether it stood anywhere.
pub(super) fn strip(schema: &mut Value) -> bool {
    match schema {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| strip(item) | any),
        Value::Object(object) => {
            let mut any = object.remove(KEYWORD).is_some();
            for (key, value) in object.iter_mut().filter(|(key, _)| !LITERALS.contains(&key.as_str())) {
                any |= match value.as_object_mut().filter(|_| NAME_MAPS.contains(&key.as_str())) {
                    Some(named) => named.values_mut().fold(false, |any, value| strip(value) | any),
                    None => strip(value),
                };
            }
            any
        }
        _ => false,
    }
}

/// The names of everything secret at any version: for documents that no schema describes.
#[derive(Debug, Default)]
pub struct SecretNames {
    members: FxHashMap<String, Mask>,
    headers: Vec<(String, Mask)>,
    parameters: FxHashMap<String, Mask>,
}

/// HTTP's own credentials: RFC 9110 sections 11.6.2 and 11.7.2, RFC 6265.
const HTTP_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

impl SecretNames {
    /// A member of a document, in lower case.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Mask> {
        self.members.get(name).copied()
    }

    /// A header, in any case.
    #[must_use]
    pub fn header(&self, name: &[u8]) -> Option<Mask> {
        self.headers.iter().find(|(other, _)| name.eq_ignore_ascii_case(other.as_bytes())).map(|(_, mask)| *mask)
    }

    /// A query parameter, in lower case; one that has the name of a secret member is as secret.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Mask> {
        self.parameters.get(name).or_else(|| self.members.get(name)).copied()
    }

    /// All headers, in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Mask)> {
        self.headers.iter().map(|(name, mask)| (name.as_str(), *mask))
    }

    /// All members, in lower case.
    pub fn members(&self) -> impl Iterator<Item = (&str, Mask)> {
        self.members.iter().map(|(name, mask)| (name.as_str(), *mask))
    }

    pub(super) fn of<'a>(files: impl Iterator<Item = &'a Value>) -> Self {
        let mut names = Self::default();
        for name in HTTP_HEADERS {
            names.headers.push((name.to_owned(), Mask::Whole));
        }
        for file in files {
            names.walk(file, Kind::Member);
        }
        names
    }

    fn walk(&mut self, node: &Value, kind: Kind) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, kind)),
            Value::Object(object) => object.iter().for_each(|(key, value)| self.walk_key(key, value, kind)),
            _ => {}
        }
    }

    fn walk_key(&mut self, key: &str, value: &Value, kind: Kind) {
        match (key, value) {
            ("examples" | "errata", _) => {}
            ("query", _) => self.walk(value, Kind::Parameter),
            ("headers", _) => self.walk(value, Kind::Header),
            ("properties", Value::Object(members)) => self.name(members, kind),
            _ => self.walk(value, kind),
        }
    }

    fn name(&mut self, members: &Map<String, Value>, kind: Kind) {
        for (name, schema) in members {
            if let Some(mask) = schema.get(KEYWORD).and_then(Mask::read) {
                let name = name.to_lowercase();
                match kind {
                    Kind::Header if !self.headers.iter().any(|(other, _)| *other == name) => self.headers.push((name, mask)),
                    Kind::Header => {}
                    Kind::Parameter => drop(self.parameters.insert(name, mask)),
                    Kind::Member => drop(self.members.entry(name).or_insert(mask)),
                }
            }
            // What a parameter's document holds are members again.
            self.walk(schema, Kind::Member);
        }
    }
}

/// What a name in `properties` names.
#[derive(Clone, Copy)]
enum Kind {
    Member,
    Header,
    Parameter,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_keyword_goes_and_its_places_stay() {
        let mut schema = json!({ "type": "object", "properties": {
            "secret": { "type": "string" }, "Token": { "type": "string", "secret": true }, "New": { "x-too-new": "1.40" },
            "List": { "type": "array", "items": { "properties": { "Env": { "secret": "environment" } } } } } });
        let place = SecretPlace::read(&schema);
        assert!(strip(&mut schema));
        assert!(!strip(&mut schema), "a member may be called secret: {schema}");
        assert!(schema.pointer("/properties/secret").is_some());
        let mask = |name: &str| match place.member(name) {
            SecretStep::Known(place) => place.mask(),
            SecretStep::Unknown => panic!("{name} is known"),
        };
        assert_eq!((mask("token"), mask("secret"), mask("list")), (Some(Mask::Whole), None, None));
        assert!(matches!(place.member("new"), SecretStep::Unknown));
        assert!(place.is_marked());
    }

    #[test]
    fn the_catalogue_names_what_the_api_has_of_secrets() {
        let names = super::super::Catalog::builtin().secret_names();
        for (member, mask) in [
            ("env", Mask::Environment),
            ("password", Mask::Whole),
            ("identitytoken", Mask::Whole),
            ("auth", Mask::Whole),
            ("data", Mask::Whole),
            ("jointoken", Mask::Whole),
            ("jointokens", Mask::Whole),
            ("unlockkey", Mask::Whole),
        ] {
            assert_eq!(names.member(member), Some(mask), "{member}");
        }
        assert_eq!(names.header(b"x-registry-AUTH"), Some(Mask::RegistryAuth));
        assert_eq!(names.header(b"X-Registry-Config"), Some(Mask::RegistryAuth));
        assert_eq!(names.parameter("buildargs"), Some(Mask::Json));
        assert_eq!(names.parameter("fromsrc"), Some(Mask::Url));
        assert_eq!(names.parameter("filters"), None);
    }
}
