//! Where in an exchange something was found, and whose fault it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Docker CLI, an SDK, curl.
    Client,
    /// dockerd, podman, the reference backend.
    Daemon,
}

impl Side {
    /// The peer of this one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Daemon,
            Self::Daemon => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Daemon => "daemon",
        })
    }
}

/// The part of a message in which something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The first line of a request.
    RequestLine,
    /// The first line of a response.
    StatusLine,
    /// A header field.
    Header,
    /// The path of the request.
    Path,
    /// A parameter of the query.
    Query,
    /// The body as a whole, or a member of its one JSON document.
    Body,
    /// A frame of an attach stream.
    Frame,
    /// A document of a JSON stream.
    Document,
    /// An entry of a tar archive.
    Entry,
    /// The raw bytes after a hijack.
    Stream,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "request line",
            Self::StatusLine => "status line",
            Self::Header => "header",
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
            Self::Frame => "frame",
            Self::Document => "document",
            Self::Entry => "entry",
            Self::Stream => "stream",
        })
    }
}

/// Where something was found: a part, and what narrows it down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Which part of the message.
    pub part: Part,
    /// JSON pointer (RFC 6901) into the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the header, of the query or path parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of the frame, document or tar entry, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Bytes from the start of that message in that direction: of the head for heads, of the decoded body for bodies, of the stream for hijacked tails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl Place {
    /// The part as a whole.
    #[must_use]
    pub const fn of(part: Part) -> Self {
        Self { part, pointer: None, name: None, index: None, offset: None }
    }

    /// A named header field.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self::of(Part::Header).named(name)
    }

    /// With the name of a header or parameter.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With a JSON pointer; the empty pointer (the whole document) is kept, too.
    #[must_use]
    pub fn at_pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// With the number of a frame, document or entry.
    #[must_use]
    pub const fn at_index(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    /// With a byte offset.
    #[must_use]
    pub const fn at_offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The same place with array positions in the pointer as `*` and without index and offset: two findings of one class differ in these only.
    #[must_use]
    pub fn class(&self) -> Self {
        let star = |pointer: &String| pointer.split('/').map(|step| if is_index(step) { "*" } else { step }).collect::<Vec<_>>().join("/");
        Self { part: self.part, pointer: self.pointer.as_ref().map(star), name: self.name.clone(), index: None, offset: None }
    }
}

fn is_index(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for Place {
    /// `frame 3 at byte 97`, `header Content-Type`, `body /0/Ports`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        if let Some(index) = self.index {
            write!(f, " {index}")?;
        }
        if let Some(pointer) = self.pointer.as_ref().filter(|pointer| !pointer.is_empty()) {
            write!(f, " {pointer}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_like_words() {
        assert_eq!(Place::of(Part::Frame).at_index(3).at_offset(97).to_string(), "frame 3 at byte 97");
        assert_eq!(Place::header("Content-Type").to_string(), "header Content-Type");
        assert_eq!(Place::of(Part::Body).at_pointer("").to_string(), "body");
    }

    #[test]
    fn a_class_forgets_positions() {
        let place = Place::of(Part::Document).at_pointer("/0/Ports/12/IP").at_index(4);
        assert_eq!(place.class().to_string(), "document /*/Ports/*/IP");
    }
}
