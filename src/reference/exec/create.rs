//! `ContainerExec`: a command is prepared.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Exec, Phase, tell};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::container::console::Console;
use crate::reference::container::stream::detach::DetachKeys;
use crate::reference::container::stream::needs_running;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// Prepares a command in a container that runs.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = call.required_json().await?;
    let asked = Document(&body);
    let argv = command(asked)?;
    for name in ["AttachStdin", "AttachStdout", "AttachStderr", "Tty", "Privileged"] {
        truth(asked, name)?;
    }
    let mut guard = engine.state();
    let state = &mut *guard;
    let container = state.containers.find(&call.name)?;
    if !container.life.is_running() {
        return Err(Refusal::conflict(format!("Container {} is not running", container.id)));
    }
    if container.life.is_paused() {
        return Err(Refusal::conflict(format!("Container {} is paused, unpause the container before exec", call.name)));
    }
    needs_running(container)?;
    let text = asked.text("DetachKeys");
    let keys = DetachKeys::parse(text).ok_or_else(|| Refusal::server_error(format!("Invalid escape keys ({text}) provided")))?;
    let config = Document(&container.config);
    let or = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    let (tty, stdin) = (asked.flag("Tty"), asked.flag("AttachStdin"));
    let console = Console::unlogged(tty, stdin);
    if let [rows, columns] = asked.items("ConsoleSize") {
        let side = |value: &Value| u16::try_from(value.as_u64().unwrap_or_default() & 0xffff).unwrap_or_default();
        console.resize(side(rows), side(columns));
    }
    let exec = Exec {
        id: state.ids.hex64(),
        container: container.id.clone(),
        generation: container.life.generation,
        argv,
        env: asked.texts("Env"),
        user: or(asked.text("User"), config.text("User")),
        working_dir: or(asked.text("WorkingDir"), config.text("WorkingDir")),
        tty,
        privileged: asked.flag("Privileged"),
        stdin,
        stdout: asked.flag("AttachStdout"),
        stderr: asked.flag("AttachStderr"),
        shown_keys: if text.is_empty() { Vec::new() } else { keys.bytes().to_vec() },
        keys,
        console,
        phase: watch::Sender::new(Phase::Created),
    };
    let (id, container, line) = (exec.id.clone(), exec.container.clone(), exec.line());
    let containers = &state.containers;
    state.execs.sweep(|container| containers.find(container).is_ok());
    state.execs.insert(exec);
    tell(engine, state, &container, &format!("exec_create: {line}"), &id, None);
    Ok(Answer::created(json!({ "Id": id })))
}

/// Refuses what is no truth value, in Go's words.
fn truth(asked: Document<'_>, name: &str) -> Result<(), Refusal> {
    let kind = match asked.member(name) {
        Value::Null | Value::Bool(_) => return Ok(()),
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Err(Refusal::bad_parameter(format!("json: cannot unmarshal {kind} into Go struct field ExecConfig.{name} of type bool")))
}

/// The command line, which must hold something.
fn command(asked: Document<'_>) -> Result<Vec<String>, Refusal> {
    let wrong =
        |kind: &str| Refusal::bad_parameter(format!("json: cannot unmarshal {kind} into Go struct field ExecConfig.Cmd of type []string"));
    match asked.member("Cmd") {
        Value::Null => {}
        Value::Array(items) if items.iter().all(|item| item.is_string() || item.is_null()) => {}
        Value::Array(_) => {
            return Err(Refusal::bad_parameter("json: cannot unmarshal a value of ExecConfig.Cmd into Go value of type string"));
        }
        Value::String(_) => return Err(wrong("string")),
        Value::Number(_) => return Err(wrong("number")),
        Value::Bool(_) => return Err(wrong("bool")),
        Value::Object(_) => return Err(wrong("object")),
    }
    let argv = asked.texts("Cmd");
    if argv.is_empty() { Err(Refusal::bad_parameter("No exec command specified")) } else { Ok(argv) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_must_be_a_command() {
        for (body, expected) in [
            (json!({ "Cmd": ["ls", "-l"] }), Ok(2)),
            (json!({}), Err("No exec command specified")),
            (json!({ "Cmd": [] }), Err("No exec command specified")),
            (json!({ "Cmd": "ls" }), Err("json: cannot unmarshal string into Go struct field ExecConfig.Cmd of type []string")),
        ] {
            let found = command(Document(&body)).map(|argv| argv.len()).map_err(|refusal| refusal.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{body}");
        }
    }
}
