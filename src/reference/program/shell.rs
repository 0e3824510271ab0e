//! The shell of the containers: POSIX `sh` as busybox has it, without job control.
//!
//! The grammar is brush's; what the commands do is here. A subshell, each part of a pipeline and each program is a process of its own; functions,
//! loops and builtins run in the shell's. How deep commands may stand in each other is bounded, and loops let others run.

mod arithmetic;
mod builtin;
mod evaluate;
mod expand;
mod job;
pub(super) mod pattern;
mod script;
mod simple;
mod state;

use bytes::Bytes;

use super::process::Process;
use super::processes::{Body, Disposition};
use super::signal;
use script::Script;
use state::{Flow, Shell};

/// What stands open in a text that is read by the line may not grow without end.
const LONGEST_COMMAND: usize = 1 << 20;

/// Runs `sh` with the arguments of its process.
pub(super) fn main(process: Process) -> Body {
    Box::pin(async move {
        let name = process.argv.first().cloned().unwrap_or_else(|| "sh".into());
        let mut shell = Shell::new(process, name, Vec::new());
        let done = shell.begin().await;
        shell.finish(done).await
    })
}

impl Shell {
    async fn begin(&mut self) -> Result<(), Flow> {
        let arguments = self.process.arguments().to_vec();
        let mut rest = arguments.iter();
        let (mut text, mut from_input) = (false, false);
        let mut operands: Vec<String> = Vec::new();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--" | "-" => {
                    operands.extend(rest.by_ref().cloned());
                }
                option if option.starts_with(['-', '+']) && option.len() > 1 => {
                    for letter in option.chars().skip(1) {
                        let known = match letter {
                            'c' => {
                                text = true;
                                true
                            }
                            's' => {
                                from_input = true;
                                true
                            }
                            'o' => rest.next().is_some_and(|name| self.option_named(name, option.starts_with('-'))),
                            letter => self.option(letter, option.starts_with('-')),
                        };
                        if !known {
                            return Err(self.fatal(&format!("illegal option -{letter}")).await);
                        }
                    }
                }
                _ => {
                    operands.push(argument.clone());
                    operands.extend(rest.by_ref().cloned());
                }
            }
        }
        let mut operands = operands.into_iter();
        if text {
            let Some(commands) = operands.next() else { return Err(self.fatal("-c requires an argument").await) };
            if let Some(name) = operands.next() {
                self.name = name;
            }
            self.arguments = operands.collect();
            self.interactive = false;
            return self.run_text(&commands).await;
        }
        let script = if from_input { None } else { operands.next() };
        self.arguments = operands.collect();
        match script {
            Some(path) => {
                let Ok(content) = self.process.files().read(&self.process.path(&path)) else {
                    self.complain(&format!("can't open '{path}': No such file or directory")).await;
                    self.status = 2;
                    return Err(Flow::Exit);
                };
                self.name = path;
                self.interactive = false;
                self.run_text(&String::from_utf8_lossy(&content)).await
            }
            None => self.run_input().await,
        }
    }

    /// Runs a whole text: complete commands are run before a later one is found broken.
    async fn run_text(&mut self, text: &str) -> Result<(), Flow> {
        match script::parse(text) {
            Script::Commands(lists) => {
                for (number, list) in lists.iter().enumerate() {
                    self.list(list, number + 1 == lists.len()).await?;
                }
                Ok(())
            }
            // By the line, so that what stands before the error is done.
            Script::Unfinished | Script::Broken(_) => {
                let mut pending = String::new();
                for line in text.split_inclusive('\n') {
                    pending.push_str(line);
                    self.try_pending(&mut pending).await?;
                }
                self.give_up(&pending).await
            }
        }
    }

    /// Runs what was read so far, if it is complete.
    async fn try_pending(&mut self, pending: &mut String) -> Result<bool, Flow> {
        // A backslash at its end joins the next line.
        if pending.trim_end_matches('\n').ends_with('\\') && pending.len() < LONGEST_COMMAND {
            return Ok(false);
        }
        match script::parse(pending) {
            Script::Commands(lists) => {
                pending.clear();
                for list in &lists {
                    self.list(list, false).await?;
                }
                Ok(true)
            }
            Script::Unfinished if pending.len() < LONGEST_COMMAND => Ok(false),
            Script::Unfinished => Err(self.fatal("syntax error: unexpected end of file").await),
            Script::Broken(text) => {
                pending.clear();
                let flow = self.fatal(&text).await;
                if self.interactive { Ok(true) } else { Err(flow) }
            }
        }
    }

    async fn give_up(&mut self, pending: &str) -> Result<(), Flow> {
        if pending.trim().is_empty() {
            return Ok(());
        }
        let quoted = matches!(pending.matches(['\'', '"']).count() % 2, 1);
        let text = if quoted { "syntax error: unterminated quoted string" } else { "syntax error: unexpected end of file" };
        Err(self.fatal(text).await)
    }

    /// Reads commands from standard input by the line, with a prompt on a terminal.
    async fn run_input(&mut self) -> Result<(), Flow> {
        let input = self.process.stdin();
        self.interactive |= input.face().is_some();
        if self.interactive {
            self.process.state.dispose(signal::INT, Some(Disposition::Caught));
            self.process.state.dispose(signal::QUIT, Some(Disposition::Ignored));
            self.process.state.dispose(signal::TERM, Some(Disposition::Ignored));
        }
        let mut pending = String::new();
        loop {
            if self.interactive {
                let prompt = self.prompt(if pending.is_empty() { "PS1" } else { "PS2" });
                if self.process.output(2).write(Bytes::from(prompt)).await.is_err() {
                    return Err(Flow::Exit);
                }
            }
            let state = std::sync::Arc::clone(&self.process.state);
            let line = tokio::select! {
                biased;
                () = state.caught() => {
                    let before = self.traps.contains_key(&signal::INT);
                    self.handle_signals().await?;
                    if self.interactive && !before {
                        pending.clear();
                        let _ = self.process.output(2).write(Bytes::from_static(b"\n")).await;
                        self.status = 128 + signal::INT;
                    }
                    continue;
                }
                line = input.read_line() => line,
            };
            let Some(line) = line else { break };
            pending.push_str(&String::from_utf8_lossy(&line));
            let done = self.try_pending(&mut pending).await;
            match done {
                // An error ends a command, not the shell that somebody types to.
                Err(Flow::Exit) if self.interactive && self.failed => self.failed = false,
                Err(Flow::Return | Flow::Break(_) | Flow::Continue(_)) => {}
                other => {
                    other?;
                }
            }
            self.failed = false;
            self.jobs.retain(|job| !job.is_over());
        }
        if self.interactive {
            let _ = self.process.output(2).write(Bytes::from_static(b"\n")).await;
        }
        self.give_up(&pending).await
    }

    fn prompt(&self, name: &str) -> String {
        let text = self.get(name).unwrap_or_default();
        let home = self.get("HOME").unwrap_or_default();
        let cwd = &self.process.cwd;
        let shown = match cwd.strip_prefix(home) {
            Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with('/')) => format!("~{rest}"),
            _ => cwd.clone(),
        };
        let mark = if self.process.user.uid == 0 { "#" } else { "$" };
        text.replace("\\w", &shown)
            .replace("\\W", shown.rsplit('/').next().unwrap_or("/"))
            .replace("\\$", mark)
            .replace("\\h", &self.process.world.hostname)
    }
}
