//! Shell patterns: `*`, `?`, `[a-z]`, `\` for what is meant as it stands.

use std::iter::Peekable;
use std::str::Chars;

/// A pattern, ready to be matched.
#[derive(Debug, Clone)]
pub(in crate::reference::program) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Char(char),
    Any,
    Star,
    Set(bool, Vec<(char, char)>),
}

impl Part {
    fn takes(&self, char: char) -> bool {
        match self {
            Self::Char(own) => *own == char,
            Self::Any => true,
            Self::Star => false,
            Self::Set(negated, ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&char)) != *negated,
        }
    }
}

/// Whether a text has anything in it that makes it a pattern.
pub(in crate::reference::program) fn is_pattern(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// A text without the backslashes that quote it.
pub(in crate::reference::program) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

/// A text that as a pattern means itself.
pub(in crate::reference::program) fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '*' | '?' | '[' | ']' | '\\' | '-' | '!') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

impl Pattern {
    pub(in crate::reference::program) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            parts.push(match char {
                '\\' => Part::Char(chars.next().unwrap_or('\\')),
                '?' => Part::Any,
                '*' if matches!(parts.last(), Some(Part::Star)) => continue,
                '*' => Part::Star,
                '[' => {
                    let mut ahead = chars.clone();
                    match set(&mut ahead) {
                        Some(part) => {
                            chars = ahead;
                            part
                        }
                        None => Part::Char('['),
                    }
                }
                other => Part::Char(other),
            });
        }
        Self { parts }
    }

    /// Whether it matches a whole text. The time is bounded by the product of the two lengths.
    pub(in crate::reference::program) fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while at < chars.len() {
            match (self.parts.get(part), chars.get(at)) {
                (Some(Part::Star), _) => {
                    back = Some((part + 1, at));
                    part += 1;
                }
                (Some(own), Some(char)) if own.takes(*char) => {
                    part += 1;
                    at += 1;
                }
                _ => match &mut back {
                    Some((after, from)) => {
                        *from += 1;
                        (part, at) = (*after, *from);
                    }
                    None => return false,
                },
            }
        }
        self.parts.iter().skip(part).all(|part| matches!(part, Part::Star))
    }

    /// The text without the shortest or longest beginning that matches.
    pub(in crate::reference::program) fn without_prefix<'a>(&self, text: &'a str, longest: bool) -> &'a str {
        let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        if longest {
            ends.reverse();
        }
        ends.into_iter().find_map(|end| text.split_at_checked(end).filter(|(head, _)| self.matches(head))).map_or(text, |(_, rest)| rest)
    }

    /// The text without the shortest or longest end that matches.
    pub(in crate::reference::program) fn without_suffix<'a>(&self, text: &'a str, longest: bool) -> &'a str {
        let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        if !longest {
            starts.reverse();
        }
        starts
            .into_iter()
            .find_map(|start| text.split_at_checked(start).filter(|(_, tail)| self.matches(tail)))
            .map_or(text, |(rest, _)| rest)
    }
}

/// What stands between `[` and `]`.
fn set(chars: &mut Peekable<Chars<'_>>) -> Option<Part> {
    let negated = chars.next_if(|char| matches!(char, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let mut char = chars.next()?;
        if char == ']' && !ranges.is_empty() {
            return Some(Part::Set(negated, ranges));
        }
        if char == '[' && chars.peek() == Some(&':') {
            let rest: String = chars.clone().take(12).collect();
            if let Some((name, _)) = rest.strip_prefix(':').and_then(|rest| rest.split_once(":]")) {
                ranges.extend(class(name));
                let length = name.chars().count() + 3;
                chars.by_ref().take(length).for_each(drop);
                continue;
            }
        }
        if char == '\\' {
            char = chars.next()?;
        }
        let mut ahead = chars.clone();
        ranges.push(match (ahead.next(), ahead.next()) {
            (Some('-'), Some(end)) if end != ']' => {
                *chars = ahead;
                (char, if end == '\\' { chars.next()? } else { end })
            }
            _ => (char, char),
        });
    }
}

/// The ranges of a named class.
pub(in crate::reference::program) fn class(name: &str) -> &'static [(char, char)] {
    match name {
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "digit" => &[('0', '9')],
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "upper" => &[('A', 'Z')],
        "lower" => &[('a', 'z')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "xdigit" => &[('0', '9'), ('a', 'f'), ('A', 'F')],
        "print" => &[(' ', '~')],
        "graph" => &[('!', '~')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_does() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("[a-c]?", "bz", true),
            ("[!a-c]", "b", false),
            ("[]x]", "]", true),
            ("[[:digit:]]*", "7up", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[", "[", true),
            ("*a*a*a*a*a*a*a*b", &"a".repeat(300), false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
        let dot = Pattern::new("*.");
        assert_eq!((dot.without_prefix("a.b.c", false), dot.without_prefix("a.b.c", true)), ("b.c", "c"));
        let end = Pattern::new(".*");
        assert_eq!((end.without_suffix("a.b.c", false), end.without_suffix("a.b.c", true)), ("a.b", "a"));
    }
}
