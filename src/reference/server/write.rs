//! From an answer to HTTP: heads, error formats by version, endless bodies, and the heads of hijacks.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::catalog::{Framing, Operation};
use crate::model::ApiVersion;

use super::super::Engine;
use super::super::answer::{Answer, Conversation, Handshake, Payload};
use super::super::fault::document::{Damage, damage};
use super::super::fault::message::{self, Place};
use super::super::fault::stream::{Bend, Bender, bent};
use super::super::fault::{Fault, Offer, Way};
use super::super::refusal::Refusal;
use super::super::shape::{schema, shape};

/// The body of a response.
pub(in super::super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A response that Go's router makes before dockerd sees the request: without dockerd's headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bare;

/// What goes out.
pub(super) enum Written {
    /// By hyper.
    Http(Response<Body>),
    /// By hand: the head, and what follows it on the bare connection.
    Raw { head: Vec<u8>, conversation: Option<Conversation> },
}

/// A body that is here.
pub(super) fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// Operations that may take the connection: the end of the client's sending is then no end of the request.
pub(super) fn may_hijack(operation: &Operation) -> bool {
    matches!(operation.id(), "ContainerAttach" | "ContainerAttachWebsocket" | "ExecStart" | "Session" | "Grpc")
}

/// A refusal in the format of the version: JSON since 1.24, text before.
pub(super) fn refusal(version: ApiVersion, refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(text(""));
    *response.status_mut() = status;
    if status == StatusCode::NOT_MODIFIED {
        return response;
    }
    let (media, body) = if version >= ApiVersion::new(24) {
        ("application/json", format!("{}\n", json!({ "message": refusal.message })))
    } else {
        response.headers_mut().insert("X-Content-Type-Options", HeaderValue::from_static("nosniff"));
        ("text/plain; charset=utf-8", format!("{}\n", refusal.message))
    };
    *response.body_mut() = text(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// Writes the answers to one request.
pub(super) struct Writer {
    engine: Arc<Engine>,
    is_head: bool,
    upgrade: bool,
    websocket_key: Option<String>,
    ways: Vec<Way>,
}

impl Writer {
    pub(super) fn new(engine: &Arc<Engine>, parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            engine: Arc::clone(engine),
            is_head: parts.method == Method::HEAD,
            // Any will do, as dockerd does not look at `Connection`.
            upgrade: header("upgrade").is_some(),
            websocket_key: header("sec-websocket-key").map(str::to_owned),
            ways: Vec::new(),
        }
    }

    /// Chooses the faults that are due for an answer of this operation.
    pub(super) fn misbehave(&mut self, operation: &Operation) {
        let due = self.engine.settings().faults.iter().filter(|fault| fault.is_due(operation.id()));
        self.ways = due.map(Fault::way).collect();
    }

    /// Makes an answer that hyper would write one that is written wrong, when a fault asks for it and there is a place.
    pub(super) fn spoil(&self, operation: &Operation, version: ApiVersion, response: Response<Body>) -> Written {
        let body = operation.contract(version).responses.get(&response.status().as_u16()).map(|response| &response.body);
        let place = Place {
            body: match body {
                Some(body) if body.framing == Framing::Json && body.schema.is_some() => message::Kind::Json,
                Some(body) if body.framing == Framing::JsonStream => message::Kind::Documents,
                _ => message::Kind::Other,
            },
            is_head: self.is_head,
            asks_headers: match operation.id() {
                "ContainerArchive" | "ContainerArchiveInfo" => true,
                "SystemPing" | "SystemPingHead" => version >= ApiVersion::new(25),
                _ => false,
            },
            names_media: body.is_some_and(|body| body.framing != Framing::Empty && !body.media.is_empty() && !body.media.contains(&None)),
        };
        let slip = self.ways.iter().find_map(|way| match way {
            Way::Message(slip) if message::fits(*slip, &response, place) => Some(*slip),
            _ => None,
        });
        match slip {
            Some(slip) => Written::Raw { head: Vec::new(), conversation: Some(message::written(slip, response, place)) },
            None => Written::Http(response),
        }
    }

    fn damages(&self) -> Vec<Damage> {
        self.ways.iter().filter_map(|way| if let Way::Document(damage) = way { Some(*damage) } else { None }).collect()
    }

    fn bend(&self) -> Option<Bend> {
        self.ways.iter().find_map(|way| if let Way::Stream(bend) = way { Some(*bend) } else { None })
    }

    /// Writes an answer or a refusal.
    pub(super) fn write(&self, operation: &'static Operation, version: ApiVersion, answered: Result<Answer, Refusal>) -> Written {
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) if operation.id() == "ContainerAttach" && error.status != 400 => return raw_refusal(&error),
            Err(error) => return Written::Http(refusal(version, &error)),
        };
        let mut response = Response::new(text(""));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        let shape_of = schema(operation, version, answer.status);
        let (media, body) = match answer.payload {
            Payload::Empty => (None, text("")),
            Payload::Json(mut value) => {
                if let Some(schema) = shape_of {
                    shape(&mut value, schema);
                    for kind in self.damages() {
                        damage(kind, &mut value, schema);
                    }
                }
                (Some("application/json"), text(format!("{value}\n")))
            }
            Payload::Written(bytes) => (Some("application/json"), text(self.damaged(bytes, shape_of))),
            Payload::Text(content) => (Some("text/plain; charset=utf-8"), text(content)),
            Payload::Bytes(media, bytes) => (media, text(bytes)),
            Payload::Stream(media, chunks) => match self.bend() {
                Some(bend) if operation.id().ends_with("Logs") => (media, stream(bent_chunks(bend, chunks))),
                _ => (media, stream(chunks)),
            },
            Payload::Documents(ending, documents) => {
                (Some("application/json"), self::documents(documents, ending, shape_of, self.damages()))
            }
            Payload::Hijack(hijack) => {
                let Some(head) = self.handshake(operation, hijack.handshake, &answer.headers) else {
                    // Without the headers of a handshake dockerd's WebSocket library says only this.
                    return Written::Raw { head: b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), conversation: None };
                };
                let is_stream = matches!(hijack.handshake, Handshake::Stream(_));
                if is_stream && self.ways.iter().any(|way| matches!(way, Way::Handshake(Offer::Length))) {
                    return Written::Raw { head, conversation: None };
                }
                return match self.bend().filter(|_| is_stream) {
                    Some(Bend::JoinedHead) => {
                        let conversation = bent(Bend::JoinedHead, hijack.conversation, head);
                        Written::Raw { head: Vec::new(), conversation: Some(conversation) }
                    }
                    Some(bend) => Written::Raw { head, conversation: Some(bent(bend, hijack.conversation, Vec::new())) },
                    None => Written::Raw { head, conversation: Some(hijack.conversation) },
                };
            }
        };
        if let (Some(media), false) = (media, response.headers().contains_key(CONTENT_TYPE)) {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        *response.body_mut() = body;
        Written::Http(response)
    }

    /// Adds the headers that every answer has, and takes the body where there may be none.
    pub(super) fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        let settings = self.engine.settings();
        let bare = response.extensions().get::<Bare>().is_some();
        let date = self.engine.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = response.headers_mut();
        insert(headers, "Date", date);
        if !bare {
            insert(headers, "Api-Version", settings.newest.to_string());
            insert(headers, "Docker-Experimental", "false".to_owned());
            insert(headers, "Ostype", "linux".to_owned());
            insert(headers, "Server", format!("Docker/{} (linux)", super::super::system::VERSION));
        }
        if settings.cors {
            insert(headers, "Access-Control-Allow-Origin", "*".to_owned());
            insert(headers, "Access-Control-Allow-Headers", "Origin, X-Requested-With, Content-Type, Accept, X-Registry-Auth".to_owned());
            insert(headers, "Access-Control-Allow-Methods", "HEAD, GET, POST, DELETE, PUT, OPTIONS".to_owned());
        }
        if self.is_head {
            // hyper announces the length and holds the body back.
            return response;
        }
        if !has_body(response.status()) {
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = text("");
        }
        response
    }

    /// The head of a hijack, in the order of dockerd's lines; none for a WebSocket that was not asked for as one.
    fn handshake(&self, operation: &Operation, handshake: Handshake, headers: &[(&'static str, String)]) -> Option<Vec<u8>> {
        let offers = |offer: Offer| self.ways.iter().any(|way| matches!(way, Way::Handshake(other) if *other == offer));
        let mut head = match handshake {
            Handshake::Stream(media) if self.upgrade && offers(Offer::NoHeaders) => {
                format!("HTTP/1.1 101 UPGRADED\r\nContent-Type: {media}\r\n")
            }
            Handshake::Stream(media) if self.upgrade && !offers(Offer::NotUpgraded) || offers(Offer::Unasked) => {
                format!("HTTP/1.1 101 UPGRADED\r\nContent-Type: {media}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n")
            }
            Handshake::Stream(media) => format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n"),
            Handshake::H2c => "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n".to_owned(),
            Handshake::Websocket => {
                let key = self.websocket_key.as_deref().filter(|_| self.upgrade)?;
                let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                )
            }
        };
        if operation.id() == "ExecStart" && self.upgrade {
            let newest = self.engine.settings().newest;
            // Writing to a text cannot fail, here and below.
            let _ = write!(head, "Api-Version: {newest}\r\nDocker-Experimental: false\r\nOstype: linux\r\n");
        }
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if offers(Offer::Length) {
            head.push_str("Content-Length: 0\r\n");
        }
        head.push_str("\r\n");
        Some(head.into_bytes())
    }

    /// A document that was written already, read again only to be damaged.
    fn damaged(&self, written: Bytes, schema: Option<&Value>) -> Bytes {
        let damages = self.damages();
        let (Some(schema), false) = (schema, damages.is_empty()) else { return written };
        let Ok(mut value) = serde_json::from_slice(&written) else { return written };
        for kind in damages {
            damage(kind, &mut value, schema);
        }
        Bytes::from(format!("{value}\n"))
    }
}

