//! Finding and reading the file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::complaint::{Complaint, error};
use crate::error::Error;

/// The name of the file that is looked for.
pub const FILE: &str = "plimsoll.toml";

/// No configuration is larger, in bytes; what is larger is something else.
const LIMIT: u64 = 1 << 20;

/// A configuration file that could be read.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// Looks in the working directory and above it, up to the root; the nearest one counts.
    pub(super) fn search() -> Result<Option<Self>, Error> {
        // Whoever has no working directory has no file in it.
        let Ok(here) = std::env::current_dir() else { return Ok(None) };
        for (height, folder) in here.ancestors().enumerate() {
            let path = folder.join(FILE);
            match path.try_exists() {
                // In the working directory itself the name says enough.
                Ok(true) => return Self::read(if height == 0 { Path::new(FILE) } else { &path }).map(Some),
                Ok(false) => {}
                // A folder above that may not be looked into is none of ours.
                Err(_) if height > 0 => {}
                Err(why) => return Err(unreadable(&path, &why)),
            }
        }
        Ok(None)
    }

    /// Reads this one.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|why| unreadable(path, &why))?;
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|why| unreadable(path, &why))?;
        Self::of(path, bytes)
    }

    /// What stands at this path; nothing is read there. The error, which is bad usage: it is too large or no UTF-8.
    pub fn of(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() as u64 > LIMIT {
            return Err(Error::usage(format!("{}: larger than 1 MiB, and so no configuration", path.display())));
        }
        let text = String::from_utf8(bytes).map_err(|why| {
            let valid = String::from_utf8_lossy(&why.as_bytes()[..why.utf8_error().valid_up_to()]);
            let line = valid.matches('\n').count() + 1;
            Error::usage(format!("{}:{line}: not UTF-8", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that its relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> u64 {
        crate::error::line(&self.text, offset)
    }

    /// Its top level.
    pub(super) fn table(&self) -> Result<Spanned<DeTable<'_>>, Error> {
        DeTable::parse(&self.text).map_err(|why| {
            let span = why.span().unwrap_or(self.text.len()..self.text.len());
            let message = why.message().lines().collect::<Vec<_>>().join(", ");
            error(self, vec![Complaint { span, message }])
        })
    }
}

fn unreadable(path: &Path, why: &std::io::Error) -> Error {
    Error::environment(format!("cannot read the configuration {}: {why}", path.display()))
}
