//! The JSON Schema of the file, for editors and for checks before a run.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use clap::builder::StyledStr;
use clap::{Arg, Command};
use serde_json::{Map, Value, json};

use super::names::{self, Section};
use super::setting::{self, Kind};
use super::shape::Shape;

/// What it is for, as an editor shows it.
const ABOUT: &str = "The options of plimsoll. At the top level an option holds for every subcommand that has it; \
                     a table named as a subcommand holds for that one only, and wins.";

/// The JSON Schema (2020-12) of `plimsoll.toml`, from the definition of the command line.
///
/// What it cannot say, such as which rules there are, the run says.
#[must_use]
pub fn schema(command: &Command) -> Value {
    let mut command = command.clone();
    command.build();
    let mut schema = table(&command);
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), super::FILE.into());
    schema.insert("description".to_owned(), ABOUT.into());
    Value::Object(schema)
}

/// The keys of a table. Subcommands may have options of the same name with other values, and one may be named as an option is: so several
/// schemas a key.
#[derive(Default)]
struct Keys(BTreeMap<String, Vec<Value>>);

impl Keys {
    fn add(&mut self, key: &str, schema: Value) {
        let known = self.0.entry(key.to_owned()).or_default();
        if !known.contains(&schema) {
            known.push(schema);
        }
    }

    fn object(self) -> Map<String, Value> {
        let any = |mut schemas: Vec<Value>| if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
        let properties: Map<_, _> = self.0.into_iter().map(|(key, schemas)| (key, any(schemas))).collect();
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("additionalProperties".to_owned(), false.into());
        schema
    }
}

/// The table of a subcommand, of a group of them, or of all.
fn table(scope: &Command) -> Map<String, Value> {
    let mut keys = Keys::default();
    for arg in names::all(scope).into_iter().flat_map(names::options) {
        keys.add(arg.get_long().unwrap_or_default(), option(arg));
    }
    for section in names::sections(scope) {
        keys.add(section.value, section_table(scope, section).into());
    }
    for inner in names::subcommands(scope).filter(|inner| names::all(inner).into_iter().flat_map(names::options).next().is_some()) {
        let mut schema = table(inner);
        schema.insert("description".to_owned(), text(inner.get_about()).into());
        keys.add(inner.get_name(), schema.into());
    }
    keys.object()
}

fn section_table(scope: &Command, section: Section<'_>) -> Map<String, Value> {
    let mut keys = Keys::default();
    for arg in names::all(scope).into_iter().flat_map(names::options).filter(|arg| Section::of(arg) == Some(section)) {
        keys.add(&section.key(arg), option(arg));
    }
    let mut schema = keys.object();
    schema.insert("description".to_owned(), format!("Holds with --{} {}", section.option, section.value).into());
    schema
}

/// What an option can be set to.
fn option(arg: &Arg) -> Value {
    let mut schema = match Kind::of(arg) {
        Kind::Flag => plain("boolean"),
        Kind::Count => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }),
        Kind::One => value(arg),
        Kind::Many => {
            let one = value(arg);
            json!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
        }
    };
    schema["description"] = text(arg.get_help().or(arg.get_long_help())).into();
    if let Some(default) = default(arg) {
        schema["default"] = default;
    }
    schema
}

/// One value, by what the option's own parser takes.
fn value(arg: &Arg) -> Value {
    let choices: Vec<_> =
        arg.get_possible_values().iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect();
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<bool>() {
        return plain("boolean");
    }
    if !choices.is_empty() {
        return json!({ "enum": choices });
    }
    let is_text = kind == TypeId::of::<String>() || kind == TypeId::of::<OsString>() || setting::is_path(arg);
    let is_number = [TypeId::of::<Duration>(), TypeId::of::<f64>(), TypeId::of::<f32>(), TypeId::of::<u64>(), TypeId::of::<u32>()]
        .into_iter()
        .chain([TypeId::of::<u16>(), TypeId::of::<u8>(), TypeId::of::<usize>(), TypeId::of::<i64>(), TypeId::of::<i32>()])
        .any(|number| kind == number);
    let takes = |text: &str| !is_text && setting::check(arg, text).is_ok();
    let number = match (takes("1.5"), takes("1")) {
        (true, _) => Some("number"),
        (false, true) => Some("integer"),
        (false, false) => None,
    };
    let text = match number {
        Some(number) if is_number => plain(number),
        // A version, say: 1.41 can be written with quotes or without.
        Some(number) => json!({ "type": ["string", number] }),
        None => plain("string"),
    };
    match names::value_name(arg).and_then(Shape::of) {
        Some(shape) => json!({ "anyOf": [text, parts(&shape)] }),
        None => text,
    }
}

/// A value that is written in parts.
fn parts(shape: &Shape) -> Value {
    let mut keys = Keys::default();
    for part in &shape.parts {
        keys.add(&part.name, json!({ "type": ["string", "number"] }));
    }
    let mut schema = keys.object();
    let required: Vec<_> = shape.parts.iter().filter(|part| part.required).map(|part| part.name.as_str()).collect();
    schema.insert("required".to_owned(), json!(required));
    schema.into()
}

fn plain(kind: &str) -> Value {
    json!({ "type": kind })
}

fn default(arg: &Arg) -> Option<Value> {
    let text = arg.get_default_values().first()?.to_str()?;
    match Kind::of(arg) {
        Kind::Flag | Kind::Count => None,
        Kind::One | Kind::Many if value(arg)["type"] == "number" || value(arg)["type"] == "integer" => serde_json::from_str(text).ok(),
        Kind::One | Kind::Many if value(arg)["type"] == "boolean" => text.parse::<bool>().ok().map(Value::Bool),
        Kind::One | Kind::Many => Some(text.into()),
    }
}

fn text(help: Option<&StyledStr>) -> String {
    help.map(ToString::to_string).unwrap_or_default()
}
