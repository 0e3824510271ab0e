//! Which program a command names, and runc's words when there is none.

use thiserror::Error;

use super::applet;
use crate::reference::files::{APPLET_MAGIC, FileError, HELLO_MAGIC, Namespace, Sort, clean};

/// Scripts whose interpreter is a script, as deep as Linux goes.
const MOST_INTERPRETERS: usize = 4;

/// Where a shell looks without `PATH`, and dockerd sets it.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a file is, as a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// One of the built-in programs.
    Applet(String),
    /// What `hello-world` is.
    Greeting,
    /// A text for the shell.
    Script,
}

/// A command that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: String,
    pub(super) program: Program,
    /// What stands before the command's own arguments: the interpreter of a script, and the script.
    pub(super) before: Vec<String>,
}

/// Why a command cannot be started. The text is what runc says of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpawnError {
    /// No such program in any directory of `PATH`.
    #[error("exec: {0:?}: executable file not found in $PATH")]
    NotInPath(String),
    /// A path at which there is nothing.
    #[error("exec: {0:?}: stat {0}: no such file or directory")]
    NotFound(String),
    /// No permission, or a directory (older runc says the same of both).
    #[error("exec: {0:?}: permission denied")]
    Denied(String),
    /// A path that leads to a directory.
    #[error("exec: {0:?}: is a directory")]
    IsADirectory(String),
    /// A file that is neither a program nor a script with an interpreter.
    #[error("exec {0}: exec format error")]
    Format(String),
    /// The interpreter of a script is not there.
    #[error("exec {0}: no such file or directory")]
    NoInterpreter(String),
}

impl SpawnError {
    /// What a shell exits with, and Docker: 127 when there is nothing, 126 when it cannot be run.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::NotInPath(_) | Self::NotFound(_) | Self::NoInterpreter(_) => 127,
            Self::Denied(_) | Self::IsADirectory(_) | Self::Format(_) => 126,
        }
    }
}

/// Finds the program that a command names, from a working directory.
pub fn find(command: &str, env: &[(String, String)], cwd: &str, namespace: &Namespace) -> Result<Found, SpawnError> {
    let files = namespace.view();
    if command.contains('/') {
        let path = clean(cwd, command);
        return match files.stat(&path, true) {
            Ok(stat) if stat.is_directory() => Err(SpawnError::IsADirectory(command.to_owned())),
            Ok(stat) if !stat.is_executable() => Err(SpawnError::Denied(command.to_owned())),
            Ok(_) => examine(&path, command, namespace, 0),
            Err(FileError::NotADirectory | FileError::Denied) => Err(SpawnError::Denied(command.to_owned())),
            Err(_) => Err(SpawnError::NotFound(command.to_owned())),
        };
    }
    let search = env.iter().rev().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, value)| value.as_str());
    let mut denied = false;
    for directory in search.split(':').filter(|_| !command.is_empty()) {
        let path = clean(&clean(cwd, directory), command);
        match files.stat(&path, true) {
            Ok(stat) if stat.sort == Sort::File && stat.is_executable() => return examine(&path, &path, namespace, 0),
            Ok(stat) => denied |= stat.sort == Sort::File,
            Err(_) => {}
        }
    }
    Err(if denied { SpawnError::Denied(command.to_owned()) } else { SpawnError::NotInPath(command.to_owned()) })
}

fn examine(path: &str, asked: &str, namespace: &Namespace, depth: usize) -> Result<Found, SpawnError> {
    let content = namespace.read(path).map_err(|_| SpawnError::Denied(asked.to_owned()))?;
    let found = |program, before| Ok(Found { path: path.to_owned(), program, before });
    if let Some(rest) = content.strip_prefix(APPLET_MAGIC) {
        let name = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return found(Program::Applet(String::from_utf8_lossy(name).into_owned()), Vec::new());
    }
    if content.starts_with(HELLO_MAGIC) {
        return found(Program::Greeting, Vec::new());
    }
    let Some(rest) = content.strip_prefix(b"#!") else {
        // What an image of another daemon brings: not to be run, but known by the name that it is called by, as busybox's links are.
        if content.starts_with(b"\x7fELF") {
            let name = path.rsplit('/').next().unwrap_or_default();
            let known = ["sh", "ash"].contains(&name) || applet::named(name).is_some();
            return if known { found(Program::Applet(name.to_owned()), Vec::new()) } else { Err(SpawnError::Format(asked.to_owned())) };
        }
        // The kernel refuses it; a shell runs it if it is text.
        return if content.contains(&0) { Err(SpawnError::Format(asked.to_owned())) } else { found(Program::Script, Vec::new()) };
    };
    let line = String::from_utf8_lossy(rest.split(|byte| *byte == b'\n').next().unwrap_or_default()).trim().to_owned();
    let (interpreter, argument) = line.split_once([' ', '\t']).map_or((line.as_str(), ""), |(first, rest)| (first, rest.trim()));
    let missing = || SpawnError::NoInterpreter(asked.to_owned());
    if depth >= MOST_INTERPRETERS || !namespace.stat(interpreter, true).map_err(|_| missing())?.is_executable() {
        return Err(missing());
    }
    let inner = examine(interpreter, interpreter, namespace, depth + 1)?;
    let mut before = inner.before;
    before.push(interpreter.to_owned());
    before.extend(Some(argument).filter(|argument| !argument.is_empty()).map(str::to_owned));
    before.push(path.to_owned());
    Ok(Found { path: path.to_owned(), program: inner.program, before })
}
