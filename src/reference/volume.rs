//! Volumes: names for files that outlive containers.

mod answer;
mod list;
mod removal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Engine;
use super::answer::Answer;
use super::call::Call;
use super::document::Document;
use super::files::Files;
use super::ids::Ids;
use super::refusal::Refusal;

pub(super) use list::users;

/// The label that dockerd puts on a volume without a name of its own.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// A volume.
#[derive(Debug)]
pub(super) struct Volume {
    /// Its name; 64 hex digits when it is anonymous.
    pub(super) name: String,
    /// What is in it.
    pub(super) files: Arc<Mutex<Files>>,
    /// When it was created.
    created: Timestamp,
    /// As they were given: null and empty are told apart.
    options: Value,
    labels: Value,
}

impl Volume {
    /// Where it would be on a daemon's host.
    pub(super) fn mountpoint(&self) -> String {
        format!("/var/lib/docker/volumes/{}/_data", self.name)
    }

    /// As inspect shows it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "CreatedAt": self.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "Driver": "local",
            "Labels": self.labels,
            "Mountpoint": self.mountpoint(),
            "Name": self.name,
            "Options": self.options,
            "Scope": "local",
        })
    }

    /// How many bytes are in it.
    pub(super) fn size(&self) -> u64 {
        self.files.lock().map_or(0, |files| files.size())
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).and_then(Value::as_str)
    }

    fn is_anonymous(&self) -> bool {
        self.label(ANONYMOUS).is_some()
    }

    /// A volume that mounts something of the host: it is never pruned nor measured.
    fn has_options(&self) -> bool {
        self.options.as_object().is_some_and(|options| !options.is_empty())
    }
}

/// All volumes.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    by_name: BTreeMap<String, Volume>,
}

impl Volumes {
    /// The volume with this name, made when there is none; an anonymous one without a name. The flag says that it was made.
    pub(super) fn ensure(&mut self, name: Option<&str>, driver: &str, ids: &mut Ids, now: Timestamp) -> Result<(&Volume, bool), Refusal> {
        self.make(name, driver, &Value::Null, &Value::Null, ids, now)
    }

    /// The same, with `DriverOpts` and `Labels` (null for none) where it is made.
    pub(super) fn make(
        &mut self,
        name: Option<&str>,
        driver: &str,
        options: &Value,
        labels: &Value,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<(&Volume, bool), Refusal> {
        let named = name.filter(|name| !name.is_empty());
        let name = named.map_or_else(|| ids.hex64(), str::to_owned);
        let refused = |status, why: String| Refusal::new(status, format!("create {name}: {why}"));
        if !["", "local"].contains(&driver) {
            return Err(refused(404, format!("error looking up volume plugin {driver}: plugin \"{driver}\" not found")));
        }
        if !self.by_name.contains_key(&name) {
            check_name(&name).map_err(|why| refused(400, why))?;
            check_options(Document(options)).map_err(|why| refused(400, why))?;
            let mut labels = labels.clone();
            if named.is_none() {
                if !labels.is_object() {
                    labels = json!({});
                }
                labels[ANONYMOUS] = "".into();
            }
            let files = Arc::new(Mutex::new(Files::new()));
            let volume = Volume { name: name.clone(), files, created: now, options: options.clone(), labels };
            self.by_name.insert(name.clone(), volume);
            return self.find(&name).map(|volume| (volume, true));
        }
        self.find(&name).map(|volume| (volume, false))
    }

    /// The volume with this name.
    pub(super) fn find(&self, name: &str) -> Result<&Volume, Refusal> {
        self.by_name.get(name).ok_or_else(|| Refusal::not_found(format!("get {name}: no such volume")))
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Volume> {
        self.by_name.values()
    }

    /// Takes a volume away, whoever uses it: those who call have looked.
    pub(super) fn remove(&mut self, name: &str) -> Option<Volume> {
        self.by_name.remove(name)
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() == 1 {
        return Err("volume name is too short, names should be at least two alphanumeric characters".to_owned());
    }
    let good = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
    if name.starts_with(|char: char| char.is_ascii_alphanumeric()) && name.chars().all(good) {
        return Ok(());
    }
    Err(format!(
        "\"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. \
         If you intended to pass a host directory, use absolute path"
    ))
}

fn check_options(options: Document<'_>) -> Result<(), String> {
    let Value::Object(all) = options.0 else { return Ok(()) };
    if let Some(unknown) = all.keys().find(|name| !["type", "o", "device", "size"].contains(&name.as_str())) {
        return Err(format!("invalid option: \"{unknown}\""));
    }
    let mounts = ["type", "o", "device"].iter().any(|name| all.contains_key(*name));
    // The order of moby's own table of what a mount needs.
    for name in ["device", "type"] {
        if mounts && options.text(name).is_empty() {
            return Err(format!("missing required option: \"{name}\""));
        }
    }
    Ok(())
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "VolumeCreate" => {
            let body = call.required_json().await?;
            answer::create(engine, Document(&body))
        }
        "VolumeInspect" => answer::inspect(engine, &call),
        "VolumeUpdate" => answer::update(engine, &mut call).await,
        "VolumeList" => list::list(engine, &call),
        "VolumeDelete" => removal::delete(engine, &call),
        "VolumePrune" => removal::prune(engine, &call),
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_made_once() {
        let (mut ids, mut volumes, now) = (Ids::new(Some(1)), Volumes::default(), Timestamp::UNIX_EPOCH);
        let labels = json!({ "a": "b" });
        for (name, driver, expected) in [
            (Some("data"), "local", Ok(true)),
            (Some("data"), "", Ok(false)),
            (Some("data"), "nope", Err((404, "create data: error looking up volume plugin nope: plugin \"nope\" not found".to_owned()))),
            (
                Some("x"),
                "",
                Err((400, "create x: volume name is too short, names should be at least two alphanumeric characters".to_owned())),
            ),
        ] {
            let made = volumes.make(name, driver, &Value::Null, &labels, &mut ids, now).map(|(_, made)| made);
            assert_eq!(made.map_err(|refusal| (refusal.status, refusal.message)), expected, "{name:?} {driver}");
        }
        let anonymous = volumes.ensure(None, "", &mut ids, now).map(|(volume, made)| (volume.name.len(), volume.is_anonymous(), made));
        assert_eq!(anonymous, Ok((64, true, true)));
        assert_eq!(volumes.iter().count(), 2);
        assert!(volumes.ensure(Some("/a"), "", &mut ids, now).is_err() && volumes.find("a").is_err());
    }

    #[test]
    fn options_are_those_of_a_mount() {
        for (options, expected) in [
            (json!(null), Ok(())),
            (json!({}), Ok(())),
            (json!({ "type": "tmpfs", "device": "tmpfs" }), Ok(())),
            (json!({ "foo": "bar" }), Err("invalid option: \"foo\"".to_owned())),
            (json!({ "device": "tmpfs" }), Err("missing required option: \"type\"".to_owned())),
        ] {
            assert_eq!(check_options(Document(&options)), expected, "{options}");
        }
    }
}
