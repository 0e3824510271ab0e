//! The subcommands around the command line itself: its file, its completions, its pages.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// `plimsoll config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON Schema of plimsoll.toml
    #[command(after_help = "Example:\n  plimsoll config schema > plimsoll.schema.json")]
    Schema,
    /// Print the options that a subcommand gets when none is typed, and where each comes from
    #[command(after_help = "Example:\n  plimsoll config show probe")]
    Show {
        /// The subcommand, as in `probe` or `report merge`
        #[arg(required = true, value_name = "SUBCOMMAND")]
        subcommand: Vec<String>,
    },
}

/// `plimsoll completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `plimsoll man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for each subcommand into this folder; without it the main page goes to standard output
    pub dir: Option<PathBuf>,
}
