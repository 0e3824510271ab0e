//! `--only` and `--deny`: which operations a client may ask for, in enforce mode.
//!
//! What cannot be told for certain is denied: an operation that the catalogue does not have, and a path that a daemon may read as another
//! one. It knows nothing of bodies: who may create containers at all may do everything.

use std::fmt;
use std::str::FromStr;

use crate::catalog::{Catalog, Lookup, Operation};
use crate::model::ApiVersion;
use crate::wire::{PathVersion, Target};

/// Operations by GET through which the client writes all the same.
const WRITING: [&str; 1] = ["ContainerAttachWebsocket"];

/// Some operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All by GET, HEAD or OPTIONS, but those whose connection the client writes to.
    Read,
    /// All others, known or not.
    Write,
    /// The operation of this id, or all of this tag: `ContainerKill`, `exec`.
    Named(Box<str>),
}

impl Scope {
    /// The id or tag.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Read | Self::Write => None,
        }
    }

    fn covers(&self, operation: Option<&Operation>, writes: bool) -> bool {
        match self {
            Self::Read => !writes,
            Self::Write => writes,
            Self::Named(name) => operation.is_some_and(|operation| operation.id() == &**name || operation.tag() == &**name),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("write read, write, an operation or a tag, as in ContainerKill or exec".to_owned()),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            name => Ok(Self::Named(name.into())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Named(name) => name,
        })
    }
}

/// What may be asked for: what `only` covers, or everything where it is empty, without what `deny` covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// `--only`
    pub only: Vec<Scope>,
    /// `--deny`
    pub deny: Vec<Scope>,
}

impl Limits {
    /// Everything may be asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.only.is_empty() && self.deny.is_empty()
    }

    /// Why a request is denied, if it is. `target` is as it was sent.
    pub(super) fn denial(&self, catalog: &Catalog, method: &[u8], target: &[u8], version: Option<ApiVersion>) -> Option<String> {
        let method = String::from_utf8_lossy(method);
        let parsed = Target::parse(target);
        // OPTIONS asks what may be asked: dockerd answers it for any path, and does nothing.
        let operation = if method == "OPTIONS" {
            None
        } else if let Some(operation) = one_reading(catalog, &method, target, &parsed, version) {
            Some(operation)
        } else {
            return Some(
                "it is no operation that plimsoll knows, or its path can be read in two ways, and with --only or --deny that is denied"
                    .to_owned(),
            );
        };
        let writes =
            !matches!(&*method, "GET" | "HEAD" | "OPTIONS") || operation.is_some_and(|operation| WRITING.contains(&operation.id()));
        if let Some(scope) = self.deny.iter().find(|scope| scope.covers(operation, writes)) {
            return Some(format!("--deny {scope}"));
        }
        let outside = !self.only.is_empty() && !self.only.iter().any(|scope| scope.covers(operation, writes));
        outside.then(|| format!("--only {}", self.only.iter().map(Scope::to_string).collect::<Vec<_>>().join(" --only ")))
    }
}

