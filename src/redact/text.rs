//! Masks one text that is all there: a header's value, a query parameter, a string of a document. Every byte keeps its place.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Redactor;
use super::alias::STAR;
use super::document::{At, DocumentMask};
use crate::catalog::Mask;

/// Reads what `Wire::Base64Json` of the catalogue reads.
const CODING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CODING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CODING);

impl Redactor<'_> {
    /// The text with its secrets masked; as long as before.
    pub(super) fn text(self, mask: Mask, text: &mut [u8]) {
        match mask {
            Mask::Json => self.json(text, At::Values),
            Mask::RegistryAuth => self.registry_auth(text),
            _ => {
                for place in places(mask, text) {
                    let secret = &mut text[place];
                    secret.copy_from_slice(&self.aliases.of(secret));
                }
            }
        }
    }

    /// A JSON document in a text.
    pub(super) fn json(self, text: &mut [u8], at: At<'_>) {
        let mut mask = DocumentMask::new(at);
        mask.push(text, self);
        mask.finish(self);
        mask.take_patches(|offset, bytes| text[offset..offset + bytes.len()].copy_from_slice(bytes));
    }

    /// Decoded, masked, and encoded again: what can be read stays readable, what cannot stays unreadable.
    fn registry_auth(self, text: &mut [u8]) {
        let len = text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count();
        let standard = text[..len].iter().any(|byte| matches!(byte, b'+' | b'/'));
        let engine = if standard { &STANDARD } else { &URL_SAFE };
        let digits = &mut text[..len];
        let Ok(mut document) = engine.decode(&*digits) else {
            // Sent as JSON, without its coding: the commonest slip.
            if matches!(digits.trim_ascii_start().first(), Some(b'{' | b'[')) {
                return self.json(digits, At::Credentials);
            }
            return unreadable(digits);
        };
        let before = document.clone();
        if serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok() {
            self.json(&mut document, At::Credentials);
        } else {
            // Any text is base64 of something: nothing of it stays, and it becomes no document.
            document.fill(STAR);
        }
        if standard {
            keep_alphabet(&before, &mut document, engine);
        }
        let encoded = engine.encode(&document);
        if encoded.len() == digits.len() {
            digits.copy_from_slice(encoded.as_bytes());
        } else {
            unreadable(digits);
        }
    }
}

/// Where the secrets of a text stand, in order. Documents and credentials have places of their own: of them it is the whole text.
pub(super) fn places(mask: Mask, text: &[u8]) -> Vec<Range<usize>> {
    match mask {
        Mask::Environment => memchr::memchr(b'=', text).map(|at| at + 1..text.len()).into_iter().collect(),
        Mask::Assignments => assignments(text),
        Mask::Url => url(text),
        Mask::Whole | Mask::Json | Mask::RegistryAuth => std::iter::once(0..text.len()).collect(),
    }
}

