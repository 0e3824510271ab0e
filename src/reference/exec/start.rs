//! `ExecStart`: a prepared command runs, with a client on its streams or without.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::environment::environment;
use super::{Phase, find, tell, usable};
use crate::reference::Engine;
use crate::reference::answer::{Answer, Handshake};
use crate::reference::call::Call;
use crate::reference::container::console::{Console, Source};
use crate::reference::container::environment as container_environment;
use crate::reference::container::neighbours;
use crate::reference::container::stream::conversation::{Attachment, Ending, Outlet as _, converse, directions};
use crate::reference::container::stream::media;
use crate::reference::document::Document;
use crate::reference::files::FileError;
use crate::reference::program::{self, Launch, SpawnError};
use crate::reference::refusal::Refusal;

/// A real runtime takes as long at the least. Clients count on it: docker-py loses what it reads together with the head.
const LAUNCH: Duration = Duration::from_millis(25);
/// SIGHUP.
const HANGUP: u8 = 1;
/// dockerd takes the detach keys for a failure of the attach.
const DETACHED: &[u8] = b"exec attach failed: error on attach stdin: read escape sequence\r\n";

/// Starts an exec. With a client the head goes out first, and what fails then is told in the stream.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = body(&mut call).await?;
    let asked = Document(&body);
    let (detach, tty) = (asked.flag("Detach"), asked.flag("Tty"));
    // From a dockerd of this version on a program that is not there gives 127.
    let newer = call.since(48);
    let id = call.name.clone();
    usable(&engine.state(), &id)?;
    if detach {
        start(engine, &id, false, newer)?;
        return Ok(Answer::empty(200));
    }
    let engine = Arc::clone(engine);
    let size = asked
        .items("ConsoleSize")
        .iter()
        .map(|side| u16::try_from(side.as_u64().unwrap_or_default() & 0xffff))
        .collect::<Result<Vec<u16>, _>>();
    let size = size.ok().filter(|_| tty && call.since(42));
    Ok(Answer::hijack(Handshake::Stream(media(&call, !tty)), move |socket| async move {
        let (mut inlet, mut outlet) = directions(socket, !tty);
        tokio::time::sleep(LAUNCH).await;
        match attached(&engine, &id, tty, size.as_deref(), newer) {
            Ok(attachment) => {
                if converse(attachment, &mut inlet, &mut outlet).await == Ending::Detached {
                    detached(&engine, &id);
                    // The client may have left; then nobody reads it.
                    let _ = outlet.write(Source::Output, Bytes::from_static(DETACHED)).await;
                }
            }
            Err(refusal) => {
                let _ = outlet.write(Source::Output, Bytes::from(format!("{}\r\n", refusal.message))).await;
            }
        }
        outlet.finish(inlet).await;
    }))
}

/// The client typed the detach keys: for dockerd the exec has ended, and its process loses its terminal.
fn detached(engine: &Engine, id: &str) {
    let mut state = engine.state();
    let Ok((exec, container)) = find(&state, id) else { return };
    let Phase::Running { inner, pid } = exec.phase() else { return };
    let console = exec.console.clone();
    if let Some(run) = container.life.run() {
        // It may have ended meanwhile.
        let _ = run.process.processes().signal(inner, HANGUP);
    }
    state.execs.end(id, 126, pid);
    drop(state);
    console.abandon();
}

/// The body; up to 1.21 dockerd did not ask for its type.
async fn body(call: &mut Call) -> Result<Value, Refusal> {
    if call.since(22) {
        return call.required_json().await;
    }
    let body = call.body.read().await?;
    match serde_json::Deserializer::from_slice(&body).into_iter::<Value>().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Refusal::bad_parameter(format!("invalid JSON: {error}"))),
        None => Err(Refusal::bad_parameter("got EOF while reading request body")),
    }
}

/// Starts it with a client on the streams that were asked for at its creation. The client hears from the first byte on.
fn attached(engine: &Arc<Engine>, id: &str, tty: bool, size: Option<&[u16]>, newer: bool) -> Result<Attachment, Refusal> {
    let attachment = {
        let state = engine.state();
        let exec = usable(&state, id)?;
        if let Some([rows, columns]) = size {
            exec.console.resize(*rows, *columns);
        }
        // With a terminal there is one stream.
        let (stdout, stderr) = (exec.stdout, exec.stderr && !tty);
        Attachment {
            listening: (stdout || stderr).then(|| exec.console.listen(stdout, stderr, false)),
            keyboard: exec.stdin.then(|| exec.console.keyboard()),
            tty: exec.tty,
            close_stdin: true,
            keys: exec.keys.clone(),
        }
    };
    start(engine, id, true, newer)?;
    Ok(attachment)
}

