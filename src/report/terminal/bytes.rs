//! Bytes for people: a dump, and the eight bytes of a frame header with their labels.

/// Sixteen bytes a line, with their characters.
pub(super) fn dump(bytes: &[u8]) -> Vec<String> {
    let width = if bytes.len() > 16 { 47 } else { 0 };
    bytes.chunks(16).map(|line| format!("{:<width$}  {}", hex(line), characters(line))).collect()
}

/// A frame header with its parts named; what is behind or shorter is dumped.
pub(super) fn frame_header(bytes: &[u8]) -> Vec<String> {
    let &[stream, _, _, _, a, b, c, d] = bytes else { return dump(bytes) };
    let name = match stream {
        0 => "stdin",
        1 => "stdout",
        2 => "stderr",
        3 => "daemon error",
        _ => "no such stream",
    };
    vec![
        format!("{}  {}", hex(bytes), characters(bytes)),
        "┬─ ───┬──── ─────┬─────".to_owned(),
        format!("│     │          └─ length {}", u32::from_be_bytes([a, b, c, d])),
        "│     └─ zero, by the API".to_owned(),
        format!("└─ stream {stream}: {name}"),
    ]
}

fn hex(bytes: &[u8]) -> String {
    crate::model::event::hex(bytes)
}

fn characters(bytes: &[u8]) -> String {
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
