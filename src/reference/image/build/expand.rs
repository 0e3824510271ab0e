//! Variables, quotes and escapes in the words of a Dockerfile: `$a`, `${a}`, `${a:-b}`, `${a:+b}`, `${a:?b}`.

/// How deep `${a:-${b:-…}}` may go.
const DEEPEST: usize = 50;

/// A lookup of variables.
pub(super) type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// A word with its variables put in and its quotes taken out. The error is the classic builder's sentence.
pub(super) fn word(source: &str, escape: char, lookup: Lookup<'_>) -> Result<String, String> {
    process(source, escape, lookup).map(|(whole, _)| whole)
}

/// The same, as several words where a variable holds spaces: only `EXPOSE` takes them so.
pub(super) fn words(source: &str, escape: char, lookup: Lookup<'_>) -> Result<Vec<String>, String> {
    process(source, escape, lookup).map(|(_, words)| words)
}

fn process(source: &str, escape: char, lookup: Lookup<'_>) -> Result<(String, Vec<String>), String> {
    let mut scanner = Scanner { chars: source.chars().collect(), at: 0, escape, lookup };
    scanner.until(None, 0).map_err(|error| format!("failed to process {source:?}: {error}"))
}

struct Scanner<'l> {
    chars: Vec<char>,
    at: usize,
    escape: char,
    lookup: Lookup<'l>,
}

#[derive(Default)]
struct Words {
    word: String,
    words: Vec<String>,
}

impl Words {
    fn split(&mut self, char: char) {
        if char.is_whitespace() {
            self.end();
        } else {
            self.word.push(char);
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn until(&mut self, stop: Option<char>, depth: usize) -> Result<(String, Vec<String>), String> {
        if depth > DEEPEST {
            return Err("syntax error: bad substitution".to_owned());
        }
        let (mut whole, mut words) = (String::new(), Words::default());
        while let Some(char) = self.next() {
            match char {
                _ if Some(char) == stop => {
                    words.end();
                    return Ok((whole, words.words));
                }
                '\'' => {
                    let quoted = self.single_quoted()?;
                    whole.push_str(&quoted);
                    words.word.push_str(&quoted);
                }
                '"' => {
                    let quoted = self.double_quoted(depth)?;
                    whole.push_str(&quoted);
                    words.word.push_str(&quoted);
                }
                '$' => {
                    let value = self.dollar(depth)?;
                    whole.push_str(&value);
                    value.chars().for_each(|char| words.split(char));
                }
                _ if char == self.escape => {
                    let Some(escaped) = self.next() else { break };
                    whole.push(escaped);
                    words.word.push(escaped);
                }
                _ => {
                    whole.push(char);
                    words.split(char);
                }
            }
        }
        if let Some(stop) = stop {
            return Err(format!("unexpected end of statement while looking for matching {stop}"));
        }
        words.end();
        Ok((whole, words.words))
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut quoted = String::new();
        loop {
            match self.next() {
                None => return Err("unexpected end of statement while looking for matching single-quote".to_owned()),
                Some('\'') => return Ok(quoted),
                Some(char) => quoted.push(char),
            }
        }
    }

    fn double_quoted(&mut self, depth: usize) -> Result<String, String> {
        let mut quoted = String::new();
        loop {
            match self.next() {
                None => return Err("unexpected end of statement while looking for matching double-quote".to_owned()),
                Some('"') => return Ok(quoted),
                Some('$') => quoted.push_str(&self.dollar(depth)?),
                Some(char) if char == self.escape => match self.peek() {
                    None => {}
                    Some(escaped) if escaped == '"' || escaped == '$' || escaped == self.escape => {
                        self.at += 1;
                        quoted.push(escaped);
                    }
                    Some(_) => quoted.push(char),
                },
                Some(char) => quoted.push(char),
            }
        }
    }

    /// What stands behind a `$`.
    fn dollar(&mut self, depth: usize) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { (self.lookup)(&name).unwrap_or_default() });
        }
        self.at += 1;
        let missing = || "syntax error: missing '}'".to_owned();
        match self.peek() {
            None => return Err(missing()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        let value = (self.lookup)(&name);
        let (colon, modifier) = match self.next() {
            Some('}') => return Ok(value.unwrap_or_default()),
            Some(':') => (true, self.next()),
            other => (false, other),
        };
        let modifier = match modifier {
            Some(modifier @ ('-' | '+' | '?')) => modifier,
            Some(other) if colon => return Err(format!("unsupported modifier ({other}) in substitution")),
            Some(_) => return Err("missing ':' in substitution".to_owned()),
            None => return Err(missing()),
        };
        let (other, _) = self.until(Some('}'), depth + 1).map_err(|error| if self.peek().is_none() { missing() } else { error })?;
        let set = value.filter(|value| !colon || !value.is_empty());
        match (modifier, set) {
            ('-' | '?', Some(value)) => Ok(value),
            ('-', None) | ('+', Some(_)) => Ok(other),
            ('+', None) => Ok(String::new()),
            _ if !other.is_empty() => Err(format!("{name}: {other}")),
            _ if colon => Err(format!("{name}: is not allowed to be empty")),
            _ => Err(format!("{name}: is not allowed to be unset")),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(char) = self.peek() {
            let is_number = name.chars().all(|char| char.is_ascii_digit());
            let special = name.is_empty() && matches!(char, '@' | '*' | '#' | '?' | '-' | '$' | '!');
            let goes_on =
                if char.is_ascii_digit() { true } else { (char.is_alphabetic() || char == '_') && (name.is_empty() || !is_number) };
            if special {
                self.at += 1;
                return char.to_string();
            }
            if !goes_on {
                break;
            }
            name.push(char);
            self.at += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "a" => Some("1".to_owned()),
            "two" => Some("80 443".to_owned()),
            "empty" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (source, expected) in [
            ("$a", "1"),
            ("${a}b", "1b"),
            ("x$nope", "x"),
            ("'$a'", "$a"),
            ("\"$a\"", "1"),
            ("\\$a", "$a"),
            ("\"\\$a\\n\"", "$a\\n"),
            ("${nope:-d$a}", "d1"),
            ("${empty:-d}", "d"),
            ("${empty-d}", ""),
            ("${a:+y}", "1".replace('1', "y").as_str()),
            ("${empty:+y}", ""),
            ("$", "$"),
            ("a\\", "a"),
            ("$1x", "x"),
            ("${nope:-${nope:-z}}", "z"),
        ] {
            assert_eq!(word(source, '\\', &lookup).as_deref(), Ok(expected), "{source}");
        }
        assert_eq!(words("$two 7", '\\', &lookup), Ok(vec!["80".to_owned(), "443".to_owned(), "7".to_owned()]));
        assert_eq!(word("`$a", '`', &lookup).as_deref(), Ok("$a"));
    }

    #[test]
    fn bad_substitutions_are_told() {
        for (source, error) in [
            ("${", "syntax error: missing '}'"),
            ("${}", "syntax error: bad substitution"),
            ("${a", "syntax error: missing '}'"),
            ("${a:-b", "syntax error: missing '}'"),
            ("${a:x}", "unsupported modifier (x) in substitution"),
            ("${nope:?gone}", "nope: gone"),
            ("${nope?}", "nope: is not allowed to be unset"),
            ("'a", "unexpected end of statement while looking for matching single-quote"),
        ] {
            assert_eq!(word(source, '\\', &lookup), Err(format!("failed to process {source:?}: {error}")), "{source}");
        }
        assert!(word(&"${a:-".repeat(5000), '\\', &lookup).is_err());
    }
}
