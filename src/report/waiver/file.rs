//! The form of a waiver file, and what can be wrong with it.

use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{Day, Pattern, Waiver};
use crate::error::{excerpt, line};
use crate::model::{Side, Waived};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Spanned<Raw>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    rule: Spanned<String>,
    operation: Option<Spanned<String>>,
    versions: Option<Spanned<String>>,
    side: Option<Spanned<String>>,
    pointer: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    reason: Spanned<String>,
    ticket: Option<String>,
    expires: Option<Spanned<toml::value::Datetime>>,
}

/// What is wrong, and where.
type Complaint = (Range<usize>, String);

/// All waivers of a file, in order; or everything that is wrong with it.
pub(super) fn read(path: &Path, text: &str, known: &dyn Fn(&str) -> bool) -> Result<Vec<Waiver>, String> {
    let file: File = toml::from_str(text).map_err(|error| excerpt(path, text, &error.span().unwrap_or_default(), error.message()))?;
    let (mut waivers, mut complaints) = (Vec::new(), Vec::new());
    for raw in file.waiver {
        match waiver(raw, text, known) {
            Ok(waiver) => waivers.push(waiver),
            Err((span, what)) => complaints.push(excerpt(path, text, &span, &what)),
        }
    }
    if complaints.is_empty() { Ok(waivers) } else { Err(complaints.join("\n")) }
}

fn waiver(raw: Spanned<Raw>, text: &str, known: &dyn Fn(&str) -> bool) -> Result<Waiver, Complaint> {
    let span = raw.span();
    let raw = raw.into_inner();
    let rule = parse(&raw.rule)?;
    let operation = raw.operation.filter(|name| !name.get_ref().is_empty());
    if let Some(name) = operation.as_ref().filter(|name| !known(name.get_ref())) {
        return Err((name.span(), format!("there is no operation `{}`; `plimsoll schemas list` names them all", name.get_ref())));
    }
    let side = match &raw.side {
        None => None,
        Some(side) => match side.get_ref().as_str() {
            "client" => Some(Side::Client),
            "daemon" => Some(Side::Daemon),
            other => return Err((side.span(), format!("`{other}` is no side: client or daemon"))),
        },
    };
    let pointer = raw.pointer.map(|pointer| pattern(&pointer, "a JSON pointer is empty or begins with /", true)).transpose()?;
    let path = raw.path.map(|path| pattern(&path, "a path begins with /", false)).transpose()?;
    if raw.reason.get_ref().trim().is_empty() {
        return Err((raw.reason.span(), "a waiver without a reason accepts nothing: say why this may be".to_owned()));
    }
    Ok(Waiver {
        rule,
        operation: operation.map(Spanned::into_inner),
        versions: raw.versions.as_ref().map(parse).transpose()?,
        side,
        pointer,
        path,
        expires: raw.expires.as_ref().map(day).transpose()?,
        waived: Arc::new(Waived { reason: raw.reason.into_inner(), ticket: raw.ticket, line: line(text, span.start) }),
        span,
        used: false,
    })
}

fn parse<T: FromStr<Err: std::fmt::Display>>(text: &Spanned<String>) -> Result<T, Complaint> {
    text.get_ref().parse().map_err(|error: T::Err| (text.span(), error.to_string()))
}

fn pattern(text: &Spanned<String>, due: &str, may_be_empty: bool) -> Result<Pattern, Complaint> {
    let pattern = text.get_ref();
    if pattern.starts_with('/') || pattern.starts_with('*') || (pattern.is_empty() && may_be_empty) {
        return Ok(Pattern::new(pattern));
    }
    Err((text.span(), format!("{due}; * stands for anything within a step, ** for any number of steps")))
}

/// A day without a time.
fn day(datetime: &Spanned<toml::value::Datetime>) -> Result<Day, Complaint> {
    let bad = || (datetime.span(), "write a day, as in 2027-06-30".to_owned());
    match datetime.get_ref() {
        toml::value::Datetime { date: Some(_), time: None, offset: None } => datetime.get_ref().to_string().parse().map_err(|_| bad()),
        _ => Err(bad()),
    }
}
