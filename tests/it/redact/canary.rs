//! Secrets in every place that may hold one, right and wrong, whole and cut: they are in no report and no recording.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use clap::ValueEnum as _;
use plimsoll::catalog::Catalog;
use plimsoll::inspect::{Asked, EnforcePolicy, Inspector};
use plimsoll::model::{Event, Side};
use plimsoll::report::{Format, Setting, Style, Tally, reporter};
use plimsoll::transcript::{Entry, Transcript, What, Writer};

use super::super::support::judge_with;
use super::{redacted, settings};

/// Nothing else holds as much as six letters of these in a row.
const SECRETS: [&str; 5] = ["Qz7Kx9Vw2Mb4Tn8RcJ", "Yp3Lh6Ds1Gf5Zv0BxW", "Uk8Nr2Ct7Jm4Xq9HwE", "Wf5Bg1Ps6Vd3Ky0LzA", "Mj4Th9Rn2Zc7Gq1VxO"];
const SHOWN: usize = 6;

/// A request and its answer; `$1` to `$5` stand for secrets, `@` for the version's prefix.
struct Case {
    request: (&'static str, &'static str, &'static str),
    answer: (&'static str, &'static str),
}

const fn case(request: (&'static str, &'static str, &'static str), answer: (&'static str, &'static str)) -> Case {
    Case { request, answer }
}

const CREDENTIALS: &str = "{\"username\":\"jane\",\"password\":\"$1\",\"auth\":\"$2\",\"identitytoken\":\"$3\",\"registrytoken\":\"$4\",\"serveraddress\":\"r.example\",\"other\":\"$5\"}";

pub(super) const CASES: usize = 30;

/// Method and path, headers, body; status, body. `^` before a header's value: it is sent in base64.
const ALL: [Case; CASES] = [
    case(
        (
            "POST @/auth",
            "",
            "{\"username\":\"jane\",\"password\":\"$1\",\"auth\":\"$2\",\"identitytoken\":\"$3\",\"registrytoken\":\"$4\",\"serveraddress\":\"r\"}",
        ),
        ("200 OK", "{\"Status\":\"Login Succeeded\",\"IdentityToken\":\"$5\"}"),
    ),
    case(("GET @/auth", "", ""), ("200 OK", "{\"username\":\"jane\",\"password\":\"$1\"}")),
    case(
        (
            "POST @/containers/create",
            "",
            "{\"Image\":5,\"env\":[\"A=$3\"],\"Env\":[\"PASSWORD=$1\",\"B=x$2\"],\"HostConfig\":{\"Env\":[\"C=$4\"]}}",
        ),
        ("201 Created", "{\"Id\":5,\"Env\":[\"A=$5\"]}"),
    ),
    case(
        (
            "POST @/containers/create",
            "",
            "{\"Image\":\"base\",\"Env\":{\"PASSWORD\":\"$1\",\"B=$2\":\"c\"},\"Nested\":{\"deep\":[{\"password\":\"$3\"}]}}",
        ),
        ("201 Created", "{\"Id\":\"x\"}"),
    ),
    case(
        ("POST @/containers/create", "", "{\"Image\":\"base\",\"Env\":\"PASSWORD=$1\",\"Config\":{\"E\\u006ev\":[\"X\\u003d$2\"]}}"),
        ("400 Bad Request", "{\"message\":5,\"Env\":[\"A=$3\"]}"),
    ),
    case(
        ("GET @/containers/web/json", "", ""),
        (
            "200 OK",
            "{\"Id\":\"x\",\"Created\":5,\"Config\":{\"Env\":[\"PATH=$1\",5,[\"B=$2\"]],\"Labels\":7,\"Unknown\":{\"identitytoken\":\"$3\"}},\"Env\":[\"C=$4\"]}",
        ),
    ),
    case(
        ("GET @/images/base/json", "", ""),
        (
            "200 OK",
            "{\"Id\":5,\"Config\":{\"Env\":[\"PATH=$1\"],\"OnBuild\":[\"ENV B=$2\"]},\"ContainerConfig\":{\"Env\":[\"PATH=$3\"]},\"config\":{\"env\":[\"C=$4\"]}}",
        ),
    ),
    case(
        ("GET @/images/base/history", "", ""),
        (
            "200 OK",
            "[{\"Id\":5,\"CreatedBy\":\"|2 TOKEN=$1 X=\\\"$2\\\" /bin/sh -c true\"},{\"CreatedBy\":\"/bin/sh -c #(nop)  ENV A=$3\"}]",
        ),
    ),
    case(
        (
            "POST @/build?t=5&buildargs=%7B%22TOKEN%22%3A%22$1%22%2C%22N%22%3A5%7D&remote=https%3A%2F%2Fu:$2@h%2Fr.git&cpushares=x",
            "X-Registry-Config: ^{\"r.example\":{\"username\":\"u\",\"password\":\"$3\"}}\r\n",
            "",
        ),
        ("200 OK", "{\"stream\":5}"),
    ),
    case(
        (
            "POST @/build?buildargs={\"TOKEN\":\"$1\"}}&buildargs=$2&BuildArgs=[\"$3\"]&build%61rgs=X%3d$4&remote=$5@h",
            "X-Registry-Config: ^{\"configs\":{\"h\":{\"auth\":\"$5\"}}}\r\n",
            "",
        ),
        ("200 OK", "{\"stream\":\"a\"}{\"x\":"),
    ),
    case(
        ("POST @/images/create?fromSrc=http://$1:$2@h/x?token=$3&repo=5&nope=1&password=$4", "X-Registry-Auth: ^C\r\n", ""),
        ("200 OK", "{\"status\":5}"),
    ),
    case(
        (
            "POST @/images/create?fromImage=a&changes=ENV+A%3D$1&changes=ENV+B+$2&tag=%zz",
            "X-Registry-Auth: ^\"$3\"\r\nx-registry-auth: ^[\"$4\"]\r\n",
            "",
        ),
        ("200 OK", ""),
    ),
    case(
        ("POST @/images/a/push", "X-Registry-Auth: $1!\r\n $2\r\nX-Registry-Auth : $3\r\nX-Registry-Auth $4\r\n", ""),
        ("200 OK", "<no document>"),
    ),
    case(("POST @/images/a/push", "X-Registry-Auth: C\r\n", ""), ("404 Not Found", "{\"message\":{\"auth\":\"$1\"}}")),
    case(
        ("POST @/commit?container=web&changes=ENV+A%3D$1", "", "{\"Env\":[\"A=$2\"],\"Image\":5}"),
        ("201 Created", "{\"Id\":5,\"token\":1,\"password\":\"$3\"}"),
    ),
    case(("POST @/secrets/create", "", "{\"Name\":5,\"Data\":\"^$1\",\"data\":[\"$2\"]}"), ("201 Created", "{\"ID\":5,\"Data\":\"$3\"}")),
    case(("POST @/configs/create", "", "{\"Name\":5,\"Data\":\"^$1\"}"), ("201 Created", "{\"ID\":\"x\"}")),
    case(("GET @/configs", "", ""), ("200 OK", "[{\"ID\":5,\"Spec\":{\"Data\":\"$1\",\"Name\":5}},{\"Spec\":{\"Data\":{\"x\":\"$2\"}}}]")),
    case(
        ("GET @/swarm", "", ""),
        (
            "200 OK",
            "{\"ID\":5,\"JoinTokens\":{\"Worker\":\"SWMTKN-1-$1\",\"Manager\":\"SWMTKN-1-$2-$3\",\"Other\":[\"$4\"]},\"Spec\":{\"CAConfig\":{\"SigningCAKey\":\"$5\"}}}",
        ),
    ),
    case(("GET @/swarm", "", ""), ("200 OK", "{\"JoinTokens\":\"SWMTKN-1-$1\"}")),
    case(("POST @/swarm/join", "", "{\"JoinToken\":\"SWMTKN-1-$1\",\"RemoteAddrs\":5}"), ("503 Odd", "{}")),
    case(("POST @/swarm/unlock", "", "{\"UnlockKey\":[\"SWMKEY-1-$1\"]}"), ("500 Odd", "{\"UnlockKey\":\"$2\"}")),
    case(("POST @/swarm/unlock", "", "\"SWMKEY-1-$1\""), ("200 OK", "{\"UnlockKey\":\"$2\"}")),
    case(("GET @/swarm/unlockkey", "", ""), ("200 OK", "SWMKEY-1-$1")),
    case(
        (
            "POST @/services/create",
            "X-Registry-Auth: ^C\r\n",
            "{\"Name\":5,\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"A=$1\"]},\"PluginSpec\":{\"Env\":[\"B=$2\"]}}}",
        ),
        ("201 Created", "{\"ID\":5}"),
    ),
    case(
        ("GET @/services", "", ""),
        (
            "200 OK",
            "[{\"ID\":5,\"Spec\":{\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"A=$1\"]}}},\"PreviousSpec\":{\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":\"A=$2\"}}}}]",
        ),
    ),
    case(("POST @/containers/web/exec", "", "{\"Cmd\":\"x\",\"Env\":[\"A=$1\"]}"), ("201 Created", "{\"Id\":5}")),
    case(("POST @/plugins/p/set", "", "[\"A=$1\",{\"B\":\"$2\"}]"), ("200 OK", "{}")),
    case(
        ("GET @/plugins/p/json", "", ""),
        ("200 OK", "{\"Id\":5,\"Settings\":{\"Env\":[\"A=$1\"]},\"Config\":{\"Env\":[{\"Name\":\"A\",\"Value\":\"$2\"}]}}"),
    ),
    case(
        (
            "POST @/no/such/thing?password=$1&x=http://u:p@h",
            "Authorization: Bearer $2\r\nCookie: id=$3\r\n",
            "{\"a\":[{\"Env\":[\"A=$4\"]}]}",
        ),
        ("200 OK", "{\"Password\":\"$5\"}"),
    ),
];

const VERSIONS: [&str; 5] = ["/v1.7", "/v1.24", "/v1.41", "/v1.55", ""];

fn filled(text: &str) -> String {
    let mut text = text.replace("^C", &format!("^{CREDENTIALS}")).replace(": C\r", &format!(": {CREDENTIALS}\r"));
    for (number, secret) in SECRETS.iter().enumerate() {
        text = text.replace(&format!("${}", number + 1), secret);
    }
    let mut out = String::new();
    for line in text.split_inclusive("\r\n") {
        match line.split_once(": ^") {
            Some((name, value)) => out.extend([name, ": ", &URL_SAFE.encode(value.trim_end()), "\r\n"]),
            None => out += line,
        }
    }
    match out.split_once("\"^") {
        Some((before, rest)) => {
            let (value, after) = rest.split_once('"').expect("a string ends");
            format!("{before}\"{}\"{after}", STANDARD.encode(value))
        }
        None => out,
    }
}

/// What is done to a body, or to the message around it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Harm {
    None,
    /// A colon is missing, so that it is no JSON.
    NoColon,
    /// It ends early.
    Cut,
    /// The length says that it ends before its end.
    Short,
    /// Chunked, and a chunk is longer than it says.
    BadChunk,
    /// Chunked, in small chunks.
    Chunked,
    /// No blank line ends the head.
    NoBlank,
    /// A bad escape and a control character in each string.
    BadString,
}

const HARMS: [Harm; 8] = [Harm::None, Harm::NoColon, Harm::Cut, Harm::Short, Harm::BadChunk, Harm::Chunked, Harm::NoBlank, Harm::BadString];

fn message(head: &str, body: &str, harm: Harm) -> String {
    let body = match harm {
        Harm::NoColon => body.replacen(':', " ", 1),
        Harm::BadString => body.replace('=', "=\\q").replace(":\"", ":\"\u{1}"),
        _ => body.to_owned(),
    };
    let media = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let with = |length: usize, body: &str| format!("{head}{media}Content-Length: {length}\r\n\r\n{body}");
    match harm {
        Harm::Cut => with(body.len(), &body[..body.len() * 2 / 3]),
        Harm::Short => with(body.len() / 2, &format!("{body}\r\n\r\n")),
        Harm::BadChunk => format!("{head}{media}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len() / 2 + 1),
        Harm::Chunked => {
            let chunk = |chunk: &[u8]| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk));
            let chunks = body.as_bytes().chunks(7).map(chunk).collect::<Vec<_>>().concat();
            format!("{head}{media}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        }
        Harm::NoBlank => format!("{head}{media}{body}\r\n\r\n"),
        Harm::None | Harm::NoColon | Harm::BadString => with(body.len(), &body),
    }
}

fn transcript(case: &Case, version: &str, harms: [Harm; 2]) -> Transcript {
    let (target, headers, body) = case.request;
    let target = filled(&target.replace('@', "\0")).replacen('\0', version, 1).replace('\0', "@");
    let request = message(&format!("{target} HTTP/1.1\r\nHost: d\r\n{}", filled(headers)), &filled(body), harms[0]);
    let (status, body) = case.answer;
    let answer = message(&format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\n"), &filled(body), harms[1]);
    let entry =
        |side, bytes: String| Entry { line: 0, at: std::time::Duration::ZERO, connection: 1, side, what: What::Bytes(bytes.into()) };
    let end = |side| Entry { line: 0, at: std::time::Duration::ZERO, connection: 1, side, what: What::Closed };
    let entries = vec![entry(Side::Client, request), entry(Side::Daemon, answer), end(Side::Client), end(Side::Daemon)];
    Transcript { entries, ..Transcript::default() }
}

/// The bytes of a request and of its answer.
pub(super) fn example(case: usize, version: &str, harm: Harm) -> [Vec<u8>; 2] {
    let bytes = |entry: &Entry| if let What::Bytes(bytes) = &entry.what { bytes.to_vec() } else { Vec::new() };
    let entries = transcript(&ALL[case], version, [harm, harm]).entries;
    [bytes(&entries[0]), bytes(&entries[1])]
}

/// Each byte an event of its own.
fn apart(transcript: &Transcript, size: usize) -> Transcript {
    let mut entries = Vec::new();
    for entry in &transcript.entries {
        match &entry.what {
            What::Bytes(bytes) => {
                let pieces = bytes.chunks(size).map(Bytes::copy_from_slice);
                entries.extend(pieces.map(|piece| Entry { what: What::Bytes(piece), ..entry.clone() }));
            }
            _ => entries.push(entry.clone()),
        }
    }
    Transcript { entries, ..transcript.clone() }
}

/// What enforce mode asks about, in the order of the transcript.
fn enforced(transcript: &Transcript) -> Vec<Event> {
    let inspector = Inspector::new(settings(true));
    let policy = EnforcePolicy::default();
    let mut events = Vec::new();
    for entry in &transcript.entries {
        let mut rest = match &entry.what {
            What::Bytes(bytes) => bytes.clone(),
            _ => continue,
        };
        let mut objected = false;
        while !rest.is_empty() && !objected {
            let before = rest.len();
            let ruling = inspector.ask((1, entry.side), Asked::Bytes(&mut rest), &policy, None, &mut |event| events.push(event));
            events.extend(ruling.objection.iter().map(|objection| Event::Violation(objection.violation.clone())));
            objected = ruling.objection.is_some() || before == rest.len();
        }
    }
    inspector.finish(&mut |event| events.push(event));
    events
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn reports(events: &[Event]) -> Vec<(String, Vec<u8>)> {
    let mut texts = vec![("event".to_owned(), format!("{events:?}").into_bytes())];
    for violation in events.iter().filter_map(|event| if let Event::Violation(violation) = event { Some(violation) } else { None }) {
        texts.push(("evidence".to_owned(), violation.evidence.clone()));
    }
    for format in Format::value_variants() {
        let sink = Sink::default();
        let mut report =
            reporter(*format, Box::new(sink.clone()), Setting { style: Style::Plain, catalog: Catalog::builtin(), coverage: true });
        let mut tally = Tally::default();
        for event in events {
            tally.event(event);
            report.event(event).expect("memory takes all");
        }
        report.finish(&tally).expect("memory takes all");
        let text = sink.0.lock().expect("not poisoned").clone();
        texts.push((format!("{format:?}"), text));
    }
    texts
}

fn recording(transcript: &Transcript) -> Vec<u8> {
    let redacted = redacted(transcript);
    let mut writer = Writer::new(Vec::new(), None).expect("memory takes all");
    // In one piece, so that a secret that was cut is seen.
    let mut bytes: [Vec<u8>; 2] = Default::default();
    for entry in &redacted.entries {
        writer.entry(entry).expect("memory takes all");
        if let What::Bytes(piece) = &entry.what {
            bytes[entry.side as usize].extend_from_slice(piece);
        }
    }
    let mut text = writer.into_inner();
    for bytes in bytes {
        text.push(b'\n');
        // Without the chunked coding between them.
        text.extend_from_slice(&bytes);
        text.push(b'\n');
        text.extend(String::from_utf8_lossy(&bytes).replace("\r\n7\r\n", "").into_bytes());
    }
    text
}

/// Parts of the secrets, plain and in base64 at each of its three alignments.
fn traces() -> Vec<String> {
    let mut traces = Vec::new();
    for secret in SECRETS {
        traces.extend(secret.as_bytes().windows(SHOWN).step_by(3).map(|part| String::from_utf8_lossy(part).into_owned()));
        for shift in 0..3 {
            let encoded = STANDARD.encode(format!("{}{secret}", " ".repeat(shift)));
            traces.extend(encoded.as_bytes()[4..].windows(8).step_by(4).take(4).map(|part| String::from_utf8_lossy(part).into_owned()));
        }
    }
    traces
}

pub(super) struct Watch(Vec<String>, Vec<String>);

impl Default for Watch {
    fn default() -> Self {
        Self(traces(), Vec::new())
    }
}

impl Watch {
    pub(super) fn look(&mut self, what: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        if let Some(trace) = self.0.iter().find(|trace| text.contains(trace.as_str())) {
            let at = text.find(trace.as_str()).unwrap_or_default();
            let near: String = text[..].chars().skip(text[..at].chars().count().saturating_sub(60)).take(120).collect();
            // One of a kind is enough.
            let kind = |leak: &String| leak.rsplit_once(" in …").map(|(kind, _)| kind.split(" at ").next().map(str::to_owned));
            let leak = format!("{what}: {trace} in …{near}…");
            if self.1.iter().filter(|other| kind(other) == kind(&leak)).count() < 3 {
                self.1.push(leak);
            }
        }
    }

    fn look_at(&mut self, what: &str, transcript: &Transcript, formats: bool) {
        for (mode, events) in [("observe", judge_with(transcript, settings(true))), ("enforce", enforced(transcript))] {
            let texts = reports(&events);
            for (name, text) in texts.iter().take(if formats { usize::MAX } else { 1 }) {
                self.look(&format!("{what}, {mode}, {name}"), text);
            }
        }
        self.look(&format!("{what}, recording"), &recording(transcript));
    }

    pub(super) fn done(self) {
        assert!(self.1.is_empty(), "{} leaks:\n{}", self.1.len(), self.1[..self.1.len().min(30)].join("\n"));
    }
}

#[test]
fn no_report_and_no_recording_holds_a_secret() {
    let mut watch = Watch::default();
    for case in &ALL {
        for version in VERSIONS {
            // What is broken is broken alike at every version.
            let all = ["/v1.41", ""].contains(&version);
            for harm in HARMS.into_iter().filter(|harm| all || matches!(harm, Harm::None | Harm::NoColon)) {
                for harms in [[harm, Harm::None], [Harm::None, harm]] {
                    let whole = transcript(case, version, harms);
                    let what = format!("{} at {version:?}, {harms:?}", case.request.0);
                    watch.look_at(&what, &whole, true);
                }
            }
        }
    }
    watch.done();
}

#[test]
fn nor_where_it_is_cut() {
    let mut watch = Watch::default();
    for case in &ALL {
        for version in ["/v1.41", ""] {
            for harm in HARMS {
                let whole = transcript(case, version, [harm, harm]);
                for size in [1, 16] {
                    watch.look_at(&format!("{} at {version:?}, {harm:?}, cut by {size}", case.request.0), &apart(&whole, size), false);
                }
            }
        }
    }
    watch.done();
}

#[test]
fn what_is_found_in_them_is_the_same_with_secrets_and_without() {
    for case in &ALL {
        for version in VERSIONS {
            for harm in HARMS {
                let whole = transcript(case, version, [harm, harm]);
                let what = format!("{} at {version:?}, {harm:?}", case.request.0);
                let plain = judge_with(&whole, settings(false));
                assert_eq!(super::found(&judge_with(&whole, settings(true))), super::found(&plain), "{what}, judged");
                let recorded = redacted(&whole);
                assert_eq!(super::found(&judge_with(&recorded, settings(false))), super::found(&plain), "{what}, recorded");
                assert_eq!(redacted(&recorded), recorded, "{what}, twice");
                for size in [1, 7] {
                    let pieces = redacted(&apart(&whole, size));
                    assert_eq!(super::found(&judge_with(&pieces, settings(false))), super::found(&plain), "{what}, cut by {size}");
                }
            }
        }
    }
}

#[test]
fn without_redaction_the_secrets_are_there() {
    let events = judge_with(&transcript(&ALL[2], "/v1.41", [Harm::None, Harm::None]), settings(false));
    assert!(format!("{events:?}").contains(SECRETS[3]));
}
