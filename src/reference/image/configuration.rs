//! The configuration of an image as a document: what its id is the digest of, and what archives and registries carry.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::document::Document;
use super::super::files::Files;
use super::layer::{Layer, chain_ids, digest};
use super::{Image, Origin, Step, config};

/// The architecture that this daemon says it has.
pub(super) const ARCHITECTURE: &str = "amd64";
/// Its system.
pub(super) const OS: &str = "linux";

/// An image that is being made.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) parent: String,
    pub(super) created: Timestamp,
    pub(super) config: Value,
    pub(super) files: Files,
    pub(super) origin: Origin,
    pub(super) layers: Vec<Arc<Layer>>,
    pub(super) history: Vec<Step>,
}

impl Origin {
    /// Made by this daemon.
    pub(super) fn here() -> Self {
        Self { docker_version: super::super::system::VERSION.to_owned(), ..Self::elsewhere() }
    }

    /// Nothing is known.
    pub(super) fn elsewhere() -> Self {
        Self {
            author: String::new(),
            comment: String::new(),
            container: String::new(),
            container_config: config::empty(),
            docker_version: String::new(),
            architecture: ARCHITECTURE.to_owned(),
            os: OS.to_owned(),
        }
    }
}

impl Draft {
    /// The image, with its id.
    pub(super) fn finish(self) -> Image {
        let configuration = Bytes::from(self.document().to_string());
        self.finish_with(configuration)
    }

    /// The image whose configuration was written elsewhere, and keeps its bytes.
    pub(super) fn finish_with(self, configuration: Bytes) -> Image {
        Image {
            id: digest(&configuration),
            chain: chain_ids(self.layers.iter().map(|layer| layer.diff_id.as_str())),
            parent: self.parent,
            created: self.created,
            config: self.config,
            size: self.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add),
            files: self.files,
            origin: self.origin,
            layers: self.layers,
            history: self.history,
            configuration,
        }
    }

    fn document(&self) -> Value {
        let mut document = json!({
            "architecture": self.origin.architecture,
            "config": self.config,
            "created": self.created.to_string(),
            "history": self.history.iter().map(Step::document).collect::<Vec<_>>(),
            "os": self.origin.os,
            "rootfs": { "type": "layers", "diff_ids": self.layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
        });
        if self.origin.container_config != config::empty() {
            config::set(&mut document, "container_config", self.origin.container_config.clone());
        }
        for (name, text) in [
            ("author", &self.origin.author),
            ("comment", &self.origin.comment),
            ("container", &self.origin.container),
            ("docker_version", &self.origin.docker_version),
        ] {
            if !text.is_empty() {
                config::set(&mut document, name, json!(text));
            }
        }
        document
    }
}

impl Step {
    fn document(&self) -> Value {
        let mut members = Map::new();
        members.insert("created".to_owned(), json!(self.created.to_string()));
        for (name, text) in [("created_by", &self.created_by), ("comment", &self.comment), ("author", &self.author)] {
            if !text.is_empty() {
                members.insert(name.to_owned(), json!(text));
            }
        }
        if self.empty_layer {
            members.insert("empty_layer".to_owned(), json!(true));
        }
        Value::Object(members)
    }

    fn read(value: &Value) -> Self {
        let document = Document(value);
        Self {
            created: time(document.text("created")),
            created_by: document.text("created_by").to_owned(),
            comment: document.text("comment").to_owned(),
            author: document.text("author").to_owned(),
            empty_layer: document.flag("empty_layer"),
        }
    }
}

/// Reads a configuration that came from elsewhere; the layers and files are given when they are known.
pub(super) fn read(value: &Value) -> Draft {
    let document = Document(value);
    let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    Draft {
        parent: String::new(),
        created: time(document.text("created")),
        config: config::normal(document.member("config")),
        files: Files::new(),
        origin: Origin {
            author: document.text("author").to_owned(),
            comment: document.text("comment").to_owned(),
            container: document.text("container").to_owned(),
            container_config: config::normal(document.member("container_config")),
            docker_version: document.text("docker_version").to_owned(),
            architecture: or(document.text("architecture"), ARCHITECTURE),
            os: or(document.text("os"), OS),
        },
        layers: Vec::new(),
        history: document.items("history").iter().map(Step::read).collect(),
    }
}

/// The digests of the layers that a configuration names.
pub(super) fn diff_ids(value: &Value) -> Vec<String> {
    Document(value).at("rootfs").texts("diff_ids")
}

/// Go's zero time, of an image that does not say when it was made.
pub(super) fn no_time() -> Timestamp {
    Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| no_time())
}
