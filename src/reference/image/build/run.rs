//! `RUN`: a process over the files of the stage.

use bytes::Bytes;
use serde_json::Value;

use super::super::super::clock::Clock;
use super::super::super::container::environment::with_step_files;
use super::super::super::document::Document;
use super::super::super::files::{Files, Namespace, shared};
use super::super::super::program::{DEFAULT_PATH, Input, Launch, Neighbours, Processes, User, pipe, start};
use super::super::progress::{Left, Progress};
use super::super::store::short;

/// Pieces of output that wait for the client.
const WAITING: usize = 16;
/// The most that is told at once.
const PIECE: usize = 32 << 10;

/// How it ended.
pub(super) enum Ended {
    /// With this code, and these files.
    Code(u8, Files),
    /// It could not be started.
    NotStarted(String),
}

/// What is run.
pub(super) struct Run<'r> {
    /// The command line.
    pub(super) argv: Vec<String>,
    /// The configuration: user, working directory, environment.
    pub(super) config: &'r Value,
    /// Build arguments, beside the environment.
    pub(super) args: Vec<(String, String)>,
    pub(super) files: Files,
    /// The id of the container.
    pub(super) container: &'r str,
    pub(super) clock: Clock,
    /// More lines for `/etc/hosts`.
    pub(super) extra_hosts: &'r [String],
    /// Whom it reaches; none on the default network, where nobody has a name.
    pub(super) neighbours: Option<Neighbours>,
}

impl Run<'_> {
    /// Runs it to its end, and tells what it writes. When the client leaves it is killed.
    pub(super) async fn run(self, progress: &Progress) -> Result<Ended, Left> {
        let root = shared(self.files);
        let bare = Namespace::new(std::sync::Arc::clone(&root));
        let named = self.neighbours.is_some();
        let namespace = with_step_files(bare, short(self.container), self.extra_hosts, named, self.clock.now());
        let config = Document(self.config);
        let user = match User::resolve(config.text("User"), &namespace) {
            Ok(user) => user,
            Err(error) => return Ok(Ended::NotStarted(error)),
        };
        let cwd = match config.text("WorkingDir") {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        let pair = |pair: String| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut env: Vec<(String, String)> = config.texts("Env").into_iter().filter_map(pair).collect();
        if !env.iter().any(|(key, _)| key == "PATH") {
            env.insert(0, ("PATH".to_owned(), DEFAULT_PATH.to_owned()));
        }
        env.extend(self.args);
        for (key, value) in [("HOSTNAME", short(self.container)), ("HOME", &user.home)] {
            if !env.iter().any(|(own, _)| own == key) {
                env.push((key.to_owned(), value.to_owned()));
            }
        }
        let (stdout, out) = pipe(WAITING);
        let (stderr, err) = pipe(WAITING);
        let processes = Processes::new();
        let launch = Launch {
            argv: self.argv,
            env,
            cwd,
            user,
            hostname: short(self.container).to_owned(),
            namespace,
            stdin: Input::empty(),
            stdout,
            stderr,
            processes: processes.clone(),
            clock: self.clock,
            init: true,
            neighbours: self.neighbours.unwrap_or_default(),
            terminal: None,
        };
        let running = match start(launch) {
            Ok((_, running)) => running,
            Err(error) => {
                return Ok(Ended::NotStarted(format!(
                    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {error}: unknown"
                )));
            }
        };
        let running = tokio::spawn(running);
        let told = tokio::select! {
            told = async { tokio::try_join!(tell(&out, progress, false), tell(&err, progress, true)) } => told.map(|_| ()),
            () = progress.closed() => Err(Left),
        };
        if told.is_err() {
            processes.kill_all();
        }
        let code = running.await.unwrap_or(137);
        processes.kill_all();
        told?;
        let files = root.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Ok(Ended::Code(code, files))
    }
}

async fn tell(input: &Input, progress: &Progress, is_error: bool) -> Result<(), Left> {
    while let Some(bytes) = input.read_some(PIECE).await {
        let text = text_of(&bytes);
        let text = if is_error { format!("\u{1b}[91m{text}\u{1b}[0m") } else { text };
        progress.send(serde_json::json!({ "stream": text })).await?;
    }
    Ok(())
}

fn text_of(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
