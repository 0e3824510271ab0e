//! What was typed, and what the file adds to it.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::names::{self, Section};
use super::setting::Values;
use super::settings::{Setting, Settings};

/// One run: what the file sets for its subcommand, and what was typed for it.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// The definition of the whole command line.
    pub(super) root: &'a Command,
    /// The subcommand's.
    pub(super) command: &'a Command,
    pub(super) settings: &'a Settings,
    pub(super) matches: &'a ArgMatches,
}

impl Run<'_> {
    /// The options of the file that hold in this run.
    pub(super) fn held(self) -> Settings {
        let held = names::options(self.command).filter_map(|arg| {
            let setting = self.settings.get(arg.get_long()?)?;
            (!self.is_outdone(arg) && self.is_of_use(setting, arg)).then(|| setting.clone())
        });
        held.collect()
    }

    fn is_typed(self, arg: &Arg) -> bool {
        self.matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    }

    /// It was typed itself, or something that cannot stand beside it.
    fn is_outdone(self, arg: &Arg) -> bool {
        self.is_typed(arg) || self.command.get_arguments().any(|other| self.is_typed(other) && self.excludes(arg, other))
    }

    fn excludes(self, arg: &Arg, typed: &Arg) -> bool {
        let names =
            |left: &Arg, right: &Arg| self.command.get_arg_conflicts_with(left).iter().any(|other| other.get_id() == right.get_id());
        let alternatives = self.command.get_groups().any(|group| {
            let has = |arg: &Arg| group.get_args().any(|id| id == arg.get_id());
            !group.clone().is_multiple() && has(arg) && has(typed)
        });
        typed.is_exclusive_set() || names(arg, typed) || names(typed, arg) || alternatives
    }

    /// An option that belongs to `--mode enforce` waits for that mode; and that mode, at the top level, is for those that have such options.
    fn is_of_use(self, setting: &Setting, arg: &Arg) -> bool {
        if let Some(section) = Section::of(arg) {
            return self.effective(section.option).is_some_and(|value| value == section.value);
        }
        let Values::Texts(texts) = &setting.values else { return true };
        let useless = names::sections(self.root).into_iter().any(|section| {
            setting.option == section.option
                && texts.iter().any(|text| text == section.value)
                && !names::sections(self.command).contains(&section)
        });
        !(setting.is_general() && useless)
    }

    /// The value that an option has in this run.
    fn effective(self, option: &str) -> Option<String> {
        let arg = names::options(self.command).find(|arg| arg.get_long() == Some(option))?;
        let default = || self.matches.get_raw(arg.get_id().as_str())?.next_back().map(|value| value.to_string_lossy().into_owned());
        match self.settings.get(option).map(|setting| &setting.values) {
            Some(Values::Texts(texts)) if !self.is_typed(arg) => texts.last().cloned(),
            _ => default(),
        }
    }
}

/// Options as they would be typed; with `=`, so that a value is never taken for an option.
fn words(setting: &Setting) -> Vec<OsString> {
    match &setting.values {
        Values::Flag(times) => (0..*times).map(|_| format!("--{}", setting.option).into()).collect(),
        Values::Texts(texts) => texts.iter().map(|text| format!("--{}={text}", setting.option).into()).collect(),
    }
}

/// Puts the options of the file behind the subcommand's name.
pub(super) fn insert(command: &Command, mut typed: Vec<OsString>, held: &Settings) -> Vec<OsString> {
    let behind = behind_subcommand(command, &typed);
    typed.splice(behind..behind, held.iter().flat_map(words));
    typed
}

/// Where the options of the subcommand begin.
fn behind_subcommand(command: &Command, typed: &[OsString]) -> usize {
    let mut command = command;
    let mut behind = 1.min(typed.len());
    let mut at = behind;
    while let Some(word) = typed.get(at).and_then(|word| word.to_str()) {
        at += 1;
        if let Some(option) = word.strip_prefix("--") {
            let takes = |arg: &&Arg| arg.get_long() == Some(option) && arg.get_action().takes_values();
            // Its value stands in the next word.
            at += usize::from(command.get_arguments().any(|arg| takes(&arg)));
        } else if !word.starts_with('-') {
            let Some(inner) = command.find_subcommand(word) else { break };
            command = inner;
            behind = at;
        }
    }
    behind
}
