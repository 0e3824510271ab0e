//! `plimsoll.toml`: the options of the command line in a file.
//!
//! What may stand in it is asked of the definition of the command line itself, so that there is no second list of options to keep: a new
//! subcommand or option can stand in the file at once. A run without the file costs nothing but the look for it. It never changes what was typed:
//! it adds arguments to it, and what was typed wins.
//!
//! The order of precedence is the command line, then the file (the table of the subcommand before the top level), then environment and default.

mod complaint;
mod file;
mod names;
mod schema;
mod setting;
mod settings;
mod shape;
mod typed;

use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};

pub use file::{FILE, File};
pub use schema::schema;
pub use setting::Values;
pub use settings::{Setting, Settings};

use crate::error::Error;
use typed::Run;

/// The option that names the file; it cannot stand in one.
const OPTION: &str = "config";

/// What was typed, with the options of the file behind the subcommand's name.
///
/// `command` defines the command line, `typed` is all of it with the program's name. What cannot be parsed is handed back unchanged, for the
/// parser to say so. Errors: a bad file is bad usage, a file that cannot be read the environment's.
pub fn extend(command: &Command, typed: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    // What is missing may stand in the file, and what is wrong is said by the strict parser. Help and version come back as errors here.
    let mut lenient = command.clone().ignore_errors(true);
    let Ok(matches) = lenient.try_get_matches_from_mut(&typed) else { return Ok(typed) };
    let mut command = command.clone();
    command.build();
    let (path, matches) = leaf(&matches);
    let Some(subcommand) = names::find(&command, &path) else { return Ok(typed) };
    if names::options(subcommand).next().is_none() {
        return Ok(typed);
    }
    let Some(file) = open(matches)? else { return Ok(typed) };
    let settings = Settings::read(&command, &path, &file)?;
    let held = Run { root: &command, command: subcommand, settings: &settings, matches }.held();
    let all = typed::insert(&command, typed.clone(), &held);
    match conflict(&command, &all) {
        Some(conflict) if self::conflict(&command, &typed).is_none() => Err(Error::usage(format!("{}: {conflict}", file.path().display()))),
        _ => Ok(all),
    }
}

/// Two options that exclude each other. Where one was typed, the file's is left out before; where neither was, it is the file that is wrong.
fn conflict(command: &Command, words: &[OsString]) -> Option<String> {
    let error = command.clone().try_get_matches_from(words).err().filter(|error| error.kind() == ErrorKind::ArgumentConflict)?;
    error.to_string().lines().next().map(|line| line.trim_start_matches("error: ").to_owned())
}

/// What the file sets for a subcommand of which nothing but the name is typed. `path` is this name, and its group's before it.
pub fn settings(command: &Command, path: &[&str], file: &File) -> Result<Settings, Error> {
    let mut lenient = command.clone().ignore_errors(true);
    let words = iter::once("plimsoll").chain(path.iter().copied());
    // It can only fail where it asks for help.
    let Ok(matches) = lenient.try_get_matches_from_mut(words) else { return Ok(Settings::default()) };
    let mut command = command.clone();
    command.build();
    let Some(subcommand) = names::find(&command, path) else { return Ok(Settings::default()) };
    let settings = Settings::read(&command, path, file)?;
    Ok(Run { root: &command, command: subcommand, settings: &settings, matches: leaf(&matches).1 }.held())
}

/// The options of a subcommand that can stand in the file, as the command line defines them. The error says why there is no such subcommand.
pub fn options(command: &Command, path: &[&str]) -> Result<Vec<Arg>, String> {
    let mut command = command.clone();
    command.build();
    let name = path.join(" ");
    match names::find(&command, path) {
        None => Err(format!("there is no subcommand `{name}`; `plimsoll --help` names them all")),
        Some(group) if group.has_subcommands() => {
            let inner: Vec<_> = names::subcommands(group).map(|inner| format!("`{name} {}`", inner.get_name())).collect();
            Err(format!("`{name}` is a group of subcommands: {}", inner.join(", ")))
        }
        Some(found) => Ok(names::options(found).cloned().collect()),
    }
}

/// The file that was named, else the nearest one upward from the working directory.
pub fn find(named: Option<&PathBuf>) -> Result<Option<File>, Error> {
    match named {
        Some(path) => File::read(path).map(Some),
        None => File::search(),
    }
}

fn open(matches: &ArgMatches) -> Result<Option<File>, Error> {
    // Other definitions of a command line, those of tests, need not have the option.
    find(matches.try_get_one::<PathBuf>(OPTION).ok().flatten())
}

/// The names of the subcommand that was typed, and what was typed for it.
fn leaf(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let mut path = Vec::new();
    let mut matches = matches;
    while let Some((name, inner)) = matches.subcommand() {
        path.push(name);
        matches = inner;
    }
    (path, matches)
}
