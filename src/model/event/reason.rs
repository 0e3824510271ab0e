//! Why something was not judged, as a value and in words.

use std::fmt;

use crate::model::ApiVersion;

/// Why something was not judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A body is larger than what is held for judging.
    CaptureLimit(u64),
    /// A stream's document is larger than what is held for judging.
    DocumentLimit(u64),
    /// The request's head is too large or no HTTP.
    UnreadableHead,
    /// The catalogue has no such operation.
    UnknownOperation,
    /// The operation is not part of the version.
    NotInVersion,
    /// The daemon's HTTP layer refused the request before the API saw it.
    RefusedByHttp,
    /// The path names a version that the catalogue does not describe.
    UnknownVersion(String),
    /// The path names no version and the daemon has announced none.
    NoVersion,
    /// Another protocol after the upgrade.
    OpaqueProtocol,
    /// The bytes could not be followed any further after the violation before.
    LostTrack,
    /// Enforce mode denied it for what it asks.
    Denied,
    /// A content coding (gzip …) that is not undone.
    ContentCoding(String),
    /// Whether the stream is framed is not known and the bytes fit both.
    FramedOrRaw,
    /// An archive, compressed in this way, whose window is larger than what is kept.
    WindowLimit(&'static str, u64),
    /// More came out of a compressed archive than is looked at.
    InflateLimit(u64),
    /// JSON beyond what is read: RFC 8259 section 9 lets every reader set limits.
    JsonLimit(&'static str),
    /// The run, the recording or the client's interest ended first.
    Unfinished(&'static str),
    /// In the words of a report that was read.
    Said(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaptureLimit(bytes) => write!(f, "larger than the {} capture limit", Size(*bytes)),
            Self::DocumentLimit(bytes) => write!(f, "a document larger than the {} capture limit", Size(*bytes)),
            Self::UnreadableHead => f.write_str("the head of the request cannot be read"),
            Self::UnknownOperation => f.write_str("the catalogue has no such operation"),
            Self::NotInVersion => f.write_str("the operation is not part of this API version"),
            Self::RefusedByHttp => f.write_str("the daemon's HTTP layer refused the request before the API saw it"),
            Self::UnknownVersion(version) => {
                write!(f, "API version {version} is not one of {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST)
            }
            Self::NoVersion => f.write_str("the path names no API version and the daemon has announced none"),
            Self::OpaqueProtocol => f.write_str("another protocol runs after the upgrade"),
            Self::Denied => f.write_str("denied by --only or --deny"),
            Self::LostTrack => f.write_str("the bytes cannot be followed after the violation before"),
            Self::ContentCoding(coding) => write!(f, "content coding {coding} is not undone"),
            Self::FramedOrRaw => f.write_str("whether the container has a TTY is not known, and the bytes fit both readings"),
            Self::WindowLimit(name, bytes) => write!(f, "compressed with {name}, and with a window larger than {}", Size(*bytes)),
            Self::InflateLimit(bytes) => write!(f, "compressed, and larger than {} when it is undone", Size(*bytes)),
            Self::JsonLimit(which) => write!(f, "JSON {which}"),
            Self::Unfinished(what) => f.write_str(what),
            Self::Said(words) => f.write_str(words),
        }
    }
}

struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        if self.0 >= MIB && self.0.is_multiple_of(MIB) { write!(f, "{} MiB", self.0 / MIB) } else { write!(f, "{} byte", self.0) }
    }
}
