//! `POST /containers/create`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::mount::{self, Sources};
use super::{Console, Container, Life, config, endpoints, environment, host, links, name, validate};
use crate::model::ApiVersion;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::files::{Files, Namespace, Shared, shared};
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = call.required_json().await?;
    let (id, warnings) = create(engine, &call, Document(&body))?;
    Ok(Answer::created(json!({ "Id": id, "Warnings": warnings })))
}

fn create(engine: &Arc<Engine>, call: &Call, body: Document<'_>) -> Result<(String, Vec<String>), Refusal> {
    let version = call.version;
    if !body.0.is_object() || body.0.as_object().is_some_and(serde_json::Map::is_empty) {
        return Err(Refusal::bad_parameter("Config cannot be empty in order to create a container"));
    }
    let mut config = config::normalised(body)?;
    let mut host = host::of_create(body, version)?;
    validate::config(Document(&config))?;
    validate::host(Document(&host))?;
    let warnings = validate::warnings(Document(&host), version);

    let mut guard = engine.state();
    let state = &mut *guard;
    let image_name = Document(&config).text("Image").to_owned();
    let image =
        if image_name.is_empty() { None } else { Some(state.images.find(&image_name).map_err(|refusal| no_image(&image_name, refusal))?) };
    if let Some(image) = &image {
        check_platform(call, &image_name, &image.origin.os, &image.origin.architecture)?;
        config::merge(&mut config, &image.config);
        // What the image adds is checked as well: its working directory, say.
        validate::config(Document(&config))?;
    }
    let words = |name| Document(&config).texts(name);
    if words("Entrypoint").is_empty() && words("Cmd").is_empty() {
        return Err(Refusal::bad_parameter("No command specified"));
    }
    let id = state.ids.hex64();
    let name = match call.query.text("name") {
        "" => name::made_up(&state.containers, &mut state.ids, &id),
        asked => name::checked(&state.containers, asked)?,
    };
    let linked = links::resolve(Document(&host), &state.containers)?;
    let networks = endpoints::of_create(body, Document(&config), Document(&host), &state.networks, version)?;
    if Document(&config).text("Hostname").is_empty() {
        config["Hostname"] = hostname(state, Document(&host), &id).into();
    }
    let files = image.as_ref().map_or_else(Files::new, |image| image.files.clone());
    let now = engine.now();
    let built = build(engine, state, Document(&config), Document(&host), &files)?;
    adjust(&mut host, version, body.has("HostConfig"));

    let console = {
        let config = Document(&config);
        Console::new(config.flag("Tty"), config.flag("OpenStdin"), config.flag("StdinOnce")).with_clock(&engine.settings().clock)
    };
    state.containers.insert(Container {
        id: id.clone(),
        name,
        created: now,
        sequence: 0,
        image_id: image.map(|image| image.id.clone()).unwrap_or_default(),
        image_name,
        config,
        host,
        root: built.root,
        image_files: built.image_files,
        namespace: built.namespace,
        mounts: built.mounts,
        endpoints: networks.endpoints,
        missing_networks: networks.missing,
        life: Life::default(),
        console,
        health: None,
        restart_count: 0,
    });
    for (alias, child) in linked {
        state.containers.link(&id, &alias, &child);
    }
    super::tell(engine, state, &id, "create", &[]);
    Ok((id, warnings))
}

