//! A schema of one epoch: compiled on first use, and what it says of a document.

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::Location;
use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::checker::{Checker, Outcome};
use super::projection::{REMOVED, TOO_NEW, escape};
use super::secret::{self, SecretPlace};
use crate::model::Rule;

/// Marks an object whose unknown members are to be named.
const OPEN: &str = "x-open";

/// A projected schema.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    checker: OnceLock<Checker>,
    validator: OnceLock<Validator>,
    secrets: SecretPlace,
}

/// What kind of thing is wrong at a place of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefectKind {
    /// Another JSON type.
    Type,
    /// null where it may not be.
    Null,
    /// A required member is missing.
    Missing,
    /// Not one of the values.
    Enum,
    /// Not the form of text.
    Format,
    /// Out of bounds.
    Range,
    /// None of several shapes, or anything else.
    Shape,
    /// A member that no version has.
    Unknown,
    /// A member that only newer versions have.
    TooNew,
    /// A member that only older versions have.
    Removed,
}

impl DefectKind {
    /// The rule that it breaks.
    #[must_use]
    pub const fn rule(self) -> Rule {
        match self {
            Self::Type => Rule::SchemaType,
            Self::Null => Rule::SchemaNull,
            Self::Missing => Rule::SchemaMissingMember,
            Self::Enum => Rule::SchemaEnum,
            Self::Format => Rule::SchemaFormat,
            Self::Range => Rule::SchemaRange,
            Self::Shape => Rule::SchemaShape,
            Self::Unknown => Rule::SchemaUnknownMember,
            Self::TooNew => Rule::VersionTooNew,
            Self::Removed => Rule::VersionRemoved,
        }
    }
}

/// Something wrong in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What.
    pub kind: DefectKind,
    /// Where: a JSON pointer.
    pub pointer: String,
    /// What is due.
    pub expected: String,
    /// What was there.
    pub actual: String,
}

impl Schema {
    pub(super) fn new(mut source: Value) -> Self {
        let secrets = SecretPlace::read(&source);
        secret::strip(&mut source);
        Self { source, checker: OnceLock::new(), validator: OnceLock::new(), secrets }
    }

    /// What is secret in its documents, and which members it knows.
    #[must_use]
    pub const fn secrets(&self) -> &SecretPlace {
        &self.secrets
    }

    /// Plain JSON Schema 2020-12.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The quick look at the bytes of a document, and the numbers of its members. Compiled on first use.
    #[must_use]
    pub fn checker(&self) -> &Checker {
        self.checker.get_or_init(|| Checker::new(&self.source))
    }

    /// Whether the quick look finds the bytes to be one document without defects. `false` says nothing: [`Self::defects`] is to be asked.
    #[must_use]
    pub fn accepts(&self, bytes: &[u8]) -> bool {
        self.checker().check(bytes, None) == Outcome::Fine
    }

    /// The same for a text that is no JSON, judged as a string.
    #[must_use]
    pub fn accepts_text(&self, text: &str) -> bool {
        self.checker().check_text(text) == Outcome::Fine
    }

    /// All defects of a document, notes among them. Empty for a document that fits.
    #[must_use]
    pub fn defects(&self, document: &Value) -> Vec<Defect> {
        // Lint compiles every schema that is shipped or loaded, so this cannot fail.
        let validator = self.validator.get_or_init(|| compile(&self.source).expect("schemas are linted before they are used"));
        if validator.is_valid(document) {
            return Vec::new();
        }
        let mut defects: Vec<Defect> = validator.iter_errors(document).map(|error| defect(&error)).collect();
        defects.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        defects
    }
}

/// Whether a text, by its bytes, has a form.
pub(super) type TakesText = fn(&[u8]) -> bool;

/// The formats of texts that the schemas use.
const FORMATS: [(&str, TakesText); 6] = [
    ("date-time", is_date_time),
    ("hex64", is_hex64),
    ("digest", is_digest),
    ("empty-or-date-time", |text| text.is_empty() || is_date_time(text)),
    ("empty-or-hex64", |text| text.is_empty() || is_hex64(text)),
    ("empty-or-digest", |text| text.is_empty() || is_digest(text)),
];

/// Whether a text has the form with this name.
pub(super) fn format_of(name: &str) -> Option<TakesText> {
    FORMATS.iter().find(|(other, _)| *other == name).map(|(_, takes)| *takes)
}

/// Compiles a projected schema. The error is a sentence.
pub(super) fn compile(source: &Value) -> Result<Validator, String> {
    let mut source = source.clone();
    mark_open(&mut source);
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        // Linear in the text, whatever the pattern: the engine that looks around and back takes exponential time where a pattern is unlucky.
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true);
    let options = FORMATS.iter().fold(options, |options, (name, takes)| options.with_format(*name, |text| takes(text.as_bytes())));
    options
        .with_keyword(TOO_NEW, |_, value, _| Ok(Box::new(OutOfRange(value.as_str().unwrap_or_default().to_owned()))))
        .with_keyword(REMOVED, |_, value, _| Ok(Box::new(OutOfRange(value.as_str().unwrap_or_default().to_owned()))))
        .with_keyword(OPEN, open)
        .should_ignore_unknown_formats(false)
        .build(&source)
        .map_err(|error| format!("{error} (at {})", error.instance_path()))
}

