//! Text in columns: wrapping, and ranges of versions.

use std::collections::BTreeSet;

use crate::model::ApiVersion;

/// The words in lines of at most `width` columns; the first begins with `first`, the others with as many blanks as `indent`.
pub(super) fn wrapped(first: &str, text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

/// `1.12–1.20, 1.24`.
pub(super) fn ranges(versions: &BTreeSet<ApiVersion>) -> String {
    let mut runs: Vec<(ApiVersion, ApiVersion)> = Vec::new();
    for version in versions {
        match runs.last_mut() {
            Some((_, last)) if last.minor() + 1 == version.minor() => *last = *version,
            _ => runs.push((*version, *version)),
        }
    }
    let shown = runs.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") });
    shown.collect::<Vec<_>>().join(", ")
}

/// The name, or as much of it as there is room for.
pub(super) fn clipped(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_runs() {
        let of = |minors: &[u16]| ranges(&minors.iter().map(|minor| ApiVersion::new(*minor)).collect());
        assert_eq!(of(&[12, 13, 14, 24]), "1.12–1.14, 1.24");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn long_lines_are_wrapped_at_words() {
        assert_eq!(wrapped("- ", "one two three", 4, 9), "- one two\n    three\n");
        assert_eq!(wrapped("", "averyveryverylongword x", 2, 5), "averyveryverylongword\n  x\n");
    }
}
