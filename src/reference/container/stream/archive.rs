//! `ContainerArchive`, `ContainerArchiveInfo`, `PutContainerArchive` and the older `ContainerCopy`: parts of a container's files as tar archives.

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::pieces;
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::container::tell;
use crate::reference::document::Document;
use crate::reference::files::{ExtractOptions, FileError, Files, Namespace, Stat};
use crate::reference::program::User;
use crate::reference::refusal::Refusal;

/// What a path is, in the header alone.
pub(super) fn info(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let path = path_of(call)?;
    let (_, namespace) = found(engine, &call.name)?;
    let stat = namespace.view().path_stat(path).map_err(|error| refused(&error, path, &call.name))?;
    Ok(Answer::empty(200).with("X-Docker-Container-Path-Stat", header(&stat)))
}

/// A file or directory as an archive.
pub(super) fn get(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let path = path_of(call)?;
    let (id, namespace) = found(engine, &call.name)?;
    let files = namespace.view();
    let taken = files.path_stat(path).and_then(|stat| Ok((stat, files.export(path)?)));
    let (stat, archive) = taken.map_err(|error| refused(&error, path, &call.name))?;
    tell(engine, &mut engine.state(), &id, "archive-path", &[]);
    let zipped = accepts_gzip(call.header("accept-encoding")).then(|| gzip(&archive)).flatten();
    let is_zipped = zipped.is_some();
    let answer =
        Answer::new(200, pieces("application/x-tar", zipped.unwrap_or(archive))).with("X-Docker-Container-Path-Stat", header(&stat));
    Ok(if is_zipped { answer.with("Content-Encoding", "gzip") } else { answer })
}

/// An archive is read into a directory.
pub(super) async fn put(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let path = path_of(&call)?.to_owned();
    let (id, namespace) = found(engine, &call.name)?;
    let (user, read_only) = {
        let state = engine.state();
        let container = state.containers.find(&id)?;
        (Document(&container.config).text("User").to_owned(), Document(&container.host).flag("ReadonlyRootfs"))
    };
    // As dockerd, it refuses before it reads.
    target(&namespace, read_only, &path, &call.name).map_err(|refusal| match refusal.status {
        // Before 24.0 dockerd took these for its own failures.
        400 if !call.since(43) => Refusal::server_error(refusal.message),
        _ => refusal,
    })?;
    let archive = call.body.read().await?;
    let owner = if call.query.flag("copyUIDGID") && !user.is_empty() {
        let user = User::resolve(&user, &namespace).map_err(Refusal::server_error)?;
        Some((user.uid, user.gid))
    } else {
        None
    };
    let options = ExtractOptions { keep_kind: call.query.flag("noOverwriteDirNonDir"), owner };
    namespace.extract(&absolute(&path), &archive, options, engine.now()).map_err(|error| refused(&error, &path, &call.name))?;
    tell(engine, &mut engine.state(), &id, "extract-to-dir", &[]);
    Ok(Answer::empty(200))
}

/// The older way to get an archive: a path in the body, links followed.
pub(super) async fn copy(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = call.json().await?.ok_or_else(|| Refusal::bad_parameter("got EOF while reading request body"))?;
    let resource = Document(&body).text("Resource");
    if resource.is_empty() {
        return Err(Refusal::bad_parameter("Path cannot be empty"));
    }
    let (id, namespace) = found(engine, &call.name)?;
    let archive = copied(&namespace.view(), resource).map_err(|error| refused(&error, resource, &call.name))?;
    tell(engine, &mut engine.state(), &id, "copy", &[]);
    Ok(Answer::new(200, pieces("application/x-tar", archive)))
}

/// A container's id and files, which are looked at without the engine's lock.
fn found(engine: &Engine, name: &str) -> Result<(String, Namespace), Refusal> {
    let state = engine.state();
    let container = state.containers.find(name)?;
    Ok((container.id.clone(), container.namespace.clone()))
}

/// Whether an archive may be read into a path.
fn target(namespace: &Namespace, read_only: bool, path: &str, name: &str) -> Result<(), Refusal> {
    let found = namespace.resolve(&absolute(path)).and_then(|at| Ok((namespace.stat(&at, true)?, at)));
    let (stat, at) = found.map_err(|error| refused(&error, path, name))?;
    if !stat.is_directory() {
        return Err(Refusal::bad_parameter("extraction point is not a directory"));
    }
    match namespace.mount_of(&at) {
        Some(mount) if !mount.writable => Err(Refusal::bad_parameter("mounted volume is marked read-only")),
        None if read_only => Err(Refusal::bad_parameter("container rootfs is marked read-only")),
        _ => Ok(()),
    }
}

/// A file by its name; of a directory what is in it.
fn copied(files: &Files, resource: &str) -> Result<Vec<u8>, FileError> {
    let at = files.resolve(&absolute(resource))?;
    if files.stat(&at, true)?.is_directory() { files.export_below(&at) } else { files.export(&at) }
}

fn path_of(call: &Call) -> Result<&str, Refusal> {
    match call.query.text("path") {
        // dockerd leaves the blank out, too.
        "" => Err(Refusal::bad_parameter("bad parameter: pathcannot be empty")),
        path => Ok(path),
    }
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn refused(error: &FileError, path: &str, container: &str) -> Refusal {
    match error {
        FileError::NotFound => Refusal::not_found(format!("Could not find the file {path} in container {container}")),
        FileError::Corrupt(text) => Refusal::server_error(format!("Error processing tar file(exit status 1): {text}")),
        FileError::ReadOnly => Refusal::server_error("container rootfs is marked read-only"),
        other => Refusal::server_error(format!("lstat {path}: {other}")),
    }
}

fn header(stat: &Stat) -> String {
    let stat = json!({
        "name": stat.name,
        "size": stat.size,
        "mode": stat.go_mode(),
        "mtime": stat.mtime.to_string(),
        "linkTarget": stat.link_target,
    });
    STANDARD.encode(stat.to_string())
}

/// Whether gzip is wanted at least as much as nothing.
fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, parameter) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameter.trim().strip_prefix("q=").map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0));
        quality > 0.0 && ["gzip", "*"].contains(&name.trim())
    })
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, expected) in [
            ("", false),
            ("identity", false),
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("*", true),
            ("br", false),
        ] {
            assert_eq!(accepts_gzip(accepted), expected, "{accepted}");
        }
        assert!(gzip(b"x").is_some_and(|bytes| bytes.starts_with(&[0x1f, 0x8b])));
    }
}
