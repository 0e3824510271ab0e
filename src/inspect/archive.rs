//! Judges an archive as it passes: the walk's flaws, and whether the header of GET archive tells of its first entry.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;

use super::content::Notes;
use super::finding::Finding;
use crate::model::{Place, Reason, Rule, Side};
use crate::wire::archive::{INFLATE_LIMIT, WINDOW_LIMIT};
use crate::wire::{ArchiveDecoder, ArchiveItem, Head, StreamEnd, TarEntry, excerpt};

/// The header with the stat of the path.
const HEADER: &str = "X-Docker-Container-Path-Stat";

/// An archive on its way.
#[derive(Debug, Default)]
pub(super) struct Archive {
    decoder: ArchiveDecoder,
    stat: Option<PathStat>,
    /// Any byte was seen.
    begun: bool,
    lost: bool,
}

impl Archive {
    /// Of an answer with this head.
    pub(super) fn of_answer(head: &Head) -> Self {
        Self { stat: PathStat::of(head), ..Self::default() }
    }

    pub(super) fn push(&mut self, mut bytes: Bytes, side: Side, notes: &mut dyn Notes) {
        self.begun |= !bytes.is_empty();
        while let Some(item) = self.decoder.next(&mut bytes) {
            notes.at(bytes.len() + self.decoder.since(&item));
            self.item(item, side, notes);
        }
    }

    /// Bytes at the end of what was pushed of which nothing is known yet.
    pub(super) fn undecided(&self) -> usize {
        self.decoder.undecided()
    }

    pub(super) fn finish(&mut self, end: StreamEnd, side: Side, notes: &mut dyn Notes) {
        for item in self.decoder.finish(end) {
            self.item(item, side, notes);
        }
        // dockerd takes an empty body of a client for an empty archive.
        if !self.begun && side == Side::Daemon && end == StreamEnd::Closed {
            let place = Place::of(crate::model::Part::Body);
            notes.finding(Finding::new(Rule::TarNotAnArchive, side, place, "a tar archive", "nothing"));
        }
    }

    fn item(&mut self, item: ArchiveItem, side: Side, notes: &mut dyn Notes) {
        match item {
            ArchiveItem::Flaw(flaw) => {
                notes.finding(Finding::of_archive(flaw, side));
                if self.decoder.is_lost() && !self.lost {
                    self.lost = true;
                    notes.unjudged(Reason::LostTrack);
                }
            }
            ArchiveItem::First(entry) => {
                if let Some(finding) = self.stat.take().and_then(|stat| stat.compare(&entry)) {
                    notes.finding(finding);
                }
            }
            ArchiveItem::Compressed(compression) if side == Side::Daemon => {
                let place = Place::of(crate::model::Part::Body).at_offset(0);
                notes.finding(Finding::new(Rule::TarCompressed, side, place, "a plain tar archive", compression.name()));
            }
            ArchiveItem::Compressed(_) => {}
            ArchiveItem::Window(compression) => notes.unjudged(Reason::WindowLimit(compression.name(), WINDOW_LIMIT)),
            ArchiveItem::TooLarge => notes.unjudged(Reason::InflateLimit(INFLATE_LIMIT)),
        }
    }
}

/// What the header says, and what else of the answer is needed to compare it.
#[derive(Debug)]
struct PathStat {
    stat: Stat,
    /// The daemon's time, which it set after it had looked at the path.
    date: Option<Timestamp>,
    windows: bool,
}

#[derive(Debug, Deserialize)]
struct Stat {
    name: String,
    size: i64,
    /// Go's `os.FileMode`.
    mode: u32,
    mtime: String,
    #[serde(rename = "linkTarget")]
    link_target: String,
}

impl PathStat {
    fn of(head: &Head) -> Option<Self> {
        let value = head.value(HEADER)?;
        let decoded = STANDARD.decode(value).or_else(|_| URL_SAFE.decode(value)).ok()?;
        let date = head.value("Date").and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        let windows = head.value("Ostype").is_some_and(|os| os.eq_ignore_ascii_case(b"windows"));
        Some(Self { stat: serde_json::from_slice(&decoded).ok()?, date, windows })
    }

