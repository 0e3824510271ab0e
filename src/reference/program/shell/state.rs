//! What a shell remembers: variables, functions, traps, options, jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use brush_parser::ast::FunctionDefinition;

use super::super::lookup::Found;
use super::super::process::{Child, Process};
use super::super::processes::Disposition;

/// A variable of the shell.
#[derive(Debug, Clone, Default)]
pub(super) struct Variable {
    /// None when it was exported or made local without a value.
    pub(super) value: Option<String>,
    pub(super) exported: bool,
    pub(super) read_only: bool,
}

/// `set -e` and its like.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one letter of `set`")]
pub(super) struct Options {
    pub(super) exit_on_error: bool,
    pub(super) no_unset: bool,
    pub(super) trace: bool,
    pub(super) no_glob: bool,
    pub(super) no_clobber: bool,
    pub(super) no_execution: bool,
    pub(super) pipe_fail: bool,
}

/// What leaves a command other than its end.
#[derive(Debug)]
pub(super) enum Flow {
    Break(u32),
    Continue(u32),
    Return,
    Exit,
    /// The process becomes another program.
    Become(Box<(Process, Found)>),
}

/// A shell, as a part of its process.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub(in crate::reference::program) struct Shell {
    pub(super) process: Process,
    /// `$0`.
    pub(super) name: String,
    /// `$1` and on.
    pub(super) arguments: Vec<String>,
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) functions: BTreeMap<String, Arc<FunctionDefinition>>,
    /// By signal; 0 is the end of the shell.
    pub(super) traps: BTreeMap<u8, String>,
    pub(super) options: Options,
    /// `$?`
    pub(super) status: u8,
    /// `$$`, the same in all subshells.
    pub(super) number: u32,
    pub(super) jobs: Vec<Child>,
    /// `$!`
    pub(super) last_job: Option<u32>,
    pub(super) interactive: bool,
    /// How many commands, functions and substitutions are under way, each in the other.
    pub(super) depth: usize,
    pub(super) loops: u32,
    pub(super) functions_deep: u32,
    /// Files under way by `.`.
    pub(super) sourced: u32,
    /// Where `getopts` is in a word of several letters.
    pub(super) option_at: usize,
    /// Greater than zero where a failure is asked about, and `set -e` does nothing.
    pub(super) asked: u32,
    /// What functions made local, to be given back.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    pub(super) in_trap: bool,
    /// An error that ends a shell was found, unless somebody types to it.
    pub(super) failed: bool,
    /// Set by `exec` without a command: its redirections stay.
    pub(super) keep_descriptors: bool,
    /// The code of the last command substitution of this command.
    pub(super) substituted: Option<u8>,
}

impl Shell {
    pub(super) fn new(process: Process, name: String, arguments: Vec<String>) -> Self {
        let exported = |value: &String| Variable { value: Some(value.clone()), exported: true, read_only: false };
        let mut variables: BTreeMap<String, Variable> =
            process.env.iter().filter(|(name, _)| is_name(name)).map(|(name, value)| (name.clone(), exported(value))).collect();
        let plain = |value: &str| Variable { value: Some(value.to_owned()), ..Variable::default() };
        variables.insert("IFS".into(), plain(" \t\n"));
        variables.insert("OPTIND".into(), plain("1"));
        variables.entry("PS1".into()).or_insert_with(|| plain("\\w \\$ "));
        variables.entry("PS2".into()).or_insert_with(|| plain("> "));
        variables.insert("PS4".into(), plain("+ "));
        variables.entry("PATH".into()).or_insert_with(|| plain(super::super::DEFAULT_PATH));
        variables.insert("PWD".into(), Variable { value: Some(process.cwd.clone()), exported: true, read_only: false });
        variables.insert("PPID".into(), plain("0"));
        Self {
            number: process.state.pid,
            process,
            name,
            arguments,
            variables,
            functions: BTreeMap::new(),
            traps: BTreeMap::new(),
            options: Options::default(),
            status: 0,
            jobs: Vec::new(),
            last_job: None,
            interactive: false,
            depth: 0,
            loops: 0,
            functions_deep: 0,
            sourced: 0,
            option_at: 0,
            asked: 0,
            locals: Vec::new(),
            in_trap: false,
            failed: false,
            keep_descriptors: false,
            substituted: None,
        }
    }

    /// The shell as a subshell begins with it: without jobs, and with the default for every trap that is not to ignore a signal.
    pub(super) fn subshell(&self, process: Process) -> Self {
        Self {
            process,
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            variables: self.variables.clone(),
            functions: self.functions.clone(),
            traps: self.traps.iter().filter(|(_, text)| text.is_empty()).map(|(number, text)| (*number, text.clone())).collect(),
            options: self.options.clone(),
            status: self.status,
            number: self.number,
            jobs: Vec::new(),
            last_job: self.last_job,
            interactive: false,
            depth: self.depth,
            loops: 0,
            functions_deep: self.functions_deep,
            sourced: self.sourced,
            option_at: self.option_at,
            asked: self.asked,
            locals: Vec::new(),
            in_trap: false,
            failed: false,
            keep_descriptors: false,
            substituted: None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).and_then(|variable| variable.value.as_deref())
    }

    /// Sets a variable; the error is what is said of one that is read-only.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let variable = self.variables.entry(name.to_owned()).or_default();
        if variable.read_only {
            return Err(format!("{name}: is read only"));
        }
        variable.value = Some(value);
        Ok(())
    }

    /// The environment of a program that is started now.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        let value = |(name, variable): (&String, &Variable)| variable.value.clone().map(|value| (name.clone(), value));
        // In the order in which they came, and new ones behind.
        let mut all: Vec<(String, String)> = exported.filter_map(value).collect();
        all.sort_by_key(|(name, _)| self.process.env.iter().position(|(old, _)| old == name).unwrap_or(usize::MAX));
        all
    }

    /// Sets or takes away a trap; an empty text ignores the signal.
    pub(super) fn trap(&mut self, number: u8, text: Option<String>) {
        let disposition = text.as_ref().map(|text| if text.is_empty() { Disposition::Ignored } else { Disposition::Caught });
        if number != 0 {
            self.process.state.dispose(number, disposition);
        }
        match text {
            Some(text) => self.traps.insert(number, text),
            None => self.traps.remove(&number),
        };
    }
}

/// Whether a text can be a variable's name.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}
