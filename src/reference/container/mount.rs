//! What is mounted in a container: volumes, directories of the host (in memory), tmpfs.

mod spec;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::registry::Containers;
use crate::reference::document::Document;
use crate::reference::files::{ExtractOptions, Files, Shared, clean, shared};
use crate::reference::ids::Ids;
use crate::reference::refusal::Refusal;
use crate::reference::volume::Volumes;

use spec::Spec;

/// Where dockerd keeps volumes.
const VOLUMES: &str = "/var/lib/docker/volumes";

/// What is mounted in a container.
#[derive(Debug, Clone)]
pub(in crate::reference) struct Mount {
    /// `bind`, `volume` or `tmpfs`.
    pub(in crate::reference) kind: &'static str,
    /// The volume's name; empty for others.
    pub(in crate::reference) name: String,
    /// The volume's driver; empty for others.
    pub(in crate::reference) driver: String,
    /// Where it comes from.
    pub(in crate::reference) source: String,
    /// Where it is in the container.
    pub(in crate::reference) destination: String,
    /// As the client wrote it: `z`, `ro` …
    pub(in crate::reference) mode: String,
    /// Whether it may be written to.
    pub(in crate::reference) writable: bool,
    /// `rprivate` of a bind; empty for others.
    pub(in crate::reference) propagation: String,
    /// Whether the volume has no name of its own and goes with `v=1`.
    pub(in crate::reference) anonymous: bool,
    /// What is in it.
    pub(in crate::reference) files: Shared,
}

impl Mount {
    /// One of `Mounts`, in inspect and in lists.
    pub(super) fn document(&self) -> Value {
        let mut mount = json!({
            "Type": self.kind,
            "Source": self.source,
            "Destination": self.destination,
            "Mode": self.mode,
            "RW": self.writable,
            "Propagation": self.propagation,
        });
        if self.kind == "volume" {
            mount["Name"] = self.name.clone().into();
            mount["Driver"] = self.driver.clone().into();
        }
        mount
    }
}

/// Where mounts come from, while a container is created.
pub(super) struct Sources<'a> {
    pub(super) containers: &'a mut Containers,
    pub(super) volumes: &'a mut Volumes,
    pub(super) ids: &'a mut Ids,
    pub(super) now: Timestamp,
    /// The image's files: a new volume begins with what the image has in its place.
    pub(super) image: &'a Files,
    /// The names and drivers of the volumes that were made.
    pub(super) made: Vec<(String, String)>,
}

/// All mounts that a configuration asks for: of other containers, binds, `Mounts`, and the volumes of the image that none of these covers.
pub(super) fn of_container(config: Document<'_>, host: Document<'_>, sources: &mut Sources<'_>) -> Result<Vec<Mount>, Refusal> {
    let mut mounts: Vec<Mount> = Vec::new();
    for from in host.texts("VolumesFrom") {
        for mount in of_other(&from, sources.containers)? {
            place(&mut mounts, mount);
        }
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (path, _) in host.entries("Tmpfs") {
        taken.insert(clean("/", path));
    }
    let binds = host.texts("Binds").into_iter().map(|bind| spec::bind(&bind, host.text("VolumeDriver")));
    let asked = host.items("Mounts").iter().map(|mount| spec::mount(Document(mount)));
    for spec in binds.chain(asked).collect::<Result<Vec<_>, _>>()? {
        if !taken.insert(spec.destination.clone()) {
            return Err(Refusal::bad_parameter(format!("Duplicate mount point: {}", spec.destination)));
        }
        let mount = sources.mount(spec)?;
        place(&mut mounts, mount);
    }
    for (path, _) in config.entries("Volumes") {
        // Some clients once wrote binds here; a colon never was a part of a path.
        let destination = clean("/", path);
        if destination == "/" || taken.contains(&destination) || mounts.iter().any(|mount| mount.destination == destination) {
            continue;
        }
        let spec = Spec::anonymous(destination, host.text("VolumeDriver"));
        let mount = sources.mount(spec)?;
        place(&mut mounts, mount);
    }
    Ok(mounts)
}

/// The tmpfs mounts that inspect does not list.
pub(super) fn tmpfs(host: Document<'_>) -> impl Iterator<Item = (String, bool)> {
    host.entries("Tmpfs").map(|(path, options)| {
        let read_only = options.as_str().unwrap_or_default().split(',').any(|option| option == "ro");
        (clean("/", path), !read_only)
    })
}

/// A mount replaces one that was in its place.
fn place(mounts: &mut Vec<Mount>, mount: Mount) {
    mounts.retain(|other| other.destination != mount.destination);
    mounts.push(mount);
}

fn of_other(text: &str, containers: &Containers) -> Result<Vec<Mount>, Refusal> {
    if text.is_empty() {
        return Err(Refusal::bad_parameter("volumes-from specification cannot be an empty string"));
    }
    let (name, mode) = text.split_once(':').unwrap_or((text, ""));
    if !mode.is_empty() && !mode.split(',').all(|part| matches!(part, "ro" | "rw" | "z" | "Z")) {
        return Err(Refusal::bad_parameter(format!("invalid mode: {mode}")));
    }
    let other = containers.find(name).map_err(|refusal| Refusal::bad_parameter(refusal.message))?;
    let writable = !mode.split(',').any(|part| part == "ro");
    let mounts = other.mounts.iter().map(|mount| Mount { writable: mount.writable && writable, ..mount.clone() });
    Ok(mounts.collect())
}

impl Sources<'_> {
    fn mount(&mut self, spec: Spec) -> Result<Mount, Refusal> {
        let Spec { kind, source, destination, mode, writable, copy, driver } = spec;
        let anonymous = kind == "volume" && source.is_empty();
        let (name, files, source, propagation, driver) = match kind {
            "bind" => {
                (String::new(), self.containers.bind(&clean("/", &source)), clean("/", &source), bind_propagation(&mode), String::new())
            }
            "tmpfs" => (String::new(), shared(Files::new()), String::new(), "", String::new()),
            _ => {
                let asked = Some(source.as_str()).filter(|name| !name.is_empty());
                let (volume, made) = self.volumes.ensure(asked, &driver, self.ids, self.now)?;
                let (name, files) = (volume.name.clone(), Shared::clone(&volume.files));
                if made {
                    self.made.push((name.clone(), driver.clone()));
                }
                let source = format!("{VOLUMES}/{name}/_data");
                (name, files, source, "", driver)
            }
        };
        if kind == "volume" && copy {
            copy_up(self.image, &destination, &files, self.now);
        }
        let propagation = propagation.to_owned();
        Ok(Mount { kind, name, driver, source, destination, mode, writable, propagation, anonymous, files })
    }
}

