//! The frames in which the streams of a process without a terminal share one connection.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::reference::container::console::Source;

/// dockerd copies so many bytes at once, so that no frame is longer.
pub(in crate::reference) const LONGEST: usize = 32 * 1024;

/// The eight bytes before a payload.
pub(in crate::reference) fn header(source: Source, length: usize) -> [u8; 8] {
    let number = match source {
        Source::Output => 1,
        Source::Error => 2,
    };
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [number, 0, 0, 0, a, b, c, d]
}

/// A payload with its header.
pub(in crate::reference) fn framed(source: Source, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(8 + payload.len());
    frame.put_slice(&header(source, payload.len()));
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_stream_and_length() {
        assert_eq!(&framed(Source::Error, b"hi")[..], b"\x02\0\0\0\0\0\0\x02hi");
        assert_eq!(header(Source::Output, 65_536), [1, 0, 0, 0, 0, 1, 0, 0]);
    }
}
