//! Options of programs, as `getopt` reads them.

use super::super::process::Process;

/// What a program was given.
#[derive(Debug, Default)]
pub(super) struct Given {
    flags: Vec<char>,
    values: Vec<(char, String)>,
    /// What is no option.
    pub(super) operands: Vec<String>,
}

impl Given {
    /// Reads the arguments of a process: `flags` are letters, `valued` are letters with a value. Options may stand behind operands. The error is the
    /// code to end with, after it was said what is wrong.
    pub(super) async fn of(process: &Process, flags: &str, valued: &str) -> Result<Self, u8> {
        Self::read(process, process.arguments(), flags, valued, false).await
    }

    /// As [`Given::of`], but the first operand ends the options.
    pub(super) async fn leading(process: &Process, flags: &str, valued: &str) -> Result<Self, u8> {
        Self::read(process, process.arguments(), flags, valued, true).await
    }

    pub(super) async fn read(process: &Process, arguments: &[String], flags: &str, valued: &str, leading: bool) -> Result<Self, u8> {
        let mut given = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                given.operands.extend(rest.by_ref().cloned());
            } else if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
                let Some(letter) = short(name).filter(|letter| flags.contains(*letter) || valued.contains(*letter)) else {
                    return Err(usage(process, &format!("unrecognized option '{argument}'")).await);
                };
                if valued.contains(letter) {
                    let Some(value) = value.or_else(|| rest.next().cloned()) else {
                        return Err(usage(process, &format!("option '{argument}' requires an argument")).await);
                    };
                    given.values.push((letter, value));
                } else {
                    given.flags.push(letter);
                }
            } else if argument.len() > 1 && argument.starts_with('-') {
                let mut letters = argument.chars().skip(1);
                while let Some(letter) = letters.next() {
                    if valued.contains(letter) {
                        let attached: String = letters.by_ref().collect();
                        let value = if attached.is_empty() { rest.next().cloned() } else { Some(attached) };
                        let Some(value) = value else {
                            return Err(usage(process, &format!("option requires an argument -- '{letter}'")).await);
                        };
                        given.values.push((letter, value));
                    } else if flags.contains(letter) {
                        given.flags.push(letter);
                    } else {
                        return Err(usage(process, &format!("invalid option -- '{letter}'")).await);
                    }
                }
            } else {
                given.operands.push(argument.clone());
                if leading {
                    given.operands.extend(rest.by_ref().cloned());
                }
            }
        }
        Ok(given)
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.flags.contains(&letter)
    }

    /// The last value of an option.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.values.iter().rev().find(|(known, _)| *known == letter).map(|(_, value)| value.as_str())
    }

    /// All values of an option, in order.
    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(known, _)| *known == letter).map(|(_, value)| value.as_str())
    }

    /// The operands, or `-` if there are none: what filters read.
    pub(super) fn inputs(&self) -> Vec<String> {
        if self.operands.is_empty() { vec!["-".to_owned()] } else { self.operands.clone() }
    }
}

/// Says what is wrong and how it would be right; the code.
pub(super) async fn usage(process: &Process, text: &str) -> u8 {
    process.complain(text).await;
    let name = process.name();
    let _ = process.output(2).write(format!("BusyBox v1.36.1 multi-call binary.\n\nUsage: {name} [OPTIONS] [ARGS]\n").into()).await;
    1
}

/// Long options by the letter that means the same.
fn short(name: &str) -> Option<char> {
    LONG.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter)
}

/// See [`short`].
const LONG: &[(&str, char)] = &[
    ("all", 'a'),
    ("bytes", 'c'),
    ("color", 'C'),
    ("colour", 'C'),
    ("create", 'c'),
    ("decode", 'd'),
    ("directory", 'C'),
    ("extended-regexp", 'E'),
    ("extract", 'x'),
    ("file", 'f'),
    ("follow", 'f'),
    ("force", 'f'),
    ("gzip", 'z'),
    ("ignore-case", 'i'),
    ("interactive", 'i'),
    ("invert-match", 'v'),
    ("in-place", 'i'),
    ("lines", 'n'),
    ("list", 't'),
    ("max-depth", 'd'),
    ("mode", 'm'),
    ("no-dereference", 'h'),
    ("null", '0'),
    ("only-matching", 'o'),
    ("parents", 'p'),
    ("quiet", 'q'),
    ("silent", 'q'),
    ("recursive", 'r'),
    ("reverse", 'r'),
    ("size", 's'),
    ("symbolic", 's'),
    ("unique", 'u'),
    ("utc", 'u'),
    ("verbose", 'v'),
    ("wrap", 'w'),
];

/// Whole bytes of a size: a number with `k`, `M`, `G`.
pub(super) fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit: usize = match text.get(digits.len()..)? {
        "" | "c" => 1,
        "b" => 512,
        "k" | "K" | "KiB" => 1 << 10,
        "kB" | "KB" => 1000,
        "m" | "M" | "MiB" => 1 << 20,
        "MB" => 1_000_000,
        "g" | "G" | "GiB" => 1 << 30,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}
