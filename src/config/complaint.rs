//! What is wrong in the file, with the line and a caret below the place.

use std::ops::Range;

use super::File;
use crate::error::{Error, excerpt};

/// Something wrong at a place, in bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// So many are shown at once.
const LIMIT: usize = 25;

/// All complaints as one error, in the order of the file.
pub(super) fn error(file: &File, mut complaints: Vec<Complaint>) -> Error {
    complaints.sort_by_key(|complaint| complaint.span.start);
    let mut shown: Vec<String> = complaints.iter().take(LIMIT).map(|it| excerpt(file.path(), file.text(), &it.span, &it.message)).collect();
    if complaints.len() > LIMIT {
        shown.push(format!("{}: {} more", file.path().display(), complaints.len() - LIMIT));
    }
    Error::usage(shown.join("\n"))
}
