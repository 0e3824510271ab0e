//! Redaction: no report and no recording holds a secret, unless it is asked to.
//!
//! What is secret stands in the schema files ([`crate::catalog::Mask`]). A secret is masked in its place by an alias of the same length, the
//! same for the same secret, so that lengths, offsets and findings stay what they are: a recording that was redacted is judged as the live bytes were.
//!
//! - The judge masks a head when it is complete and a document before it is validated ([`Redactor`]), so that nothing that is said of it can hold a
//!   secret. Where a contract knows no secrets, only what is found fault with is masked, by names: what is right costs nothing.
//! - A recording is masked as it passes ([`Redaction`]): heads and bodies are followed on both sides of each connection.
//!
//! What nobody can read is masked by its shape: letters and digits become stars. The bytes that are relayed are never touched.

mod alias;
mod body;
mod conversation;
mod document;
mod head;
mod recording;
mod string;
mod text;
mod value;

use bytes::{Bytes, BytesMut};

use crate::catalog::{SecretNames, SecretPlace};
use crate::model::Side;
use crate::wire::{Flaw, Head, HeadRead, HeadReader, excerpt};

pub use alias::{Aliases, number_of_alias};
pub use recording::{Event, Redaction};
pub use value::{Replace, replace_in_document, replace_in_parameter};

use alias::STAR;
use document::{At, DocumentMask};
use recording::Masks;

/// Masks what is all there.
#[derive(Debug, Clone, Copy)]
pub struct Redactor<'a> {
    /// The aliases of the run.
    pub aliases: &'a Aliases,
    /// What is secret where no schema says so.
    pub names: &'a SecretNames,
}

impl Redactor<'_> {
    /// A head that was read, with its secrets masked, and the flaws of what it then is. Most heads are given back as they are.
    #[must_use]
    pub fn masked_head(self, side: Side, head: Head, flaws: Vec<Flaw>) -> (Head, Vec<Flaw>) {
        if flaws.is_empty() && !self.is_concerned(&head) {
            return (head, flaws);
        }
        let mut bytes = BytesMut::from(&head.bytes()[..]);
        self.head(&mut bytes);
        if bytes == head.bytes() {
            return (head, flaws);
        }
        match HeadReader::new(side).push(&mut bytes.freeze()) {
            HeadRead::Complete(head, flaws) => (head, flaws),
            HeadRead::Incomplete | HeadRead::Lost(_) => unreachable!("masking keeps the line ends, so that a whole head stays one"),
        }
    }

    /// A flaw of a head that never was whole: its bytes are lines of a head.
    #[must_use]
    pub fn masked_head_flaw(self, flaw: Flaw) -> Flaw {
        self.masked_flaw(flaw, Self::head)
    }

    /// A flaw of the coding of a body that may hold secrets: what stands at its place may be any piece of the body.
    #[must_use]
    pub fn masked_body_flaw(self, flaw: Flaw) -> Flaw {
        self.masked_flaw(flaw, |_, bytes| shape(bytes))
    }

    fn masked_flaw(self, mut flaw: Flaw, mask: impl Fn(Self, &mut [u8])) -> Flaw {
        let mut evidence = BytesMut::from(&flaw.evidence[..]);
        mask(self, &mut evidence);
        if evidence != flaw.evidence {
            // What is said of it is its first line, where anything of it is said.
            let line = |bytes: &[u8]| excerpt(bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default());
            if flaw.actual.starts_with(line(&flaw.evidence).trim_end_matches('…')) {
                flaw.actual = line(&evidence);
            }
            flaw.evidence = evidence.freeze();
        }
        flaw
    }

    /// A JSON document with its secrets masked: by its schema, and below what that does not know by names. The same bytes where there are none.
    #[must_use]
    pub fn masked_document(self, document: &Bytes, place: &SecretPlace) -> Bytes {
        self.masked_json(document, place.mask().map_or(At::Place(place), At::Secret))
    }

    /// A document that something is wrong with, under a schema that knows no secrets or none at all: it may be another one.
    #[must_use]
    pub fn masked_fault(self, document: &Bytes, place: Option<&SecretPlace>) -> Bytes {
        match (place, document.trim_ascii_start().first()) {
            (Some(place), Some(b'{' | b'[')) => self.masked_document(document, place),
            _ => self.masked_bytes(document),
        }
    }

    /// A flaw of a stream of documents.
    #[must_use]
    pub fn masked_document_flaw(self, flaw: Flaw) -> Flaw {
        self.masked_flaw(flaw, |redactor, bytes| {
            let masked = redactor.masked_bytes(&Bytes::copy_from_slice(bytes));
            bytes.copy_from_slice(&masked);
        })
    }

    /// Bytes of which nothing is known: a document by its names, a head by its lines, all else as it is.
    #[must_use]
    pub fn masked_bytes(self, bytes: &Bytes) -> Bytes {
        let text = bytes.trim_ascii_start();
        if matches!(text.first(), Some(b'{' | b'[')) {
            return self.masked_json(bytes, At::Names);
        }
        if !is_head(text) {
            return bytes.clone();
        }
        let mut masked = BytesMut::from(&bytes[..]);
        // What follows a head is a body, of whatever.
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        self.head(&mut masked[..end]);
        let mut masked = BytesMut::from(&masked[..]);
        shape(&mut masked[end..]);
        masked.freeze()
    }

    /// Bytes that belong to nothing, and may be a piece of anything: what is no document and no head is masked by its shape.
    #[must_use]
    pub fn masked_scrap(self, bytes: &Bytes) -> Bytes {
        let text = bytes.trim_ascii_start();
        if matches!(text.first(), Some(b'{' | b'[')) || is_head(text) {
            return self.masked_bytes(bytes);
        }
        let mut masked = BytesMut::from(&bytes[..]);
        shape(&mut masked);
        masked.freeze()
    }

    fn masked_json(self, document: &Bytes, at: At<'_>) -> Bytes {
        let mut mask = DocumentMask::new(at);
        mask.push(document, self);
        mask.finish(self);
        if !mask.has_patches() {
            return document.clone();
        }
        let mut masked = BytesMut::from(&document[..]);
        mask.take_patches(|offset, bytes| masked[offset..offset + bytes.len()].copy_from_slice(bytes));
        masked.freeze()
    }
}

/// Whether bytes begin like a head: an answer's, or a request's.
fn is_head(bytes: &[u8]) -> bool {
    let line = &bytes[..memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())];
    line.starts_with(b"HTTP/1.") || memchr::memmem::find(line, b" HTTP/1.").is_some()
}

/// Letters and digits become stars; what holds a text together stays, and so does what is no UTF-8.
fn shape(bytes: &mut [u8]) {
    let mut at = 0;
    let mut masked = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        masked.extend(chunk.valid().bytes().map(|byte| if is_shapeless(byte) { STAR } else { byte }));
        masked.extend_from_slice(chunk.invalid());
        at += chunk.valid().len() + chunk.invalid().len();
    }
    bytes[..at].copy_from_slice(&masked);
}

/// What shows nothing of the shape of a text.
const fn is_shapeless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
