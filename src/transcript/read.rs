//! Reads a transcript, one event at a time; what cannot be read is said with its line.

use std::io::{self, BufRead};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;

use super::escape::unescape;
use super::{Entry, FORMAT, MAGIC, Transcript, What};
use crate::model::{ApiVersion, Side};

/// A line longer than this is not read: what one read of a socket gave is never that much.
const LINE_LIMIT: usize = 64 << 20;

/// A transcript that cannot be read: which line, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TranscriptError {
    /// From 1.
    pub line: usize,
    /// One sentence.
    pub what: String,
}

/// Why a recording cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is broken there.
    #[error("{0}")]
    Broken(#[from] TranscriptError),
    /// The machine does not give its bytes.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

/// Yields the events of a transcript as they are read, whatever its size: no more than a line is held.
///
/// After an error nothing follows. What was yielded before it stands: a recording that was cut short is read up to the break.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    line: Vec<u8>,
    number: usize,
    now: Duration,
    timed: bool,
    api_version: Option<ApiVersion>,
    position: u64,
    /// The first event, read ahead so that the directives before it are known.
    first: Option<Entry>,
    began: bool,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first event ahead, so that the directives before it are known: what is broken up to there is said here.
    pub fn new(source: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            source,
            line: Vec::new(),
            number: 0,
            now: Duration::ZERO,
            timed: false,
            api_version: None,
            position: 0,
            first: None,
            began: false,
            over: false,
        };
        if !reader.next_line()? {
            return Err(broken(1, format!("the file is empty; a transcript begins with `{MAGIC} {FORMAT}`")));
        }
        let first = text(&reader.line).and_then(|line| check_magic(line.trim()));
        first.map_err(|what| broken(1, what))?;
        reader.first = reader.read_entry()?;
        reader.began = true;
        Ok(reader)
    }

    /// `@api-version`: the version that the daemon is known to announce. It stands before the first event.
    #[must_use]
    pub const fn api_version(&self) -> Option<ApiVersion> {
        self.api_version
    }

    /// Whether an event that was read so far has a time; without one, timing means nothing.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        self.timed
    }

    /// Bytes of the file that were read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        while self.next_line()? {
            let ended = self.line.last() == Some(&b'\n');
            let line = text(&self.line).map(str::trim);
            let read = line.and_then(|line| match line.as_bytes().first() {
                None | Some(b'#') => Ok(None),
                Some(b'@') => directive(&line[1..]).and_then(|version| announce(version, &mut self.api_version, self.began)).map(|()| None),
                Some(_) => entry(line, &mut self.now, &mut self.timed).map(Some),
            });
            match read {
                Ok(Some((connection, side, what))) => return Ok(Some(Entry { line: self.number, at: self.now, connection, side, what })),
                Ok(None) => {}
                Err(what) if ended => return Err(broken(self.number, what)),
                Err(what) => return Err(broken(self.number, format!("{what}; the file ends inside this line"))),
            }
        }
        Ok(None)
    }

    /// Reads a line into `self.line`, with its end. Whether there was one.
    fn next_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        self.number += 1;
        loop {
            let buffer = match self.source.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let end = memchr(b'\n', buffer).map(|at| at + 1);
            let count = end.unwrap_or(buffer.len());
            if self.line.len() + count > LINE_LIMIT {
                return Err(broken(self.number, format!("is longer than {} MiB", LINE_LIMIT >> 20)));
            }
            self.line.extend_from_slice(&buffer[..count]);
            self.source.consume(count);
            self.position += count as u64;
            if end.is_some() || count == 0 {
                return Ok(!self.line.is_empty());
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.over {
            return None;
        }
        let read = self.read_entry();
        self.over = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

/// Reads the text of a transcript.
pub fn read(text: &[u8]) -> Result<Transcript, TranscriptError> {
    let broken = |error| match error {
        ReadError::Broken(error) => error,
        ReadError::Unreadable(error) => TranscriptError { line: 1, what: error.to_string() },
    };
    let mut reader = Reader::new(text).map_err(broken)?;
    let entries = reader.by_ref().collect::<Result<_, _>>().map_err(broken)?;
    Ok(Transcript { api_version: reader.api_version, entries, timed: reader.timed })
}

fn broken(line: usize, what: String) -> ReadError {
    ReadError::Broken(TranscriptError { line, what })
}

fn text(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line).map_err(|_| "is not UTF-8; bytes that are no text are written as \\xNN or in base64".to_owned())
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

/// The API version that a directive announces. Others say where a recording comes from; they change no verdict.
fn directive(text: &str) -> Result<Option<ApiVersion>, String> {
    match text.split_once(char::is_whitespace).unwrap_or((text, "")) {
        ("api-version", value) => value.trim().parse().map(Some).map_err(|bad| format!("@api-version: {bad}")),
        _ => Ok(None),
    }
}

fn announce(version: Option<ApiVersion>, known: &mut Option<ApiVersion>, began: bool) -> Result<(), String> {
    // It changes how everything is judged, also what was yielded already.
    if began && version.is_some() && version != *known {
        return Err("@api-version stands before the first event".to_owned());
    }
    *known = version.or(*known);
    Ok(())
}

/// Seconds as decimals, to the nanosecond: a float has no room for the microseconds of a time that is long enough.
fn seconds(decimals: &str) -> Option<Duration> {
    let (whole, fraction) = decimals.split_once('.').unwrap_or((decimals, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn entry(line: &str, now: &mut Duration, timed: &mut bool) -> Result<(u64, Side, What), String> {
    let mut rest = line;
    if let Some((time, behind)) = take_word(rest).filter(|(word, _)| word.starts_with('+')) {
        *now = seconds(&time[1..]).ok_or_else(|| format!("`{time}` is no time (as in +0.104)"))?;
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
    Ok((connection, side, what))
}

fn take_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|char: char| char.is_whitespace() || char == '"').unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

fn quoted(text: &str) -> Result<&str, String> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.ok_or_else(|| "the payload is not in double quotes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_transcript_is_read() {
        let text = "@plimsoll-transcript 1\n@api-version 1.41\n@source by hand\n\n# a comment\n+0.5 c2 > \"a\\r\\n\\t\\0\\\\\\\"\\xff\u{e4}\"\nc2 <~ \"aGkK\"\n< \"x\"\n+1 >|\n<!\n";
        let transcript = read(text.as_bytes()).expect("a transcript");
        assert_eq!(transcript.api_version.map(ApiVersion::minor), Some(41));
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
            ("@plimsoll-transcript 1\n\n> hello\n", 3, "the payload is not in double quotes"),
            ("@plimsoll-transcript 1\n> \"a\\q\"\n", 2, "\\q is no escape: \\r \\n \\t \\0 \\\\ \\\" \\xNN"),
            ("@plimsoll-transcript 1\n> \"\\x4\"\n", 2, "\\x needs two hexadecimal digits"),
            ("@plimsoll-transcript 1\n+x > \"a\"\n", 2, "`+x` is no time (as in +0.104)"),
            ("@plimsoll-transcript 1\n+1e3 > \"a\"\n", 2, "`+1e3` is no time (as in +0.104)"),
            ("@plimsoll-transcript 1\nc0 > \"a\"\n", 2, "`c0` is no connection (as in c1)"),
            ("@plimsoll-transcript 1\n= \"a\"\n", 2, "`=` is no operator: > < >~ <~ >| <| >! <!"),
            ("@plimsoll-transcript 1\n>| \"a\"\n", 2, "nothing stands behind >|"),
            ("@plimsoll-transcript 1\n@api-version 2.0\n", 2, "@api-version: `2.0` is not an API version (as in `1.41`)"),
            ("@plimsoll-transcript 1\n> \"GET /v1.4", 2, "the payload is not in double quotes; the file ends inside this line"),
            ("@plimsoll-transcript 1\n>|\n@api-version 1.41\n", 3, "@api-version stands before the first event"),
        ] {
            assert_eq!(read(text.as_bytes()), Err(TranscriptError { line, what: what.to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn a_broken_recording_is_read_up_to_the_break() {
        let text = b"@plimsoll-transcript 1\n# by hand\n> \"a\"\n\n<|\n> \"\xff\n>|\n";
        let mut reader = Reader::new(&text[..]).expect("a beginning");
        let lines: Vec<_> = reader.by_ref().map_while(Result::ok).map(|entry| entry.line).collect();
        assert_eq!(lines, [3, 5]);
        assert!(reader.next().is_none(), "nothing follows an error");
        let said: Vec<_> = Reader::new(&text[..]).expect("a beginning").filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(said, ["line 6: is not UTF-8; bytes that are no text are written as \\xNN or in base64"]);
        assert!(!reader.is_timed());
    }

    /// What a line may hold is bounded, however the file is read.
    #[test]
    fn an_endless_line_is_not_read() {
        let endless = io::BufReader::new(io::Read::chain(&b"@plimsoll-transcript 1\n> \""[..], io::repeat(b'x')));
        let error = Reader::new(endless).map(|_| ()).expect_err("it has no end").to_string();
        assert_eq!(error, "line 2: is longer than 64 MiB");
    }
}
