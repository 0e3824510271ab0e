//! Parse what was typed and what plimsoll.toml adds to it, run, exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use plimsoll::cli::Cli;
use plimsoll::config;
use plimsoll::error::Error;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let typed = std::env::args_os().collect();
    let done = config::extend(&Cli::command(), typed).and_then(|arguments| plimsoll::run::run(Cli::parse_from(arguments)));
    let exit = done.unwrap_or_else(|error: Error| {
        for line in error.to_string().lines() {
            // Nobody is left to tell when standard error is closed.
            // What is shown of a file stands below what is said of it.
            let name = if line.starts_with(' ') { "" } else { "plimsoll: " };
            let _ = writeln!(std::io::stderr(), "{name}{line}");
        }
        error.exit()
    });
    exit.into()
}
