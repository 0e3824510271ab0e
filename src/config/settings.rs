//! The whole file, read for one subcommand: every key and value is checked, and those that hold for it are kept.

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, error};
use super::names::{self, Section};
use super::setting::{self, Values};
use super::{File, OPTION};
use crate::error::Error;

/// An option that the file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The option's long name.
    pub option: String,
    /// What it is set to.
    pub values: Values,
    /// The line of the file, from 1.
    pub line: u64,
    /// The deeper the table, the more it counts.
    rank: usize,
}

impl Setting {
    /// Whether it stands at the top level, for all subcommands.
    pub(super) const fn is_general(&self) -> bool {
        self.rank == 0
    }
}

/// What the file sets for one subcommand, an option at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Reads the file for the subcommand at `path`, of a built definition. What is wrong anywhere in it is an error, with every place that is.
    pub fn read(command: &Command, path: &[&str], file: &File) -> Result<Self, Error> {
        let table = file.table()?;
        let mut reading = Reading { command, path, file, settings: Self::default(), complaints: Vec::new() };
        reading.table(table.get_ref(), &[]);
        if reading.complaints.is_empty() { Ok(reading.settings) } else { Err(error(file, reading.complaints)) }
    }

    /// What it says of one option.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.option == option)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    fn set(&mut self, setting: Setting) {
        match self.0.iter_mut().find(|old| old.option == setting.option) {
            Some(old) if old.rank <= setting.rank => *old = setting,
            Some(_) => {}
            None => self.0.push(setting),
        }
    }
}

impl FromIterator<Setting> for Settings {
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        Self(settings.into_iter().collect())
    }
}

struct Reading<'a> {
    command: &'a Command,
    /// The subcommand that the file is read for.
    path: &'a [&'a str],
    file: &'a File,
    settings: Settings,
    complaints: Vec<Complaint>,
}

impl<'a> Reading<'a> {
    /// The table of the subcommand, or group of subcommands, that these names lead to; no names: the top level.
    fn table(&mut self, table: &DeTable<'_>, names: &[&'a str]) {
        let Some(scope) = names::find(self.command, names) else { return };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if let DeValue::Table(inner) = value.get_ref() {
                if let Some(subcommand) = names::subcommands(scope).find(|inner| inner.get_name() == name) {
                    let mut below = names.to_vec();
                    below.push(subcommand.get_name());
                    self.table(inner, &below);
                    continue;
                }
                if let Some(section) = names::sections(scope).into_iter().find(|section| section.value == name) {
                    self.section(inner, section, names);
                    continue;
                }
            }
            self.option(key, value, names, None);
        }
    }

    fn section(&mut self, table: &DeTable<'_>, section: Section<'_>, names: &[&'a str]) {
        for (key, value) in table {
            self.option(key, value, names, Some(section));
        }
    }

    /// A key that names an option: one of the section's if there is one, else any that a subcommand in this place has.
    fn option(&mut self, key: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>, names: &[&'a str], section: Option<Section<'_>>) {
        let name = key.get_ref().as_ref();
        let Some(scope) = names::find(self.command, names) else { return };
        let named = |arg: &&Arg| match section {
            Some(section) => Section::of(arg) == Some(section) && section.key(arg) == name,
            None => arg.get_long() == Some(name),
        };
        // The subcommand of this run has the first word on what is wrong with a value.
        let meant = self.path.starts_with(names).then(|| names::find(self.command, self.path)).flatten();
        let own = meant.and_then(|meant| names::options(meant).find(named));
        let mut owners: Vec<&Arg> = own.into_iter().collect();
        owners.extend(names::all(scope).into_iter().flat_map(names::options).filter(named));
        if owners.is_empty() {
            let message = match value.get_ref() {
                DeValue::Table(_) if section.is_none() && scope.has_subcommands() => no_table(name, scope, names),
                _ => self.unknown(name, scope, names, section),
            };
            self.complaints.push(Complaint { span: key.span(), message });
            return;
        }
        // A value of the top level is one that at least one subcommand takes, and holds for those that do.
        let mut refusal = None;
        let mut taken = false;
        for (index, arg) in owners.into_iter().enumerate() {
            match setting::read(arg, value, self.file.folder()) {
                Ok(values) => {
                    taken = true;
                    if index == 0 && own.is_some() {
                        let option = arg.get_long().unwrap_or_default().to_owned();
                        let rank = names.len() * 2 + usize::from(section.is_some());
                        self.settings.set(Setting { option, values, line: self.file.line(key.span().start), rank });
                    }
                }
                Err(complaint) => refusal = refusal.or(Some(complaint)),
            }
        }
        self.complaints.extend(refusal.filter(|_| !taken));
    }

    fn unknown(&self, name: &str, scope: &Command, names: &[&str], section: Option<Section<'_>>) -> String {
        let options = || names::all(scope).into_iter().flat_map(names::options);
        if let Some(section) = section {
            let known = options().filter(|arg| Section::of(arg) == Some(section)).map(|arg| section.key(arg));
            return suggested(format!("`--{} {}` has no option `{name}`", section.option, section.value), name, known);
        }
        if name == OPTION {
            return "a configuration does not name another one".to_owned();
        }
        let known = options().filter_map(Arg::get_long).map(str::to_owned);
        if names.is_empty() {
            return suggested(format!("there is no option `{name}`"), name, known);
        }
        let here = format!("`plimsoll {}` has no option `{name}`", names.join(" "));
        let mut others = names::all(self.command).into_iter().filter(|other| names::options(other).any(|arg| arg.get_long() == Some(name)));
        match others.next() {
            Some(other) => format!("{here}, but `{}` has", other.get_bin_name().unwrap_or(other.get_name())),
            None => suggested(here, name, known),
        }
    }
}

fn no_table(name: &str, scope: &Command, names: &[&str]) -> String {
    let sections = names::sections(scope).into_iter().map(|section| section.value);
    let known = names::subcommands(scope).map(Command::get_name).chain(sections).map(str::to_owned);
    let whole: String = names.iter().flat_map(|group| [group, " "]).chain([name]).collect();
    suggested(format!("there is no subcommand `{whole}`"), name, known)
}

fn suggested(sentence: String, name: &str, known: impl IntoIterator<Item = String>) -> String {
    match names::nearest(name, known) {
        Some(near) => format!("{sentence}; is `{near}` meant?"),
        None => sentence,
    }
}
