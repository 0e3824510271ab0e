//! Checks schema files: the form, every projection, every example at every version that it claims.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::example::Example;
use super::file::{self, Kind, SchemaError, SchemaFile};
use super::operation::Operation;
use super::projection::{Direction, Projected, Projection};
use super::{Catalog, Contract, Library, Parameters, schema};
use crate::model::ApiVersion;

/// The JSON Schema of the files.
const META: &str = include_str!("../../schemas/meta/operation.json");

/// How much was checked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Linted {
    /// Files.
    pub files: usize,
    /// Examples, each counted once for every version at which it ran.
    pub examples: usize,
}

/// Checks a folder of the form of `schemas/` (the whole, or what is to be laid over the built-in catalogue), or one file. Either may
/// refer to the built-in types.
pub fn lint_path(path: &Path) -> Result<(Linted, Vec<SchemaError>), SchemaError> {
    if !path.is_dir() {
        return Ok(lint_alone(file::read(path)?));
    }
    let given = file::read_dir(path)?;
    if given.is_empty() {
        return Err(SchemaError::new(path, "", "holds no JSON files"));
    }
    let places: Vec<PathBuf> = given.iter().map(|file| file.path.clone()).collect();
    let count = given.iter().filter(|file| !matches!(file.kind(), Kind::Other)).count();
    let (linted, errors) = lint_files(file::overlaid(given), &places);
    Ok((Linted { files: count, ..linted }, errors))
}

/// Checks one file by its text, as [`lint_path`] would find it at this path; nothing is read there.
pub fn lint_text(path: &Path, text: String) -> Result<(Linted, Vec<SchemaError>), SchemaError> {
    SchemaFile::parse(path, text).map(lint_alone)
}

/// Checks the built-in catalogue.
#[must_use]
pub fn lint_builtin() -> (Linted, Vec<SchemaError>) {
    let files = file::builtin();
    let places: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    lint_files(files, &places)
}

/// Checks the files at these places; the others are there to be referred to.
fn lint_files(files: Vec<SchemaFile>, places: &[PathBuf]) -> (Linted, Vec<SchemaError>) {
    let mut linted = Linted { files: files.len(), examples: 0 };
    let mut errors = Vec::new();
    let mut library = Library::default();
    let mut operations = Vec::new();
    for file in files {
        match file.kind() {
            Kind::Type(name) => drop(library.types.insert(name, file.json)),
            Kind::Common => library.common = file.json,
            Kind::Operation { tag } => {
                let before = errors.len();
                if places.contains(&file.path) {
                    errors.extend(meta_errors(&file));
                }
                if errors.len() == before {
                    operations.push((tag, file));
                }
            }
            Kind::Other => linted.files -= 1,
        }
    }
    let library = Arc::new(library);
    errors.extend(
        library
            .types
            .iter()
            .filter(|(name, _)| places.contains(&Path::new(name).with_extension("json")))
            .filter_map(|(name, json)| lint_type(&library, name, json)),
    );
    let mut sound = Vec::new();
    for (tag, file) in operations {
        match Operation::new(tag, file, Arc::clone(&library)) {
            Ok(operation) => {
                if places.iter().any(|place| place == operation.path()) {
                    match lint_operation(&operation) {
                        Ok(examples) => linted.examples += examples,
                        Err(error) => errors.push(error),
                    }
                }
                sound.push(operation);
            }
            Err(error) => errors.push(error),
        }
    }
    errors.extend(super::route::Routes::new(&sound).err());
    (linted, errors)
}

/// Checks one file beside the built-in catalogue. What the file is not is sound there, and is not checked again.
fn lint_alone(file: SchemaFile) -> (Linted, Vec<SchemaError>) {
    let builtin = Catalog::builtin();
    let given = file.path.clone();
    // Alone, a file is judged as what it looks like.
    let folder = if file.json.get("routes").is_some() || file.json.get("id").is_some() { "file" } else { "types" };
    let file = SchemaFile { path: Path::new(folder).join(given.file_name().map_or(given.as_path(), Path::new)), ..file };
    let mut linted = Linted { files: 1, examples: 0 };
    let mut errors = Vec::new();
    match file.kind() {
        Kind::Type(name) => {
            let mut library = Library::clone(&builtin.library);
            library.types.insert(name.clone(), file.json);
            errors.extend(lint_type(&library, &name, &library.types[&name]));
        }
        Kind::Operation { tag } => {
            errors.extend(meta_errors(&file));
            if errors.is_empty() {
                let (examples, wrong) = lint_beside(builtin, tag, file);
                linted.examples = examples;
                errors.extend(wrong);
            }
        }
        Kind::Common | Kind::Other => linted.files = 0,
    }
    for error in &mut errors {
        given.clone_into(&mut error.file);
    }
    (linted, errors)
}