/// Each `NAME=value`, quoted or up to the next blank.
fn assignments(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'=', &text[at..]) {
        let begin = at + next + 1;
        let name = text[at..begin - 1].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let before = (begin - 1).checked_sub(name + 1).map_or(b' ', |before| text[before]);
        if name == 0 || !(before.is_ascii_whitespace() || matches!(before, b'"' | b'\'' | b'|')) {
            at = begin;
            continue;
        }
        let quote = text.get(begin).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let from = begin + usize::from(quote.is_some());
        let mut end = from;
        while end < text.len() && quote.map_or(!text[end].is_ascii_whitespace(), |quote| text[end] != quote) {
            // An escaped blank or quote does not end it.
            end += if text[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(text.len());
        found.push(from..end);
        at = end;
    }
    // `ENV NAME value`, the old form.
    let word = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if text[..word].eq_ignore_ascii_case(b"ENV") && memchr::memchr(b'=', text).is_none() {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let name = word + text[word..].iter().take_while(|byte| blank(byte)).count();
        let value = name + text[name..].iter().take_while(|byte| !blank(byte)).count();
        let value = value + text[value..].iter().take_while(|byte| blank(byte)).count();
        found.push(value..text.len());
    }
    found
}

/// User, password and the query's values (RFC 3986 section 3.2.1); the fragment names a branch and a folder.
fn url(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let begin = text.windows(3).position(|window| window == b"://").map_or(0, |at| at + 3);
    let end = begin + text[begin..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(text.len() - begin);
    if let Some(at) = memchr::memrchr(b'@', &text[begin..end]).map(|at| begin + at) {
        let colon = memchr::memchr(b':', &text[begin..at]).map_or(at, |colon| begin + colon);
        // `git@github.com:…` is how everybody writes it; no secret is that short.
        if &text[begin..at] != b"git" {
            found.push(begin..colon);
            if colon < at {
                found.push(colon + 1..at);
            }
        }
    }
    if let Some(query) = memchr::memchr(b'?', text) {
        let end = memchr::memchr(b'#', text).unwrap_or(text.len()).max(query);
        let mut from = query + 1;
        for pair in text.get(from..end).unwrap_or_default().split(|byte| *byte == b'&') {
            let value = memchr::memchr(b'=', pair).map_or(0, |at| at + 1);
            found.push(from + value..from + pair.len());
            from += pair.len() + 1;
        }
    }
    found
}

/// Stars are no digits of base64, and what made it unreadable stays.
fn unreadable(text: &mut [u8]) {
    text.iter_mut().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).for_each(|byte| *byte = STAR);
}

/// That it was written with `+` and `/` is a finding, which must not go with the secret: a `?` at the end of a group of three bytes gives a `/`.
fn keep_alphabet(before: &[u8], document: &mut [u8], engine: &GeneralPurpose) {
    if engine.encode(&*document).contains(['+', '/']) {
        return;
    }
    if let Some(byte) = document.iter_mut().skip(2).step_by(3).find(|byte| **byte == STAR) {
        *byte = b'?';
        return;
    }
    // No star has the place: the alias of a short secret gives way.
    let Some(at) = (2..document.len()).step_by(3).rfind(|at| document[*at] != before[*at]) else { return };
    let is_quote = |byte: &u8| *byte == b'"';
    let from = document[..at].iter().rposition(is_quote).map_or(0, |quote| quote + 1);
    let to = document[at..].iter().position(is_quote).map_or(document.len(), |quote| at + quote);
    document[from..to].fill(STAR);
    document[at] = b'?';
}

#[cfg(test)]
mod tests {
    use super::super::Aliases;
    use super::*;
    use crate::catalog::Catalog;

    fn masked(mask: Mask, text: &str) -> String {
        let aliases = Aliases::default();
        let redactor = Redactor { aliases: &aliases, names: Catalog::builtin().secret_names() };
        let mut bytes = text.as_bytes().to_vec();
        redactor.text(mask, &mut bytes);
        assert_eq!(bytes.len(), text.len());
        let mut again = bytes.clone();
        redactor.text(mask, &mut again);
        assert_eq!(again, bytes, "what is masked stays");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn what_is_secret_in_a_text() {
        for (mask, text, expected) in [
            (Mask::Environment, "PASSWORD=correct horse", "PASSWORD=redacted-1***"),
            (Mask::Environment, "PASSWORD", "PASSWORD"),
            (Mask::Assignments, "ENV A=correct-horse B=\"two words\"", "ENV A=redacted-1*** B=\"*2*******\""),
            (Mask::Assignments, "|1 TOKEN=correct-horse /bin/sh -c x --y=z", "|1 TOKEN=redacted-1*** /bin/sh -c x --y=z"),
            (Mask::Assignments, "ENV PASSWORD correct horse", "ENV PASSWORD redacted-1***"),
            (Mask::Assignments, "EXPOSE 80", "EXPOSE 80"),
            (Mask::Url, "https://me:correct-horse@git.example/a.git#main:d", "https://**:redacted-1***@git.example/a.git#main:d"),
            (Mask::Url, "https://host/a?token=correct-horse&x=1", "https://host/a?token=redacted-1***&x=*"),
            (Mask::Url, "git@github.com:a/b.git", "git@github.com:a/b.git"),
            (Mask::Url, "-", "-"),
            (Mask::Json, "{\"HTTP_PROXY\":\"correct-horse\",\"N\":null}", "{\"HTTP_PROXY\":\"redacted-1***\",\"N\":null}"),
            (Mask::Json, "X=correct-horse", "*=*******-*****"),
        ] {
            assert_eq!(masked(mask, text), expected);
        }
    }

    #[test]
    fn credentials_stay_what_they_were() {
        use base64::engine::general_purpose::{STANDARD as PADDED, URL_SAFE};
        let read = |text: &str| crate::catalog::Wire::Base64Json.read(text);
        let json = "{\"username\":\"jane\",\"password\":\"correct horse???\",\"serveraddress\":\"r.example\"}";
        let masked_json = "{\"username\":\"jane\",\"password\":\"redacted-1******\",\"serveraddress\":\"r.example\"}";
        assert_eq!(masked(Mask::RegistryAuth, &URL_SAFE.encode(json)), URL_SAFE.encode(masked_json));
        for text in [
            URL_SAFE.encode(json),
            URL_SAFE.encode(json).trim_end_matches('=').to_owned(),
            PADDED.encode(json),
            PADDED.encode("correct horse"),
            PADDED.encode("{\"username\":\"jane\",\"password\":\"hors?e>~?\"}"),
            json.to_owned(),
            "correct horse".to_owned(),
            "!correct!".to_owned(),
        ] {
            let masked = masked(Mask::RegistryAuth, &text);
            assert!(!masked.contains("horse") && (masked != text), "{masked}");
            let told = |text: &str| read(text).map_or_else(|error| (true, error.rule), |(_, rule)| (false, rule));
            assert_eq!(told(&masked), told(&text), "{text} becomes {masked}");
        }
    }
}
