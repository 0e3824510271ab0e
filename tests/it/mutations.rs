//! Recorded answers of a real dockerd, each changed in one place: a member that is always sent is taken out, a value gets another type.
//! The judge has to notice. `cargo test mutations -- --nocapture` prints what survived.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use plimsoll::catalog::{Catalog, DefectKind, Framing, Lookup, Operation, Schema};
use plimsoll::model::{ApiVersion, Severity, Side};
use plimsoll::transcript::What;
use plimsoll::wire::{BodyDecoder, BodyItem, BodyLength, Head, HeadRead, HeadReader, JsonStreamDecoder, JsonStreamItem, StreamEnd};
use serde_json::{Value, json};

use super::support::{files, repository, transcript};

/// A JSON document that dockerd sent.
pub(super) struct Answer {
    operation: &'static Operation,
    version: ApiVersion,
    pub(super) schema: &'static Schema,
    pub(super) document: Value,
}

/// What differs between two members is where in a list or map they stand.
type Place = (String, ApiVersion, String);

#[test]
fn single_changes_of_recorded_answers_are_noticed() {
    let answers: Vec<Answer> = files(&repository("fixtures/recordings"), "wire").iter().flat_map(|path| recorded(path)).collect();
    let always = AlwaysSent::read();
    let mut changes: BTreeMap<(Place, &str), bool> = BTreeMap::new();
    for answer in &answers {
        let mut pointers = Vec::new();
        walk(&answer.document, String::new(), &mut pointers);
        // What the version does not have is a note, whatever it is: nobody reads it.
        let outside: Vec<String> = answer.schema.defects(&answer.document).into_iter().map(|defect| defect.pointer).collect();
        for pointer in pointers.iter().filter(|pointer| !outside.iter().any(|outside| within(pointer, outside))) {
            let place = (answer.operation.id().to_owned(), answer.version, general(pointer));
            let mut changed = answer.document.clone();
            *changed.pointer_mut(pointer).expect("walked") = other_type(answer.document.pointer(pointer).expect("walked"));
            note(&mut changes, (place.clone(), "retyped"), noticed(answer.schema, &changed));
            if always.has(answer.operation.id(), &general(pointer)) && !left_out(answer.operation.id(), &general(pointer)) {
                let mut changed = answer.document.clone();
                remove(&mut changed, pointer);
                note(&mut changes, (place, "deleted"), noticed(answer.schema, &changed));
            }
        }
    }
    let survived: Vec<String> = changes
        .iter()
        .filter(|(_, noticed)| !**noticed)
        .map(|(((operation, version, pointer), change), _)| format!("{operation} {version} {pointer} {change}"))
        .collect();
    let percent = 100.0 - 100.0 * number(survived.len()) / number(changes.len());
    let text = format!(
        "{} kinds of single changes in {} answers, {percent:.2} % noticed; survived:\n  {}\n",
        changes.len(),
        answers.len(),
        survived.join("\n  ")
    );
    {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    assert!(changes.len() > 5000, "too few answers are recorded: {}", changes.len());
    assert!(percent >= 98.0, "{text}");
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn number(count: usize) -> f64 {
    count as f64
}

/// A change counts as noticed when it is noticed everywhere.
fn note<K: Ord>(changes: &mut BTreeMap<K, bool>, key: K, noticed: bool) {
    let entry = changes.entry(key).or_insert(true);
    *entry &= noticed;
}

fn noticed(schema: &Schema, document: &Value) -> bool {
    schema.defects(document).iter().any(|defect| defect.kind.rule().severity() > Severity::Note)
}

fn other_type(value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Array(_) | Value::Object(_) => json!(12345),
        // Of no type that a member which may be null has.
        Value::Null => json!([[1]]),
        Value::Bool(_) | Value::Number(_) => json!("x"),
    }
}

/// Every value of a document but the document itself.
pub(super) fn walk(value: &Value, pointer: String, out: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (format!("{pointer}/{}", escape(key)), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (format!("{pointer}/{index}"), value)).collect(),
        _ => Vec::new(),
    };
    if !pointer.is_empty() {
        out.push(pointer);
    }
    for (pointer, value) in children {
        walk(value, pointer, out);
    }
}

fn within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn general(pointer: &str) -> String {
    pointer
        .split('/')
        .map(|step| if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) { "*" } else { step })
        .collect::<Vec<_>>()
        .join("/")
}

fn left_out(operation: &str, pointer: &str) -> bool {
    NOT_BY_ALL.iter().any(|(one, beginning, _)| *one == operation && pointer.starts_with(beginning))
}

fn remove(document: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(Value::Object(object)) = document.pointer_mut(parent) {
        object.remove(&name);
    }
}

/// What dockerd always sends, by operation: the members of its Go types without `omitempty`.
struct AlwaysSent {
    members: BTreeMap<String, BTreeSet<String>>,
}

/// Always sent by dockerd 20.10, but not by every dockerd that answers the same versions: nothing that a schema of a version could require.
const NOT_BY_ALL: [(&str, &str, &str); 11] = [
    ("ContainerInspect", "/Config/OnBuild", "Docker 29 leaves out what only images have"),
    ("ContainerInspect", "/HostConfig/KernelMemory", "Docker 23 and later"),
    (
        "ContainerInspect",
        "/NetworkSettings/",
        "Docker 29 has the address beside the networks only on the default bridge; those are required there",
    ),
    ("ImageInspect", "/Container", "Docker 26 and later; ContainerConfig, too"),
    ("ImageInspect", "/VirtualSize", "not required where the size is 0, since Docker 24 to 28 leave out a zero"),
    ("ImageInspect", "/Metadata/LastTagTime", "Docker 25 and later, where an image was never tagged"),
    ("SystemInfo", "/KernelMemory", "Docker 23 and later"),
    ("SystemInfo", "/Runtimes/", "a runtime may be a shim without a path"),
    ("SystemDataUsage", "/BuilderSize", "gone with 1.42, and from later daemons at every version"),
    ("NetworkList", "/*/Containers", "the list has them up to 1.27 only"),
    ("ContainerWait", "/Error", "later daemons leave it out when there is none"),
];