/// Every object with named members and no word on the others is open: the others are notes.
fn mark_open(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(mark_open),
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) && !object.contains_key("additionalProperties") {
                object.insert(OPEN.to_owned(), Value::Bool(true));
            }
            for (key, value) in object.iter_mut() {
                match key.as_str() {
                    // Literals; and where a note would count as a failure and choose another branch.
                    "const" | "enum" | "default" | "required" | "if" | "then" | "else" | "not" | "allOf" | "anyOf" | "oneOf" => {}
                    "properties" | "patternProperties" | "$defs" => {
                        value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(mark_open);
                    }
                    _ => mark_open(value),
                }
            }
        }
        _ => {}
    }
}

struct OutOfRange(String);

impl<'i> Keyword<'i> for OutOfRange {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        Err(ValidationError::custom(self.0.clone()))
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        false
    }
}

struct Open {
    members: FxHashSet<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a keyword factory")]
fn open<'a>(parent: &'a Map<String, Value>, _: &'a Value, _: Location) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let members = parent.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect();
    Ok(Box::new(Open { members }))
}

impl Open {
    fn unknown<'i>(&self, instance: &'i Value) -> impl Iterator<Item = &'i String> {
        let keys = instance.as_object().into_iter().flat_map(Map::keys);
        keys.filter(|key| !self.members.contains(key.as_str()))
    }
}

impl<'i> Keyword<'i> for Open {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.unknown(instance).next().map_or(Ok(()), |name| Err(ValidationError::custom(name.clone())))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.unknown(instance).next().is_none()
    }

    fn iter_errors(&self, instance: &'i Value) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let errors: Vec<_> = self.unknown(instance).map(|name| ValidationError::custom(name.clone())).collect();
        Box::new(errors.into_iter())
    }
}

