//! Subshells and the ends of shells: what is forked off, what is waited for, which signals are handled in between.

use brush_parser::ast::{AndOrList, Command, CompoundList};

use super::super::process::{Child, Process};
use super::super::processes::Body;
use super::super::signal;
use super::script::{self, Script};
use super::state::{Flow, Shell};

/// What a subshell is to do.
#[derive(Debug)]
pub(super) enum Work {
    Lists(Vec<CompoundList>),
    List(AndOrList),
    Command(Command),
}

impl Shell {
    /// Starts a subshell beside this shell. A group of 0 is one of its own.
    pub(super) fn spawn(&self, process: Process, group: Option<u32>, work: Work) -> Child {
        let mut shell = self.subshell(process.clone());
        process.fork(group, move |process| {
            shell.process = process;
            Box::pin(async move {
                let done = shell.work(&work).await;
                shell.finish(done).await
            })
        })
    }

    async fn work(&mut self, work: &Work) -> Result<(), Flow> {
        match work {
            Work::Lists(lists) => {
                for (number, list) in lists.iter().enumerate() {
                    self.list(list, number + 1 == lists.len()).await?;
                }
                Ok(())
            }
            Work::List(list) => self.and_or(list, true).await,
            Work::Command(command) => self.command(command, true).await,
        }
    }

    /// The end of a shell: what its process becomes, or its trap and its code.
    pub(super) async fn finish(mut self, done: Result<(), Flow>) -> u8 {
        if let Err(Flow::Become(next)) = done {
            let (process, found) = *next;
            drop(self);
            let body: Body = process.execute(&found);
            return body.await;
        }
        if let Some(text) = self.traps.remove(&0) {
            let status = self.status;
            match self.text_of_commands(&text).await {
                Err(Flow::Exit) => {}
                _ => self.status = status,
            }
        }
        self.status
    }

    /// Runs a text in this shell, as `eval` does.
    pub(super) async fn text_of_commands(&mut self, text: &str) -> Result<(), Flow> {
        match script::parse(text) {
            Script::Commands(lists) => {
                if lists.is_empty() {
                    self.status = 0;
                }
                self.depth += 1;
                for list in &lists {
                    if let Err(flow) = self.list(list, false).await {
                        self.depth -= 1;
                        return Err(flow);
                    }
                }
                self.depth -= 1;
                Ok(())
            }
            Script::Unfinished => Err(self.fatal("syntax error: unexpected end of file").await),
            Script::Broken(text) => Err(self.fatal(&text).await),
        }
    }

    /// Runs the traps of signals that have arrived.
    pub(super) async fn handle_signals(&mut self) -> Result<(), Flow> {
        if self.in_trap {
            return Ok(());
        }
        while let Some(number) = self.process.state.take_caught() {
            let Some(text) = self.traps.get(&number).cloned() else { continue };
            let status = self.status;
            self.in_trap = true;
            let done = Box::pin(self.text_of_commands(&text)).await;
            self.in_trap = false;
            done?;
            self.status = status;
        }
        Ok(())
    }

    /// Waits for background jobs: all, or the one that is named. A signal with a trap ends it early.
    pub(super) async fn wait_for(&mut self, pid: Option<u32>) -> Result<u8, Flow> {
        let mut jobs = std::mem::take(&mut self.jobs);
        let mut code = u8::from(pid.is_some()) * 127;
        let mut rest = Vec::new();
        let state = std::sync::Arc::clone(&self.process.state);
        let mut interrupted = false;
        while let Some(mut job) = (!jobs.is_empty()).then(|| jobs.remove(0)) {
            if interrupted || pid.is_some_and(|pid| pid != job.pid) {
                rest.push(job);
                continue;
            }
            tokio::select! {
                biased;
                ended = job.wait() => code = if pid.is_some() { ended } else { 0 },
                () = state.caught() => {
                    interrupted = true;
                    code = 128 + signal::TERM;
                    rest.push(job);
                }
            }
        }
        self.jobs = rest;
        if interrupted {
            self.status = code;
            self.handle_signals().await?;
        }
        Ok(code)
    }

    /// The terminal's signals go to a group; what had them is given back by [`Shell::give_foreground`].
    pub(super) fn take_foreground(&self, group: Option<u32>) -> bool {
        match (&self.process.world.terminal, group) {
            (Some(terminal), Some(group)) if self.interactive => {
                terminal.set_foreground(&self.process.world.processes, group);
                true
            }
            _ => false,
        }
    }

    pub(super) fn give_foreground(&self, taken: bool) {
        if let (true, Some(terminal)) = (taken, &self.process.world.terminal) {
            terminal.set_foreground(&self.process.world.processes, self.process.state.group());
        }
    }
}
