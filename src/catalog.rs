//! What plimsoll knows of the Docker Engine API: operations, routes and schemas of every version, from the files in `schemas/`.
//!
//! Nothing is projected or compiled before it is used. The catalogue reads no sockets and judges nothing.

mod checker;
mod contract;
mod example;
mod file;
pub mod lint;
mod members;
pub mod openapi;
mod operation;
mod parameter;
mod projection;
mod route;
mod schema;
mod secret;
mod wire_value;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::model::ApiVersion;

pub use checker::{Checker, Met, Outcome};
pub use contract::{BodyContract, Contract, Framing, ResponseContract};
pub use file::SchemaError;
pub use members::{Members, SeenMembers};
pub use operation::Operation;
pub use parameter::{Parameter, ParameterDefect, Parameters};
pub use route::Lookup;
pub use schema::{Defect, DefectKind, Schema};
pub use secret::{Mask, SecretNames, SecretPlace, SecretStep};
pub use wire_value::{Wire, WireError};

/// Types and common responses: what the files of operations refer to.
#[derive(Debug, Default, Clone)]
pub struct Library {
    /// By name as it stands in a `$ref`: `types/error`.
    types: BTreeMap<String, Value>,
    common: Value,
}

/// The catalogue: all operations, and the way to find them.
#[derive(Debug)]
pub struct Catalog {
    operations: Vec<Operation>,
    routes: route::Routes,
    library: Arc<Library>,
    secret_names: OnceLock<SecretNames>,
}

impl Catalog {
    /// The catalogue that is built in.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let files = file::builtin();
            // The files are part of the program, and a test loads and lints them all.
            Self::from_files(files).unwrap_or_else(|error| panic!("the built-in catalogue is broken: {error}"))
        })
    }

    /// The built-in catalogue with the files of a folder of the same form laid over it: each adds or replaces an operation or a type.
    ///
    /// The folder is linted first, so that whatever is wrong in it is said now and not when it is used.
    pub fn with_overlay(dir: &Path) -> Result<Self, SchemaError> {
        let (_, errors) = lint::lint_path(dir)?;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        Self::from_files(file::overlaid(file::read_dir(dir)?))
    }

    fn from_files(files: Vec<file::SchemaFile>) -> Result<Self, SchemaError> {
        let mut library = Library::default();
        let mut rest = Vec::new();
        for file in files {
            match file.kind() {
                file::Kind::Type(name) => drop(library.types.insert(name, file.json)),
                file::Kind::Common => library.common = file.json,
                file::Kind::Operation { tag } => rest.push((tag, file)),
                file::Kind::Other => {}
            }
        }
        let library = Arc::new(library);
        let mut operations = Vec::with_capacity(rest.len());
        for (tag, file) in rest {
            operations.push(Operation::new(tag, file, Arc::clone(&library))?);
        }
        operations.sort_by(|a, b| (a.tag(), a.id()).cmp(&(b.tag(), b.id())));
        let routes = route::Routes::new(&operations)?;
        Ok(Self { operations, routes, library, secret_names: OnceLock::new() })
    }

    /// The names of all that is secret, at any version.
    #[must_use]
    pub fn secret_names(&self) -> &SecretNames {
        self.secret_names.get_or_init(|| SecretNames::of(self.operations.iter().map(Operation::source).chain(self.library.types.values())))
    }

    /// All operations, by tag and id.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation with this id.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id() == id)
    }

    /// The operations that a version has.
    pub fn operations_at(&self, version: ApiVersion) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |operation| operation.exists_at(version))
    }

    /// Finds the operation of a request. `path` is percent-decoded and has no version prefix and no query.
    #[must_use]
    pub fn lookup(&self, method: &str, path: &str, version: Option<ApiVersion>) -> Lookup<'_> {
        self.routes.lookup(&self.operations, method, path, version)
    }
}
