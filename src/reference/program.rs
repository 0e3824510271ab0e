//! Simulated processes: a shell and the small programs of a busybox-like image, over files in memory.
//!
//! A process is a task that reads and writes pipes, has a number in its container, and takes signals as Linux gives them. Nothing is run on the
//! host, no connection is opened, and no program can hold more than the limits in these files allow.

mod applet;
mod lookup;
mod neighbours;
mod pipe;
mod process;
mod processes;
mod shell;
pub mod signal;
mod terminal;
mod user;

use std::future::Future;
use std::sync::Arc;

pub use lookup::{DEFAULT_PATH, Found, SpawnError, find};
pub use neighbours::Neighbours;
pub use pipe::{Closed, Input, Output, pipe};
pub use processes::{Listed, Processes};
pub use terminal::Terminal;
pub use user::User;

use super::clock::Clock;
use super::files::Namespace;
use process::World;

/// How a process ended: its own code, or 128 and the number of the signal that killed it.
pub type ExitCode = u8;

/// What a process is started with.
#[derive(Debug)]
pub struct Launch {
    /// Its command line; the first word is looked up.
    pub argv: Vec<String>,
    /// Its environment, in order.
    pub env: Vec<(String, String)>,
    /// Its working directory, which should exist.
    pub cwd: String,
    /// Who it runs as.
    pub user: User,
    /// What `hostname` says.
    pub hostname: String,
    /// What it sees of files.
    pub namespace: Namespace,
    /// Standard input.
    pub stdin: Input,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// The container's processes: it becomes one of them, and the first is the one whose end ends all.
    pub processes: Processes,
    /// The time.
    pub clock: Clock,
    /// Whether it is PID 1, which signals without a handler do not end: a container's command without `--init`. Not an exec.
    pub init: bool,
    /// Whom it reaches on its networks.
    pub neighbours: Neighbours,
    /// Its terminal, if it has one; then the three streams are usually [`Terminal::input`] and [`Terminal::output`].
    pub terminal: Option<Terminal>,
}

/// A process that was started, for sending signals to it.
#[derive(Debug, Clone)]
pub struct Handle {
    processes: Processes,
    pid: u32,
}

impl Handle {
    /// Its number in the container.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal; false when it has ended.
    #[must_use]
    pub fn send(&self, number: u8) -> bool {
        self.processes.signal(self.pid, number)
    }
}

/// Starts a process: it has its number at once, and runs while the future is polled. The error is for a command that is not there, before
/// anything was started, in runc's words.
pub fn start(launch: Launch) -> Result<(Handle, impl Future<Output = ExitCode> + Send + 'static), SpawnError> {
    let command = launch.argv.first().cloned().unwrap_or_default();
    let found = find(&command, &launch.env, &launch.cwd, &launch.namespace)?;
    if found.before.is_empty() && found.program == lookup::Program::Script {
        return Err(SpawnError::Format(found.path));
    }
    let world = Arc::new(World {
        namespace: launch.namespace.clone(),
        processes: launch.processes.clone(),
        clock: launch.clock.clone(),
        hostname: launch.hostname.clone(),
        terminal: launch.terminal.clone(),
        neighbours: launch.neighbours.clone(),
    });
    let user = user::user_name(&launch.namespace, launch.user.uid).unwrap_or_else(|| launch.user.uid.to_string());
    let place = launch
        .processes
        .admit(launch.init, None, &user, &launch.argv, launch.clock.now())
        .ok_or_else(|| SpawnError::Denied(command.clone()))?;
    let handle = Handle { processes: launch.processes.clone(), pid: place.state.pid };
    if let Some(terminal) = &launch.terminal {
        terminal.set_foreground(&launch.processes, place.state.group());
    }
    let process = process::first(&place, world, launch);
    Ok((handle, async move { place.run(process.execute(&found)).await }))
}

/// Runs a process to its end; a command that cannot be started gives the code that Docker gives.
pub async fn run(launch: Launch) -> ExitCode {
    match start(launch) {
        Ok((_, running)) => running.await,
        Err(error) => error.code(),
    }
}

#[cfg(test)]
mod tests;
