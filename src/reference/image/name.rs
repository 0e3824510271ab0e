//! Names of images, as clients write them and as the daemon keeps them: `busybox`, `docker.io/library/busybox:latest`, `host:5000/a@sha256:…`.

use std::fmt;

use super::super::refusal::Refusal;

/// The registry of names that give none.
const DEFAULT_DOMAIN: &str = "docker.io";
/// The longest name without its tag.
const LONGEST_NAME: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// A name, normalised. `Ord` is that of the full text, as dockerd sorts names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    /// `docker.io`, `host:5000` …
    pub(super) domain: String,
    /// `library/busybox`.
    pub(super) path: String,
    /// Behind the colon.
    pub(super) tag: Option<String>,
    /// Behind the `@`, with its `sha256:`.
    pub(super) digest: Option<String>,
}

/// What a client may write for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// A name.
    Name(Name),
    /// A whole id, `sha256:` and 64 hex digits.
    Id(String),
}

impl Reference {
    /// Reads a name or a whole id. A short id looks like a name.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if is_hex64(text) {
            return Ok(Self::Id(format!("sha256:{text}")));
        }
        if text.strip_prefix("sha256:").is_some_and(is_hex64) {
            return Ok(Self::Id(text.to_owned()));
        }
        Name::parse(text).map(Self::Name)
    }
}

impl Name {
    /// Reads a name. The errors are those of dockerd's parser.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if is_hex64(text) {
            return Err(Refusal::bad_parameter(format!("invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(is_hex64)) {
            return Err(invalid());
        }
        let (domain, rest) = match name.split_once('/') {
            Some((domain, rest)) if domain.contains(['.', ':']) || domain == "localhost" => (domain, rest),
            _ => (DEFAULT_DOMAIN, name),
        };
        let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { domain };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.chars().any(char::is_uppercase) {
            return Err(Refusal::bad_parameter("invalid reference format: repository name must be lowercase"));
        }
        if !is_domain(domain) || !is_path(path) || tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid());
        }
        let path = if domain == DEFAULT_DOMAIN && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if domain.len() + 1 + path.len() > LONGEST_NAME {
            return Err(Refusal::bad_parameter("repository name must not be more than 255 characters"));
        }
        Ok(Self { domain: domain.to_owned(), path, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }

    /// A name whose tag or digest comes as a parameter of its own; either may be empty.
    pub(super) fn parse_with(name: &str, tag: &str) -> Result<Self, Refusal> {
        let name = Self::parse(name)?;
        if tag.is_empty() {
            return Ok(name);
        }
        if let Some(digest) = tag.strip_prefix("sha256:").filter(|hex| is_hex64(hex)) {
            return Ok(Self { tag: None, digest: Some(format!("sha256:{digest}")), ..name });
        }
        name.with_tag(tag)
    }

    /// The name without tag and digest.
    pub(super) fn bare(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// The same name with this tag.
    pub(super) fn with_tag(&self, tag: &str) -> Result<Self, Refusal> {
        if !is_tag(tag) {
            return Err(Refusal::bad_parameter("invalid tag format"));
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same name with this digest, and without a tag.
    pub(super) fn with_digest(&self, digest: &str) -> Self {
        Self { tag: None, digest: Some(digest.to_owned()), ..self.clone() }
    }

    /// The name by which an image is kept: with a digest or, without one, a tag, `latest` if none is said.
    pub(super) fn exact(&self) -> Self {
        match (&self.digest, &self.tag) {
            (Some(_), _) => Self { tag: None, ..self.clone() },
            (None, Some(_)) => self.clone(),
            (None, None) => Self { tag: Some("latest".to_owned()), ..self.clone() },
        }
    }

    /// Whether neither tag nor digest is said.
    pub(super) fn is_bare(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Whether it is of the registry that needs no name.
    pub(super) fn is_default_domain(&self) -> bool {
        self.domain == DEFAULT_DOMAIN
    }

    /// As users write it: without `docker.io/library/`.
    pub(super) fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        if let Some(tag) = &self.tag {
            text = format!("{text}:{tag}");
        }
        if let Some(digest) = &self.digest {
            text = format!("{text}@{digest}");
        }
        text
    }

    /// The same without tag and digest.
    pub(super) fn familiar_name(&self) -> String {
        if !self.is_default_domain() {
            return format!("{}/{}", self.domain, self.path);
        }
        match self.path.strip_prefix("library/") {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// 64 lower-case hex digits.
pub(super) fn is_hex64(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn invalid() -> Refusal {
    Refusal::bad_parameter("invalid reference format")
}

fn is_domain(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(label) && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

/// Letters and digits, between them `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let separated = bytes.split(|byte| plain(*byte)).filter(|between| !between.is_empty());
    let mut separators = separated;
    plain(*first)
        && plain(*last)
        && separators.all(|between| matches!(between, b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, full, familiar) in [
            ("busybox", "docker.io/library/busybox", "busybox"),
            ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
            ("docker.io/library/busybox", "docker.io/library/busybox", "busybox"),
            ("index.docker.io/a/b", "docker.io/a/b", "a/b"),
            ("localhost:5000/a-b/c.d:x", "localhost:5000/a-b/c.d:x", "localhost:5000/a-b/c.d:x"),
            ("localhost/a", "localhost/a", "localhost/a"),
            ("a__b/c---d", "docker.io/a__b/c---d", "a__b/c---d"),
        ] {
            let name = Name::parse(text).expect(text);
            assert_eq!((name.to_string().as_str(), name.familiar().as_str()), (full, familiar), "{text}");
        }
        let name = Name::parse(&format!("a@{digest}")).expect("a name");
        assert_eq!(name.exact().familiar(), format!("a@{digest}"));
        assert_eq!(Name::parse("a").expect("a name").exact().familiar(), "a:latest");
    }

    #[test]
    fn bad_names_are_refused_in_dockerds_words() {
        let long = "a".repeat(300);
        for (text, message) in [
            ("", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a/", "invalid reference format"),
            ("a___b", "invalid reference format"),
            ("a@sha256:1", "invalid reference format"),
            ("host:port/a", "invalid reference format"),
            ("é", "invalid reference format"),
            ("A", "invalid reference format: repository name must be lowercase"),
            ("a/B:c", "invalid reference format: repository name must be lowercase"),
            (&long, "repository name must not be more than 255 characters"),
        ] {
            assert_eq!(Name::parse(text).map_err(|refusal| refusal.message), Err(message.to_owned()), "{text}");
        }
        assert!(Name::parse(&"a1".repeat(32)).is_err());
        assert_eq!(Reference::parse(&"a1".repeat(32)), Ok(Reference::Id(format!("sha256:{}", "a1".repeat(32)))));
    }
}
