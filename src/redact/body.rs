//! Masks one body as it passes: decoded bytes in, masks at their places in the raw stream out.

use std::collections::VecDeque;

use bytes::Bytes;

use super::document::{At, DocumentMask};
use super::{Masks, Redactor};
use crate::catalog::{BodyContract, Framing, SecretPlace};
use crate::wire::Head;

/// What a body is, as far as masking goes.
#[derive(Debug)]
pub(super) enum BodyMask {
    /// No place for secrets: archives, streams, what a process prints.
    Open,
    /// Documents, masked as they pass.
    Document(Box<Passing>),
    /// Documents, if the first byte says so.
    Guess(At<'static>),
    /// Nobody can read it, and it may hold secrets.
    Hidden,
}

/// A document on its way.
#[derive(Debug)]
pub(super) struct Passing {
    mask: DocumentMask<'static>,
    /// Decoded bytes taken.
    taken: u64,
    /// Where decoded bytes that are not decided stand in the raw stream: decoded position, raw position, length.
    pieces: VecDeque<(u64, u64, u64)>,
}

impl BodyMask {
    /// Of a body under this contract, where there is one.
    pub(super) fn of(contract: Option<&'static BodyContract>, head: &Head) -> Self {
        let is_json = head.value("Content-Type").is_some_and(|media| media.to_ascii_lowercase().windows(4).any(|window| window == b"json"));
        let coded = head.value("Content-Encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        let place = contract.and_then(|body| body.schema.as_ref()).map(crate::catalog::Schema::secrets);
        let framing = contract.map(|body| body.framing);
        match (framing, place) {
            (Some(Framing::Frames | Framing::FramesOrRaw | Framing::Raw | Framing::Tar | Framing::Websocket), _) => Self::Open,
            (Some(Framing::Opaque), _) => Self::Hidden,
            (Some(Framing::Json), Some(place)) => Self::known(place, coded),
            (None, _) if coded => Self::Hidden,
            (None, _) if is_json => Self::document(At::Names),
            _ => Self::Guess(At::Names),
        }
    }

    fn known(place: &'static SecretPlace, coded: bool) -> Self {
        let at = place.mask().map_or(At::Place(place), At::Secret);
        match place.is_marked() {
            true if coded => Self::Hidden,
            true => Self::document(at),
            // An error that is a text says nothing secret.
            false => Self::Guess(at),
        }
    }

    fn document(at: At<'static>) -> Self {
        Self::Document(Box::new(Passing { mask: DocumentMask::new(at), taken: 0, pieces: VecDeque::new() }))
    }

    /// Takes decoded bytes that stand at `raw` in the stream.
    pub(super) fn push(&mut self, data: &Bytes, raw: u64, redactor: Redactor<'_>, masks: &mut Masks) {
        if let Self::Guess(at) = self
            && let Some(first) = data.trim_ascii_start().first()
        {
            *self = if matches!(first, b'{' | b'[') { Self::document(*at) } else { Self::Open };
        }
        match self {
            Self::Open | Self::Guess(_) => {}
            Self::Hidden => masks.shape(raw, raw + data.len() as u64),
            Self::Document(passing) => passing.push(data, raw, redactor, masks),
        }
    }

    /// The first raw position that is not decided; `None` when all of it is.
    pub(super) fn undecided(&self) -> Option<u64> {
        match self {
            Self::Document(passing) => passing.undecided(),
            _ => None,
        }
    }

    /// Decides all that was taken, since it is not waited for any longer.
    pub(super) fn decide(&mut self, redactor: Redactor<'_>, masks: &mut Masks) {
        if let Self::Document(passing) = self {
            passing.mask.decide(redactor);
            passing.place(masks);
        }
    }

    /// The body ends here.
    pub(super) fn finish(&mut self, redactor: Redactor<'_>, masks: &mut Masks) {
        if let Self::Document(passing) = self {
            passing.mask.finish(redactor);
            passing.place(masks);
        }
    }
}

impl Passing {
    fn push(&mut self, data: &Bytes, raw: u64, redactor: Redactor<'_>, masks: &mut Masks) {
        self.pieces.push_back((self.taken, raw, data.len() as u64));
        self.mask.push(data, redactor);
        self.taken += data.len() as u64;
        self.place(masks);
    }

    fn place(&mut self, masks: &mut Masks) {
        let pieces = &self.pieces;
        self.mask.take_patches(|at, bytes| {
            let (mut at, mut bytes) = (at as u64, bytes);
            for (decoded, raw, len) in pieces {
                if at < *decoded || at >= decoded + len {
                    continue;
                }
                let room = usize::try_from(decoded + len - at).unwrap_or(usize::MAX).min(bytes.len());
                masks.put(raw + (at - decoded), &bytes[..room]);
                (at, bytes) = (at + room as u64, &bytes[room..]);
                if bytes.is_empty() {
                    break;
                }
            }
        });
        let decided = self.mask.decided();
        while self.pieces.front().is_some_and(|(decoded, _, len)| decoded + len <= decided) {
            self.pieces.pop_front();
        }
    }

    fn undecided(&self) -> Option<u64> {
        let decided = self.mask.decided();
        let (decoded, raw, _) = self.pieces.front()?;
        Some(raw + decided.saturating_sub(*decoded))
    }
}