/// Starts the process, once.
fn start(engine: &Arc<Engine>, id: &str, attached: bool, newer: bool) -> Result<(), Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let exec = usable(state, id)?;
    match exec.phase() {
        Phase::Created => {}
        Phase::Ended { .. } => return Err(Refusal::conflict(format!("Error: Exec command {id} has already run"))),
        Phase::Starting | Phase::Running { .. } => return Err(Refusal::conflict(format!("Error: Exec command {id} is already running"))),
    }
    exec.phase.send_replace(Phase::Starting);
    let (container, line, console) = (exec.container.clone(), exec.line(), exec.console.clone());
    tell(engine, state, &container, &format!("exec_start: {line}"), id, None);
    let launched = launch(engine, state, id, &console).and_then(|launch| {
        if !attached {
            // Nobody will type.
            console.keyboard().close();
        }
        program::start(launch).map_err(|error| Failure::of(&error))
    });
    match launched {
        Ok((handle, running)) => {
            let pid = state.containers.next_pid();
            if let Ok(exec) = state.execs.get(id) {
                exec.phase.send_replace(Phase::Running { inner: handle.pid(), pid });
            }
            let (engine, id) = (Arc::clone(engine), id.to_owned());
            tokio::spawn(async move {
                let code = i64::from(running.await);
                // Whoever sees the end of the streams finds the code, and it is told before the end of the container.
                {
                    let mut state = engine.state();
                    state.execs.end(&id, code, pid);
                    tell(&engine, &mut state, &container, "exec_die", &id, Some(code));
                }
                console.close().await;
            });
            Ok(())
        }
        Err(failure) => {
            state.execs.end(id, if newer { failure.code } else { 126 }, 0);
            console.abandon();
            Err(failure.refusal)
        }
    }
}

/// Why a process could not be started, and the code that its exec ends with.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: i64,
    refusal: Refusal,
}

impl Failure {
    fn of(error: &SpawnError) -> Self {
        let text = format!("OCI runtime exec failed: exec failed: unable to start container process: {error}: unknown");
        Self::told(text)
    }

    /// dockerd goes by the words.
    fn told(text: String) -> Self {
        let has = |words: &str| text.contains(words);
        if has("permission denied") {
            Self { code: 126, refusal: Refusal::bad_parameter(text) }
        } else if has("is a directory") {
            Self { code: 126, refusal: Refusal::bad_parameter(format!("{text}: permission denied")) }
        } else if has("not a directory") {
            let hint = "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";
            Self { code: 127, refusal: Refusal::bad_parameter(format!("{text}: {hint}")) }
        } else if has("executable file not found") || has("no such file or directory") {
            Self { code: 127, refusal: Refusal::bad_parameter(text) }
        } else {
            Self { code: 126, refusal: Refusal::server_error(text) }
        }
    }
}

/// Everything that the process is started with. Opens the console.
fn launch(engine: &Arc<Engine>, state: &crate::reference::State, id: &str, console: &Console) -> Result<Launch, Failure> {
    let internal = |refusal| Failure { code: 126, refusal };
    let exec = state.execs.get(id).map_err(internal)?;
    let container = state.containers.find(&exec.container).map_err(internal)?;
    let gone = || internal(Refusal::conflict(format!("Container {} is not running", container.id)));
    let processes = container.life.run().ok_or_else(gone)?.process.processes().clone();
    let namespace = container.namespace.clone();
    let user = container_environment::user(container, &exec.user).map_err(|text| internal(Refusal::server_error(text)))?;
    let config = Document(&container.config);
    let hostname = config.text("Hostname").to_owned();
    let env = environment(&hostname, exec.tty, &config.texts("Env"), &exec.env, &user.home);
    let cwd = if exec.working_dir.is_empty() { "/".to_owned() } else { exec.working_dir.clone() };
    let place = namespace.stat(&cwd, true).and_then(|stat| if stat.is_directory() { Ok(()) } else { Err(FileError::NotADirectory) });
    place.map_err(|error| {
        Failure::told(format!(
            "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"{cwd}\") set in config.json failed: {error}: unknown"
        ))
    })?;
    // Looked for before the console is opened, so that nothing is left open when it is not there.
    let command = exec.argv.first().map_or("", String::as_str);
    program::find(command, &env, &cwd, &namespace).map_err(|error| Failure::of(&error))?;
    let (stdin, stdout, stderr) = console.open();
    let terminal = console.terminal();
    let (argv, clock) = (exec.argv.clone(), engine.settings().clock.clone());
    let neighbours = neighbours::of_container(engine, &exec.container);
    Ok(Launch { argv, env, cwd, user, hostname, namespace, stdin, stdout, stderr, processes, clock, init: false, neighbours, terminal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_dockers_words_and_codes() {
        for (error, code, status, end) in [
            (SpawnError::NotInPath("x".to_owned()), 127, 400, "exec: \"x\": executable file not found in $PATH: unknown"),
            (SpawnError::NotFound("/x".to_owned()), 127, 400, "exec: \"/x\": stat /x: no such file or directory: unknown"),
            (SpawnError::Denied("/etc".to_owned()), 126, 400, "exec: \"/etc\": permission denied: unknown"),
            (SpawnError::IsADirectory("/etc".to_owned()), 126, 400, "exec: \"/etc\": is a directory: unknown: permission denied"),
            (SpawnError::Format("/x".to_owned()), 126, 500, "exec /x: exec format error: unknown"),
        ] {
            let failure = Failure::of(&error);
            assert_eq!((failure.code, failure.refusal.status), (code, status), "{error}");
            let expected = format!("OCI runtime exec failed: exec failed: unable to start container process: {end}");
            assert_eq!(failure.refusal.message, expected);
        }
    }
}
