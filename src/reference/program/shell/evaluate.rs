//! Commands that are made of commands: lists, pipelines, loops, conditions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brush_parser::ast::{
    AndOr, AndOrList, CaseItemPostAction, Command, CompoundCommand, CompoundList, ExtendedTestExpr, IfClauseCommand, Pipeline,
    SeparatorOperator, Word,
};
use bytes::Bytes;

use super::super::pipe::{Input, pipe};
use super::super::process::{Child, Descriptor, MOST_IN_MEMORY};
use super::job::Work;
use super::script::{self, Script};
use super::state::{Flow, Shell};

/// What one command may stand in: every level is a handful of frames on the stack.
const DEEPEST: usize = 80;

/// Pieces that a pipe of a pipeline holds.
const CAPACITY: usize = 4;

pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Flow>> + Send + 'a>>;

impl Shell {
    /// Runs a list. With `last` nothing comes after it, so that its last program takes the shell's place.
    pub(super) fn list<'a>(&'a mut self, list: &'a CompoundList, last: bool) -> Running<'a> {
        Box::pin(async move {
            let count = list.0.len();
            for (number, item) in list.0.iter().enumerate() {
                if self.options.no_execution {
                    break;
                }
                match item.1 {
                    SeparatorOperator::Async => self.background(&item.0),
                    SeparatorOperator::Sequence => self.and_or(&item.0, last && number + 1 == count).await?,
                }
            }
            Ok(())
        })
    }

    fn background(&mut self, list: &AndOrList) {
        let list = list.clone();
        let mut process = self.process.clone();
        if !self.interactive {
            process.descriptors.insert(0, Descriptor::In(Input::empty()));
        }
        let group = if self.interactive { Some(0) } else { None };
        let job = self.spawn(process, group, Work::List(list));
        self.last_job = Some(job.pid);
        self.jobs.retain(|job| !job.is_over());
        self.jobs.push(job);
        self.status = 0;
    }

    pub(super) async fn and_or(&mut self, list: &AndOrList, last: bool) -> Result<(), Flow> {
        let more = !list.additional.is_empty();
        self.asked += u32::from(more);
        let first = self.pipeline(&list.first, last && !more).await;
        self.asked -= u32::from(more);
        first?;
        let count = list.additional.len();
        for (number, next) in list.additional.iter().enumerate() {
            let (pipeline, wanted) = match next {
                AndOr::And(pipeline) => (pipeline, self.status == 0),
                AndOr::Or(pipeline) => (pipeline, self.status != 0),
            };
            if wanted {
                let asked = u32::from(number + 1 < count);
                self.asked += asked;
                let done = self.pipeline(pipeline, last && number + 1 == count).await;
                self.asked -= asked;
                done?;
            }
        }
        Ok(())
    }

    async fn pipeline(&mut self, pipeline: &Pipeline, last: bool) -> Result<(), Flow> {
        self.handle_signals().await?;
        self.asked += u32::from(pipeline.bang);
        let done = match pipeline.seq.as_slice() {
            [command] => self.command(command, last && !pipeline.bang).await,
            commands => {
                Box::pin(self.pipe(commands)).await;
                Ok(())
            }
        };
        self.asked -= u32::from(pipeline.bang);
        done?;
        if pipeline.bang {
            self.status = u8::from(self.status == 0);
        } else if self.status != 0 && self.options.exit_on_error && self.asked == 0 && is_leaf(&pipeline.seq) {
            return Err(Flow::Exit);
        }
        self.handle_signals().await
    }

    async fn pipe(&mut self, commands: &[Command]) {
        let mut children: Vec<Child> = Vec::new();
        let mut input = None;
        let mut group = self.interactive.then_some(0);
        for (number, command) in commands.iter().enumerate() {
            let mut process = self.process.clone();
            if let Some(input) = input.take() {
                process.descriptors.insert(0, Descriptor::In(input));
            }
            if number + 1 < commands.len() {
                let (output, next) = pipe(CAPACITY);
                process.descriptors.insert(1, Descriptor::Out(output));
                input = Some(next);
            }
            let child = self.spawn(process, group, Work::Command(command.clone()));
            if group == Some(0) {
                group = Some(child.pid);
            }
            children.push(child);
        }
        let ahead = self.take_foreground(group);
        let mut statuses = Vec::new();
        for child in &mut children {
            statuses.push(child.wait().await);
        }
        self.give_foreground(ahead);
        let last = statuses.last().copied().unwrap_or_default();
        let failed = statuses.iter().rev().find(|status| **status != 0).copied().unwrap_or_default();
        self.status = if self.options.pipe_fail { failed } else { last };
    }

