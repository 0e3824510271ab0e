//! The files of the catalogue: where they come from, and what is wrong with one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde_json::Value;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// A file of `schemas/`, parsed as JSON and nothing more.
#[derive(Debug)]
pub(super) struct SchemaFile {
    /// Relative to the folder: `container/ContainerWait.json`.
    pub(super) path: PathBuf,
    /// As it was written.
    pub(super) text: Cow<'static, str>,
    pub(super) json: Value,
}

/// What a file is, by its place.
#[derive(Debug)]
pub(super) enum Kind {
    /// `types/error.json`, with the name that refers to it.
    Type(String),
    /// `common.json`.
    Common,
    /// `<tag>/<OperationId>.json`.
    Operation { tag: String },
    /// `meta/…`.
    Other,
}

impl SchemaFile {
    /// What stands at this path; nothing is read there.
    pub(super) fn parse(path: &Path, text: impl Into<Cow<'static, str>>) -> Result<Self, SchemaError> {
        let text = text.into();
        Ok(Self { path: path.to_owned(), json: parse_json(path, &text)?, text })
    }

    pub(super) fn kind(&self) -> Kind {
        let steps: Vec<_> = self.path.iter().filter_map(|step| step.to_str()).collect();
        match steps[..] {
            ["types", ..] => Kind::Type(self.path.with_extension("").to_string_lossy().replace('\\', "/")),
            ["common.json"] => Kind::Common,
            ["meta", ..] => Kind::Other,
            [tag, _] => Kind::Operation { tag: tag.to_owned() },
            _ => Kind::Other,
        }
    }
}

/// A schema file that cannot be used: which, where in it, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {what}", file.display(), if place.is_empty() { String::new() } else { format!(" at {place}") })]
pub struct SchemaError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// JSON pointer, `line L column C`, or empty.
    pub place: String,
    /// One sentence.
    pub what: String,
}

impl SchemaError {
    pub(super) fn new(file: &Path, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: place.into(), what: what.into() }
    }
}

/// The files that are part of the program.
pub(super) fn builtin() -> Vec<SchemaFile> {
    let mut files = Vec::new();
    let mut dirs = vec![&SCHEMAS];
    while let Some(dir) = dirs.pop() {
        dirs.extend(dir.dirs());
        for file in dir.files().filter(|file| is_json(file.path())) {
            // Part of the program; a test reads them all.
            let text = file.contents_utf8().unwrap_or_else(|| panic!("{} is not UTF-8", file.path().display()));
            let read = SchemaFile::parse(file.path(), text).unwrap_or_else(|error| panic!("{error}"));
            files.push(read);
        }
    }
    files
}

/// The built-in files with these in the place of those with the same name and kind: an operation is replaced wherever it stands.
pub(super) fn overlaid(over: Vec<SchemaFile>) -> Vec<SchemaFile> {
    let replaced = |file: &SchemaFile| {
        over.iter().any(|other| match (other.kind(), file.kind()) {
            (Kind::Operation { .. }, Kind::Operation { .. }) => other.path.file_name() == file.path.file_name(),
            _ => other.path == file.path,
        })
    };
    let mut files: Vec<SchemaFile> = builtin().into_iter().filter(|file| !replaced(file)).collect();
    files.extend(over);
    files
}

/// All `*.json` below a folder.
pub(super) fn read_dir(dir: &Path) -> Result<Vec<SchemaFile>, SchemaError> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(current) = dirs.pop() {
        let unreadable = |error: std::io::Error| SchemaError::new(&current, "", format!("cannot be read: {error}"));
        for entry in std::fs::read_dir(&current).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                dirs.push(path);
            } else if is_json(&path) {
                let relative = path.strip_prefix(dir).unwrap_or(&path).to_owned();
                files.push(SchemaFile { path: relative, ..read(&path)? });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// One file.
pub(super) fn read(path: &Path) -> Result<SchemaFile, SchemaError> {
    let text = std::fs::read_to_string(path).map_err(|error| SchemaError::new(path, "", format!("cannot be read: {error}")))?;
    SchemaFile::parse(path, text)
}

fn parse_json(path: &Path, text: &str) -> Result<Value, SchemaError> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        SchemaError::new(path, place, format!("is not JSON: {what}"))
    })
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