/// From 1.41 on a platform can be asked for, and the image must be of it.
fn check_platform(call: &Call, image: &str, os: &str, architecture: &str) -> Result<(), Refusal> {
    let asked = call.query.text("platform");
    if asked.is_empty() || !call.since(41) {
        return Ok(());
    }
    let mut parts = asked.split('/');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let (asked_os, asked_architecture) = match second {
        Some(second) => (first, second),
        // One word is a system, or else an architecture.
        None if matches!(first, "linux" | "windows" | "darwin" | "freebsd") => (first, architecture),
        None => (os, first),
    };
    let asked_architecture = match asked_architecture {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if asked_os == os && asked_architecture == architecture {
        return Ok(());
    }
    Err(Refusal::not_found(format!(
        "image with reference {image} was found but does not match the specified platform: wanted {asked_os}/{asked_architecture}, \
         actual: {os}/{architecture}"
    )))
}

/// The words of the create operation for an image that is not there name its tag.
fn no_image(name: &str, refusal: Refusal) -> Refusal {
    if refusal.status != 404 {
        return refusal;
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') || name.contains('@') {
        return Refusal::not_found(format!("No such image: {name}"));
    }
    Refusal::not_found(format!("No such image: {name}:latest"))
}

/// The short id, or the name of whose network it shares.
fn hostname(state: &State, host: Document<'_>, id: &str) -> String {
    match host.text("NetworkMode") {
        "host" => environment::HOST_NAME.to_owned(),
        mode => match mode.strip_prefix("container:").map(|other| state.containers.find(other)) {
            Some(Ok(other)) => Document(&other.config).text("Hostname").to_owned(),
            _ => id[..12].to_owned(),
        },
    }
}

/// What dockerd changes about a host configuration once it is accepted.
fn adjust(host: &mut Value, version: ApiVersion, given: bool) {
    // One that the client did not send is only looked at when the container starts.
    if given && host.get("Runtime").is_none_or(|runtime| runtime == "") {
        host["Runtime"] = "runc".into();
    }
    if version >= ApiVersion::new(42) && host["KernelMemory"] != 0 {
        host["KernelMemory"] = 0.into();
    }
}

/// A container's files, put together.
pub(super) struct Built {
    pub(super) root: Shared,
    pub(super) image_files: Files,
    pub(super) namespace: Namespace,
    pub(super) mounts: Vec<super::Mount>,
}

fn build(engine: &Engine, state: &mut State, config: Document<'_>, host: Document<'_>, files: &Files) -> Result<Built, Refusal> {
    let now = engine.now();
    let root = shared(files.clone());
    let bare = Namespace::new(Arc::clone(&root));
    environment::furnish(&bare, now);
    let bare = environment::with_written(bare, now);
    let directory = config.text("WorkingDir");
    if !directory.is_empty() {
        bare.make_dirs(directory, 0o755, now).map_err(|error| Refusal::server_error(format!("mkdir {directory}: {error}")))?;
    }
    let image_files = root.lock().map(|files| files.clone()).unwrap_or_default();
    let (namespace, mounts) = furnished(engine, state, config, host, bare, files)?;
    Ok(Built { root, image_files, namespace, mounts })
}

/// Mounts everything that a host configuration asks for.
pub(super) fn furnished(
    engine: &Engine,
    state: &mut State,
    config: Document<'_>,
    host: Document<'_>,
    bare: Namespace,
    image: &Files,
) -> Result<(Namespace, Vec<super::Mount>), Refusal> {
    let now = engine.now();
    let mut sources =
        Sources { containers: &mut state.containers, volumes: &mut state.volumes, ids: &mut state.ids, now, image, made: Vec::new() };
    let mounts = mount::of_container(config, host, &mut sources);
    for (name, driver) in sources.made {
        engine.emit(state, "volume", "create", &name, [("driver".to_owned(), driver)].into());
    }
    let mounts = mounts?;
    let mut namespace = bare;
    let failed = |at: &str, error| Refusal::server_error(format!("failed to mount {at}: {error}"));
    for mount in &mounts {
        namespace = namespace
            .with_mount(&mount.destination, Arc::clone(&mount.files), mount.writable, now)
            .map_err(|error| failed(&mount.destination, error))?;
    }
    for (at, writable) in mount::tmpfs(host) {
        namespace = namespace.with_mount(&at, shared(Files::new()), writable, now).map_err(|error| failed(&at, error))?;
    }
    if host.flag("ReadonlyRootfs") {
        namespace = namespace.with_read_only_root();
    }
    Ok((namespace, mounts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_missing_is_named_with_its_tag() {
        for (name, expected) in
            [("nope", "nope:latest"), ("nope:1", "nope:1"), ("host:5000/nope", "host:5000/nope:latest"), ("a@sha256:00", "a@sha256:00")]
        {
            assert_eq!(no_image(name, Refusal::not_found("")).message, format!("No such image: {expected}"));
        }
        assert_eq!(no_image("Nope", Refusal::bad_parameter("x")), Refusal::bad_parameter("x"));
    }
}
