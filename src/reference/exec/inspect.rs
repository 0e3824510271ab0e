//! `ExecInspect`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Phase, find};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// What an exec is and how it ended; also after its container stopped, not after it was removed.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let state = engine.state();
    let (exec, _) = find(&state, &call.name)?;
    let phase = exec.phase();
    let (code, pid) = match phase {
        Phase::Created | Phase::Starting => (Value::Null, 0),
        Phase::Running { pid, .. } => (Value::Null, pid),
        Phase::Ended { code, pid, .. } => (code.into(), pid),
    };
    let (program, arguments) = exec.argv.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let mut process = json!({
        "tty": exec.tty,
        "entrypoint": program,
        "arguments": arguments,
        "privileged": exec.privileged,
    });
    if !exec.user.is_empty() {
        process["user"] = exec.user.clone().into();
    }
    Ok(Answer::json(json!({
        "ID": exec.id,
        "Running": phase.is_running(),
        "ExitCode": code,
        "ProcessConfig": process,
        "OpenStdin": exec.stdin,
        "OpenStderr": exec.stderr,
        "OpenStdout": exec.stdout,
        "CanRemove": false,
        "ContainerID": exec.container,
        "DetachKeys": STANDARD.encode(&exec.shown_keys),
        "Pid": pid,
    })))
}