impl AlwaysSent {
    fn read() -> Self {
        let text = std::fs::read(repository("fixtures/always-sent.json")).expect("the list");
        let list: Value = serde_json::from_slice(&text).expect("JSON");
        let members = list["members"].as_object().expect("a map").iter();
        let names = |value: &Value| value.as_array().expect("a list").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        Self { members: members.map(|(operation, value)| (operation.clone(), names(value))).collect() }
    }

    fn has(&self, operation: &str, pointer: &str) -> bool {
        let steps: Vec<&str> = pointer.split('/').collect();
        let fits = |pattern: &str| {
            let pattern: Vec<&str> = pattern.split('/').collect();
            pattern.len() == steps.len() && pattern.iter().zip(&steps).all(|(due, step)| due == step || *due == "{}")
        };
        self.members.get(operation).is_some_and(|members| members.iter().any(|pattern| fits(pattern)))
    }
}

/// All JSON documents of a recording that a schema describes.
pub(super) fn recorded(path: &std::path::Path) -> Vec<Answer> {
    let mut streams: BTreeMap<(u64, Side), BytesMut> = BTreeMap::new();
    for entry in transcript(path).entries {
        if let What::Bytes(bytes) = entry.what {
            streams.entry((entry.connection, entry.side)).or_default().extend_from_slice(&bytes);
        }
    }
    let connections: BTreeSet<u64> = streams.keys().map(|(connection, _)| *connection).collect();
    let mut stream = |connection, side| streams.remove(&(connection, side)).unwrap_or_default().freeze();
    connections.into_iter().flat_map(|connection| pair(stream(connection, Side::Client), stream(connection, Side::Daemon))).collect()
}

/// Requests and answers in turn, until the connection is handed over.
fn pair(mut client: Bytes, mut daemon: Bytes) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let (Some(request), Some(response)) = (head(Side::Client, &mut client), head(Side::Daemon, &mut daemon)) {
        let _ = body(BodyLength::of_request(&request, &mut Vec::new()), &mut client);
        if response.status() == Some(101) {
            break;
        }
        let bytes = body(BodyLength::of_response(&response, request.method(), &mut Vec::new()), &mut daemon);
        answers.extend(documents(&request, &response, bytes));
    }
    answers
}

fn head(side: Side, input: &mut Bytes) -> Option<Head> {
    match HeadReader::new(side).push(input) {
        HeadRead::Complete(head, _) => Some(head),
        _ => None,
    }
}

fn body(length: BodyLength, input: &mut Bytes) -> Bytes {
    let (mut decoder, _) = BodyDecoder::new(length);
    let mut out = BytesMut::new();
    while !decoder.is_complete() {
        match decoder.next(input) {
            Some(BodyItem::Data(data)) => out.extend_from_slice(&data),
            Some(BodyItem::Flaw(_) | BodyItem::ChunkEnd) => {}
            _ => break,
        }
    }
    out.freeze()
}

fn documents(request: &Head, response: &Head, mut bytes: Bytes) -> Vec<Answer> {
    let target = String::from_utf8_lossy(request.target()).into_owned();
    let path = target.split('?').next().unwrap_or_default();
    let (version, path) = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) => (version.parse().expect("a version"), format!("/{rest}")),
        None => (ApiVersion::new(41), path.to_owned()),
    };
    let method = String::from_utf8_lossy(request.method()).into_owned();
    let Lookup::Operation(operation) = Catalog::builtin().lookup(&method, &path, Some(version)) else { return Vec::new() };
    let contract = operation.contract(version).responses.get(&response.status().unwrap_or_default());
    let Some((body, schema)) = contract.and_then(|contract| Some((&contract.body, contract.body.schema.as_ref()?))) else {
        return Vec::new();
    };
    let answer = |document| Answer { operation, version, schema, document };
    let found: Vec<Value> = match body.framing {
        Framing::Json => serde_json::from_slice(&bytes).into_iter().collect(),
        Framing::JsonStream => {
            let mut decoder = JsonStreamDecoder::default();
            let mut items = Vec::new();
            while !bytes.is_empty() {
                items.extend(decoder.next(&mut bytes));
            }
            items.extend(decoder.finish(StreamEnd::Closed));
            let document = |item| match item {
                JsonStreamItem::Document { bytes, .. } => serde_json::from_slice(&bytes).ok(),
                _ => None,
            };
            items.into_iter().filter_map(document).collect()
        }
        _ => Vec::new(),
    };
    found.into_iter().map(answer).inspect(|answer| assert!(!noticed(answer.schema, &answer.document), "the recording is clean")).collect()
}

#[test]
fn an_unknown_member_is_no_more_than_a_note() {
    for answer in files(&repository("fixtures/recordings"), "wire").iter().flat_map(|path| recorded(path)) {
        let mut changed = answer.document.clone();
        let Value::Object(object) = &mut changed else { continue };
        object.insert("XUnheardOf".to_owned(), json!(1));
        let known = |kind| matches!(kind, DefectKind::Unknown | DefectKind::TooNew | DefectKind::Removed);
        assert!(answer.schema.defects(&changed).iter().all(|defect| known(defect.kind)), "{}", answer.operation.id());
    }
}
