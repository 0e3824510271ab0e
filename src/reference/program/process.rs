//! One simulated process: what it was started with, and what it may ask of its container.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::lookup::{Found, Program};
use super::neighbours::Neighbours;
use super::pipe::{Closed, Input, Output};
use super::processes::{Body, Place, Processes, State};
use super::terminal::Terminal;
use super::user::User;
use super::{applet, shell, signal};
use crate::reference::clock::Clock;
use crate::reference::files::{FileError, Files, Namespace, Sort, clean};

/// Bytes that a program takes into memory at once: `sort`, `tac`, `$(…)`.
pub(super) const MOST_IN_MEMORY: usize = 64 << 20;

/// What all processes of one launch share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) namespace: Namespace,
    pub(super) processes: Processes,
    pub(super) clock: Clock,
    pub(super) hostname: String,
    pub(super) terminal: Option<Terminal>,
    pub(super) neighbours: Neighbours,
}

/// An open descriptor.
#[derive(Debug, Clone)]
pub(super) enum Descriptor {
    In(Input),
    Out(Output),
}

/// A process. A clone is what `fork` makes, before it has a place of its own.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) world: Arc<World>,
    pub(super) state: Arc<State>,
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: String,
    pub(super) user: User,
    pub(super) umask: u32,
    pub(super) descriptors: BTreeMap<i32, Descriptor>,
}

impl Process {
    /// The name by which complaints begin.
    pub(super) fn name(&self) -> &str {
        let name = self.argv.first().map_or("", String::as_str);
        name.rsplit('/').next().unwrap_or(name).trim_start_matches('-')
    }

