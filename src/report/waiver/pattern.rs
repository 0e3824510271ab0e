//! Patterns of JSON pointers and paths: `*` stands for anything within a step, `**` for any number of steps.

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let text: Vec<&str> = text.split('/').collect();
        steps(&pattern, &text)
    }

    /// Without the query; and without the version, unless the pattern names one.
    pub(super) fn matches_path(&self, target: &str) -> bool {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let bare = path.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|slash| &rest[slash..])).unwrap_or(path);
        self.matches(if self.0.starts_with("/v1.") { path } else { bare })
    }
}

/// Greedy with one way back, as for wildcards in names: no pattern makes it slow.
fn steps(pattern: &[&str], text: &[&str]) -> bool {
    matches(pattern, text, |step| *step == "**", |step, part| within(step, part))
}

fn within(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matches(&pattern, &text, |char| *char == '*', |one, other| one == other)
}

fn matches<T, U>(pattern: &[T], text: &[U], is_any: impl Fn(&T) -> bool, fits: impl Fn(&T, &U) -> bool) -> bool {
    let (mut at, mut seen, mut back) = (0, 0, None);
    while seen < text.len() {
        if at < pattern.len() && is_any(&pattern[at]) {
            back = Some((at + 1, seen));
            at += 1;
        } else if at < pattern.len() && fits(&pattern[at], &text[seen]) {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((behind, taken)) = back {
            (at, seen) = (behind, taken + 1);
            back = Some((behind, taken + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_in_their_step() {
        for (pattern, text, fits) in [
            ("/0/Created", "/0/Created", true),
            ("/*/Created", "/12/Created", true),
            ("/*/Created", "/12/Config/Created", false),
            ("/**/Created", "/12/Config/Created", true),
            ("/**", "", true),
            ("**", "", true),
            ("/*/Na*s", "/0/Names", true),
            ("/*/Na*s", "/0/Name", false),
            ("/Labels/**", "/Labels/a/b", true),
            ("", "", true),
            ("", "/a", false),
            ("/**/**/**/**/**/**/**/x", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/y", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn paths_are_matched_with_or_without_their_version() {
        for (pattern, path, fits) in [
            ("/containers/*/json", "/v1.41/containers/web/json?size=1", true),
            ("/containers/*/json", "/containers/web/json", true),
            ("/v1.41/containers/**", "/v1.41/containers/web/json", true),
            ("/v1.24/containers/**", "/v1.41/containers/web/json", false),
            ("/v1.*/_ping", "/v1.41/_ping", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches_path(path), fits, "{pattern} {path}");
        }
    }
}