/// dockerd has taken the connection before it finds that it cannot attach: text behind a bare head, then the end.
fn raw_refusal(refusal: &Refusal) -> Written {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or_default();
    let head =
        format!("HTTP/1.1 {} {reason}\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n{}\r\n", status.as_u16(), refusal.message);
    Written::Raw { head: head.into_bytes(), conversation: None }
}

fn has_body(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

fn stream(chunks: mpsc::Receiver<Bytes>) -> Body {
    let frames = unfold(chunks, |mut chunks| async move { chunks.recv().await.map(|chunk| (chunk, chunks)) });
    StreamBody::new(frames.map(|chunk| Ok(Frame::data(chunk)))).boxed_unsync()
}

/// The chunks of a stream of frames, with a fault.
fn bent_chunks(bend: Bend, mut chunks: mpsc::Receiver<Bytes>) -> mpsc::Receiver<Bytes> {
    let (out, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut bender = Bender::new(bend);
        while let Some(chunk) = chunks.recv().await {
            let (writes, ends) = bender.push(&chunk);
            for bytes in writes {
                if out.send(bytes).await.is_err() {
                    return;
                }
            }
            if ends {
                return;
            }
        }
        for bytes in bender.flush() {
            // The client has gone: fine.
            let _ = out.send(bytes).await;
        }
    });
    receiver
}

fn documents(documents: mpsc::Receiver<Value>, ending: &'static str, schema: Option<&'static Value>, damages: Vec<Damage>) -> Body {
    let chunks = unfold((documents, damages), move |(mut documents, mut damages)| async move {
        let mut value = documents.recv().await?;
        if let Some(schema) = schema {
            shape(&mut value, schema);
            damages.retain(|kind| !damage(*kind, &mut value, schema));
        }
        Some((Bytes::from(format!("{value}{ending}")), (documents, damages)))
    });
    StreamBody::new(chunks.map(|chunk| Ok(Frame::data(chunk)))).boxed_unsync()
}
