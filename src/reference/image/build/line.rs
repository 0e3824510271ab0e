//! Lines of a Dockerfile as the classic builder reads them: continued lines joined, words with their quotes, flags before the arguments.

use super::dockerfile::UNREAD;

/// The line that begins at an offset, with those that continue it: continuation marks and comments between them are left out.
pub(super) fn joined(text: &str, start: usize, escape: char) -> String {
    let mut line = String::new();
    for (number, raw) in text.get(start..).unwrap_or_default().lines().enumerate() {
        let is_first = number == 0;
        let trimmed = raw.trim_start();
        if !is_first && (trimmed.starts_with('#') || trimmed.is_empty()) {
            continue;
        }
        let Some(part) = continued(raw, escape) else {
            line.push_str(raw);
            break;
        };
        line.push_str(part);
    }
    line.trim().to_owned()
}

/// Whether an empty line stands between the lines that continue the one at an offset.
pub(super) fn has_gap(text: &str, start: usize, escape: char) -> bool {
    let mut lines = text.get(start..).unwrap_or_default().lines();
    let mut goes_on = lines.next().is_some_and(|line| continued(line, escape).is_some());
    for line in lines.map(str::trim) {
        match line {
            _ if !goes_on => return false,
            "" => return true,
            _ if line.starts_with('#') => {}
            _ => goes_on = continued(line, escape).is_some(),
        }
    }
    false
}

/// A line without the mark at its end that says that it goes on; none when it does not.
fn continued(line: &str, escape: char) -> Option<&str> {
    let part = line.trim_end_matches([' ', '\t', '\r']).strip_suffix(escape)?;
    // An escaped mark is none, but a line that is only a mark is.
    (part.is_empty() || !part.ends_with(escape)).then_some(part)
}

/// What stands behind the first word.
pub(super) fn rest(line: &str) -> &str {
    line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim())
}

/// What stands behind the flags (`--name=value`) of a line without its first word.
pub(super) fn without_flags(mut rest: &str) -> &str {
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

/// Words between spaces, with their quotes and escapes: those are taken out when variables are put in.
pub(super) fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match quote {
            None if char.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if char == '\'' || char == '"' => quote = Some(char),
            Some(open) if char == open => quote = None,
            _ => {}
        }
        if char == escape && quote != Some('\'') {
            // One at the end is left out.
            if let Some(escaped) = chars.next() {
                word.extend([char, escaped]);
            }
            continue;
        }
        word.push(char);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The pairs of `ENV` and `LABEL`: `name=value …`, or the old `name value`.
pub(super) fn pairs(text: &str, command: &str, escape: char) -> Result<Vec<(String, String)>, String> {
    let all = words(text, escape);
    let Some(first) = all.first() else { return Err(format!("{command} requires at least one argument")) };
    if !first.contains('=') {
        let (key, value) = text.split_once(char::is_whitespace).ok_or_else(|| format!("{UNREAD}{command} must have two arguments"))?;
        return Ok(vec![(key.to_owned(), value.trim_start().to_owned())]);
    }
    let mut pairs = Vec::new();
    for word in &all {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{UNREAD}Syntax error - can't find = in {word:?}. Must be of the form: name=value"))?;
        if key.is_empty() {
            return Err(format!("{command} names can not be blank"));
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined() {
        for (text, line) in [
            ("RUN a", "RUN a"),
            ("RUN a \\\n  b\nRUN c", "RUN a   b"),
            ("RUN a \\  \n# comment\n\n  b", "RUN a   b"),
            ("RUN a \\\\\nb", "RUN a \\\\"),
            ("RUN a\\", "RUN a"),
            ("RUN a\r\nRUN b", "RUN a"),
        ] {
            assert_eq!(joined(text, 0, '\\'), line, "{text:?}");
        }
        assert_eq!(joined("x", 9, '\\'), "");
        for (text, gap) in [("RUN a \\\n\n b", true), ("RUN a \\\n# c\n b\n\n", false), ("RUN a\n\nb", false)] {
            assert_eq!(has_gap(text, 0, '\\'), gap, "{text:?}");
        }
        assert_eq!(rest("CMD  a b "), "a b");
        assert_eq!(without_flags("--a=b --c d --e"), "d --e");
    }

    #[test]
    fn words_keep_their_quotes() {
        for (text, expected) in [
            ("a b", vec!["a", "b"]),
            ("a=\"b c\" d='e f'", vec!["a=\"b c\"", "d='e f'"]),
            ("a=b\\ c d", vec!["a=b\\ c", "d"]),
            ("a=\"\\\"\" \\", vec!["a=\"\\\"\""]),
            ("", vec![]),
        ] {
            assert_eq!(words(text, '\\'), expected, "{text}");
        }
        assert_eq!(pairs("a b c", "ENV", '\\'), Ok(vec![("a".to_owned(), "b c".to_owned())]));
        assert!(pairs("a", "ENV", '\\').is_err() && pairs("a=b c", "ENV", '\\').is_err() && pairs("=b", "ENV", '\\').is_err());
    }
}
