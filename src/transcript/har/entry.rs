//! An entry of the archive, as far as it is read and written here, and the bytes of its messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A name and a value: of a header, of a query.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}

/// `entries[]`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarEntry {
    pub(super) started_date_time: String,
    #[serde(default)]
    pub(super) time: f64,
    pub(super) request: HarRequest,
    #[serde(default)]
    pub(super) response: HarResponse,
    #[serde(default)]
    pub(super) cache: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(super) timings: Timings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(default, rename = "_events", skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<HarEvent>>,
}

/// Seconds since the start, operator, bytes, number of the line.
pub(super) type HarEvent = (f64, String, usize, u64);

/// `entries[].timings`, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Timings {
    #[serde(default)]
    pub(super) send: f64,
    #[serde(default)]
    pub(super) wait: f64,
    #[serde(default)]
    pub(super) receive: f64,
}

/// What a request and an answer have alike.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarMessage {
    #[serde(default)]
    pub(super) http_version: String,
    #[serde(default)]
    pub(super) cookies: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default)]
    pub(super) headers_size: i64,
    #[serde(default)]
    pub(super) body_size: i64,
    /// The sizes of the chunks.
    #[serde(default, rename = "_chunks", skip_serializing_if = "Option::is_none")]
    pub(super) chunks: Option<Vec<usize>>,
    /// The message in base64, where its parts do not say it all.
    #[serde(default, rename = "_raw", skip_serializing_if = "Option::is_none")]
    pub(super) raw: Option<String>,
    /// What the side sent after a hijack, in base64.
    #[serde(default, rename = "_tail", skip_serializing_if = "Option::is_none")]
    pub(super) tail: Option<String>,
}

/// `entries[].request`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarRequest {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) query_string: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) post_data: Option<PostData>,
    #[serde(flatten)]
    pub(super) message: HarMessage,
}

/// `entries[].request.postData`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData {
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) text: String,
    /// HAR has no word for a body that is no text; this is what others write.
    #[serde(default, rename = "_encoding", alias = "encoding", skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
}

/// `entries[].response`. Status 0: there was none.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarResponse {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) status_text: String,
    #[serde(default)]
    pub(super) content: Content,
    #[serde(default, rename = "redirectURL")]
    pub(super) redirect_url: String,
    #[serde(flatten)]
    pub(super) message: HarMessage,
}

/// `entries[].response.content`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    #[serde(default)]
    pub(super) size: i64,
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
}

impl HarRequest {
    /// The target: what is behind the authority.
    pub(super) fn target(&self) -> &str {
        let behind = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        behind.find(['/', '?']).map_or("/", |at| &behind[at..])
    }

    /// Host and port of the URL.
    pub(super) fn authority(&self) -> Option<&str> {
        let behind = self.url.split_once("://")?.1;
        Some(behind.split(['/', '?']).next().unwrap_or_default()).filter(|host| !host.is_empty())
    }

    pub(super) fn body(&self) -> Result<Vec<u8>, String> {
        self.post_data.as_ref().map_or(Ok(Vec::new()), |data| decode(&data.text, data.encoding.as_deref()))
    }

    /// The message, built from its parts.
    pub(super) fn build(&self, body: &[u8]) -> Vec<u8> {
        self.message.build(&format!("{} {} HTTP/1.1", self.method, self.target()), body)
    }

    /// Bytes that it holds in memory, about.
    pub(super) fn size(&self) -> usize {
        self.url.len() + self.post_data.as_ref().map_or(0, |data| data.text.len()) + self.message.size()
    }
}

impl HarResponse {
    pub(super) fn body(&self) -> Result<Vec<u8>, String> {
        decode(self.content.text.as_deref().unwrap_or_default(), self.content.encoding.as_deref())
    }

    /// The message, built from its parts; nothing where there was no answer.
    pub(super) fn build(&self, body: &[u8]) -> Vec<u8> {
        if self.status == 0 {
            return Vec::new();
        }
        self.message.build(&format!("HTTP/1.1 {} {}", self.status, self.status_text), body)
    }

    /// Bytes that it holds in memory, about.
    pub(super) fn size(&self) -> usize {
        self.content.text.as_ref().map_or(0, String::len) + self.message.size()
    }
}

impl HarMessage {
    /// All that the side sent: the message as it was, where its parts, of which `built` is made, do not say it all, and what followed a hijack.
    pub(super) fn sent(&self, built: Vec<u8>) -> Result<Bytes, String> {
        let raw = self.raw.as_ref().map_or(Ok(built), |raw| decode(raw, Some("base64")))?;
        let tail = self.tail.as_ref().map_or(Ok(Vec::new()), |tail| decode(tail, Some("base64")))?;
        Ok([raw, tail].concat().into())
    }

    fn build(&self, first: &str, body: &[u8]) -> Vec<u8> {
        message(first, &self.headers, body, self.chunks.as_deref())
    }

    fn size(&self) -> usize {
        let texts = [&self.raw, &self.tail].into_iter().flatten().map(String::len).sum::<usize>();
        texts + self.headers.iter().map(|header| header.name.len() + header.value.len()).sum::<usize>()
    }
}

fn message(first: &str, headers: &[Pair], body: &[u8], chunks: Option<&[usize]>) -> Vec<u8> {
    let mut out = first.as_bytes().to_vec();
    for Pair { name, value } in headers {
        out.extend_from_slice(format!("\r\n{name}: {value}").as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
    let Some(chunks) = chunks else {
        out.extend_from_slice(body);
        return out;
    };
    let mut rest = body;
    // A body that was edited is longer than its chunks.
    for size in chunks.iter().copied().chain([usize::MAX]) {
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        if !chunk.is_empty() {
            out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
        rest = behind;
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Text, or base64 where the archive says so.
pub(super) fn decode(text: &str, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    match encoding {
        Some("base64") => STANDARD.decode(text).map_err(|error| format!("is not base64: {error}")),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

/// The other way round: what is no text is base64.
pub(super) fn encode(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (STANDARD.encode(bytes), Some("base64".to_owned())),
    }
}
