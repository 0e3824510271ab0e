//! Checks schema files: the form, every projection, every example at every version that it claims.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::example::Example;
use super::file::{self, Kind, SchemaError, SchemaFile};
use super::operation::Operation;
use super::projection::{Direction, Projected, Projection};
use super::{Contract, Library, Parameters, schema};
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
    let given = if path.is_dir() {
        file::read_dir(path)?
    } else {
        let read = file::read(path)?;
        // Alone, a file is judged as what it looks like.
        let folder = if read.json.get("routes").is_some() || read.json.get("id").is_some() { "file" } else { "types" };
        vec![SchemaFile { path: Path::new(folder).join(path.file_name().map_or(path, Path::new)), ..read }]
    };
    if given.is_empty() {
        return Err(SchemaError::new(path, "", "holds no JSON files"));
    }
    let places: Vec<PathBuf> = given.iter().map(|file| file.path.clone()).collect();
    let count = given.iter().filter(|file| !matches!(file.kind(), Kind::Other)).count();
    let (linted, mut errors) = lint_files(file::overlaid(given), &places);
    for error in &mut errors {
        if path.is_file() && error.file == places[0] {
            path.clone_into(&mut error.file);
        }
    }
    Ok((Linted { files: count, ..linted }, errors))
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
