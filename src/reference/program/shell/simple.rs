//! Simple commands: assignments, redirections, and a function, a builtin or a program.

use std::sync::Arc;

use brush_parser::ast::{
    Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem, FunctionDefinition, IoFileRedirectKind, IoFileRedirectTarget,
    IoRedirect, SimpleCommand,
};
use bytes::Bytes;

use super::super::lookup::{SpawnError, find};
use super::super::pipe::{Input, Output};
use super::super::process::Descriptor;
use super::builtin;
use super::evaluate::Running;
use super::state::{Flow, Shell, Variable};
use crate::reference::files::{FileError, Files};

/// Descriptors that a shell has.
const MOST_DESCRIPTORS: i32 = 255;

impl Shell {
    pub(super) async fn simple(&mut self, command: &SimpleCommand, last: bool) -> Result<(), Flow> {
        let mut assignments = Vec::new();
        let mut redirects = Vec::new();
        let mut words = Vec::new();
        self.substituted = None;
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) => assignments.push(self.assignment(assignment).await?),
                CommandPrefixOrSuffixItem::IoRedirect(redirect) => redirects.push(redirect),
                CommandPrefixOrSuffixItem::Word(word) => words.extend(self.fields(&word.value).await?),
                CommandPrefixOrSuffixItem::ProcessSubstitution(..) => {}
            }
        }
        if let Some(word) = &command.word_or_name {
            words.extend(self.fields(&word.value).await?);
        }
        let declares = words.first().is_some_and(|word| ["export", "readonly", "local"].contains(&word.as_str()));
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                CommandPrefixOrSuffixItem::IoRedirect(redirect) => redirects.push(redirect),
                CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) if declares => {
                    let (name, value) = self.assignment(assignment).await?;
                    words.push(format!("{name}={value}"));
                }
                CommandPrefixOrSuffixItem::Word(word) | CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                    words.extend(self.fields(&word.value).await?);
                }
                CommandPrefixOrSuffixItem::ProcessSubstitution(..) => return Err(self.fatal("syntax error: unexpected \"(\"").await),
            }
        }
        if self.options.trace {
            let traced: Vec<String> = assignments
                .iter()
                .map(|(name, value)| format!("{name}={}", traced(value)))
                .chain(words.iter().map(|word| traced(word)))
                .collect();
            let _ = self.process.output(2).write(format!("+ {}\n", traced.join(" ")).into()).await;
        }
        let before = self.process.descriptors.clone();
        let done = match Box::pin(self.redirect(&redirects)).await {
            Ok(true) => Box::pin(self.dispatch(words, assignments, last)).await,
            Ok(false) => Ok(()),
            Err(flow) => Err(flow),
        };
        self.process.descriptors = match done {
            // `exec` without a command keeps what it redirected.
            Ok(()) if self.keep_descriptors => self.process.descriptors.clone(),
            _ => before,
        };
        self.keep_descriptors = false;
        done
    }

    async fn assignment(&mut self, assignment: &Assignment) -> Result<(String, String), Flow> {
        let AssignmentName::VariableName(name) = &assignment.name else { return Err(self.fatal("syntax error: bad substitution").await) };
        let AssignmentValue::Scalar(word) = &assignment.value else { return Err(self.fatal("syntax error: unexpected \"(\"").await) };
        let value = self.text(&word.value).await?;
        let before = if assignment.append { self.get(name).unwrap_or_default() } else { "" };
        Ok((name.clone(), format!("{before}{value}")))
    }

    async fn dispatch(&mut self, words: Vec<String>, assignments: Vec<(String, String)>, last: bool) -> Result<(), Flow> {
        let Some(name) = words.first().cloned() else {
            for (name, value) in assignments {
                if let Err(text) = self.set(&name, value) {
                    return Err(self.fatal(&text).await);
                }
            }
            self.status = self.substituted.unwrap_or(0);
            return Ok(());
        };
        let special = builtin::is_special(&name);
        let function = self.functions.get(&name).filter(|_| !special).cloned();
        if special || function.is_some() || builtin::is_builtin(&name) {
            let mut kept: Vec<(String, Option<Variable>)> = Vec::new();
            for (name, value) in assignments {
                kept.push((name.clone(), self.variables.get(&name).cloned()));
                if let Err(text) = self.set(&name, value) {
                    return Err(self.fatal(&text).await);
                }
                if let Some(variable) = self.variables.get_mut(&name).filter(|_| !special) {
                    variable.exported = true;
                }
            }
            let done = match function {
                Some(function) => self.call(&function, words).await,
                None => Box::pin(self.builtin(&name, words.get(1..).unwrap_or_default())).await,
            };
            if !special {
                kept.into_iter().rev().for_each(|(name, variable)| self.restore(name, variable));
            }
            return done;
        }
        let mut environment = self.environment();
        for (name, value) in assignments {
            environment.retain(|(other, _)| *other != name);
            environment.push((name, value));
        }
        Box::pin(self.start(words, environment, last)).await
    }

    pub(super) fn restore(&mut self, name: String, variable: Option<Variable>) {
        match variable {
            Some(variable) => self.variables.insert(name, variable),
            None => self.variables.remove(&name),
        };
    }

    /// Starts a program and waits for it, or becomes it.
    pub(super) async fn start(&mut self, words: Vec<String>, environment: Vec<(String, String)>, last: bool) -> Result<(), Flow> {
        let name = words.first().cloned().unwrap_or_default();
        let path = environment.iter().any(|(name, _)| name == "PATH").then(|| environment.clone());
        let search = path.unwrap_or_else(|| vec![("PATH".to_owned(), self.get("PATH").unwrap_or_default().to_owned())]);
        let found = match find(&name, &search, &self.process.cwd, &self.process.world.namespace) {
            Ok(found) => found,
            Err(error) => {
                self.status = error.code();
                let text = match error {
                    SpawnError::Denied(_) | SpawnError::IsADirectory(_) => "Permission denied",
                    SpawnError::Format(_) => "Exec format error",
                    _ => "not found",
                };
                self.complain(&format!("{name}: {text}")).await;
                return Ok(());
            }
        };
        let mut process = self.process.clone();
        process.argv = words;
        process.env = environment;
        if last && self.traps.is_empty() && !self.interactive && self.jobs.iter().all(super::super::process::Child::is_over) {
            return Err(Flow::Become(Box::new((process, found))));
        }
        let mut child = process.fork(self.interactive.then_some(0), move |process| process.execute(&found));
        let taken = self.take_foreground(Some(child.pid));
        self.status = child.wait().await;
        self.give_foreground(taken);
        if self.interactive && self.status == 128 + super::super::signal::INT {
            let _ = self.process.output(2).write(Bytes::from_static(b"\n")).await;
        }
        Ok(())
    }

    fn call<'a>(&'a mut self, function: &'a Arc<FunctionDefinition>, words: Vec<String>) -> Running<'a> {
        Box::pin(async move {
            let arguments = words.into_iter().skip(1).collect();
            let before = std::mem::replace(&mut self.arguments, arguments);
            let loops = std::mem::take(&mut self.loops);
            self.locals.push(Vec::new());
            self.functions_deep += 1;
            let redirects: Vec<&IoRedirect> = function.body.1.iter().flat_map(|list| &list.0).collect();
            let descriptors = self.process.descriptors.clone();
            let done = match Box::pin(self.redirect(&redirects)).await {
                Ok(true) => {
                    let body = brush_parser::ast::Command::Compound(function.body.0.clone(), None);
                    self.command(&body, false).await
                }
                Ok(false) => Ok(()),
                Err(flow) => Err(flow),
            };
            self.process.descriptors = descriptors;
            self.functions_deep -= 1;
            for (name, variable) in self.locals.pop().unwrap_or_default().into_iter().rev() {
                self.restore(name, variable);
            }
            self.loops = loops;
            self.arguments = before;
            match done {
                Err(Flow::Return) => Ok(()),
                other => other,
            }
        })
    }

    pub(super) async fn redirect_all(&mut self, redirects: &[IoRedirect]) -> Result<bool, Flow> {
        self.redirect(&redirects.iter().collect::<Vec<_>>()).await
    }

    /// Applies redirections in order; false when one failed, and was complained about.
    async fn redirect(&mut self, redirects: &[&IoRedirect]) -> Result<bool, Flow> {
        for redirect in redirects {
            if let Err(text) = self.redirect_one(redirect).await? {
                self.complain(&text).await;
                self.status = 1;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn redirect_one(&mut self, redirect: &IoRedirect) -> Result<Result<(), String>, Flow> {
        let (number, descriptor) = match redirect {
            IoRedirect::HereDocument(number, here) => {
                let text = if here.requires_expansion { self.here_document(&here.doc.value).await? } else { here.doc.value.clone() };
                (number.unwrap_or(0), Descriptor::In(Input::from(Bytes::from(text))))
            }
            IoRedirect::HereString(number, word) => {
                let text = self.text(&word.value).await?;
                (number.unwrap_or(0), Descriptor::In(Input::from(Bytes::from(format!("{text}\n")))))
            }
            IoRedirect::OutputAndError(word, append) => {
                let path = self.text(&word.value).await?;
                match self.process.create(&path, *append) {
                    Ok(output) => {
                        self.process.descriptors.insert(1, Descriptor::Out(output.clone()));
                        (2, Descriptor::Out(output))
                    }
                    Err(error) => return Ok(Err(cannot("create", &path, &error))),
                }
            }
            IoRedirect::File(number, kind, target) => {
                let reads =
                    matches!(kind, IoFileRedirectKind::Read | IoFileRedirectKind::ReadAndWrite | IoFileRedirectKind::DuplicateInput);
                let number = number.unwrap_or(i32::from(!reads));
                let target = match target {
                    IoFileRedirectTarget::Filename(word) => self.text(&word.value).await?,
                    IoFileRedirectTarget::Fd(other) => return Ok(self.duplicate(number, &other.to_string())),
                    IoFileRedirectTarget::Duplicate(word) => {
                        let word = self.text(&word.value).await?;
                        return Ok(self.duplicate(number, &word));
                    }
                    IoFileRedirectTarget::ProcessSubstitution(..) => return Err(self.fatal("syntax error: unexpected \"(\"").await),
                };
                let opened = match kind {
                    IoFileRedirectKind::Read | IoFileRedirectKind::ReadAndWrite | IoFileRedirectKind::DuplicateInput => {
                        self.process.open(&self.dash(&target)).map(Descriptor::In).map_err(|error| cannot("open", &target, &error))
                    }
                    IoFileRedirectKind::Write if self.options.no_clobber && is_file(&self.process.files(), &self.process.path(&target)) => {
                        Err(cannot("create", &target, &FileError::Exists))
                    }
                    IoFileRedirectKind::Write | IoFileRedirectKind::Clobber | IoFileRedirectKind::DuplicateOutput => {
                        self.process.create(&target, false).map(Descriptor::Out).map_err(|error| cannot("create", &target, &error))
                    }
                    IoFileRedirectKind::Append => {
                        self.process.create(&target, true).map(Descriptor::Out).map_err(|error| cannot("create", &target, &error))
                    }
                };
                match opened {
                    Ok(descriptor) => (number, descriptor),
                    Err(text) => return Ok(Err(text)),
                }
            }
        };
        if (0..=MOST_DESCRIPTORS).contains(&number) {
            self.process.descriptors.insert(number, descriptor);
        }
        Ok(Ok(()))
    }

    /// `-` as a file's name is a file, not standard input.
    fn dash(&self, path: &str) -> String {
        if path == "-" { format!("{}/-", self.process.cwd) } else { path.to_owned() }
    }

    /// `2>&1`, `<&3`, `>&-`.
    fn duplicate(&mut self, number: i32, target: &str) -> Result<(), String> {
        if !(0..=MOST_DESCRIPTORS).contains(&number) {
            return Err(format!("{number}: Bad file descriptor"));
        }
        if target == "-" {
            self.process.descriptors.remove(&number);
            return Ok(());
        }
        let other: i32 = target.trim_end_matches('-').parse().map_err(|_| "syntax error: bad fd number".to_owned())?;
        let Some(descriptor) = self.process.descriptors.get(&other).cloned() else { return Err(format!("{other}: Bad file descriptor")) };
        self.process.descriptors.insert(number, descriptor);
        Ok(())
    }

    /// Says what is wrong, after the shell's name.
    pub(super) async fn complain(&self, text: &str) {
        let output: Output = self.process.output(2);
        let _ = output.write(format!("{}: {text}\n", self.title()).into()).await;
    }

    /// The name with which complaints begin: the shell's, or the script's.
    fn title(&self) -> &str {
        self.name.trim_start_matches('-')
    }
}

fn cannot(what: &str, path: &str, error: &FileError) -> String {
    // As ash says it of what is not there, and of everything else.
    let text = match error {
        FileError::NotFound if what == "open" => "no such file".to_owned(),
        FileError::NotFound => "nonexistent directory".to_owned(),
        other => other.sentence(),
    };
    format!("can't {what} {path}: {text}")
}

fn is_file(files: &Files, path: &str) -> bool {
    files.stat(path, true).is_ok_and(|stat| stat.sort == crate::reference::files::Sort::File)
}

/// A word as `set -x` shows it.
fn traced(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|char| char.is_ascii_alphanumeric() || "-_./=:,+%@".contains(char));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\"'\"'")) }
}