    /// One command.
    pub(super) fn command<'a>(&'a mut self, command: &'a Command, last: bool) -> Running<'a> {
        Box::pin(async move {
            if self.depth >= DEEPEST {
                return Err(self.fatal("nested too deeply").await);
            }
            self.depth += 1;
            let done = match command {
                Command::Simple(simple) => Box::pin(self.simple(simple, last)).await,
                Command::Function(definition) => {
                    self.functions.insert(definition.fname.value.clone(), Arc::new(definition.clone()));
                    self.status = 0;
                    Ok(())
                }
                Command::Compound(compound, None) => Box::pin(self.compound(compound, last)).await,
                Command::Compound(compound, Some(redirects)) => {
                    let before = self.process.descriptors.clone();
                    let done = match self.redirect_all(&redirects.0).await {
                        Ok(true) => Box::pin(self.compound(compound, false)).await,
                        Ok(false) => Ok(()),
                        Err(flow) => Err(flow),
                    };
                    self.process.descriptors = before;
                    done
                }
                Command::ExtendedTest(test, _) => self.extended(&test.expr).await.map(|met| self.status = u8::from(!met)),
            };
            self.depth -= 1;
            done
        })
    }

    async fn compound(&mut self, compound: &CompoundCommand, last: bool) -> Result<(), Flow> {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, last).await,
            CompoundCommand::Subshell(subshell) => {
                let mut child = self.spawn(self.process.clone(), None, Work::Lists(vec![subshell.list.clone()]));
                self.status = child.wait().await;
                Ok(())
            }
            CompoundCommand::IfClause(clause) => Box::pin(self.condition(clause, last)).await,
            CompoundCommand::WhileClause(clause) => Box::pin(self.repeat(&clause.0, &clause.1.list, true)).await,
            CompoundCommand::UntilClause(clause) => Box::pin(self.repeat(&clause.0, &clause.1.list, false)).await,
            CompoundCommand::ForClause(clause) => {
                let values = match &clause.values {
                    None => self.arguments.clone(),
                    Some(words) => self.words(words).await?,
                };
                self.loops += 1;
                let done = Box::pin(self.each(&clause.variable_name, values, &clause.body.list)).await;
                self.loops -= 1;
                done
            }
            CompoundCommand::CaseClause(clause) => {
                let value = self.text(&clause.value.value).await?;
                self.status = 0;
                let mut through = false;
                for case in &clause.cases {
                    let mut chosen = through;
                    for pattern in &case.patterns {
                        chosen = chosen || self.pattern(&pattern.value).await?.matches(&value);
                    }
                    if !chosen {
                        continue;
                    }
                    if let Some(list) = &case.cmd {
                        self.list(list, false).await?;
                    }
                    match case.post_action {
                        CaseItemPostAction::ExitCase => break,
                        CaseItemPostAction::UnconditionallyExecuteNextCaseItem => through = true,
                        CaseItemPostAction::ContinueEvaluatingCases => through = false,
                    }
                }
                Ok(())
            }
            CompoundCommand::Arithmetic(command) => match self.arithmetic(&command.expr.value) {
                Ok(number) => {
                    self.status = u8::from(number == 0);
                    Ok(())
                }
                // The grammar takes a subshell in a subshell for arithmetic.
                Err(text) => match script::parse(&command.expr.value) {
                    Script::Commands(lists) if text.contains("syntax") || text.contains("deep") => {
                        let mut child = self.spawn(self.process.clone(), None, Work::Lists(lists));
                        self.status = child.wait().await;
                        Ok(())
                    }
                    _ => Err(self.fatal(&text).await),
                },
            },
            CompoundCommand::ArithmeticForClause(_) | CompoundCommand::Coprocess(_) => {
                Err(self.fatal("syntax error: bad for loop variable").await)
            }
        }
    }

    async fn words(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut all = Vec::new();
        for word in words {
            all.extend(self.fields(&word.value).await?);
        }
        Ok(all)
    }

    async fn asked_about(&mut self, list: &CompoundList) -> Result<bool, Flow> {
        self.asked += 1;
        let done = self.list(list, false).await;
        self.asked -= 1;
        done.map(|()| self.status == 0)
    }

    async fn condition(&mut self, clause: &IfClauseCommand, last: bool) -> Result<(), Flow> {
        if self.asked_about(&clause.condition).await? {
            return self.list(&clause.then, last).await;
        }
        for other in clause.elses.iter().flatten() {
            let chosen = match &other.condition {
                Some(condition) => self.asked_about(condition).await?,
                None => true,
            };
            if chosen {
                return self.list(&other.body, last).await;
            }
        }
        self.status = 0;
        Ok(())
    }

    async fn repeat(&mut self, condition: &CompoundList, body: &CompoundList, wanted: bool) -> Result<(), Flow> {
        self.loops += 1;
        let mut status = 0;
        let done = loop {
            match self.asked_about(condition).await {
                Ok(met) if met == wanted => {}
                Ok(_) => break Ok(()),
                Err(flow) => match leave(flow) {
                    Ok(true) => break Ok(()),
                    Ok(false) => continue,
                    Err(flow) => break Err(flow),
                },
            }
            match self.turn(body).await {
                Ok(false) => status = self.status,
                Ok(true) => break Ok(()),
                Err(flow) => break Err(flow),
            }
        };
        self.loops -= 1;
        if done.is_ok() {
            self.status = status;
        }
        done
    }

    async fn each(&mut self, variable: &str, values: Vec<String>, body: &CompoundList) -> Result<(), Flow> {
        self.status = 0;
        for value in values {
            if let Err(text) = self.set(variable, value) {
                return Err(self.fatal(&text).await);
            }
            if self.turn(body).await? {
                break;
            }
        }
        Ok(())
    }

    /// One turn of a loop; true when it was the last.
    async fn turn(&mut self, body: &CompoundList) -> Result<bool, Flow> {
        // An endless loop must let others run.
        tokio::task::yield_now().await;
        match self.list(body, false).await {
            Ok(()) => Ok(false),
            Err(flow) => leave(flow),
        }
    }

    fn extended<'a>(&'a mut self, test: &'a ExtendedTestExpr) -> Pin<Box<dyn Future<Output = Result<bool, Flow>> + Send + 'a>> {
        Box::pin(async move {
            Ok(match test {
                ExtendedTestExpr::And(one, other) => self.extended(one).await? && self.extended(other).await?,
                ExtendedTestExpr::Or(one, other) => self.extended(one).await? || self.extended(other).await?,
                ExtendedTestExpr::Not(inner) => !self.extended(inner).await?,
                ExtendedTestExpr::Parenthesized(inner) => self.extended(inner).await?,
                ExtendedTestExpr::UnaryTest(predicate, word) => {
                    let words = [predicate.to_string(), self.text(&word.value).await?];
                    super::super::applet::test(&self.process, &words) == 0
                }
                ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                    let left = self.text(&left.value).await?;
                    match predicate.to_string().as_str() {
                        "==" | "=" => self.pattern(&right.value).await?.matches(&left),
                        "!=" => !self.pattern(&right.value).await?.matches(&left),
                        other => {
                            let words = [left, other.to_owned(), self.text(&right.value).await?];
                            super::super::applet::test(&self.process, &words) == 0
                        }
                    }
                }
            })
        })
    }

    /// What a text's commands write.
    pub(super) async fn output_of(&mut self, text: &str) -> Result<Bytes, Flow> {
        let commands = match script::parse(text) {
            Script::Commands(commands) => commands,
            Script::Unfinished => return Err(self.fatal("syntax error: unexpected end of file").await),
            Script::Broken(text) => return Err(self.fatal(&text).await),
        };
        let (output, input) = pipe(CAPACITY);
        let mut process = self.process.clone();
        process.descriptors.insert(1, Descriptor::Out(output));
        let mut child = self.spawn(process, None, Work::Lists(commands));
        let bytes = input.read_all(MOST_IN_MEMORY).await;
        drop(input);
        let status = child.wait().await;
        self.status = status;
        self.substituted = Some(status);
        Ok(bytes)
    }
}

/// What `break` and `continue` do to a loop: whether it ends, or that an outer one is meant.
fn leave(flow: Flow) -> Result<bool, Flow> {
    match flow {
        Flow::Break(levels) if levels > 1 => Err(Flow::Break(levels - 1)),
        Flow::Continue(levels) if levels > 1 => Err(Flow::Continue(levels - 1)),
        Flow::Break(_) => Ok(true),
        Flow::Continue(_) => Ok(false),
        other => Err(other),
    }
}

/// Whether `set -e` looks at a pipeline: what is in a group or a loop was looked at already.
fn is_leaf(commands: &[Command]) -> bool {
    !matches!(
        commands,
        [Command::Compound(
            CompoundCommand::BraceGroup(_)
                | CompoundCommand::IfClause(_)
                | CompoundCommand::WhileClause(_)
                | CompoundCommand::UntilClause(_)
                | CompoundCommand::ForClause(_)
                | CompoundCommand::CaseClause(_),
            _
        )]
    )
}
