//! How bytes stand between double quotes in a transcript. Which bytes, and why, is not its business.

use bytes::Bytes;
use memchr::memchr2;

/// Worth escaping rather than encoding: a person can read most of it.
pub(super) fn is_textual(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~' | 0x80..)).count();
    std::str::from_utf8(bytes).is_ok() && odd * 8 <= bytes.len().max(16)
        || bytes.iter().filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~')).count() * 4 <= bytes.len().max(32)
}

/// The payload between its double quotes, as [`unescape`] reads it.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\r' => out.push_str("\\r"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                // Other white space and control characters would not survive an editor.
                char if char.is_control() || (char.is_whitespace() && char != ' ') || char == '\u{feff}' => {
                    push_hex(&mut out, char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                char => out.push(char),
            }
        }
        push_hex(&mut out, chunk.invalid());
    }
    out
}

/// `\r \n \t \0 \\ \" \xNN`; any other character stands for its UTF-8 bytes.
pub(super) fn unescape(text: &str) -> Result<Bytes, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr2(b'\\', b'"', rest) {
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            return Err("a double quote inside the payload is written \\\"".to_owned());
        }
        let (byte, taken) = match rest.get(at + 1) {
            Some(b'r') => (b'\r', 2),
            Some(b'n') => (b'\n', 2),
            Some(b't') => (b'\t', 2),
            Some(b'0') => (0, 2),
            Some(b'\\') => (b'\\', 2),
            Some(b'"') => (b'"', 2),
            Some(b'x') => {
                let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
                let value = digit(at + 2).zip(digit(at + 3)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                (value.ok_or("\\x needs two hexadecimal digits")?, 4)
            }
            Some(_) => {
                let other = text[text.len() - rest.len() + at + 1..].chars().next().unwrap_or('\\');
                return Err(format!("\\{other} is no escape: \\r \\n \\t \\0 \\\\ \\\" \\xNN"));
            }
            None => return Err("the payload ends inside an escape".to_owned()),
        };
        out.push(byte);
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
    Ok(out.into())
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        out.extend(['\\', 'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