/// `rprivate`, unless the mode names another.
fn bind_propagation(mode: &str) -> &'static str {
    ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
        .into_iter()
        .find(|known| mode.split(',').any(|part| part == *known))
        .unwrap_or("rprivate")
}

/// A volume that is empty takes what the image has in its place.
fn copy_up(image: &Files, at: &str, volume: &Shared, now: Timestamp) {
    let Ok(mut files) = volume.lock() else { return };
    let is_empty = files.list("/").is_ok_and(|names| names.is_empty());
    if !is_empty || !image.list(at).is_ok_and(|names| !names.is_empty()) {
        return;
    }
    if let Ok(archive) = image.export_below(at) {
        // What does not fit stays out, as a copy that fails half way does.
        let _ = files.extract("/", &archive, ExtractOptions::default(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_another_container_are_named_well() {
        let containers = Containers::default();
        for (text, expected) in
            [("", "volumes-from specification cannot be an empty string"), ("a:foo", "invalid mode: foo"), ("a:ro", "No such container: a")]
        {
            assert_eq!(of_other(text, &containers).expect_err("refused"), Refusal::bad_parameter(expected));
        }
    }

    #[test]
    fn binds_of_the_same_path_share_their_files() {
        let mut containers = Containers::default();
        let (mut volumes, mut ids) = (Volumes::default(), Ids::new(Some(1)));
        let host = json!({ "Binds": ["/host/a:/a", "/host/a/:/b:ro", "/host/c:/c"], "Tmpfs": { "/t": "" } });
        let image = Files::new();
        let now = Timestamp::UNIX_EPOCH;
        let mut sources =
            Sources { containers: &mut containers, volumes: &mut volumes, ids: &mut ids, now, image: &image, made: Vec::new() };
        let mounts = of_container(Document(&json!({})), Document(&host), &mut sources).expect("mounts");
        assert!(std::sync::Arc::ptr_eq(&mounts[0].files, &mounts[1].files));
        assert!(!std::sync::Arc::ptr_eq(&mounts[0].files, &mounts[2].files));
        assert_eq!(
            mounts[1].document(),
            json!({ "Type": "bind", "Source": "/host/a", "Destination": "/b", "Mode": "ro", "RW": false, "Propagation": "rprivate" })
        );
        let twice = json!({ "Binds": ["/x:/t"], "Tmpfs": { "/t": "" } });
        assert_eq!(
            of_container(Document(&json!({})), Document(&twice), &mut sources).expect_err("refused").message,
            "Duplicate mount point: /t"
        );
    }
}
