//! The names that the file may have, all from the definition of the command line.

use clap::{Arg, ArgAction, Command};

/// The group of options that belongs to a value of an option, such as those of `--mode enforce`.
///
/// It is taken from the heading that they have in the help, "With --mode enforce". In the file it can be a table named as the value, `[enforce]`,
/// and it holds where the option has this value, so that one file serves both modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// `mode`
    pub(super) option: &'a str,
    /// `enforce`
    pub(super) value: &'a str,
}

impl<'a> Section<'a> {
    /// The section of an option, if it is in one.
    pub(super) fn of(arg: &'a Arg) -> Option<Self> {
        let (option, value) = arg.get_help_heading()?.strip_prefix("With --")?.split_once(' ')?;
        Some(Self { option, value })
    }

    /// The option's name within the table: without the prefix that the table's name already is, and where nothing is left, what its value is called:
    /// `--enforce-on` is `on`, `--enforce <SIDE>` is `side`.
    pub(super) fn key(self, arg: &Arg) -> String {
        let long = arg.get_long().unwrap_or_default();
        match long.strip_prefix(self.value) {
            Some("") => value_name(arg).unwrap_or(long).to_lowercase(),
            Some(rest) => rest.strip_prefix('-').unwrap_or(long).to_owned(),
            None => long.to_owned(),
        }
    }
}

/// What the help calls the value.
pub(super) fn value_name(arg: &Arg) -> Option<&str> {
    Some(arg.get_value_names()?.first()?.as_str())
}

/// The options of a subcommand that can stand in the file: all that have a long name, but those that are there for every subcommand.
pub(super) fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some() && !arg.is_global_set() && !is_question(arg))
}

/// `--help` and `--version` ask something; they choose nothing.
fn is_question(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

/// The subcommands of a command, but `help`.
pub(super) fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| inner.get_name() != "help")
}

/// The command and all below it.
pub(super) fn all(command: &Command) -> Vec<&Command> {
    let mut found = vec![command];
    found.extend(subcommands(command).flat_map(all));
    found
}

/// The subcommand with these names, each below the one before.
pub(super) fn find<'a>(command: &'a Command, path: &[&str]) -> Option<&'a Command> {
    path.iter().try_fold(command, |command, name| subcommands(command).find(|inner| inner.get_name() == *name))
}

/// The sections that options of this command, or of one below it, are in.
pub(super) fn sections(command: &Command) -> Vec<Section<'_>> {
    let mut found: Vec<Section<'_>> = Vec::new();
    for section in all(command).into_iter().flat_map(options).filter_map(Section::of) {
        if !found.contains(&section) {
            found.push(section);
        }
    }
    found
}

/// The name that was probably meant.
pub(super) fn nearest(typed: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let typed = typed.to_lowercase().replace('_', "-");
    let close = known.into_iter().map(|name| (strsim::jaro(&typed, &name), name)).filter(|(likeness, _)| *likeness > 0.7);
    close.max_by(|(left, _), (right, _)| left.total_cmp(right)).map(|(_, name)| name)
}