    /// The arguments after the name.
    pub(super) fn arguments(&self) -> &[String] {
        self.argv.get(1..).unwrap_or_default()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The value of a variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A path from the working directory. What asks for a directory, by a slash at its end, goes on doing so.
    pub(super) fn path(&self, path: &str) -> String {
        if path.is_empty() {
            return String::new();
        }
        // `..` after a link is for the walk to decide, not for the text.
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.cwd.trim_end_matches('/')) }
    }

    /// Everything that can be read now.
    pub(super) fn files(&self) -> Files {
        self.world.namespace.view()
    }

    /// Changes files, with the time that it is.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Files, Timestamp) -> Result<R, FileError>) -> Result<R, FileError> {
        let now = self.now();
        self.world.namespace.change(|files| change(files, now))
    }

    pub(super) fn stdin(&self) -> Input {
        match self.descriptors.get(&0) {
            Some(Descriptor::In(input)) => input.clone(),
            _ => Input::empty(),
        }
    }

    pub(super) fn output(&self, number: i32) -> Output {
        match self.descriptors.get(&number) {
            Some(Descriptor::Out(output)) => output.clone(),
            _ => Output::null(),
        }
    }

    /// Writes to standard output.
    pub(super) async fn out(&self, bytes: impl Into<Bytes>) -> Result<(), Closed> {
        self.output(1).write(bytes.into()).await
    }

    /// Writes a line to standard output.
    pub(super) async fn line(&self, text: impl Display) -> Result<(), Closed> {
        self.out(format!("{text}\n")).await
    }

    /// Says on standard error what is wrong, after the program's name.
    pub(super) async fn complain(&self, text: impl Display) {
        // Whom nobody hears cannot say so.
        let _ = self.output(2).write(format!("{}: {text}\n", self.name()).into()).await;
    }

    /// Opens a file to read it; `-` is standard input, and devices are what they are.
    pub(super) fn open(&self, path: &str) -> Result<Input, FileError> {
        if path == "-" {
            return Ok(self.stdin());
        }
        let full = clean(&self.cwd, path);
        match full.as_str() {
            "/dev/null" => return Ok(Input::empty()),
            "/dev/zero" | "/dev/full" => return Ok(Input::zeros()),
            "/dev/urandom" | "/dev/random" => return Ok(Input::random()),
            "/dev/stdin" | "/proc/self/fd/0" | "/dev/fd/0" => return Ok(self.stdin()),
            "/dev/tty" => return self.world.terminal.as_ref().map(Terminal::input).ok_or(FileError::NotFound),
            _ => {}
        }
        let path = self.path(path);
        let files = self.files();
        match files.stat(&path, true)?.sort {
            Sort::Special(_) => Ok(Input::empty()),
            Sort::Directory => Err(FileError::IsADirectory),
            _ => files.read(&path).map(Input::from),
        }
    }

    /// Opens a file to write to its end, made or emptied first.
    pub(super) fn create(&self, path: &str, keep: bool) -> Result<Output, FileError> {
        let full = clean(&self.cwd, path);
        match full.as_str() {
            "/dev/null" | "/dev/zero" => return Ok(Output::null()),
            "/dev/stdout" | "/proc/self/fd/1" | "/dev/fd/1" | "/proc/1/fd/1" => return Ok(self.output(1)),
            "/dev/stderr" | "/proc/self/fd/2" | "/dev/fd/2" | "/proc/1/fd/2" => return Ok(self.output(2)),
            "/dev/tty" | "/dev/console" => return self.world.terminal.as_ref().map(Terminal::output).ok_or(FileError::NotFound),
            "/dev/full" => return Err(FileError::NoSpace),
            _ => {}
        }
        let path = self.path(path);
        let (mode, user) = (0o666 & !self.umask, &self.user);
        let path = self.change(|files, now| {
            if files.stat(&path, true).is_ok_and(|stat| matches!(stat.sort, Sort::Special(_))) {
                return Ok(String::new());
            }
            let there = files.exists(&path);
            if !there || !keep {
                files.write(&path, Bytes::new(), mode, now)?;
            } else if files.stat(&path, true)?.is_directory() {
                return Err(FileError::IsADirectory);
            }
            if !there {
                files.set_owner(&path, user.uid, user.gid, true)?;
            }
            files.resolve(&path)
        })?;
        Ok(if path.is_empty() { Output::null() } else { Output::file(self.world.namespace.clone(), &path, self.world.clock.clone()) })
    }

    /// Starts another process beside this one, with its own number, and runs what `body` makes of it. Without room for it: code 2, as a shell
    /// that cannot fork.
    pub(super) fn fork(mut self, group: Option<u32>, body: impl FnOnce(Self) -> Body) -> Child {
        let user = super::user::user_name(&self.world.namespace, self.user.uid).unwrap_or_else(|| self.user.uid.to_string());
        let Some(place) = self.world.processes.admit(false, Some(&self.state), &user, &self.argv, self.now()) else {
            return Child { pid: 0, done: tokio::spawn(std::future::ready(2)) };
        };
        if let Some(group) = group {
            place.state.set_group(if group == 0 { place.state.pid } else { group });
        }
        self.state = Arc::clone(&place.state);
        let pid = place.state.pid;
        Child { pid, done: tokio::spawn(place.run(body(self))) }
    }

    /// Becomes the program that was found, and runs it to its end.
    pub(super) fn execute(mut self, found: &Found) -> Body {
        if !found.before.is_empty() {
            let rest = self.argv.split_off(1.min(self.argv.len()));
            self.argv = found.before.iter().cloned().chain(rest).collect();
        }
        self.state.becomes(self.argv.clone());
        match &found.program {
            Program::Applet(name) if ["sh", "ash"].contains(&name.as_str()) => shell::main(self),
            Program::Script => {
                let rest = self.argv.split_off(1.min(self.argv.len()));
                self.argv = ["sh".to_owned(), found.path.clone()].into_iter().chain(rest).collect();
                shell::main(self)
            }
            Program::Greeting => Box::pin(async move { self.ended(self.out(GREETING).await.map(|()| 0)) }),
            Program::Applet(name) => {
                let name = name.clone();
                Box::pin(async move { self.run_applet(&name).await })
            }
        }
    }

    /// Runs a built-in program by name, in this process.
    pub(super) async fn run_applet(&mut self, name: &str) -> u8 {
        if let Some(run) = applet::named(name) {
            let done = run(self).await;
            self.ended(done)
        } else {
            self.complain("applet not found").await;
            127
        }
    }

    #[expect(clippy::unused_self, reason = "it is a process that ends so")]
    fn ended(&self, done: Result<u8, Closed>) -> u8 {
        done.unwrap_or(128 + signal::PIPE)
    }
}

/// What the program of `hello-world` prints.
const GREETING: &str = "
Hello from Docker!
This message shows that your client talks to an Engine API, and the API answers.

What happened on the way here:
 1. The client asked the daemon for a container of the image \"hello-world\".
 2. The daemon made the container and attached to it.
 3. The program in it wrote these lines, and the daemon sent them back.

";

/// A process that was started.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: u32,
    done: JoinHandle<u8>,
}

impl Child {
    /// Waits for its end and gives its code.
    pub(super) async fn wait(&mut self) -> u8 {
        // Only a runtime that shuts down takes a task away.
        (&mut self.done).await.unwrap_or(128 + signal::KILL)
    }

    pub(super) fn is_over(&self) -> bool {
        self.done.is_finished()
    }
}

/// Makes the first process of a launch.
pub(super) fn first(place: &Place, world: Arc<World>, launch: super::Launch) -> Process {
    Process {
        world,
        state: Arc::clone(&place.state),
        argv: launch.argv,
        env: launch.env,
        cwd: launch.cwd,
        user: launch.user,
        umask: 0o022,
        descriptors: BTreeMap::from([
            (0, Descriptor::In(launch.stdin)),
            (1, Descriptor::Out(launch.stdout)),
            (2, Descriptor::Out(launch.stderr)),
        ]),
    }
}
