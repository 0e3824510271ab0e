//! Aliases: `<container-1>` for an id, wherever and in whatever length it stands. The same value has the same alias, and no two values have one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::kind::Kind;

/// No shorter piece of an id is taken for one inside a text: the length that Docker shortens ids to.
const SHORT: usize = 12;
/// A client may shorten an id in a path or a filter further.
const SHORTEST: usize = 6;
/// In the alias of a secret.
pub(super) const REDACTED: &str = "redacted";
/// Characters of a UUID.
const UUID: usize = 36;

/// The aliases of one scenario.
#[derive(Debug, Clone, Default)]
pub struct Aliases {
    entries: Vec<Entry>,
    exact: HashMap<String, usize>,
    /// Ids by their first twelve characters.
    short: HashMap<String, Vec<usize>>,
    counts: BTreeMap<&'static str, u32>,
    /// What the client asked for: it is no choice of the daemon's.
    said: HashSet<String>,
}

/// So many values that clients asked for are remembered.
const SAID_LIMIT: usize = 1 << 18;

#[derive(Debug, Clone)]
struct Entry {
    /// The longest form seen.
    value: String,
    alias: String,
}

impl Aliases {
    /// The alias of a value; a new one for a value that has none.
    pub fn alias(&mut self, kind: Kind, value: &str) -> &str {
        let key = key(kind, value);
        let index = match self.find(&key) {
            Some(index) => {
                self.extend(index, key, value);
                index
            }
            None => self.add(kind, key, value),
        };
        &self.entries[index].alias
    }

    /// The alias of a value of this kind, if it has one.
    #[must_use]
    pub(super) fn known_as(&self, kind: Kind, value: &str) -> Option<&str> {
        self.find(&key(kind, value)).map(|index| self.entries[index].alias.as_str())
    }

    /// The alias of an id or a name that has one.
    #[must_use]
    pub fn known(&self, value: &str) -> Option<&str> {
        self.find(value).map(|index| self.entries[index].alias.as_str())
    }

    /// The alias of the one id that begins like this: for what a client calls an object by.
    #[must_use]
    pub fn resolve(&self, text: &str) -> Option<&str> {
        if let Some(alias) = self.known(text) {
            return Some(alias);
        }
        let like_an_id = (SHORTEST..SHORT).contains(&text.len()) && is_part_of_id(text);
        if !like_an_id || self.said.contains(text) || self.exact.contains_key(text) {
            return None;
        }
        let mut fitting = self.entries.iter().filter(|entry| is_id(&entry.value) && entry.value.starts_with(text));
        fitting.next().filter(|_| fitting.next().is_none()).map(|entry| entry.alias.as_str())
    }

    /// The value behind an alias.
    #[must_use]
    pub fn value(&self, alias: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.alias == alias).map(|entry| entry.value.as_str())
    }

    /// The client asks for this value.
    pub(super) fn say(&mut self, value: &str) {
        let is_known = [Kind::Name, Kind::Ip, Kind::Port, Kind::Mac].into_iter().any(|kind| self.known_as(kind, value).is_some());
        if !value.is_empty() && value.len() <= 256 && self.said.len() < SAID_LIMIT && !is_known && !is_alias(value) {
            self.said.insert(value.to_owned());
        }
    }

    /// Whether the client asked for it.
    pub(super) fn is_said(&self, value: &str) -> bool {
        self.said.contains(value)
    }

    /// A text with the aliases of all known ids in it.
    #[must_use]
    pub fn replace(&self, text: &str) -> String {
        rewrite(text, |token| self.known(token).filter(|_| is_id(token)).map(str::to_owned))
    }

    fn find(&self, value: &str) -> Option<usize> {
        if let Some(index) = self.exact.get(value) {
            return Some(*index);
        }
        let first = value.get(..SHORT).filter(|_| is_id(value))?;
        let mut fitting = self.short.get(first)?.iter().filter(|index| {
            let known = &self.entries[**index].value;
            known.starts_with(value) || value.starts_with(known.as_str())
        });
        // Where two begin alike, a short form says neither.
        fitting.next().filter(|_| fitting.next().is_none()).copied()
    }

    /// Another form of this entry's value.
    fn extend(&mut self, index: usize, key: String, value: &str) {
        if value.len() > self.entries[index].value.len() {
            value.clone_into(&mut self.entries[index].value);
        }
        self.exact.entry(key).or_insert(index);
    }

    fn add(&mut self, kind: Kind, key: String, value: &str) -> usize {
        let count = self.counts.entry(kind.word()).or_default();
        *count += 1;
        let index = self.entries.len();
        self.entries.push(Entry { value: value.to_owned(), alias: format!("<{}-{count}>", kind.word()) });
        if let Some(first) = key.get(..SHORT).filter(|_| is_id(&key)) {
            self.short.entry(first.to_owned()).or_default().push(index);
        }
        self.exact.insert(key, index);
        index
    }
}

