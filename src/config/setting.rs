//! One option's value: from TOML to what would be typed, checked by the option's own parser.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::ValueRange;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::Complaint;
use super::names;
use super::shape::Shape;

/// What an option has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// A flag, so many times.
    Flag(u8),
    /// An option, once for each value.
    Texts(Vec<String>),
}

/// How an option is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A number of times.
    Count,
    /// One value.
    One,
    /// One value or an array of them.
    Many,
}

impl Kind {
    pub(super) fn of(arg: &Arg) -> Self {
        match arg.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse => Self::Flag,
            ArgAction::Count => Self::Count,
            ArgAction::Append => Self::Many,
            _ if arg.get_num_args().is_some_and(|range: ValueRange| range.max_values() > 1) => Self::Many,
            _ => Self::One,
        }
    }
}

/// Reads the value of an option. Relative paths start from `folder`.
pub(super) fn read(arg: &Arg, value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Values, Complaint> {
    let key = arg.get_long().unwrap_or_default();
    let wrong = |message: String| Err(Complaint { span: value.span(), message });
    match (Kind::of(arg), value.get_ref()) {
        (Kind::Flag, DeValue::Boolean(set)) => Ok(Values::Flag(u8::from(*set))),
        (Kind::Flag, _) => wrong(format!("`{key}` is true or false")),
        (Kind::Count, DeValue::Integer(times)) => match times.as_str().parse() {
            Ok(times) => Ok(Values::Flag(times)),
            Err(_) => wrong(format!("`{key}` is a number up to {}", u8::MAX)),
        },
        (Kind::Count, _) => wrong(format!("`{key}` is a number")),
        (Kind::Many, DeValue::Array(items)) => items.iter().map(|item| one(arg, item, folder)).collect::<Result<_, _>>().map(Values::Texts),
        (Kind::One, DeValue::Array(_)) => wrong(format!("`{key}` has one value, not several")),
        (Kind::One | Kind::Many, _) => Ok(Values::Texts(vec![one(arg, value, folder)?])),
    }
}

fn one(arg: &Arg, value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<String, Complaint> {
    let text = match value.get_ref() {
        DeValue::Table(table) => joined(arg, table, value)?,
        plain => scalar(plain).ok_or_else(|| Complaint { span: value.span(), message: "a plain value is due".to_owned() })?,
    };
    let text = placed(arg, text, folder);
    match check(arg, &text) {
        Ok(()) => Ok(text),
        Err(why) => {
            Err(Complaint { span: value.span(), message: format!("not a value for `{}`: {why}", arg.get_long().unwrap_or_default()) })
        }
    }
}

/// A plain value as it would be typed.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        // As decimal numbers, which is how they are typed; those that are too large for us are left to the option to refuse.
        DeValue::Integer(number) => {
            Some(i128::from_str_radix(number.as_str(), number.radix()).map_or(number.to_string(), |it| it.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A value that is written in parts.
fn joined(arg: &Arg, table: &DeTable<'_>, value: &Spanned<DeValue<'_>>) -> Result<String, Complaint> {
    let key = arg.get_long().unwrap_or_default();
    let Some(shape) = names::value_name(arg).and_then(Shape::of) else {
        return Err(Complaint { span: value.span(), message: format!("`{key}` is written as one value, not as a table") });
    };
    let mut given = Vec::new();
    for (name, part) in table {
        if !shape.parts.iter().any(|known| known.name == *name.get_ref()) {
            let known: Vec<_> = shape.parts.iter().map(|part| format!("`{}`", part.name)).collect();
            return Err(Complaint {
                span: name.span(),
                message: format!("`{key}` has no `{}`, only {}", name.get_ref(), known.join(", ")),
            });
        }
        let text = scalar(part.get_ref())
            .ok_or_else(|| Complaint { span: part.span(), message: format!("`{}` is one plain value", name.get_ref()) })?;
        given.push((name.get_ref().to_string(), text));
    }
    shape
        .join(&given)
        .map_err(|missing| Complaint { span: value.span(), message: format!("`{missing}` is missing in a value for `{key}`") })
}

/// The value with its path, if it is one or ends in one (`FORMAT=PATH`), seen from the file's folder. `-` is no path.
fn placed(arg: &Arg, text: String, folder: &Path) -> String {
    let seen = |path: &str| if path == "-" || path.is_empty() { path.to_owned() } else { folder.join(path).to_string_lossy().into_owned() };
    if is_path(arg) {
        return seen(&text);
    }
    if names::value_name(arg).is_some_and(|name| name.ends_with("=PATH")) {
        return match text.split_once('=') {
            Some((before, path)) => format!("{before}={}", seen(path)),
            None => text,
        };
    }
    text
}

/// Whether the option's value is a path, and nothing else.
pub(super) fn is_path(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

/// Asks the option's own parser. The error is its sentence.
pub(super) fn check(arg: &Arg, text: &str) -> Result<(), String> {
    // On its own, so that nothing else that the subcommand requires is missed.
    let mut alone = Arg::new("value")
        .long("value")
        .action(ArgAction::Set)
        .value_parser(arg.get_value_parser().clone())
        .ignore_case(arg.is_ignore_case_set());
    if let Some(delimiter) = arg.get_value_delimiter() {
        alone = alone.value_delimiter(delimiter);
    }
    let command = Command::new("plimsoll").no_binary_name(true).arg(alone);
    let mut typed = OsString::from("--value=");
    typed.push(text);
    let Err(error) = command.try_get_matches_from([typed]) else { return Ok(()) };
    let choices: Vec<_> =
        arg.get_possible_values().iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect();
    match (error.kind(), std::error::Error::source(&error)) {
        (ErrorKind::InvalidValue, _) if !choices.is_empty() => Err(format!("choose {}", alternatives(&choices))),
        (_, Some(why)) => Err(why.to_string()),
        (ErrorKind::InvalidValue, None) => Err("it must not be empty".to_owned()),
        (_, None) => Err(error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()),
    }
}

fn alternatives(choices: &[String]) -> String {
    match choices {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => choices.join(""),
    }
}
