//! Patterns as Go's `path.Match` reads them.

/// Go's `path.Match`: `*` and `?` do not match a slash.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which places of the text the pattern so far may have reached.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        if pattern[at] == '*' {
            let mut on = false;
            for place in 0..=text.len() {
                on = reached[place] || (on && place > 0 && text[place - 1] != '/');
                next[place] = on;
            }
            at += 1;
        } else {
            let Some((end, fits)) = single(&pattern, at) else { return false };
            for place in 0..text.len() {
                next[place + 1] = reached[place] && fits(text[place]);
            }
            at = end;
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// Whether a pattern can be read.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while at < pattern.len() {
        match single(&pattern, at) {
            _ if pattern[at] == '*' => at += 1,
            Some((end, _)) => at = end,
            None => return false,
        }
    }
    true
}

/// Whether a character fits one place of a pattern.
type Test<'p> = Box<dyn Fn(char) -> bool + 'p>;

/// What one place of a pattern matches, and where the pattern goes on; none if the pattern is malformed.
fn single(pattern: &[char], at: usize) -> Option<(usize, Test<'_>)> {
    match pattern[at] {
        '?' => Some((at + 1, Box::new(|char| char != '/'))),
        '\\' => {
            let wanted = *pattern.get(at + 1)?;
            Some((at + 2, Box::new(move |char| char == wanted)))
        }
        '[' => {
            let negated = matches!(pattern.get(at + 1), Some('^'));
            let start = at + 1 + usize::from(negated);
            let end = start + pattern.get(start..)?.iter().position(|char| *char == ']').filter(|end| *end > 0)?;
            let set = &pattern[start..end];
            Some((end + 1, Box::new(move |char| in_set(set, char) != negated)))
        }
        wanted => Some((at + 1, Box::new(move |char| char == wanted))),
    }
}

fn in_set(set: &[char], char: char) -> bool {
    let mut at = 0;
    while at < set.len() {
        if let (Some('-'), Some(high)) = (set.get(at + 1), set.get(at + 2)) {
            if (set[at]..=*high).contains(&char) {
                return true;
            }
            at += 3;
        } else if set[at] == char {
            return true;
        } else {
            at += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (pattern, text, fits) in [
            ("busy*", "busybox", true),
            ("busybox:*", "busybox:latest", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("b?x", "box", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[", "[", false),
            ("\\*", "*", true),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
