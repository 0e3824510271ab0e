//! Reads a transcript; what cannot be read is said with its line.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Entry, FORMAT, MAGIC, Transcript, What};
use crate::model::Side;

/// A transcript that cannot be read: which line, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TranscriptError {
    /// From 1.
    pub line: usize,
    /// One sentence.
    pub what: String,
}

/// Reads the text of a transcript.
pub fn read(text: &[u8]) -> Result<Transcript, TranscriptError> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let line = 1 + memchr::memchr_iter(b'\n', &text[..error.valid_up_to()]).count();
        TranscriptError { line, what: "is not UTF-8; bytes that are no text are written as \\xNN or in base64".to_owned() }
    })?;
    let mut transcript = Transcript::default();
    let mut now = Duration::ZERO;
    for (index, line) in text.lines().enumerate() {
        let error = |what: String| TranscriptError { line: index + 1, what };
        let line = line.trim();
        if index == 0 {
            check_magic(line).map_err(error)?;
        } else if let Some(directive) = line.strip_prefix('@') {
            let (key, value) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
            // Other directives say where a recording comes from; they change no verdict.
            if key == "api-version" {
                transcript.api_version = Some(value.trim().parse().map_err(|bad| error(format!("@api-version: {bad}")))?);
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            let entry = entry(line, &mut now, &mut transcript.timed).map_err(error)?;
            transcript.entries.push(entry);
        }
    }
    if text.is_empty() {
        return Err(TranscriptError { line: 1, what: format!("the file is empty; a transcript begins with `{MAGIC} {FORMAT}`") });
    }
    Ok(transcript)
}

fn check_magic(line: &str) -> Result<(), String> {
    let number =
        line.trim_start_matches('\u{feff}').strip_prefix(MAGIC).ok_or_else(|| format!("a transcript begins with `{MAGIC} {FORMAT}`"))?;
    match number.trim().parse::<u32>() {
        Ok(FORMAT) => Ok(()),
        Ok(newer) if newer > FORMAT => Err(format!("format {newer} is newer than this plimsoll, which reads format {FORMAT}")),
        _ => Err(format!("`{}` is no format of transcripts; this plimsoll reads format {FORMAT}", number.trim())),
    }
}

fn entry(line: &str, now: &mut Duration, timed: &mut bool) -> Result<Entry, String> {
    let mut rest = line;
    if let Some((time, behind)) = take_word(rest).filter(|(word, _)| word.starts_with('+')) {
        let seconds: f64 = time[1..].parse().map_err(|_| format!("`{time}` is no time (as in +0.104)"))?;
        *now = Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{time}` is no time (as in +0.104)"))?;
        *timed = true;
        rest = behind;
    }
    let mut connection = 1;
    if let Some((word, behind)) = take_word(rest).filter(|(word, _)| word.starts_with('c')) {
        connection = word[1..].parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("`{word}` is no connection (as in c1)"))?;
        rest = behind;
    }
    let (operator, payload) = take_word(rest).ok_or("an event needs an operator: > < >~ <~ >| <| >! <!")?;
    let side = match operator.as_bytes()[0] {
        b'>' => Side::Client,
        b'<' => Side::Daemon,
        _ => return Err(format!("`{operator}` is no operator: > < >~ <~ >| <| >! <!")),
    };
    let bare = |what| if payload.is_empty() { Ok(what) } else { Err(format!("nothing stands behind {operator}")) };
    let what = match &operator[1..] {
        "" => What::Bytes(unescape(quoted(payload)?)?),
        "~" => {
            let text = quoted(payload)?;
            What::Bytes(STANDARD.decode(text).map_err(|error| format!("is not base64: {error}"))?.into())
        }
        "|" => bare(What::Closed)?,
        "!" => bare(What::Reset)?,
        _ => return Err(format!("`{operator}` is no operator: > < >~ <~ >| <| >! <!")),
    };
    Ok(Entry { at: *now, connection, side, what })
}

fn take_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|char: char| char.is_whitespace() || char == '"').unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

fn quoted(text: &str) -> Result<&str, String> {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(|| "the payload is not in double quotes".to_owned())
}

/// `\r \n \t \0 \\ \" \xNN`; any other character stands for its UTF-8 bytes.
fn unescape(text: &str) -> Result<Bytes, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'"' {
            return Err("a double quote inside the payload is written \\\"".to_owned());
        }
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'"') => b'"',
            Some(b'x') => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let value = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or("\\x needs two hexadecimal digits")?
            }
            Some(other) => return Err(format!("\\{} is no escape: \\r \\n \\t \\0 \\\\ \\\" \\xNN", char::from(other))),
            None => return Err("the payload ends inside an escape".to_owned()),
        });
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read() {
        let text = "@plimsoll-transcript 1\n@api-version 1.41\n@source by hand\n\n# a comment\n+0.5 c2 > \"a\\r\\n\\t\\0\\\\\\\"\\xff\u{e4}\"\nc2 <~ \"aGkK\"\n< \"x\"\n+1 >|\n<!\n";
        let transcript = read(text.as_bytes()).expect("a transcript");
        assert_eq!(transcript.api_version.map(crate::model::ApiVersion::minor), Some(41));
        let entries: Vec<_> =
            transcript.entries.iter().map(|entry| (entry.at.as_millis(), entry.connection, entry.side, entry.what.clone())).collect();
        let bytes = |bytes: &'static [u8]| What::Bytes(Bytes::from_static(bytes));
        assert_eq!(
            entries,
            [
                (500, 2, Side::Client, bytes(b"a\r\n\t\0\\\"\xff\xc3\xa4")),
                (500, 2, Side::Daemon, bytes(b"hi\n")),
                (500, 1, Side::Daemon, bytes(b"x")),
                (1000, 1, Side::Client, What::Closed),
                (1000, 1, Side::Daemon, What::Reset),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (text, line, what) in [
            ("", 1, "the file is empty; a transcript begins with `@plimsoll-transcript 1`"),
            ("GET /", 1, "a transcript begins with `@plimsoll-transcript 1`"),
            ("@plimsoll-transcript 7", 1, "format 7 is newer than this plimsoll, which reads format 1"),
            ("@plimsoll-transcript 1\n\n> hello", 3, "the payload is not in double quotes"),
            ("@plimsoll-transcript 1\n> \"a\\q\"", 2, "\\q is no escape: \\r \\n \\t \\0 \\\\ \\\" \\xNN"),
            ("@plimsoll-transcript 1\n> \"\\x4\"", 2, "\\x needs two hexadecimal digits"),
            ("@plimsoll-transcript 1\n+x > \"a\"", 2, "`+x` is no time (as in +0.104)"),
            ("@plimsoll-transcript 1\nc0 > \"a\"", 2, "`c0` is no connection (as in c1)"),
            ("@plimsoll-transcript 1\n= \"a\"", 2, "`=` is no operator: > < >~ <~ >| <| >! <!"),
            ("@plimsoll-transcript 1\n>| \"a\"", 2, "nothing stands behind >|"),
            ("@plimsoll-transcript 1\n@api-version 2.0", 2, "@api-version: `2.0` is not an API version (as in `1.41`)"),
        ] {
            assert_eq!(read(text.as_bytes()), Err(TranscriptError { line, what: what.to_owned() }), "{text:?}");
        }
    }
}
