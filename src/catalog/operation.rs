//! One operation: its routes, its epochs, and its contract at a version.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::Library;
use super::contract::Contract;
use super::file::{SchemaError, SchemaFile};
use super::projection::{Direction, Projected, Projection, ProjectionError, range_of};
use super::route::Route;
use crate::model::{ApiVersion, VersionRange};

/// A documented call, with all its versions.
#[derive(Debug)]
pub struct Operation {
    id: Arc<str>,
    tag: String,
    file: SchemaFile,
    routes: Vec<Route>,
    epochs: OnceLock<Vec<Epoch>>,
    library: Arc<Library>,
}

/// An interval of versions with the same projection, compiled on first use.
#[derive(Debug)]
struct Epoch {
    since: ApiVersion,
    contract: OnceLock<Contract>,
}

impl Operation {
    pub(super) fn new(tag: String, file: SchemaFile, library: Arc<Library>) -> Result<Self, SchemaError> {
        let error = |place: &str, what: &str| SchemaError::new(&file.path, place, what);
        let id = file.json.get("id").and_then(Value::as_str).ok_or_else(|| error("/id", "is missing or no text"))?;
        if file.path.file_stem().is_none_or(|stem| stem != id) {
            return Err(error("/id", "is not the name of the file"));
        }
        let list = file.json.get("routes").and_then(Value::as_array).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| error("/routes", "is missing or empty"))?;
        let mut routes = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let place = format!("/routes/{index}");
            let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
            let object = item.as_object().ok_or_else(|| error(&place, "is not an object"))?;
            let range = range_of(object, &place).map_err(|e| error(&e.place, &e.what))?;
            let (Some(method), Some(path)) = (text("method"), text("path").filter(|path| path.starts_with('/'))) else {
                return Err(error(&place, "needs a method and a path that begins with a slash"));
            };
            routes.push(Route { method, path, range });
        }
        Ok(Self { id: id.into(), tag, routes, epochs: OnceLock::new(), library, file })
    }

    /// The operation id of the Docker Engine API.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id, shared.
    #[must_use]
    pub fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// The folder that its file stands in: `container`, `image` …
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// One sentence.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.file.json.get("summary").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its methods and paths.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The file as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// The file as JSON.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.file.json
    }

    /// The file's path in the folder of schemas.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Whether a version has it.
    #[must_use]
    pub fn exists_at(&self, version: ApiVersion) -> bool {
        self.routes.iter().any(|route| route.range.contains(version))
    }

    /// The versions that have it, in words: `1.0 to 1.23`, `since 1.30`.
    #[must_use]
    pub fn versions(&self) -> String {
        let ranges: Vec<String> = self.routes.iter().map(|route| describe(route.range)).collect();
        ranges.join(", ")
    }

    /// What it asks at a version. Compiled once per epoch.
    #[must_use]
    pub fn contract(&self, version: ApiVersion) -> &Contract {
        let epochs =
            self.epochs.get_or_init(|| self.boundaries().into_iter().map(|since| Epoch { since, contract: OnceLock::new() }).collect());
        // The first boundary is 1.0, so that there is one at or below every version.
        let epoch = &epochs[epochs.partition_point(|epoch| epoch.since <= version) - 1];
        epoch
            .contract
            .get_or_init(|| self.project(version).unwrap_or_else(|error| panic!("schemas are linted before they are used: {error}")))
    }

    /// The first version of every epoch.
    #[must_use]
    pub fn boundaries(&self) -> BTreeSet<ApiVersion> {
        let mut found = BTreeSet::from([ApiVersion::OLDEST]);
        let mut seen = BTreeSet::new();
        self.collect_boundaries(&self.file.json, &mut found, &mut seen);
        self.collect_boundaries(&self.library.common, &mut found, &mut seen);
        found
    }

    fn collect_boundaries(&self, node: &Value, found: &mut BTreeSet<ApiVersion>, seen: &mut BTreeSet<String>) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| self.collect_boundaries(item, found, seen)),
            Value::Object(object) => {
                let bound = |key: &str| object.get(key).and_then(Value::as_str).and_then(|text| text.parse::<ApiVersion>().ok());
                found.extend(bound("since"));
                found.extend(bound("until").map(|until| ApiVersion::new(until.minor() + 1)).filter(|version| version.is_known()));
                if let Some(name) = object.get("$ref").and_then(Value::as_str)
                    && let Some(file) = self.library.types.get(name)
                    && seen.insert(name.to_owned())
                {
                    self.collect_boundaries(file, found, seen);
                }
                object.values().for_each(|value| self.collect_boundaries(value, found, seen));
            }
            _ => {}
        }
    }

    /// The contract at a version, or what in the file keeps it from being one.
    pub(super) fn project(&self, version: ApiVersion) -> Result<Contract, SchemaError> {
        let request = self.project_part("request", version, Direction::Request)?;
        let responses = self.project_part("responses", version, Direction::Response)?;
        let common = self.project_in(&self.library.common, version)?;
        Contract::read(&request, &responses, &common)
            .map_err(|what| SchemaError::new(&self.file.path, "", format!("{what} (at {version})")))
    }

    fn project_part(&self, part: &str, version: ApiVersion, direction: Direction) -> Result<Value, SchemaError> {
        let projection = Projection { library: &self.library, version, direction };
        let node = self.file.json.get(part).map_or(Value::Null, |value| serde_json::json!({ part: value }));
        let projected = projection.project(&node, &self.file.json, "").map_err(|error| self.error(&error))?;
        Ok(match projected {
            Projected::Present(mut value) => value.get_mut(part).map(Value::take).unwrap_or_default(),
            Projected::Absent(_) => Value::Null,
        })
    }

    fn project_in(&self, common: &Value, version: ApiVersion) -> Result<Value, SchemaError> {
        let projection = Projection { library: &self.library, version, direction: Direction::Response };
        let projected = projection.project(common, common, "");
        match projected.map_err(|error| SchemaError::new(Path::new("common.json"), error.place, error.what))? {
            Projected::Present(mut value) => Ok(value.get_mut("responses").map(Value::take).unwrap_or_default()),
            Projected::Absent(_) => Ok(Value::Null),
        }
    }

    /// The file projected to a version, without examples and errata: for people to read.
    pub fn projected(&self, version: ApiVersion) -> Result<Value, SchemaError> {
        let mut out = serde_json::Map::new();
        for key in ["id", "summary"] {
            out.insert(key.to_owned(), self.file.json.get(key).cloned().unwrap_or_default());
        }
        for (part, direction) in [("routes", Direction::Response), ("request", Direction::Request), ("responses", Direction::Response)] {
            let value = self.project_part(part, version, direction)?;
            if !value.is_null() {
                out.insert(part.to_owned(), value);
            }
        }
        Ok(Value::Object(out))
    }

    fn error(&self, error: &ProjectionError) -> SchemaError {
        SchemaError::new(&self.file.path, error.place.clone(), error.what.clone())
    }
}

fn describe(range: VersionRange) -> String {
    match (range.since, range.until) {
        (ApiVersion::OLDEST, ApiVersion::NEWEST) => "all versions".to_owned(),
        (since, ApiVersion::NEWEST) => format!("since {since}"),
        (ApiVersion::OLDEST, until) => format!("until {until}"),
        (since, until) => format!("{since} to {until}"),
    }
}
