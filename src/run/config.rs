//! `plimsoll config`.

use std::path::PathBuf;

use clap::{Arg, CommandFactory as _};

use crate::cli::{Cli, ConfigCommand};
use crate::config::{self, File, Settings, Values};
use crate::error::{Error, Exit};

pub(super) fn run(command: ConfigCommand, named: Option<&PathBuf>) -> Result<Exit, Error> {
    match command {
        ConfigCommand::Schema => super::print(&format!("{:#}\n", config::schema(&Cli::command()))),
        ConfigCommand::Show { subcommand } => show(&subcommand, named),
    }
}

fn show(names: &[String], named: Option<&PathBuf>) -> Result<Exit, Error> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let command = Cli::command();
    let options = config::options(&command, &names).map_err(Error::usage)?;
    let file = config::find(named)?;
    let settings = match &file {
        Some(file) => config::settings(&command, &names, file)?,
        None => Settings::default(),
    };
    let lines: Vec<(String, String)> = options.iter().map(|arg| line(arg, &settings, file.as_ref())).collect();
    let width = lines.iter().map(|(left, _)| left.chars().count()).filter(|width| *width <= 40).max().unwrap_or_default();
    let mut text = match &file {
        Some(file) => format!("# plimsoll {}, with {}\n", names.join(" "), file.path().display()),
        None => format!("# plimsoll {}; there is no {} here or above\n", names.join(" "), config::FILE),
    };
    for (left, right) in lines {
        text.push_str(format!("{left:<width$}  # {right}").trim_end());
        text.push('\n');
    }
    super::print(&text)
}

/// As it could stand in the file, and where it comes from.
fn line(arg: &Arg, settings: &Settings, file: Option<&File>) -> (String, String) {
    let name = arg.get_long().unwrap_or_default();
    if let (Some(setting), Some(file)) = (settings.get(name), file) {
        return (format!("{name} = {}", shown(&setting.values)), format!("{}:{}", file.path().display(), setting.line));
    }
    if let Some((variable, value)) = arg.get_env().and_then(|variable| Some((variable, std::env::var_os(variable)?))) {
        return (format!("{name} = {}", quoted(&value.to_string_lossy())), format!("${}", variable.to_string_lossy()));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    match (arg.get_action().takes_values(), defaults.as_slice()) {
        (true, []) => (format!("# {name}"), "not set".to_owned()),
        (true, _) => (format!("{name} = {}", shown(&Values::Texts(defaults))), "default".to_owned()),
        (false, _) => (format!("{name} = false"), "default".to_owned()),
    }
}

fn shown(values: &Values) -> String {
    match values {
        Values::Flag(times) if *times < 2 => (*times == 1).to_string(),
        Values::Flag(times) => times.to_string(),
        Values::Texts(texts) => match texts.as_slice() {
            [text] => quoted(text),
            _ => format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
        },
    }
}

/// As TOML quotes it: the escapes of JSON are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
