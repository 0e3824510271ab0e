//! What a file operation fails with: the texts of errno, as Go and busybox build their messages on them.

use thiserror::Error;

/// Why a file operation failed. The text is errno's in lower case; [`FileError::sentence`] gives it as C libraries write it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    /// ENOENT.
    #[error("no such file or directory")]
    NotFound,
    /// ENOTDIR.
    #[error("not a directory")]
    NotADirectory,
    /// EISDIR.
    #[error("is a directory")]
    IsADirectory,
    /// EEXIST.
    #[error("file exists")]
    Exists,
    /// ENOTEMPTY.
    #[error("directory not empty")]
    NotEmpty,
    /// ELOOP.
    #[error("too many levels of symbolic links")]
    TooManyLinks,
    /// EROFS.
    #[error("read-only file system")]
    ReadOnly,
    /// EINVAL.
    #[error("invalid argument")]
    Invalid,
    /// EBUSY: a mount point cannot be removed.
    #[error("device or resource busy")]
    Busy,
    /// ENAMETOOLONG.
    #[error("file name too long")]
    NameTooLong,
    /// ENOSPC: larger than a file in memory may become.
    #[error("no space left on device")]
    NoSpace,
    /// EACCES.
    #[error("permission denied")]
    Denied,
    /// An archive that cannot be read, or does what it must not; the text says which.
    #[error("{0}")]
    Corrupt(String),
}

impl FileError {
    /// The text as C's `strerror` gives it, with a capital.
    #[must_use]
    pub fn sentence(&self) -> String {
        let text = self.to_string();
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    }
}
