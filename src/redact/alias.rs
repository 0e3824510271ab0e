//! Aliases: what stands in the place of a secret. As many bytes as the secret, and the same one for the same secret.
//!
//! ```text
//! redacted-1********     ten bytes and more
//! *1***                  three and more
//! **                     fewer
//! ```
//!
//! Secrets are not kept: the table knows keyed hashes, which nobody can look up after the run. What is an alias already stays as it is.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _};
use std::sync::{Mutex, PoisonError};

/// So many secrets get a number of their own; those beyond share the alias without a number.
const LIMIT: usize = 1 << 16;
/// Fewer bytes have no room for a number.
const SHORTEST: usize = 3;
/// The longest alias with its number, and the longest prefix before it.
const FIRST: usize = 32;
/// What a swarm's tokens and keys begin with: the kind is no secret (moby/swarmkit ca/config.go and manager/encryption).
const KINDS: [&[u8]; 2] = [b"SWMTKN-1-", b"SWMKEY-1-"];
/// What every byte of a secret becomes, unless its alias has another there.
pub(super) const STAR: u8 = b'*';

/// The aliases of a run, shared by the judge and the recording.
#[derive(Debug, Default)]
pub struct Aliases {
    keys: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    numbers: HashMap<u64, u32>,
    last: u32,
}

impl Aliases {
    /// The alias of a whole secret.
    pub(super) fn of(&self, secret: &[u8]) -> Vec<u8> {
        let mut veil = Veil::new(self);
        for byte in secret {
            veil.push(*byte);
        }
        let mut alias = vec![STAR; secret.len()];
        let first = veil.lift(self);
        alias[..first.len()].copy_from_slice(&first);
        alias
    }

    fn number(&self, hash: u64) -> Option<u32> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { numbers, last } = &mut *table;
        if numbers.len() >= LIMIT && !numbers.contains_key(&hash) {
            return None;
        }
        Some(*numbers.entry(hash).or_insert_with(|| {
            *last = last.saturating_add(1);
            *last
        }))
    }

    /// An alias that was made by another run is taken.
    fn skip(&self, number: u32) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.last = table.last.max(number);
    }
}

/// A secret that is passing: its first bytes and its hash, whatever its length.
#[derive(Debug)]
pub(super) struct Veil {
    hasher: DefaultHasher,
    first: Vec<u8>,
    /// Bytes that it takes where it stands.
    len: usize,
    /// All beyond the first bytes are stars.
    stars: bool,
    /// Each byte stands for itself.
    plain: bool,
}

impl Veil {
    pub(super) fn new(aliases: &Aliases) -> Self {
        Self { hasher: aliases.keys.build_hasher(), first: Vec::new(), len: 0, stars: true, plain: true }
    }

    /// A byte that stands for itself.
    pub(super) fn push(&mut self, byte: u8) {
        self.hasher.write_u8(byte);
        self.len += 1;
        if self.first.len() < FIRST {
            self.first.push(byte);
        } else {
            self.stars &= is_fill(byte);
        }
    }

    /// Something of `raw` bytes that stands for others: an escape.
    pub(super) fn push_escape(&mut self, raw: usize, decoded: &[u8]) {
        for byte in decoded {
            self.hasher.write_u8(*byte);
        }
        self.len += raw;
        self.plain = false;
        for _ in 0..raw {
            if self.first.len() < FIRST {
                self.first.push(STAR);
            }
        }
    }

    /// The secret is complete: what its first bytes become. All others are stars.
    pub(super) fn lift(self, aliases: &Aliases) -> Vec<u8> {
        let kind = KINDS.iter().find(|kind| self.first.starts_with(kind)).map_or(0, |kind| kind.len());
        if let Some(number) = alias_number(&self.first[kind..]).filter(|_| self.plain && self.stars) {
            aliases.skip(number);
            return self.first;
        }
        let len = self.len - kind;
        let mut out = self.first[..kind].to_vec();
        if len < SHORTEST {
            out.resize(self.first.len(), STAR);
            return out;
        }
        out.extend(alias(aliases.number(self.hasher.finish()), len));
        out.resize(self.first.len(), STAR);
        out
    }
}

/// The number of a text that is an alias; 0 for an alias that has none, which says nothing but the length of its secret.
#[must_use]
pub fn number_of_alias(text: &str) -> Option<u32> {
    let kind = KINDS.iter().find(|kind| text.as_bytes().starts_with(kind)).map_or(0, |kind| kind.len());
    alias_number(&text.as_bytes()[kind..]).filter(|_| !text.is_empty())
}

/// The alias without its stars at the end.
fn alias(number: Option<u32>, len: usize) -> Vec<u8> {
    let forms = match number {
        Some(number) => [format!("redacted-{number}"), format!("*{number}*")],
        None => ["redacted".to_owned(), String::new()],
    };
    forms.into_iter().find(|form| form.len() <= len).unwrap_or_default().into_bytes()
}

/// What stands behind the number; `?` where the alphabet of base64 is to be kept.
const fn is_fill(byte: u8) -> bool {
    matches!(byte, STAR | b'?')
}

/// The number of what is an alias; 0 where it has none.
fn alias_number(text: &[u8]) -> Option<u32> {
    let end = text.iter().rposition(|byte| !is_fill(*byte)).map_or(0, |last| last + 1);
    let (stars, text) = (text.len() - end, &text[..end]);
    let digits =
        |digits: &[u8]| std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
    match text {
        [] | b"redacted" => Some(0),
        [b'r', b'e', b'd', b'a', b'c', b't', b'e', b'd', b'-', number @ ..] => digits(number),
        [STAR, number @ ..] if stars > 0 => digits(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_as_long_as_the_secret_and_stays() {
        let aliases = Aliases::default();
        let text = |secret: &str| String::from_utf8(aliases.of(secret.as_bytes())).expect("ASCII");
        for (secret, alias) in [
            ("correct horse battery", "redacted-1***********"),
            ("hunter2", "*2*****"),
            ("correct horse battery", "redacted-1***********"),
            ("ten bytes!", "redacted-3"),
            ("abc", "*4*"),
            ("ab", "**"),
            ("", ""),
            ("SWMTKN-1-abcdefghijkl-mnop", "SWMTKN-1-redacted-5*******"),
            ("redacted-9**", "redacted-9**"),
            ("another secret", "redacted-10***"),
            ("redacted-3", "redacted-3"),
            ("*2*****", "*2*****"),
            ("SWMTKN-1-redacted-5*******", "SWMTKN-1-redacted-5*******"),
            ("redacted-no", "redacted-11"),
        ] {
            assert_eq!(text(secret), alias, "{secret}");
            assert_eq!(text(alias), alias, "an alias stays");
            assert_eq!(number_of_alias(alias).is_some(), !alias.is_empty(), "{alias}");
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let aliases = Aliases::default();
        for number in 0..LIMIT + 10 {
            let _ = aliases.of(format!("secret number {number}").as_bytes());
        }
        assert_eq!(aliases.of(b"one secret more"), b"redacted*******");
        assert_eq!(number_of_alias("redacted*******"), Some(0));
        assert_eq!(aliases.table.lock().map(|table| table.numbers.len()).ok(), Some(LIMIT));
    }
}