/// The number of examples of an operation, which takes the place of the built-in one of the same name; and what is wrong.
fn lint_beside(builtin: &Catalog, tag: String, file: SchemaFile) -> (usize, Vec<SchemaError>) {
    let operation = match Operation::new(tag, file, Arc::clone(&builtin.library)) {
        Ok(operation) => operation,
        Err(error) => return (0, vec![error]),
    };
    let (examples, wrong) = lint_operation(&operation).map_or_else(|error| (0, Some(error)), |examples| (examples, None));
    let others = builtin.operations.iter().filter(|other| other.path().file_name() != operation.path().file_name());
    let ambiguous = super::route::Routes::new(others.chain([&operation])).err();
    (examples, wrong.into_iter().chain(ambiguous).collect())
}

fn meta_errors(file: &SchemaFile) -> Vec<SchemaError> {
    static VALIDATOR: OnceLock<jsonschema::Validator> = OnceLock::new();
    let validator = VALIDATOR.get_or_init(|| {
        let meta: Value = serde_json::from_str(META).expect("the meta schema is part of the program and tested");
        jsonschema::draft202012::new(&meta).expect("the meta schema is part of the program and tested")
    });
    validator
        .iter_errors(&file.json)
        .map(|error| SchemaError::new(&file.path, error.instance_path().as_str(), error.masked().to_string()))
        .collect()
}

fn lint_type(library: &Library, name: &str, json: &Value) -> Option<SchemaError> {
    let path = Path::new(name).with_extension("json");
    ApiVersion::known().find_map(|version| {
        let projection = Projection { library, version, direction: Direction::Response };
        match projection.project_type(json) {
            Err(error) => Some(SchemaError::new(&path, error.place, error.what)),
            Ok(Projected::Absent(_)) => None,
            Ok(Projected::Present(value)) => {
                // A type may be a body, with its schema inside.
                let source = if value.get("framing").is_some() { value.get("schema")? } else { &value };
                schema::compile(source).err().map(|what| SchemaError::new(&path, "", format!("{what}, at {version}")))
            }
        }
    })
}

/// The number of examples run, or the first thing that is wrong.
fn lint_operation(operation: &Operation) -> Result<usize, SchemaError> {
    for version in operation.boundaries() {
        compile_all(operation, &operation.project(version)?, version)?;
    }
    let mut runs = 0;
    let examples = operation.source().get("examples").and_then(Value::as_array);
    for (index, json) in examples.into_iter().flatten().enumerate() {
        let example = Example::new(json);
        let error = |what: String| SchemaError::new(operation.path(), format!("/examples/{index}"), what);
        let versions = example.versions(operation).map_err(error)?;
        if versions.is_empty() {
            return Err(error("runs at no version".to_owned()));
        }
        for version in versions {
            example.check(operation.contract(version)).map_err(|what| error(format!("{what}, at {version}")))?;
            runs += 1;
        }
    }
    Ok(runs)
}

fn compile_all(operation: &Operation, contract: &Contract, version: ApiVersion) -> Result<(), SchemaError> {
    fn parameters(parameters: &Parameters) -> impl Iterator<Item = &super::Schema> {
        parameters.iter().map(super::Parameter::schema)
    }
    let responses = contract.responses.values().flat_map(|response| response.body.schema.iter().chain(parameters(&response.headers)));
    let request = contract.request.schema.iter().chain(parameters(&contract.query)).chain(parameters(&contract.headers));
    for one in request.chain(responses) {
        schema::compile(one.source()).map_err(|what| SchemaError::new(operation.path(), "", format!("{what}, at {version}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, text: &str) -> (usize, Vec<String>) {
        let (linted, errors) = lint_text(name.as_ref(), text.to_owned()).expect("JSON");
        (linted.examples, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_alone_is_checked_beside_the_built_in_ones() {
        let wait = Catalog::builtin().operation("ContainerWait").expect("in the catalogue").text();
        let (examples, errors) = said("of/somebody/ContainerWait.json", wait);
        assert!(examples > 0, "run");
        assert_eq!(errors, Vec::<String>::new());
        let taken = said("ContainerLinger.json", &wait.replace("\"ContainerWait\"", "\"ContainerLinger\""));
        assert_eq!(
            taken.1,
            ["ContainerLinger.json at /routes: POST /containers/{id}/wait is a route of ContainerWait already, from 1.0 to 1.55"]
        );
        assert_eq!(said("Other.json", wait).1, ["Other.json at /id: is not the name of the file"]);
        assert_eq!(said("error.json", r#"{ "type": "string" }"#), (0, vec![]));
        assert_eq!(said("error.json", r#"{ "$ref": "types/nothing" }"#).1, ["error.json: there is no type file for types/nothing"]);
    }
}
