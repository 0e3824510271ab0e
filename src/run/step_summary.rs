//! The step summary of GitHub Actions: the Markdown report, at the end of the file that `GITHUB_STEP_SUMMARY` names.

use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::PathBuf;

use crate::error::Error;
use crate::report::{Format, Markdown, Reporter};

/// GitHub takes 1 MiB a step; some of it is left to what the step itself says there.
const ROOM: usize = 900 << 10;

/// The summary, where one of the formats is GitHub's and there is a file for it.
pub(super) fn reporter(formats: impl IntoIterator<Item = Format>) -> Result<Option<Box<dyn Reporter>>, Error> {
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = path.filter(|_| formats.into_iter().any(|format| format == Format::Github)) else { return Ok(None) };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| Error::environment(format!("cannot write the step summary {}: {error}", path.display())))?;
    Ok(Some(Box::new(Markdown::within(BufWriter::new(file), ROOM))))
}