/// The operation that every daemon takes the request for. Daemons differ in what they make of `//`, of steps that are dots (moby's router cleans the path and
/// redirects, others go on) and of an encoded slash (moby decodes it before it routes, podman after).
fn one_reading<'a>(catalog: &'a Catalog, method: &str, raw: &[u8], target: &Target, version: Option<ApiVersion>) -> Option<&'a Operation> {
    let odd_step = target.path.split('/').skip(1).any(|step| matches!(step, "" | "." | ".."));
    let odd =
        raw.first() != Some(&b'/') || target.bad_encoding.is_some() && !target.bad_in_query || target.path.contains(['%', '\\', '\0']);
    if odd_step || odd || matches!(target.version, PathVersion::Odd(_)) {
        return None;
    }
    let find = |path: &str| {
        // RFC 9110 section 9.3.2: HEAD is GET without the content.
        let methods = if method == "HEAD" { &["HEAD", "GET"][..] } else { &[method] };
        methods.iter().find_map(|method| match catalog.lookup(method, path, version) {
            Lookup::Operation(operation) | Lookup::NotInVersion(operation) => Some(operation),
            Lookup::WrongMethod(_) | Lookup::Unknown => None,
        })
    };
    let operation = find(&target.path)?;
    let undecoded = find(&Target::undecoded_path(raw))?;
    (operation.id() == undecoded.id()).then_some(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `options` as typed: `only=read deny=exec`.
    fn denial(options: &str, request: &str) -> Option<String> {
        let mut limits = Limits::default();
        for option in options.split_whitespace() {
            let (name, scope) = option.split_once('=').expect("an option");
            let scope = scope.parse().expect("a scope");
            if name == "only" { limits.only.push(scope) } else { limits.deny.push(scope) }
        }
        let (method, target) = request.split_once(' ').expect("a request");
        limits.denial(Catalog::builtin(), method.as_bytes(), target.as_bytes(), Some(ApiVersion::new(41)))
    }

    #[test]
    fn what_is_let_through() {
        for (options, request) in [
            ("only=read", "GET /v1.41/containers/json?all=1"),
            ("only=read", "HEAD /_ping"),
            ("only=read", "HEAD /containers/json"),
            ("only=read", "OPTIONS /containers/json"),
            ("deny=write", "GET /images/registry:5000/a/b:1/json"),
            ("deny=write", "GET /images/registry:5000/a%2Fb:1/json"),
            ("deny=write", "GET /v1.24/containers/x/logs?stdout=1"),
            ("deny=write", "GET /info?x=%zz"),
            ("only=read only=ContainerWait", "POST /containers/x/wait"),
            ("deny=exec", "POST /containers/x/kill"),
            ("only=image deny=ImageDelete", "POST /images/create?fromImage=a"),
        ] {
            assert_eq!(denial(options, request), None, "{options}: {request}");
        }
    }

    #[test]
    fn what_is_denied() {
        for (options, request, why) in [
            ("only=read", "POST /containers/x/kill", "--only read"),
            ("deny=write", "DELETE /v1.41/containers/x", "--deny write"),
            ("deny=write", "GET /containers/x/attach/ws?stream=1", "--deny write"),
            ("deny=write", "HEAD /containers/x/attach/ws", "--deny write"),
            ("deny=write", "POST /containers/x/attach?stream=1", "--deny write"),
            ("deny=write", "POST /exec/x/start", "--deny write"),
            ("deny=write", "POST /session", "--deny write"),
            ("deny=exec", "GET /exec/x/json", "--deny exec"),
            ("deny=ContainerKill", "POST /v1.41/containers/%78/%6bill", "it is no"),
            ("only=image deny=ImageDelete", "DELETE /images/a", "--deny ImageDelete"),
            ("only=image only=read", "POST /containers/prune", "--only image --only read"),
            // What is not known, or not for certain.
            ("deny=exec", "POST /containers/x/frobnicate", "it is no"),
            ("deny=exec", "PRI *", "it is no"),
            ("deny=exec", "get /info", "it is no"),
            ("deny=exec", "GET /v2.0/info", "it is no"),
            ("only=read", "GET http://docker/info", "it is no"),
            ("only=read", "GET //containers/json", "it is no"),
            ("only=read", "GET /v1.41//containers/json", "it is no"),
            ("only=read", "GET /containers/json/", "it is no"),
            ("only=read", "GET /containers/./json", "it is no"),
            ("deny=container", "DELETE /images/../containers/x", "it is no"),
            ("deny=container", "DELETE /images/%2e%2e/containers/x", "it is no"),
            ("deny=container", "DELETE /images/..%2fcontainers%2fx", "it is no"),
            ("deny=container", "DELETE /images/%252e%252e/containers/x", "it is no"),
            ("only=read", "GET /containers/x%2fattach/ws", "it is no"),
            ("only=read", "GET /containers/x%2fjson", "it is no"),
            ("only=read", "GET /containers/%zz/json", "it is no"),
            ("only=read", "GET /%761.41/info", "it is no"),
        ] {
            let denied = denial(options, request).unwrap_or_else(|| panic!("{options} lets {request} through"));
            assert!(denied.starts_with(why), "{options}: {request}: {denied}");
        }
    }
}
