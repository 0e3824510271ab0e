//! Secrets and configs: data that services are given. They differ in that a secret's data is never shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::cluster::Cluster;
use super::object::{Meta, asked_version, begins, find, invalid, labelled};
use super::service::Service;
use super::spec::{CONFIG, SECRET};

/// A secret or a config.
#[derive(Debug)]
pub(super) struct Secret {
    /// Its id.
    pub(super) id: String,
    meta: Meta,
    spec: Value,
}

impl Secret {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        Document(&self.spec).text("Name")
    }

    /// What it holds.
    pub(super) fn data(&self) -> Vec<u8> {
        STANDARD.decode(Document(&self.spec).text("Data")).unwrap_or_default()
    }

    fn write(&self, kind: Kind) -> Value {
        let mut object = self.meta.write(&self.id);
        let mut spec = self.spec.clone();
        if let (Kind::Secret, Some(spec)) = (kind, spec.as_object_mut()) {
            spec.remove("Data");
        }
        object.insert("Spec".to_owned(), spec);
        object.into()
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Config,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    fn most_bytes(self) -> usize {
        match self {
            Self::Secret => 500 * 1024,
            Self::Config => 1000 * 1024,
        }
    }

    fn all(self, cluster: &mut Cluster) -> &mut BTreeMap<String, Secret> {
        match self {
            Self::Secret => &mut cluster.secrets,
            Self::Config => &mut cluster.configs,
        }
    }

    fn read(self, body: &Value) -> Result<Value, Refusal> {
        match self {
            Self::Secret => SECRET.read_body(body),
            Self::Config => CONFIG.read_body(body),
        }
    }
}

pub(super) async fn create(engine: &Arc<Engine>, mut call: Call, kind: Kind) -> Result<Answer, Refusal> {
    let spec = kind.read(&call.required_json().await?)?;
    let word = kind.word();
    let asked = Document(&spec);
    if asked.has("Templating") && !call.since(37) {
        return Err(Refusal::bad_parameter(format!("{word} templating is not supported on the specified API version: {}", call.version)));
    }
    let mut guard = engine.state();
    let state = &mut *guard;
    let cluster = state.swarm.manager()?;
    validate(asked, kind)?;
    let name = asked.text("Name").to_owned();
    if kind.all(cluster).values().any(|known| known.name() == name) {
        return Err(Refusal::conflict(format!("rpc error: code = AlreadyExists desc = {word} {name} already exists")));
    }
    let id = state.ids.base36();
    let meta = Meta::new(cluster.next(), engine.now());
    kind.all(cluster).insert(id.clone(), Secret { id: id.clone(), meta, spec });
    engine.emit(state, word, "create", &id, BTreeMap::from([("name".to_owned(), name)]));
    Ok(Answer::created(serde_json::json!({ "ID": id })))
}

fn validate(asked: Document<'_>, kind: Kind) -> Result<(), Refusal> {
    let name = asked.text("Name");
    if name.is_empty() {
        return Err(invalid("name must be provided"));
    }
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let inside = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if bytes.len() > 64 || !inside || !ends(bytes.first()) || !ends(bytes.last()) {
        return Err(invalid(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]",
        ));
    }
    if asked.has("Driver") {
        return match asked.at("Driver").text("Name") {
            "" => Err(invalid("secret driver must have a name")),
            driver => Err(Refusal::server_error(format!("rpc error: code = Unknown desc = plugin \"{driver}\" not found"))),
        };
    }
    let most = kind.most_bytes();
    let length = STANDARD.decode(asked.text("Data")).map_or(0, |data| data.len());
    if length == 0 || length >= most {
        return Err(invalid(format!("{} data must be larger than 0 and less than {most} bytes", kind.word())));
    }
    Ok(())
}

pub(super) fn list(engine: &Arc<Engine>, call: &Call, kind: Kind) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    filters.only(if kind == Kind::Secret { &["names", "name", "id", "label"][..] } else { &["name", "id", "label"][..] })?;
    // Names and ids are alternatives here, as nowhere else.
    let named = |known: &Secret| {
        let given = ["names", "name", "id"].iter().any(|filter| !filters.lacks(filter));
        let among = |filter: &str, text: &str| !filters.lacks(filter) && begins(&filters, filter, text);
        !given || filters.get("names").iter().any(|name| name == known.name()) || among("name", known.name()) || among("id", &known.id)
    };
    let all = kind.all(cluster).values();
    let fits = |known: &&Secret| named(known) && labelled(filters.get("label"), &known.spec["Labels"]);
    Ok(Answer::json(all.filter(fits).map(|known| known.write(kind)).collect()))
}

fn named<'c>(cluster: &'c mut Cluster, input: &str, kind: Kind) -> Result<&'c mut Secret, Refusal> {
    let all = kind.all(cluster);
    let id = find(all, kind.word(), input, |known| known.name().to_owned())?;
    all.get_mut(&id).ok_or_else(|| Refusal::not_found(format!("{} {input} not found", kind.word())))
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call, kind: Kind) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    Ok(Answer::json(named(guard.swarm.manager()?, &call.name, kind)?.write(kind)))
}

pub(super) async fn update(engine: &Arc<Engine>, mut call: Call, kind: Kind) -> Result<Answer, Refusal> {
    let spec = kind.read(&call.required_json().await?)?;
    let version = asked_version(&call, kind.word())?;
    let mut guard = engine.state();
    let state = &mut *guard;
    let cluster = state.swarm.manager()?;
    let index = cluster.index + 1;
    let known = named(cluster, &call.name, kind)?;
    let asked = Document(&spec);
    if asked.text("Name") != known.name() || (asked.has("Data") && asked.member("Data") != &known.spec["Data"]) {
        return Err(invalid("only updates to Labels are allowed"));
    }
    known.meta.check(version)?;
    known.meta.touch(index, engine.now());
    known.spec["Labels"] = spec["Labels"].clone();
    let (id, name) = (known.id.clone(), known.name().to_owned());
    cluster.index = index;
    engine.emit(state, kind.word(), "update", &id, BTreeMap::from([("name".to_owned(), name)]));
    Ok(Answer::empty(200))
}

pub(super) fn delete(engine: &Arc<Engine>, call: &Call, kind: Kind) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let cluster = state.swarm.manager()?;
    let known = named(cluster, &call.name, kind)?;
    let (id, name) = (known.id.clone(), known.name().to_owned());
    let (list, member) = if kind == Kind::Secret { ("Secrets", "SecretID") } else { ("Configs", "ConfigID") };
    let uses = |spec: &Value| Document(&spec["TaskTemplate"]["ContainerSpec"]).items(list).iter().any(|used| used[member] == id.as_str());
    let users: Vec<&str> = cluster.services.values().filter(|service| uses(&service.spec)).map(Service::name).collect();
    if !users.is_empty() {
        let plural = if users.len() == 1 { "" } else { "s" };
        let word = kind.word();
        return Err(invalid(format!("{word} '{name}' is in use by the following service{plural}: {}", users.join(", "))));
    }
    kind.all(cluster).remove(&id);
    cluster.next();
    engine.emit(state, kind.word(), "remove", &id, BTreeMap::from([("name".to_owned(), name)]));
    Ok(Answer::empty(204))
}