    /// The first thing that differs.
    fn compare(&self, entry: &TarEntry) -> Option<Finding> {
        let stat = &self.stat;
        let differs = |member: &str, expected: String, actual: String| {
            let place = Place::header(HEADER).at_pointer(format!("/{member}"));
            Some(Finding::new(Rule::TarPathStat, Side::Daemon, place, expected, actual))
        };
        let bare = |name: &str| name.trim_end_matches('/').to_owned();
        // What is not UTF-8 is replaced here in one way, by Go in another.
        let readable = !entry.name.contains('\u{fffd}') && !stat.name.contains('\u{fffd}');
        if readable && bare(&entry.name) != bare(&stat.name) {
            return differs("name", format!("{}, as the first entry is named", quoted(&entry.name)), quoted(&stat.name));
        }
        let (kind, flags) = (kind_of(stat.mode), kind_word(entry.kind));
        if kind.zip(flags).is_some_and(|(said, is)| said != is) {
            return differs("mode", format!("the mode of a {}, as the first entry is one", flags?), format!("{} ({})", stat.mode, kind?));
        }
        // On Windows the archive gets permissions of its own: moby/moby pkg/archive, `chmodTarEntry`.
        let mode = permissions(stat.mode);
        if !self.windows && mode != entry.mode {
            return differs("mode", format!("permissions {:04o}, as the first entry has", entry.mode), format!("{mode:04o}"));
        }
        let file = matches!(entry.kind, 0 | b'0') && !entry.sparse && self.is_at_rest(entry);
        if file && i64::try_from(entry.size).is_ok_and(|size| size != stat.size) {
            return differs("size", format!("{}, as the first entry has", entry.size), stat.size.to_string());
        }
        if !self.windows && kind.is_some_and(|kind| kind != "symbolic link") && !stat.link_target.is_empty() {
            let place = Place::header(HEADER).at_pointer("/linkTarget");
            let expected = "\"\", as the first entry is no symbolic link";
            return Some(Finding::new(Rule::TarLinkTarget, Side::Daemon, place, expected, quoted(&stat.link_target)));
        }
        None
    }

    /// Whether nobody wrote to the file between the look at it and its archive: a log grows all the time. It was last written at the same second,
    /// and that was a while before the daemon dated its answer.
    fn is_at_rest(&self, entry: &TarEntry) -> bool {
        let Ok(written) = self.stat.mtime.parse::<Timestamp>() else { return false };
        self.date.is_some_and(|date| written.as_second() == entry.mtime && date.as_second() - entry.mtime > 2)
    }
}

/// As much of a name as a line holds.
fn quoted(name: &str) -> String {
    format!("\"{}\"", excerpt(name.as_bytes()))
}

/// The type bits of Go's `os.FileMode`; `None` for what no archive has.
fn kind_of(mode: u32) -> Option<&'static str> {
    const DIRECTORY: u32 = 1 << 31;
    const SYMLINK: u32 = 1 << 27;
    const DEVICE: u32 = 1 << 26;
    const PIPE: u32 = 1 << 25;
    const SOCKET: u32 = 1 << 24;
    const IRREGULAR: u32 = 1 << 19;
    match mode & (DIRECTORY | SYMLINK | DEVICE | PIPE | SOCKET | IRREGULAR) {
        0 => Some("file"),
        DIRECTORY => Some("directory"),
        SYMLINK => Some("symbolic link"),
        DEVICE => Some("device"),
        PIPE => Some("FIFO"),
        _ => None,
    }
}

/// The type flag of an entry in the same words.
fn kind_word(kind: u8) -> Option<&'static str> {
    match kind {
        b'0' | b'7' | b'S' => Some("file"),
        b'2' => Some("symbolic link"),
        b'3' | b'4' => Some("device"),
        b'5' => Some("directory"),
        b'6' => Some("FIFO"),
        _ => None,
    }
}

/// The lowest nine bits, and set-uid, set-gid and sticky at the places where a tar has them.
fn permissions(mode: u32) -> u32 {
    let special = [(23, 0o4000), (22, 0o2000), (20, 0o1000)];
    special.iter().fold(mode & 0o777, |sum, (bit, place)| if mode >> bit & 1 == 1 { sum | place } else { sum })
}