fn defect(error: &ValidationError<'_>) -> Defect {
    use ValidationErrorKind as Kind;
    let pointer = error.instance_path().as_str().to_owned();
    let instance = error.instance();
    let found = |kind, expected: String| Defect { kind, pointer: pointer.clone(), expected, actual: show(instance) };
    match error.kind() {
        Kind::Type { kind } => {
            let what = if instance.is_null() { DefectKind::Null } else { DefectKind::Type };
            Defect { kind: what, pointer, expected: types(kind), actual: show_with_type(instance) }
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            Defect {
                kind: DefectKind::Missing,
                pointer: format!("{pointer}/{}", escape(name)),
                expected: format!("the member {name}"),
                actual: members(instance),
            }
        }
        Kind::Enum { options } => found(DefectKind::Enum, one_of(options)),
        Kind::Constant { expected_value } => found(DefectKind::Enum, expected_value.to_string()),
        Kind::Format { format } => found(DefectKind::Format, describe_format(format).to_owned()),
        Kind::Pattern { pattern } => found(DefectKind::Format, format!("a text like {pattern}")),
        Kind::Minimum { limit } => found(DefectKind::Range, format!("at least {limit}")),
        Kind::Maximum { limit } => found(DefectKind::Range, format!("at most {limit}")),
        Kind::ExclusiveMinimum { limit } => found(DefectKind::Range, format!("more than {limit}")),
        Kind::ExclusiveMaximum { limit } => found(DefectKind::Range, format!("less than {limit}")),
        Kind::MinItems { limit } => found(DefectKind::Range, format!("at least {limit} items")),
        Kind::MaxItems { limit } => found(DefectKind::Range, format!("at most {limit} items")),
        Kind::MinLength { limit } => found(DefectKind::Range, format!("at least {limit} characters")),
        Kind::MaxLength { limit } => found(DefectKind::Range, format!("at most {limit} characters")),
        Kind::MinProperties { limit } => found(DefectKind::Range, format!("at least {limit} members")),
        Kind::MaxProperties { limit } => found(DefectKind::Range, format!("at most {limit} members")),
        Kind::UniqueItems => found(DefectKind::Range, "no item twice".to_owned()),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } | Kind::OneOfMultipleValid { context } => {
            let shapes: Vec<_> = context.iter().filter_map(|errors| errors.first()).map(ToString::to_string).collect();
            found(DefectKind::Shape, format!("one of {} shapes ({})", context.len(), shapes.join("; ")))
        }
        Kind::Custom { keyword, message } => {
            let (kind, expected) = match keyword.as_str() {
                TOO_NEW => (DefectKind::TooNew, format!("no such member before {message}")),
                REMOVED => (DefectKind::Removed, format!("no such member after {message}")),
                _ => {
                    let actual = instance.get(message).map(show).unwrap_or_default();
                    let pointer = format!("{pointer}/{}", escape(message));
                    return Defect { kind: DefectKind::Unknown, pointer, expected: "a member that the API has".to_owned(), actual };
                }
            };
            found(kind, expected)
        }
        _ => found(DefectKind::Shape, error.to_string()),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(name) => name.to_string(),
        TypeKind::Multiple(set) => set.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn one_of(options: &Value) -> String {
    let texts: Vec<_> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
    match &texts[..] {
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
        [] => "nothing".to_owned(),
    }
}

fn members(instance: &Value) -> String {
    const SHOWN: usize = 6;
    let names: Vec<_> = instance.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    match names.len() {
        0 => "no members".to_owned(),
        1..=SHOWN => format!("only {}", names.join(", ")),
        _ => format!("only {} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN),
    }
}

/// A value in at most 60 characters.
fn show(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let mut short: String = text.chars().take(LONGEST).collect();
    short.push('…');
    short
}

fn show_with_type(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("boolean {value}"),
        Value::Number(number) => format!("{} {number}", if number.is_f64() { "number" } else { "integer" }),
        Value::String(_) => format!("string {}", show(value)),
        Value::Array(_) => format!("array {}", show(value)),
        Value::Object(_) => format!("object {}", show(value)),
    }
}

fn describe_format(name: &str) -> &str {
    match name {
        "date-time" => "an RFC 3339 time",
        "hex64" => "64 hexadecimal digits",
        "digest" => "sha256: and 64 hexadecimal digits",
        "empty-or-date-time" => "an RFC 3339 time, or nothing",
        "empty-or-hex64" => "64 hexadecimal digits, or nothing",
        "empty-or-digest" => "sha256: and 64 hexadecimal digits, or nothing",
        other => other,
    }
}

fn is_hex64(text: &[u8]) -> bool {
    // Without an early end: all bytes at once.
    text.len() == 64 && text.iter().fold(true, |hex, byte| hex & matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_digest(text: &[u8]) -> bool {
    text.strip_prefix(b"sha256:").is_some_and(is_hex64)
}

/// RFC 3339 section 5.6, as Go's `RFC3339Nano` writes it: the year 1 (Go's zero time) is a time, too.
fn is_date_time(bytes: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
    let number = |range: std::ops::Range<usize>| bytes[range].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let fixed = bytes.len() >= 20
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes[*at] == *byte)
        && [0..4, 5..7, 8..10, 11..13, 14..16, 17..19].into_iter().all(digits);
    if !fixed
        || !(1..=12).contains(&number(5..7))
        || !(1..=31).contains(&number(8..10))
        || number(11..13) > 23
        || number(14..16) > 59
        || number(17..19) > 60
    {
        return false;
    }
    let rest = &bytes[19..];
    let fraction = if rest[0] == b'.' { 1 + rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count() } else { 0 };
    if fraction == 1 {
        return false;
    }
    match &rest[fraction..] {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn defects(schema: Value, document: &Value) -> Vec<(DefectKind, String, String)> {
        let schema = Schema::new(schema);
        schema.defects(document).into_iter().map(|defect| (defect.kind, defect.pointer, defect.actual)).collect()
    }

    #[test]
    fn all_defects_are_found_with_their_places() {
        let schema = json!({ "type": "object", "required": ["A", "B"], "properties": {
            "A": { "type": "string", "enum": ["x", "y"] }, "B": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            "C": { "x-too-new": "1.34" }, "D": { "x-removed": "1.23" }, "E": { "type": "string", "format": "hex64" } } });
        let found = defects(schema.clone(), &json!({ "A": "z", "C": 1, "D": 2, "E": "12", "F": { "g": 1 } }));
        let expected = [
            (DefectKind::Enum, "/A", "\"z\""),
            (DefectKind::Missing, "/B", "only A, C, D, E, F"),
            (DefectKind::TooNew, "/C", "1"),
            (DefectKind::Removed, "/D", "2"),
            (DefectKind::Format, "/E", "\"12\""),
            (DefectKind::Unknown, "/F", "{\"g\":1}"),
        ];
        assert_eq!(found, expected.map(|(kind, pointer, actual)| (kind, pointer.to_owned(), actual.to_owned())));
        let found = defects(schema, &json!({ "A": null, "B": ["1", -1] }));
        let expected = [
            (DefectKind::Null, "/A", "null"),
            (DefectKind::Enum, "/A", "null"),
            (DefectKind::Type, "/B/0", "string \"1\""),
            (DefectKind::Range, "/B/1", "-1"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
    }

    #[test]
    fn times_ids_and_digests() {
        for time in ["2015-09-10T16:27:55Z", "0001-01-01T00:00:00Z", "2026-11-22T09:04:32.123456789+02:00"] {
            assert!(is_date_time(time.as_bytes()), "{time}");
        }
        for time in [
            "",
            "2015-09-10",
            "2015-09-10T16:27:55",
            "2015-13-10T16:27:55Z",
            "2015-09-10 16:27:55Z",
            "2015-09-10T16:27:55.Z",
            "2013-05-07T14:51:42.087658+02:01360",
        ] {
            assert!(!is_date_time(time.as_bytes()), "{time}");
        }
        let (lower, upper) = ("0a".repeat(32), "0A".repeat(32));
        let digest = format!("sha256:{lower}");
        assert!(is_digest(digest.as_bytes()) && !is_digest(lower.as_bytes()) && !is_hex64(upper.as_bytes()));
    }
}
