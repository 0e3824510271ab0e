//! Snapshot files, in the format of the insta crate: a head between `---` lines, then the text. `NAME.snap` is what holds, `NAME.snap.new` what waits for
//! somebody to accept it; `cargo insta review` finds them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::scene::Scene;
use super::text;
use crate::error::Error;

/// A snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Where it comes from: the file of the script.
    pub source: String,
    /// What was recorded, for people.
    pub expression: String,
    /// The exchanges.
    pub scenes: Vec<Scene>,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A JSON string is a YAML string.
        let quoted = |text: &str| serde_json::Value::String(text.to_owned());
        let body = text::write(&self.scenes);
        write!(f, "---\nsource: {}\nexpression: {}\n---\n{body}", quoted(&self.source), quoted(&self.expression))
    }
}

impl Snapshot {
    /// Reads the text of a file. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let no_head = || "is no snapshot: it begins with a line `---`, a head, and another such line".to_owned();
        let text = text.replace("\r\n", "\n");
        let rest = text.strip_prefix("---\n").ok_or_else(no_head)?;
        let (head, body) = rest.split_once("\n---\n").or_else(|| rest.strip_suffix("\n---").map(|head| (head, ""))).ok_or_else(no_head)?;
        let member = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let value = line.unwrap_or_default().trim();
            serde_json::from_str(value).unwrap_or_else(|_| value.trim_matches('\'').to_owned())
        };
        let lines = head.lines().count() + 2;
        let scenes = text::read(body).map_err(|error| {
            // Counted from the start of the file.
            match error.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
                Some((line, what)) => format!("line {}: {what}", line.parse::<usize>().unwrap_or_default() + lines),
                None => error,
            }
        })?;
        Ok(Self { source: member("source"), expression: member("expression"), scenes })
    }

    /// Reads a file; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map(Some).map_err(|what| Error::usage(format!("{}: {what}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::environment(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// Writes a file.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.to_string()).map_err(|error| Error::environment(format!("cannot write {}: {error}", path.display())))
    }
}

/// A folder of snapshots.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at this path; it need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes it.
    pub fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.0).map_err(|error| Error::environment(format!("cannot make the folder {}: {error}", self.0.display())))
    }

    /// The client side of a scenario.
    #[must_use]
    pub fn script(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.wire"))
    }

    /// Its snapshot.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.snap"))
    }

    /// Its snapshot that waits to be accepted.
    #[must_use]
    pub fn pending(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.snap.new"))
    }

    /// The names of the scenarios, sorted: every `*.wire`.
    pub fn scenarios(&self) -> Result<Vec<String>, Error> {
        self.names(".wire")
    }

    /// The names of all snapshots, sorted.
    pub fn snapshots(&self) -> Result<Vec<String>, Error> {
        self.names(".snap")
    }

    /// The names of all snapshots that wait to be accepted, sorted.
    pub fn pendings(&self) -> Result<Vec<String>, Error> {
        self.names(".snap.new")
    }

    /// Removes a file that may be there.
    pub fn remove(path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::environment(format!("cannot remove {}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// What waits becomes what holds.
    pub fn accept(&self, name: &str) -> Result<(), Error> {
        let (from, to) = (self.pending(name), self.snapshot(name));
        fs::rename(&from, &to).map_err(|error| Error::environment(format!("cannot move {} to {}: {error}", from.display(), to.display())))
    }

    fn names(&self, extension: &str) -> Result<Vec<String>, Error> {
        let cannot = |error: io::Error| Error::environment(format!("cannot read the folder {}: {error}", self.0.display()));
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(cannot)? {
            let file = entry.map_err(cannot)?.file_name();
            names.extend(file.to_str().and_then(|file| file.strip_suffix(extension)).filter(|name| !name.is_empty()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_read_however_insta_writes_it() {
        let body = "=== 1 - - GET /\n--- 200\ntext| OK\n";
        let snapshot =
            Snapshot::parse(&format!("---\nsource: \"a.wire\"\nexpression: \"plimsoll \\\"x\\\"\"\n---\n{body}")).expect("a snapshot");
        assert_eq!((snapshot.source.as_str(), snapshot.expression.as_str()), ("a.wire", "plimsoll \"x\""));
        assert_eq!(Snapshot::parse(&snapshot.to_string()), Ok(snapshot.clone()));
        let bare = format!("---\nsource: a.wire\nassertion_line: 3\nsnapshot_kind: text\n---\n{}", body.trim_end());
        assert_eq!(Snapshot::parse(&bare).map(|read| (read.source, read.scenes)), Ok(("a.wire".to_owned(), snapshot.scenes)));
        assert_eq!(Snapshot::parse("---\nsource: a\n---\n=== 1 - - GET /\n--- x\n"), Err("line 5: is no status".to_owned()));
        assert!(Snapshot::parse("hello").is_err_and(|error| error.starts_with("is no snapshot")));
    }
}
