//! From method and path to the operation.
//!
//! As in dockerd's router, a parameter takes any text, slashes and colons included (`/images/registry:5000/team/app:1.2/json`), and literal
//! routes win over parameters (`/images/json` over `/images/{name}/json`).

use std::path::Path;

use rustc_hash::FxHashMap;

use super::file::SchemaError;
use super::operation::Operation;
use crate::model::{ApiVersion, VersionRange};

/// A documented method and path.
#[derive(Debug, Clone)]
pub struct Route {
    /// `GET`, `POST` …
    pub method: String,
    /// `/containers/{id}/json`.
    pub path: String,
    /// The versions that have it.
    pub range: VersionRange,
}

/// A path's template, taken apart once.
#[derive(Debug)]
enum Template {
    Literal(String),
    Parameter { before: String, behind: String },
}

impl Template {
    fn new(path: &str) -> Self {
        match (path.find('{'), path.find('}')) {
            (Some(open), Some(close)) if open < close => {
                Self::Parameter { before: path[..open].to_owned(), behind: path[close + 1..].to_owned() }
            }
            _ => Self::Literal(path.to_owned()),
        }
    }

    /// The parameter's value, when the path fits; empty for a literal.
    fn fits<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self {
            Self::Literal(literal) => (literal == path).then_some(""),
            Self::Parameter { before, behind } => {
                path.strip_prefix(before.as_str())?.strip_suffix(behind.as_str()).filter(|value| !value.is_empty() && *value != "/")
            }
        }
    }

    /// Letters that are not the parameter's: the more, the closer the fit.
    fn weight(&self) -> usize {
        match self {
            Self::Literal(literal) => literal.len() + 1000,
            Self::Parameter { before, behind } => before.len() + behind.len(),
        }
    }
}

/// What a method and path lead to.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// An operation of this version (or of any, when the version is not known yet).
    Operation(&'a Operation),
    /// The operation exists, but not in this version.
    NotInVersion(&'a Operation),
    /// The path exists in this version, with other methods.
    WrongMethod(Vec<&'a str>),
    /// The catalogue has no such path.
    Unknown,
}

/// All routes, by their first step.
#[derive(Debug)]
pub(super) struct Routes {
    by_step: FxHashMap<String, Vec<Target>>,
}

#[derive(Debug)]
struct Target {
    template: Template,
    route: Route,
    operation: usize,
}

impl Routes {
    /// Sorts the routes; two with one method, one shape of path and a common version are an error.
    pub(super) fn new<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> Result<Self, SchemaError> {
        let operations: Vec<&Operation> = operations.into_iter().collect();
        let mut by_step: FxHashMap<String, Vec<Target>> = FxHashMap::default();
        for (index, operation) in operations.iter().enumerate() {
            for route in operation.routes() {
                let targets = by_step.entry(first_step(&route.path).to_owned()).or_default();
                let same = |other: &&Target| {
                    other.route.method == route.method
                        && shape(&other.route.path) == shape(&route.path)
                        && other.route.range.overlaps(route.range)
                };
                if let Some(other) = targets.iter().find(same) {
                    let what = format!(
                        "{} {} is a route of {} already, from {} to {}",
                        route.method,
                        route.path,
                        operations[other.operation].id(),
                        other.route.range.since,
                        other.route.range.until
                    );
                    let file = format!("{}/{}.json", operation.tag(), operation.id());
                    return Err(SchemaError::new(Path::new(&file), "/routes", what));
                }
                targets.push(Target { template: Template::new(&route.path), route: route.clone(), operation: index });
            }
        }
        Ok(Self { by_step })
    }

    pub(super) fn lookup<'a>(&'a self, operations: &'a [Operation], method: &str, path: &str, version: Option<ApiVersion>) -> Lookup<'a> {
        let Some(targets) = self.by_step.get(first_step(path)) else { return Lookup::Unknown };
        let inside = |target: &&Target| version.is_none_or(|version| target.route.range.contains(version));
        let fitting = || targets.iter().filter(|target| target.template.fits(path).is_some());
        let best = |candidates: &mut dyn Iterator<Item = &Target>| {
            candidates.max_by_key(|target| target.template.weight()).map(|target| &operations[target.operation])
        };
        let of_method =
            || targets.iter().filter(|target| target.route.method == method).filter(|target| target.template.fits(path).is_some());
        if let Some(operation) = best(&mut of_method().filter(inside)) {
            return Lookup::Operation(operation);
        }
        if let Some(operation) = best(&mut of_method()) {
            return Lookup::NotInVersion(operation);
        }
        // Parameters that span slashes fit too much to say that the method is wrong.
        let narrow = |target: &&Target| target.template.fits(path).is_some_and(|value| !value.contains('/'));
        let mut methods: Vec<&str> = fitting().filter(inside).filter(narrow).map(|target| target.route.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        if methods.is_empty() { Lookup::Unknown } else { Lookup::WrongMethod(methods) }
    }
}

fn first_step(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// The path with its parameter's name taken out.
fn shape(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for char in path.chars() {
        inside = (inside || char == '{') && char != '}';
        if !inside {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::*;

    fn found(method: &str, path: &str, minor: u16) -> String {
        match Catalog::builtin().lookup(method, path, Some(ApiVersion::new(minor))) {
            Lookup::Operation(operation) => operation.id().to_owned(),
            Lookup::NotInVersion(operation) => format!("not {}", operation.id()),
            Lookup::WrongMethod(methods) => methods.join(","),
            Lookup::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn names_may_hold_slashes_and_colons() {
        for (method, path, minor, id) in [
            ("GET", "/images/registry:5000/team/app:1.2/json", 41, "ImageInspect"),
            ("GET", "/images/json", 41, "ImageList"),
            ("GET", "/images/json/json", 41, "ImageInspect"),
            ("GET", "/images/get", 41, "ImageGetAll"),
            ("GET", "/images/a/b/get", 41, "ImageGet"),
            ("DELETE", "/images/localhost/a:b", 41, "ImageDelete"),
            ("GET", "/containers/json", 41, "ContainerList"),
            ("GET", "/containers/4fa/attach/ws", 41, "ContainerAttachWebsocket"),
            ("POST", "/containers/4fa/attach", 41, "ContainerAttach"),
            ("POST", "/containers/4fa/wait", 0, "ContainerWait"),
            ("POST", "/containers/4fa/rename", 16, "not ContainerRename"),
            ("GET", "/containers/4fa/wait", 41, "POST"),
            ("GET", "/containers//json", 41, "unknown"),
            ("GET", "/nothing/here", 41, "unknown"),
            ("GET", "/", 41, "unknown"),
        ] {
            assert_eq!(found(method, path, minor), id, "{method} {path} at 1.{minor}");
        }
    }
}