/// Ids and names are looked for in texts as well; a number is a port or a size only where the schema says so.
fn key(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Id(_) | Kind::Name | Kind::Text => value.to_owned(),
        _ => format!("{} {value}", kind.word()),
    }
}

/// Whether a text is of the form of an id: at least twelve digits and small letters (64 hexadecimal ones of most objects, 25 of a swarm's), or an alias.
pub(super) fn is_id(text: &str) -> bool {
    is_alias(text) || is_uuid(text) || ((SHORT..=64).contains(&text.len()) && is_part_of_id(text))
}

/// Digits and small letters. A word is none, but for one of the letters from a to f.
fn is_part_of_id(text: &str) -> bool {
    let fits = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    fits && (text.bytes().any(|byte| byte.is_ascii_digit()) || text.bytes().all(|byte| matches!(byte, b'a'..=b'f')))
}

/// Whether a text is an id, and not a name: 12 or 64 hexadecimal digits, 25 characters of a swarm's, or a UUID.
pub(super) fn is_full_id(text: &str) -> bool {
    let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_alias(text)
        || is_uuid(text)
        || (hex && matches!(text.len(), SHORT | 64))
        || (text.len() == 25 && is_id(text) && text.bytes().any(|byte| byte.is_ascii_digit()))
}

/// RFC 9562 section 4: 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let mut groups =
        text.split('-').map(|group| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(group.len()));
    text.len() == UUID && [8, 4, 4, 4, 12].into_iter().all(|length| groups.next() == Some(Some(length)))
}

/// `<container-1>`. What stands in the place of a secret, `<redacted-1>`, is none: no live value takes its place.
pub(super) fn is_alias(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.and_then(|inner| inner.split_once('-')).is_some_and(|(word, number)| {
        !word.is_empty()
            && word != REDACTED
            && word.bytes().all(|byte| byte.is_ascii_lowercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A text with its tokens replaced: aliases, and runs of digits and small letters that are long enough for an id.
pub(super) fn rewrite(text: &str, mut replace: impl FnMut(&str) -> Option<String>) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        let end = match bytes[at] {
            b'<' => {
                let end = bytes[at..].iter().take(32).position(|byte| *byte == b'>').map_or(at + 1, |found| at + found + 1);
                if is_alias(&text[at..end]) { end } else { at + 1 }
            }
            // The digits of %2F are no part of what follows.
            b'%' if bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => at + 3,
            b'0'..=b'9' | b'a'..=b'f' if text.get(at..at + UUID).is_some_and(is_uuid) => at + UUID,
            b'0'..=b'9' | b'a'..=b'z' => {
                at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()).count()
            }
            // Part of a word that is no id.
            byte if byte.is_ascii_uppercase() || byte == b'_' || !byte.is_ascii() => {
                at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii()).count()
            }
            _ => at + 1,
        };
        let bounded = !bytes.get(end).is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'_');
        if end - at >= 4
            && bounded
            && text.is_char_boundary(end)
            && bytes[at] != b'%'
            && let Some(new) = replace(&text[at..end])
        {
            out.push_str(&text[copied..at]);
            out.push_str(&new);
            copied = end;
        }
        at = end;
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4fa6e0f0c678d1b7a4d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6";

    #[test]
    fn short_forms_are_of_the_same_object() {
        let container = Kind::Id("container");
        let mut aliases = Aliases::default();
        assert_eq!(aliases.alias(container, &ID[..12]), "<container-1>");
        assert_eq!(aliases.alias(container, ID), "<container-1>");
        let other = ID.replace("c5d6", "0000");
        assert_eq!(aliases.alias(container, &other), "<container-2>");
        assert_eq!(aliases.known(&ID[..20]), None, "two begin like this");
        assert_eq!(aliases.known(&ID[..12]), Some("<container-1>"));
        assert_eq!(aliases.value("<container-2>"), Some(other.as_str()));
    }

    #[test]
    fn ids_are_found_inside_texts() {
        let mut aliases = Aliases::default();
        aliases.alias(Kind::Id("container"), ID);
        for (text, replaced) in [
            (format!("/var/lib/docker/containers/{ID}/{ID}-json.log"), "/var/lib/docker/containers/<container-1>/<container-1>-json.log"),
            (format!("No such container: {}", &ID[..12]), "No such container: <container-1>"),
            (format!("%22{ID}%22"), "%22<container-1>%22"),
            (format!("X{ID} x_{ID} {ID}Y"), &format!("X{ID} x_{ID} {ID}Y")[..]),
            ("ä<container-1> <b".to_owned(), "ä<container-1> <b"),
        ] {
            assert_eq!(aliases.replace(&text), replaced);
        }
        assert_eq!(aliases.resolve("4fa6e0"), Some("<container-1>"));
        assert_eq!(aliases.resolve("4fa6"), None);
    }
}
