//! The subcommands that look things up: the catalogue and the rules.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::model::ApiVersion;

/// `plimsoll schemas`.
#[derive(Debug, Subcommand)]
pub enum SchemasCommand {
    /// Name the operations, their routes and the versions that have them
    List {
        /// Only those that this version has
        #[arg(long, value_name = "1.N")]
        api_version: Option<ApiVersion>,
    },
    /// Print an operation's file, or what it is at one version
    #[command(after_help = "Example:\n  plimsoll schemas show ContainerWait --api-version 1.41")]
    Show {
        /// The operation id, as in `schemas list`
        operation: String,
        /// What it is at this version, in plain JSON Schema
        #[arg(long, value_name = "1.N")]
        api_version: Option<ApiVersion>,
    },
    /// Print the catalogue of one version
    #[command(after_help = "Example:\n  plimsoll schemas export --api-version 1.41 > openapi.json")]
    Export {
        /// The version that is printed
        #[arg(long, value_name = "1.N")]
        api_version: ApiVersion,
        /// OpenAPI 3.1, or one JSON Schema document with a definition for each body
        #[arg(long, value_enum, default_value_t = ExportFormat::Openapi)]
        format: ExportFormat,
    },
    /// Check schema files: their form, every version of them, every example
    #[command(after_help = "Example:\n  plimsoll schemas lint my-schemas/")]
    Lint {
        /// A file or a folder; the built-in catalogue when none is given
        path: Option<PathBuf>,
    },
}

/// `schemas export --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// OpenAPI 3.1 JSON.
    Openapi,
    /// JSON Schema 2020-12.
    Jsonschema,
}

/// `plimsoll rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Name all rules with their severities
    List,
    /// Say why a rule exists and who trips, with an example that breaks it
    #[command(after_help = "Example:\n  plimsoll rules explain frame.stream-type")]
    Explain {
        /// The rule, as in `rules list`
        rule: String,
    },
}
