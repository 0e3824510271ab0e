//! Which standard streams a call asks for: of attach and logs by the query, of exec by the body of its create. It judges nothing itself.

use serde_json::Value;

use super::exchange::Exchange;
use super::memory::Memory;

/// The streams of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

impl Streams {
    /// `AttachStdin` and its like in the body of exec create.
    pub(super) fn of_exec(document: &Value) -> Self {
        let flag = |name: &str| document.get(name).and_then(Value::as_bool).unwrap_or_default();
        Self { stdin: flag("AttachStdin"), stdout: flag("AttachStdout"), stderr: flag("AttachStderr") }
    }

    /// What a call asks for; `None` when that is not known.
    pub(super) fn of(exchange: &Exchange, memory: &Memory) -> Option<Self> {
        match exchange.operation?.id() {
            "ContainerAttach" | "ContainerLogs" => {
                // Go reads a form in the body before the query.
                let form = exchange.head.as_ref().and_then(|head| head.value("Content-Type"));
                if form.is_some_and(|media| media.starts_with(b"application/x-www-form-urlencoded")) {
                    return None;
                }
                let flag = |name: &str| exchange.target.parameter(name).is_some_and(is_set);
                Some(Self { stdin: flag("stdin") && flag("stream"), stdout: flag("stdout"), stderr: flag("stderr") })
            }
            "ExecStart" => memory.exec(exchange.target.step_after("/exec/")?),
            _ => None,
        }
    }

    /// The streams in words, for what is due.
    pub(super) fn words(self) -> String {
        match (self.stdout, self.stderr) {
            (true, true) => "stdout (1) or stderr (2)",
            (true, false) => "stdout (1), as the call asks",
            (false, true) => "stderr (2), as the call asks",
            (false, false) => "neither stdout nor stderr, as the call asks",
        }
        .to_owned()
    }

    /// Whether a frame of this stream may come. 0 is stdin, which is not sent back; 3 is an error of the daemon itself.
    pub(super) fn allows(self, stream: u8) -> bool {
        match stream {
            1 => self.stdout,
            2 => self.stderr,
            _ => true,
        }
    }
}

/// As dockerd reads a flag: moby/moby daemon/server/httputils, `BoolValue`.
fn is_set(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
}
