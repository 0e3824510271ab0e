//! Bytes for people: a dump, and the eight bytes of a frame header with their labels.

/// Sixteen bytes a line, with their characters.
pub(super) fn dump(bytes: &[u8]) -> Vec<String> {
    let width = if bytes.len() > 16 { 47 } else { 0 };
    bytes.chunks(16).map(|line| format!("{:<width$}  {}", hex(line), characters(line))).collect()
}

/// Bytes that belong together, and what they say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labelled<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) label: String,
}

/// The parts of a frame header: stream, padding and length; `None` of what is no whole one.
pub(super) fn frame_parts(bytes: &[u8]) -> Option<[Labelled<'_>; 3]> {
    let &[stream, _, _, _, a, b, c, d] = bytes else { return None };
    let name = match stream {
        0 => "stdin",
        1 => "stdout",
        2 => "stderr",
        3 => "daemon error",
        _ => "no such stream",
    };
    Some([
        Labelled { bytes: &bytes[..1], label: format!("stream {stream}: {name}") },
        Labelled { bytes: &bytes[1..4], label: "zero, by the API".to_owned() },
        Labelled { bytes: &bytes[4..], label: format!("length {}", u32::from_be_bytes([a, b, c, d])) },
    ])
}

/// A frame header with its parts named; what is behind or shorter is dumped.
pub(super) fn frame_header(bytes: &[u8]) -> Vec<String> {
    let Some([stream, zero, length]) = frame_parts(bytes) else { return dump(bytes) };
    vec![
        format!("{}  {}", hex(bytes), characters(bytes)),
        "┬─ ───┬──── ─────┬─────".to_owned(),
        format!("│     │          └─ {}", length.label),
        format!("│     └─ {}", zero.label),
        format!("└─ {}", stream.label),
    ]
}

pub(super) fn hex(bytes: &[u8]) -> String {
    crate::model::event::hex(bytes)
}

/// The characters of bytes; `·` for what is none of ASCII.
pub(super) fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_labelled() {
        let lines = frame_header(b"The quic");
        assert_eq!(lines[0], "54 68 65 20 71 75 69 63  The quic");
        assert_eq!(lines[2], "│     │          └─ length 1903520099");
        assert_eq!(lines[4], "└─ stream 84: no such stream");
    }
}
