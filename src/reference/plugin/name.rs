//! Names of plugins: `vieux/sshfs`, `registry:5000/name:tag`.

use super::super::refusal::Refusal;

/// A name with its registry and tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// `docker.io` or another registry.
    pub(super) registry: String,
    /// `vieux/sshfs`.
    pub(super) repository: String,
    /// `latest` when there is none.
    pub(super) tag: String,
}

impl Name {
    /// Reads a name; a digest is left out, as names of plugins have none.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = || Refusal::server_error("invalid reference format");
        let text = text.split('@').next().unwrap_or_default();
        let (path, tag) = match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text, "latest"),
        };
        let (registry, repository) = match path.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => ("docker.io", path),
        };
        let word = |part: &str| {
            let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            part.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) && part.bytes().all(good)
        };
        let good_tag =
            !tag.is_empty() && tag.len() <= 128 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !repository.split('/').all(word) || !good_tag {
            return Err(invalid());
        }
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let official = registry == "docker.io" && !repository.contains('/');
        let repository = if official { format!("library/{repository}") } else { repository.to_owned() };
        Ok(Self { registry: registry.to_owned(), repository, tag: tag.to_owned() })
    }

    /// As people write it: without the default registry.
    pub(super) fn familiar(&self) -> String {
        format!("{}:{}", self.familiar_repository(), self.tag)
    }

    /// The same without the tag.
    pub(super) fn familiar_repository(&self) -> String {
        if self.registry == "docker.io" {
            return self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned();
        }
        format!("{}/{}", self.registry, self.repository)
    }

    /// With everything.
    pub(super) fn full(&self) -> String {
        format!("{}/{}:{}", self.registry, self.repository, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (text, expected) in [
            ("vieux/sshfs", Some(("vieux/sshfs:latest", "docker.io/vieux/sshfs:latest"))),
            ("docker.io/vieux/sshfs:next", Some(("vieux/sshfs:next", "docker.io/vieux/sshfs:next"))),
            ("plug", Some(("plug:latest", "docker.io/library/plug:latest"))),
            ("localhost:5000/plug", Some(("localhost:5000/plug:latest", "localhost:5000/plug:latest"))),
            ("", None),
            ("A/b", None),
            ("a//b", None),
            ("a:", None),
        ] {
            let read = Name::parse(text).ok().map(|name| (name.familiar(), name.full()));
            assert_eq!(read, expected.map(|(familiar, full)| (familiar.to_owned(), full.to_owned())), "{text}");
        }
    }
}
