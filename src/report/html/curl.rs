//! The request of a finding as a command that can be copied, as far as curl can say it again.

use crate::catalog::{Catalog, Framing};
use crate::model::{ApiVersion, Call};

/// Longer targets are not shown: nobody would copy them from a page.
const TARGET_SHOWN: usize = 500;

/// What to type, and what it is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Curl {
    /// A line for a shell; `None` where no line says what was sent.
    pub(super) line: Option<String>,
    /// What to know of it.
    pub(super) note: Option<&'static str>,
}

/// The command for a call.
pub(super) fn curl(call: &Call, catalog: &Catalog) -> Curl {
    let none = |note| Curl { line: None, note: Some(note) };
    let is_visible = |text: &str| !text.is_empty() && text.chars().all(|char| !char.is_control() && char != char::REPLACEMENT_CHARACTER);
    if !is_visible(&call.method) || !is_visible(&call.path) {
        return none("the request has bytes that no command line holds");
    }
    if call.path.len() > TARGET_SHOWN {
        return none("the path is too long to be shown");
    }
    let mut words = vec!["curl --unix-socket /var/run/docker.sock -i".to_owned()];
    match &*call.method {
        "GET" => {}
        "HEAD" => words[0] = words[0].replace(" -i", " -I"),
        method => words.push(format!("-X {}", quoted(method))),
    }
    let version = call.api_version.filter(|version| version.is_known()).unwrap_or(ApiVersion::NEWEST);
    let operation = call.operation.as_deref().and_then(|id| catalog.operation(id));
    let contract = operation.map(|operation| operation.contract(version));
    let hijacks = contract.is_some_and(|contract| contract.hijacks);
    let mut note = None;
    match contract.map(|contract| &contract.request) {
        Some(body) if body.framing == Framing::Json && !body.optional => {
            words.push("-H 'Content-Type: application/json' -d @body.json".to_owned());
            note = Some("body.json is yours to write: reports hold no request bodies");
        }
        Some(body) if body.framing == Framing::Tar => {
            words.push("-H 'Content-Type: application/x-tar' --data-binary @body.tar".to_owned());
            note = Some("body.tar is yours to make: reports hold no request bodies");
        }
        _ => {}
    }
    if hijacks {
        note = Some("the request only: curl does not speak the stream behind it");
    }
    // curl takes a URL apart and puts it together again; what would not survive that goes as it is.
    if !call.path.starts_with('/') || call.path.contains(['#', '\\', ' ']) || !call.path.is_ascii() || call.path.contains("//") {
        words.push(format!("--request-target {} http://localhost/", quoted(&call.path)));
    } else {
        let globs = call.path.contains(['[', ']', '{', '}']);
        let dots = call.path.contains("/.");
        words.extend(globs.then(|| "--globoff".to_owned()));
        words.extend(dots.then(|| "--path-as-is".to_owned()));
        words.push(quoted(&format!("http://localhost{}", call.path)));
    }
    Curl { line: Some(words.join(" ")), note }
}

/// One word of a POSIX shell: <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>, section 2.2.2.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:,%+".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str, operation: Option<&str>) -> Curl {
        let call = Call {
            source: None,
            line: None,
            daemon: None,
            connection: 1,
            exchange: 1,
            operation: operation.map(Into::into),
            method: method.into(),
            path: path.into(),
            api_version: Some(ApiVersion::new(41)),
            client: None,
        };
        curl(&call, Catalog::builtin())
    }

    #[test]
    fn requests_as_commands() {
        let cases = [
            ("GET", "/v1.41/info", "-i http://localhost/v1.41/info"),
            ("HEAD", "/_ping", "-I http://localhost/_ping"),
            ("DELETE", "/v1.41/images/a'b?x=1&y=$(z)", r"-i -X DELETE 'http://localhost/v1.41/images/a'\''b?x=1&y=$(z)'"),
            ("GET", "/events?filters={\"a\":[1]}", "-i --globoff 'http://localhost/events?filters={\"a\":[1]}'"),
            ("GET", "/a/../b", "-i --path-as-is http://localhost/a/../b"),
            ("OPTIONS", "*", "-i -X OPTIONS --request-target '*' http://localhost/"),
            ("G;T", "//x#y", "-i -X 'G;T' --request-target '//x#y' http://localhost/"),
        ];
        for (method, path, command) in cases {
            let Curl { line, note } = of(method, path, None);
            assert_eq!((line.expect(path), note), (format!("curl --unix-socket /var/run/docker.sock {command}"), None));
        }
    }

    #[test]
    fn what_curl_cannot_say_is_said() {
        assert_eq!(of("GET", "/a\u{fffd}", None).line, None);
        assert_eq!(of("", "", None).line, None);
        let attach = of("POST", "/v1.41/containers/a/attach", Some("ContainerAttach"));
        assert!(attach.note.expect("a note").contains("stream"), "{attach:?}");
        let create = of("POST", "/v1.41/containers/create", Some("ContainerCreate"));
        assert!(create.line.expect("a line").contains("-d @body.json"));
        let build = of("POST", "/v1.41/build", Some("ImageBuild"));
        assert!(build.line.expect("a line").contains("--data-binary @body.tar"));
    }
}
