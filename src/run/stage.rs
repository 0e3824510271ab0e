//! A private proxy for one scenario: somebody plays or runs against its socket, the tap sees everything.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::serve::Backend;
use crate::error::Error;
use crate::inspect::Settings;
use crate::model::Event;
use crate::proxy::{Address, Listener, Tap, serve};
use crate::transcript::{self, Transcript, Writer};

/// The proxy, and the backend behind it.
pub(super) struct Stage {
    dir: TempDir,
    tap: Arc<Tap>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), Error>>,
    host: String,
    _backend: Backend,
}

impl Stage {
    /// Begins to listen; the built-in backend begins with it. Events go to `sink`.
    pub(super) async fn open(
        backend: Address,
        settings: Settings,
        record: bool,
        sink: impl FnMut(&Event) + Send + 'static,
    ) -> Result<Self, Error> {
        // Only its owner may enter the folder, and so reach the socket.
        let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
        let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the socket: {error}")))?;
        let recorder = if record {
            let cannot = |error| Error::environment(format!("cannot record: {error}"));
            let file = File::create(recording(dir.path())).map_err(cannot)?;
            Some(Writer::new(BufWriter::new(file), None).map_err(cannot)?)
        } else {
            None
        };
        let listener = Listener::bind(&Address::Unix(socket(dir.path()))).await?;
        let host = listener.address().to_string();
        let backend = Backend::start(backend).await?;
        let tap = Arc::new(Tap::new(settings, recorder, sink));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, backend.address(), Arc::clone(&tap), stopped));
        Ok(Self { dir, tap, stop, serving, host, _backend: backend })
    }

    /// What a command is to use as its `DOCKER_HOST`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// Ends it, and reads what was recorded, if it was. The error says as well that the backend could not be reached.
    pub(super) async fn close(self) -> Result<Option<Transcript>, Error> {
        let _ = self.stop.send(true);
        let served = self.serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        self.tap.finish()?;
        served?;
        match std::fs::read(recording(self.dir.path())) {
            Ok(text) => {
                transcript::read(&text).map(Some).map_err(|error| Error::environment(format!("cannot read the recording: {error}")))
            }
            Err(_) => Ok(None),
        }
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("docker.sock")
}

fn recording(dir: &Path) -> PathBuf {
    dir.join("recording.wire")
}
