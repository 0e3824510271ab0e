//! Values of several parts, written as a table: `{ rule = "schema.type", operation = "ContainerList" }` for `RULE[@OPERATION]`.
//!
//! The parts are taken from what the help calls the value, so that they need not be listed again.

/// How the parts of a value are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name in the table: what it is called in lower case, or the word before the `=`.
    pub(super) name: String,
    /// What stands before it.
    before: String,
    pub(super) required: bool,
}

impl Shape {
    /// The shape behind a value's name, such as `RULE[@OPERATION]` or `FORMAT=PATH`; none if it is a plain value.
    pub(super) fn of(value_name: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = value_name;
        while !rest.is_empty() {
            let (inner, after, required) = if let Some(optional) = rest.strip_prefix('[') {
                let (inner, after) = optional.split_once(']')?;
                (inner, after, false)
            } else {
                let begin = rest.find(|char: char| char.is_ascii_uppercase())?;
                let end = rest[begin..].find(|char: char| !char.is_ascii_uppercase()).map_or(rest.len(), |length| begin + length);
                (&rest[..end], &rest[end..], true)
            };
            parts.push(Part::of(inner, required)?);
            rest = after;
        }
        let plain =
            parts.len() < 2 || !parts[0].before.is_empty() || !parts[0].required || parts[1..].iter().any(|part| part.before.is_empty());
        (!plain).then_some(Self { parts })
    }

    /// The value that these parts make; the error is the name of the one that is missing.
    pub(super) fn join(&self, given: &[(String, String)]) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match given.iter().find(|(name, _)| *name == part.name) {
                Some((_, value)) => {
                    text.push_str(&part.before);
                    text.push_str(value);
                }
                None if part.required => return Err(part.name.clone()),
                None => {}
            }
        }
        Ok(text)
    }
}

impl Part {
    fn of(text: &str, required: bool) -> Option<Self> {
        let (before, place) = text.split_at(text.find(|char: char| char.is_ascii_uppercase())?);
        let whole = place.chars().all(|char| char.is_ascii_uppercase());
        let word = before.trim_matches(['@', '=']);
        if !whole || !word.chars().all(|char| char.is_ascii_lowercase()) {
            return None;
        }
        let name = if word.is_empty() { place.to_lowercase() } else { word.to_owned() };
        Some(Self { name, before: before.to_owned(), required })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_values() {
        for (value_name, names) in [
            ("RULE[@OPERATION]", &["rule", "operation"][..]),
            ("FORMAT=PATH", &["format", "path"]),
            ("ID[@every=N][@operation=NAME]", &["id", "every", "operation"]),
        ] {
            let shape = Shape::of(value_name).expect("a shape");
            assert_eq!(shape.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), names);
        }
        for plain in ["FILE", "FILE.wire", "auto|1.N", "1.A..1.B", "ADDR", "", "[@X]", "X[", "ÄÖ=X"] {
            assert_eq!(Shape::of(plain), None, "{plain}");
        }
    }

    #[test]
    fn joined() {
        let join = |value_name, given: &[(&str, &str)]| {
            let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Shape::of(value_name).expect("a shape").join(&given)
        };
        assert_eq!(join("RULE[@OPERATION]", &[("operation", "Y"), ("rule", "x")]), Ok("x@Y".to_owned()));
        assert_eq!(join("RULE[@OPERATION]", &[("rule", "x")]), Ok("x".to_owned()));
        assert_eq!(join("RULE[@OPERATION]", &[("operation", "Y")]), Err("rule".to_owned()));
        assert_eq!(join("ID[@every=N][@operation=NAME]", &[("id", "a.b"), ("every", "3")]), Ok("a.b@every=3".to_owned()));
    }
}
