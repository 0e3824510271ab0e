//! What kind of thing a member is, as the schema says: `x-kind`, else its `format`. Walks a document and its schema side by side.
//!
//! Nothing is guessed from what a value looks like: a member without a kind is data, whatever stands in it.

use serde_json::{Map, Value};

/// Marks an array whose order the API does not promise.
const UNORDERED: &str = "x-unordered";
/// Names the member that says of which kind the ids in an object are.
const KIND_FROM: &str = "x-kind-from";
/// The kind of the names of a map.
const KEY_KIND: &str = "x-key-kind";
/// Members that the API does not have, and daemons send.
const OTHERS: &str = "x-others";

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id or a digest of this kind of object: `<container-1>`. What is not of the form of an id, such as a name, is left alone.
    Id(&'static str),
    /// A name that the daemon makes up where the client gives none.
    Name,
    /// A port that the daemon chooses where the client does not.
    Port,
    /// An address or a subnet, likewise.
    Ip,
    /// A MAC address, likewise.
    Mac,
    /// A number of bytes.
    Size,
    /// The number of a process.
    Pid,
    /// The version of a swarm object, which an update has to give back.
    Index,
    /// A time: RFC 3339, or a number since 1970.
    Time,
    /// A text with a length of time in it: `Up 2 seconds`.
    Status,
    /// A sample of something that changes all the time.
    Measure,
    /// How far a transfer has come: documents with it come as the network likes, and a snapshot leaves them out.
    Progress,
    /// A table of processes: its columns that vary.
    Processes,
    /// What nobody is to read.
    Credential,
    /// A text of the daemon's own that may have ids in it: a path, a message.
    Text,
}

/// All kinds, with the word of the schema files.
const WORDS: [(&str, Kind); 31] = [
    ("container", Kind::Id("container")),
    ("image", Kind::Id("image")),
    ("layer", Kind::Id("layer")),
    ("digest", Kind::Id("digest")),
    ("network", Kind::Id("network")),
    ("endpoint", Kind::Id("endpoint")),
    ("sandbox", Kind::Id("sandbox")),
    ("volume", Kind::Id("volume")),
    ("exec", Kind::Id("exec")),
    ("service", Kind::Id("service")),
    ("task", Kind::Id("task")),
    ("node", Kind::Id("node")),
    ("secret", Kind::Id("secret")),
    ("config", Kind::Id("config")),
    ("swarm", Kind::Id("swarm")),
    ("daemon", Kind::Id("daemon")),
    ("id", Kind::Id("id")),
    ("name", Kind::Name),
    ("port", Kind::Port),
    ("ip", Kind::Ip),
    ("mac", Kind::Mac),
    ("size", Kind::Size),
    ("pid", Kind::Pid),
    ("index", Kind::Index),
    ("time", Kind::Time),
    ("status", Kind::Status),
    ("measure", Kind::Measure),
    ("progress", Kind::Progress),
    ("processes", Kind::Processes),
    ("credential", Kind::Credential),
    ("text", Kind::Text),
];

impl Kind {
    /// The kind that a schema file means by this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(other, _)| *other == word).map(|(_, kind)| *kind)
    }

    /// The kind of what this schema describes.
    fn of(schema: &Value) -> Option<Self> {
        if let Some(word) = schema.get("x-kind").and_then(Value::as_str) {
            return Self::from_word(word);
        }
        match schema.get("format").and_then(Value::as_str)? {
            "hex64" | "empty-or-hex64" => Some(Self::Id("id")),
            "digest" | "empty-or-digest" => Some(Self::Id("digest")),
            "date-time" | "empty-or-date-time" => Some(Self::Time),
            _ => None,
        }
    }

    /// The word before the number of an alias.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Id(word) => word,
            Self::Name => "name",
            Self::Port => "port",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Size => "size",
            Self::Pid => "pid",
            Self::Index => "index",
            Self::Time => "time",
            Self::Status => "duration",
            Self::Measure => "measure",
            Self::Progress => "progress",
            Self::Processes => "processes",
            Self::Credential => "credential",
            Self::Text => "id",
        }
    }
}

