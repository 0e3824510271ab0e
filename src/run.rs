//! The subcommands, one file each.

mod check;
mod config;
mod convert;
mod diff;
mod enforce;
mod metrics;
mod pages;
mod probe;
mod progress;
mod proxy;
mod recording;
mod replay;
mod report;
mod rules;
mod schemas;
mod serve;
mod session;
mod signals;
mod snapshot;
mod stage;
mod step_summary;
mod survey;
mod tls;
mod waivers;
mod wrap;

use std::io::{ErrorKind, Write as _};

use crate::cli::{Cli, Command};
use crate::error::{Error, Exit};

/// Does what was asked.
pub fn run(cli: Cli) -> Result<Exit, Error> {
    match cli.command {
        Command::Run(args) => wrap::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Serve(args) => serve::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Report(command) => report::run(&command),
        Command::Waivers(command) => waivers::run(&command),
        Command::Replay(args) => replay::run(args),
        Command::Convert(args) => convert::run(&args),
        Command::Snapshot(command) => snapshot::run(command),
        Command::Diff(args) => diff::run(args),
        Command::Schemas(command) => schemas::run(command),
        Command::Rules(command) => rules::run(&command),
        Command::Config(command) => config::run(command, cli.config.as_ref()),
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    }
}

/// One thread relays and one judges: handing connections from thread to thread costs more than the relaying.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Error::environment(format!("cannot start: {error}")))
}

/// Prints a text that was asked for; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<Exit, Error> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::environment(format!("cannot write to standard output: {error}"))),
        _ => Ok(Exit::Compliant),
    }
}
