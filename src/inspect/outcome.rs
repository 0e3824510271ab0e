//! What a stream of progress messages comes to: whether the daemon refused in it what the client sent, behind a head that had to say 200.
//! It reads the ends of documents only, and keeps none.

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// An error is no longer than this: larger messages are none.
const LONGEST: usize = 64 << 10;

/// The messages of one stream.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Something was done: a step of a build, a loaded image.
    worked: bool,
    /// The last message is an error.
    failed: bool,
}

/// The members of a message that decide: Docker Engine API documents, `ImageBuild` and `ImageLoad`; moby/moby pkg/jsonmessage.
#[derive(Deserialize)]
struct Message {
    stream: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<IgnoredAny>,
}

impl Outcome {
    /// Takes a message.
    pub(super) fn see(&mut self, document: &[u8]) {
        self.failed = false;
        let short = document.len() <= LONGEST;
        if !short || !["\"error", "\"stream\""].iter().any(|name| memmem::find(document, name.as_bytes()).is_some()) {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message>(document) else { return };
        self.failed = message.error.is_some() || message.error_detail.is_some();
        self.worked |= message.stream.is_some();
    }

    /// Whether what was sent was refused: the stream ends in an error, and the daemon did nothing with it before. A build that fails in a step has had
    /// its context.
    pub(super) const fn is_refusal(&self) -> bool {
        self.failed && !self.worked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_refusal() {
        const ERROR: &str = r#"{"errorDetail":{"message":"invalid tar header"},"error":"invalid tar header"}"#;
        for (messages, refused) in [
            (&[ERROR][..], true),
            (&[r#"{"status":"Importing","progressDetail":{}}"#, ERROR], true),
            (&[r#"{"error":"no"}"#], true),
            (&[r#"{"stream":"Step 1/2 : FROM base\n"}"#, ERROR], false),
            (&[ERROR, r#"{"status":"goes on"}"#], false),
            (&[r#"{"status":"an \"error\" is spoken of"}"#], false),
            (&["[1]"], false),
            (&[], false),
        ] {
            let mut outcome = Outcome::default();
            for message in messages {
                outcome.see(message.as_bytes());
            }
            assert_eq!(outcome.is_refusal(), refused, "{messages:?}");
        }
    }
}