/// Sees a member with its kind; the place is a JSON pointer. It may change what stands there.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&str, Kind, &mut Value);

/// Shows every member that has a kind, in an order that does not depend on the values of keys that have one.
pub(super) fn walk(schema: &Value, document: &mut Value, place: &mut String, visit: Visit<'_>) {
    if let Some(kind) = Kind::of(schema) {
        visit(place, kind, document);
        // A table and a credential are looked at as a whole; the others have nothing inside that the schema describes.
        return;
    }
    if let Some(kind) = told_kind(schema, document) {
        members(schema, document, place, &mut |place, of, value| visit(place, if of == Kind::Id("id") { kind } else { of }, value));
        return;
    }
    members(schema, document, place, visit);
}

/// Of an event's object: what its `Type` says.
fn told_kind(schema: &Value, document: &Value) -> Option<Kind> {
    let member = schema.get(KIND_FROM)?.as_str()?;
    Kind::from_word(document.get(member)?.as_str()?).filter(|kind| matches!(kind, Kind::Id(_)))
}

fn members(schema: &Value, document: &mut Value, place: &mut String, visit: Visit<'_>) {
    match document {
        Value::Object(members) => {
            let key_kind = schema.get(KEY_KIND).and_then(Value::as_str).and_then(Kind::from_word);
            if let Some(kind) = key_kind {
                rename(schema, members, kind, place, visit);
                return;
            }
            for (name, value) in members {
                if let Some(schema) = member(schema, name) {
                    inside(place, name, |place| walk(schema, value, place, visit));
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter_mut().enumerate() {
                    inside(place, &index.to_string(), |place| walk(schema, item, place, visit));
                }
            }
        }
        _ => {}
    }
}

/// Sorts the arrays that have no order of their own by a key that `blind` makes of each item, inner ones first.
pub(super) fn sort(schema: &Value, document: &mut Value, blind: &dyn Fn(&Value, &Value) -> String) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(schema) = member(schema, name) {
                    sort(schema, value, blind);
                }
            }
        }
        Value::Array(items) => {
            let Some(item_schema) = schema.get("items") else { return };
            for item in items.iter_mut() {
                sort(item_schema, item, blind);
            }
            if schema.get(UNORDERED) == Some(&Value::Bool(true)) {
                items.sort_by_cached_key(|item| blind(item_schema, item));
            }
        }
        _ => {}
    }
}

fn member<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("properties").and_then(|properties| properties.get(name)).or_else(|| {
        // What daemons are known to send though the API does not have it; else what the API says of any member.
        schema
            .get(OTHERS)
            .and_then(|others| others.get(name))
            .or_else(|| schema.get("additionalProperties").filter(|rest| rest.is_object()))
    })
}

/// A map whose keys have a kind: they are shown as texts, and renamed to what becomes of them.
fn rename(schema: &Value, members: &mut Map<String, Value>, kind: Kind, place: &mut String, visit: Visit<'_>) {
    let mut pairs: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
    // Sorted by what they map to: the keys are what the daemon chose.
    let key = |value: &Value| value.get("Name").map_or_else(String::new, Value::to_string);
    pairs.sort_by_key(|(_, value)| key(value));
    for (index, (name, mut value)) in pairs.into_iter().enumerate() {
        let mut shown = Value::String(name);
        inside(place, &index.to_string(), |place| {
            visit(place, kind, &mut shown);
            if let Some(schema) = schema.get("additionalProperties") {
                walk(schema, &mut value, place, visit);
            }
        });
        if let Value::String(name) = shown {
            members.insert(name, value);
        }
    }
}

fn inside<R>(place: &mut String, step: &str, then: impl FnOnce(&mut String) -> R) -> R {
    let before = place.len();
    place.push('/');
    place.push_str(&step.replace('~', "~0").replace('/', "~1"));
    let result = then(place);
    place.truncate(before);
    result
}
