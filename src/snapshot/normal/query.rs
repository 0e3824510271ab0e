//! Path and query of a request: what the client calls objects by.

use serde_json::Value;

use super::super::alias;
use super::super::kind::Kind;
use super::super::scene::{Content, Scene};
use super::Normaliser;
use crate::catalog::Contract;

impl Normaliser {
    /// Takes note of every value that the client asks for.
    pub(super) fn hear(&mut self, scene: &Scene) {
        for step in scene.path.split('/') {
            self.aliases.say(step);
        }
        for (_, value) in &scene.query {
            self.aliases.say(value);
            if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
                self.hear_document(&document);
            }
        }
        for content in &scene.request.content {
            if let Content::Json(document) | Content::Document(document) = content {
                self.hear_document(document);
            }
        }
    }

    fn hear_document(&mut self, document: &Value) {
        match document {
            Value::String(text) => {
                self.aliases.say(text.trim_start_matches('/'));
                if let Some((host, _)) = text.split_once('/') {
                    self.aliases.say(host);
                }
            }
            Value::Number(number) => self.aliases.say(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.hear_document(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    self.aliases.say(name);
                    self.hear_document(member);
                }
            }
            _ => {}
        }
    }

    /// Aliases in path and query.
    pub(super) fn target(&mut self, scene: &mut Scene, contract: Option<&'static Contract>) {
        let kind = Kind::Id(object_of(&scene.path));
        let steps: Vec<String> = scene.path.split('/').map(|step| self.called(kind, step)).collect();
        scene.path = steps.join("/");
        for (name, value) in &mut scene.query {
            let parameter = contract.and_then(|contract| contract.query.iter().find(|parameter| parameter.name == *name));
            let of =
                parameter.and_then(|parameter| parameter.schema().source().get("x-kind")).and_then(Value::as_str).and_then(Kind::from_word);
            *value = match of {
                Some(Kind::Time) => time(value),
                Some(kind @ Kind::Index) => self.aliases.known_as(kind, value).unwrap_or(value).to_owned(),
                _ => match serde_json::from_str(value) {
                    Ok(mut document @ (Value::Object(_) | Value::Array(_))) => {
                        self.called_in(&mut document);
                        document.to_string()
                    }
                    _ => self.called(kind, value),
                },
            };
        }
    }

    fn called(&mut self, kind: Kind, text: &str) -> String {
        if let Some(alias) = self.aliases.resolve(text) {
            return alias.to_owned();
        }
        let (algorithm, token) = text.strip_prefix("sha256:").map_or(("", text), |token| ("sha256:", token));
        if alias::is_full_id(token) {
            // The client knows it from before.
            return format!("{algorithm}{}", self.aliases.alias(kind, token));
        }
        self.aliases.replace(text)
    }

    /// Filters: `{"id":["4fa6e0"]}`, and in old spelling `{"id":{"4fa6e0":true}}`.
    fn called_in(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.called(Kind::Id("id"), text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.called_in(item)),
            Value::Object(members) => {
                let pairs = std::mem::take(members).into_iter();
                *members = pairs
                    .map(|(name, mut member)| {
                        self.called_in(&mut member);
                        (self.called(Kind::Id("id"), &name), member)
                    })
                    .collect();
            }
            _ => {}
        }
    }
}

/// The kind of object that a path is about.
fn object_of(path: &str) -> &'static str {
    match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "containers" => "container",
        "images" => "image",
        "networks" => "network",
        "volumes" => "volume",
        "exec" => "exec",
        "services" => "service",
        "tasks" => "task",
        "nodes" => "node",
        "secrets" => "secret",
        "configs" => "config",
        _ => "id",
    }
}

/// `since=1700000000.5`; what is relative (`10m`) or zero is the client's own.
fn time(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(|seconds| seconds > 1.0);
    if is_number || (text.len() >= 20 && text.as_bytes()[10] == b'T') { "<time>".to_owned() } else { text.to_owned() }
}
