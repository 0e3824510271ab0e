//! The parameters of `POST /build`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::call::Call;
use super::super::super::refusal::Refusal;
use super::super::json::go_error;
use super::super::name::Name;
use super::super::pull::Platform;
use super::dockerfile::{Dockerfile, Instruction, Kind};

/// What a client asks of a build.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the query string")]
pub(super) struct Options {
    /// The path of the Dockerfile in the context.
    pub(super) dockerfile: String,
    /// The names of the image.
    pub(super) tags: Vec<Name>,
    /// Only the id is told.
    pub(super) quiet: bool,
    pub(super) no_cache: bool,
    pub(super) pull: bool,
    /// Containers of steps that succeeded are removed.
    pub(super) remove: bool,
    /// Those of steps that failed too.
    pub(super) force_remove: bool,
    pub(super) args: BTreeMap<String, Option<String>>,
    pub(super) labels: BTreeMap<String, String>,
    /// Images whose steps count as done; all that are here, if none is named.
    pub(super) cache_from: Vec<String>,
    /// Names with addresses, `name:address`, that commands can look up.
    pub(super) extra_hosts: Vec<String>,
    /// The network of commands.
    pub(super) network: String,
    /// The last stage that is built.
    pub(super) target: String,
    pub(super) platform: Option<Platform>,
    /// Ids of images are told as documents.
    pub(super) aux: bool,
}

/// The objects of a parameter; `sort` is what Go calls their type.
fn decode<T: serde::de::DeserializeOwned + Default>(call: &Call, name: &str, what: &str, sort: &str) -> Result<T, Refusal> {
    match call.query.text(name) {
        "" | "null" => Ok(T::default()),
        text => serde_json::from_str(text).map_err(|error| {
            let why = go_error(text, &error, sort);
            Refusal::bad_parameter(if what.is_empty() { why } else { format!("error reading {what}: {why}") })
        }),
    }
}

impl Options {
    /// Reads the parameters, and refuses what this daemon does not do.
    pub(super) fn read(call: &Call) -> Result<Self, Refusal> {
        let query = &call.query;
        if query.has("securityopt") {
            return Err(Refusal::bad_parameter("The daemon on this platform does not support setting security options on build"));
        }
        if !matches!(query.text("isolation").to_ascii_lowercase().as_str(), "" | "default") {
            return Err(Refusal::bad_parameter(format!("Unsupported isolation: {:?}", query.text("isolation"))));
        }
        query.int("shmsize").map_err(|refusal| Refusal::server_error(refusal.message))?;
        decode::<Vec<Value>>(call, "ulimits", "ulimit settings", "[]*units.Ulimit")?;
        match query.text("version") {
            "" | "1" => {}
            // What a daemon says that has the classic builder only.
            "2" => return Err(Refusal::bad_parameter("buildkit is only supported with experimental mode")),
            other => return Err(Refusal::server_error(format!("invalid version {other:?}"))),
        }
        if query.flag("squash") {
            return Err(Refusal::bad_parameter("squash is only supported with experimental mode"));
        }
        if !query.text("remote").is_empty() {
            let why = super::super::import::unreachable(query.text("remote"));
            return Err(Refusal::server_error(format!("error downloading remote context {}: {why}", query.text("remote"))));
        }
        let mut tags: Vec<Name> = Vec::new();
        for text in query.all("t").iter().filter(|text| !text.is_empty()) {
            let name = Name::parse(text)?;
            if name.digest.is_some() {
                return Err(Refusal::bad_parameter("build tag cannot contain a digest"));
            }
            let name = name.exact();
            if !tags.contains(&name) {
                tags.push(name);
            }
        }
        let force_remove = query.flag("forcerm");
        let remove = match query.text("rm") {
            _ if force_remove && call.since(12) => true,
            "" if call.since(12) => true,
            _ => query.flag("rm"),
        };
        Ok(Self {
            dockerfile: query.text("dockerfile").to_owned(),
            tags,
            quiet: query.flag("q"),
            no_cache: query.flag("nocache"),
            pull: query.flag("pull") && call.since(16),
            remove,
            force_remove,
            args: decode(call, "buildargs", "build args", "map[string]*string")?,
            labels: decode(call, "labels", "labels", "map[string]string")?,
            cache_from: decode(call, "cachefrom", "", "[]string")?,
            extra_hosts: query.all("extrahosts").to_vec(),
            network: query.text("networkmode").to_owned(),
            target: query.text("target").to_owned(),
            platform: Platform::asked(call)?,
            aux: call.since(30),
        })
    }

    /// The instructions that are carried out: those up to the target, with the client's labels at the end.
    pub(super) fn plan(&self, dockerfile: &Dockerfile) -> Result<Vec<Instruction>, Refusal> {
        let mut plan = dockerfile.instructions.clone();
        if !self.target.is_empty() {
            let starts: Vec<(usize, Option<&String>)> = plan
                .iter()
                .enumerate()
                .filter_map(|(at, instruction)| match &instruction.kind {
                    Kind::From { name, .. } => Some((at, name.as_ref())),
                    _ => None,
                })
                .collect();
            let named = starts.iter().position(|(_, name)| name.is_some_and(|name| name.eq_ignore_ascii_case(&self.target)));
            let unknown = || Refusal::bad_parameter(format!("failed to reach build target {} in Dockerfile", self.target));
            let target = named.ok_or_else(unknown)?;
            let end = starts.get(target + 1).map(|(at, _)| *at);
            plan.truncate(end.unwrap_or(plan.len()));
        }
        // Quoted, so that nothing in them is taken for a variable.
        let escaped = |text: &str| format!("'{}'", text.replace('\'', "'\"'\"'"));
        for (key, value) in &self.labels {
            let original = format!("LABEL {key}={value}");
            plan.push(Instruction { original, kind: Kind::Label(vec![(escaped(key), escaped(value))]) });
        }
        Ok(plan)
    }
}
