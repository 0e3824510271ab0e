//! What one epoch of an operation asks of a request and of a response.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::parameter::Parameters;
use super::schema::Schema;

/// What a body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Nothing.
    Empty,
    /// One JSON document.
    Json,
    /// JSON documents one after the other.
    JsonStream,
    /// Frames: 8 bytes of header, then the payload.
    Frames,
    /// Frames, or raw bytes when the container has a TTY.
    FramesOrRaw,
    /// Bytes.
    Raw,
    /// A tar archive.
    Tar,
    /// Text.
    Text,
    /// A WebSocket connection.
    Websocket,
    /// Another protocol.
    Opaque,
}

impl Framing {
    /// All framings, with the name that the files use.
    pub(super) const NAMES: [(&'static str, Self); 10] = [
        ("empty", Self::Empty),
        ("json", Self::Json),
        ("json-stream", Self::JsonStream),
        ("frames", Self::Frames),
        ("frames-or-raw", Self::FramesOrRaw),
        ("raw", Self::Raw),
        ("tar", Self::Tar),
        ("text", Self::Text),
        ("websocket", Self::Websocket),
        ("opaque", Self::Opaque),
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(other, _)| *other == name).map(|(_, framing)| *framing)
    }
}

/// What one epoch of an operation asks.
#[derive(Debug)]
pub struct Contract {
    /// Query parameters.
    pub query: Parameters,
    /// Request headers.
    pub headers: Parameters,
    /// The request's body.
    pub request: BodyContract,
    /// By status.
    pub responses: BTreeMap<u16, ResponseContract>,
    /// Whether any response hands over the connection.
    pub hijacks: bool,
}

/// What a response with a certain status looks like.
#[derive(Debug)]
pub struct ResponseContract {
    /// Whether it may hand over the connection.
    pub hijack: bool,
    /// Its headers.
    pub headers: Parameters,
    /// Its body.
    pub body: BodyContract,
}

/// What a body looks like.
#[derive(Debug)]
pub struct BodyContract {
    /// What it is made of.
    pub framing: Framing,
    /// The content types that are right; `None` in the list: absent is right, too. Empty: any.
    pub media: Vec<Option<String>>,
    /// A request without a body is right, too.
    pub optional: bool,
    /// For `json` and `text` the document, for `json-stream` each document.
    pub schema: Option<Schema>,
}

impl BodyContract {
    fn read(value: Option<&Value>) -> Result<Self, String> {
        let empty = Map::new();
        let object = match value {
            None => &empty,
            Some(value) => value.as_object().ok_or("a body is an object")?,
        };
        let framing = match object.get("framing").and_then(Value::as_str) {
            None => Framing::Empty,
            Some(name) => Framing::from_name(name).ok_or_else(|| format!("there is no framing {name}"))?,
        };
        let media = match object.get("media") {
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ if matches!(framing, Framing::Json | Framing::JsonStream) => vec![Some("application/json".to_owned())],
            _ => Vec::new(),
        };
        let optional = object.get("optional") == Some(&Value::Bool(true));
        Ok(Self { framing, media, optional, schema: object.get("schema").cloned().map(Schema::new) })
    }
}

impl Contract {
    /// Reads the projected parts of a file: `request` projected as a request, `responses` of the file and of `common.json`.
    pub(super) fn read(request: &Value, responses: &Value, common: &Value) -> Result<Self, String> {
        let mut by_status = BTreeMap::new();
        for (source, own) in [(common, false), (responses, true)] {
            for (status, response) in source.as_object().into_iter().flatten() {
                let code: u16 = status.parse().map_err(|_| format!("{status} is not a status"))?;
                let hijack = response.get("hijack") == Some(&Value::Bool(true));
                let body = BodyContract::read(response.get("body")).map_err(|what| format!("response {status}: {what}"))?;
                let headers = Parameters::read(response.get("headers")).map_err(|what| format!("response {status}: {what}"))?;
                debug_assert!(own || !hijack, "common responses hijack nothing");
                by_status.insert(code, ResponseContract { hijack, headers, body });
            }
        }
        Ok(Self {
            query: Parameters::read(request.get("query")).map_err(|what| format!("query: {what}"))?,
            headers: Parameters::read(request.get("headers")).map_err(|what| format!("request headers: {what}"))?,
            request: BodyContract::read(request.get("body")).map_err(|what| format!("request: {what}"))?,
            hijacks: by_status.values().any(|response| response.hijack),
            responses: by_status,
        })
    }
}
