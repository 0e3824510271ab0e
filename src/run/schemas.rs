//! `plimsoll schemas`.

use std::path::Path;

use crate::catalog::{Catalog, Operation, lint, openapi};
use crate::cli::{ExportFormat, SchemasCommand};
use crate::error::{Error, Exit};
use crate::model::ApiVersion;

pub(super) fn run(command: SchemasCommand) -> Result<Exit, Error> {
    match command {
        SchemasCommand::List { api_version } => super::print(&list(api_version.map(known).transpose()?)),
        SchemasCommand::Show { operation, api_version } => show(&operation, api_version.map(known).transpose()?),
        SchemasCommand::Export { api_version, format } => export(known(api_version)?, format),
        SchemasCommand::Lint { path } => lint(path.as_deref()),
    }
}

fn known(version: ApiVersion) -> Result<ApiVersion, Error> {
    if version.is_known() {
        return Ok(version);
    }
    Err(Error::usage(format!("API version {version} is not one of {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST)))
}

fn list(version: Option<ApiVersion>) -> String {
    let catalog = Catalog::builtin();
    let operations: Vec<&Operation> = match version {
        Some(version) => catalog.operations_at(version).collect(),
        None => catalog.operations().iter().collect(),
    };
    let width = operations.iter().map(|operation| operation.id().len()).max().unwrap_or_default();
    let mut text = String::new();
    for operation in &operations {
        let routes = operation.routes().iter().filter(|route| version.is_none_or(|version| route.range.contains(version)));
        for route in routes {
            let line = format!("{:<width$}  {:<6} {:<34}  {}", operation.id(), route.method, route.path, operation.versions());
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

fn show(id: &str, version: Option<ApiVersion>) -> Result<Exit, Error> {
    let operation = Catalog::builtin()
        .operation(id)
        .ok_or_else(|| Error::usage(format!("there is no operation `{id}`; `plimsoll schemas list` names them all")))?;
    let value = match version {
        None => return super::print(operation.text()),
        Some(version) if !operation.exists_at(version) => {
            return Err(Error::usage(format!("API {version} does not have {id}, which exists {}", operation.versions())));
        }
        Some(version) => operation.projected(version).map_err(Error::usage)?,
    };
    super::print(&pretty(&value))
}

fn export(version: ApiVersion, format: ExportFormat) -> Result<Exit, Error> {
    let catalog = Catalog::builtin();
    let document = match format {
        ExportFormat::Openapi => openapi::document(catalog, version),
        ExportFormat::Jsonschema => openapi::json_schema(catalog, version),
    };
    super::print(&pretty(&document.map_err(Error::usage)?))
}

fn lint(path: Option<&Path>) -> Result<Exit, Error> {
    let (linted, errors) = match path {
        None => lint::lint_builtin(),
        Some(path) => lint::lint_path(path).map_err(Error::usage)?,
    };
    if errors.is_empty() {
        let files = if linted.files == 1 { "1 file".to_owned() } else { format!("{} files", linted.files) };
        return super::print(&format!("{files} fine, {} example runs\n", linted.examples));
    }
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Err(Error::usage(lines.join("\n")))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
