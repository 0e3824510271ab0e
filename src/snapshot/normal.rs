//! Scenes without what is different every time: aliases for what the daemon chose, in an order that does not depend on it.
//!
//! What the client asked for (a name, a published port, an address) stays as it is. Normalising what is normal changes nothing, and the result does
//! not depend on the ids that the daemon chose.

mod mask;
mod query;
mod secret;

use serde_json::Value;

use super::alias::{self, Aliases};
use super::kind::{self, Kind};
use super::scene::{Content, Label, Message, Scene};
use crate::catalog::{Catalog, Contract, ResponseContract, Schema};
use crate::inspect::contract_of;

use secret::Secrets;
pub(super) use secret::is_redacted;

/// Normalises the exchanges of one scenario, in the order of their requests.
#[derive(Debug, Clone)]
pub struct Normaliser {
    catalog: &'static Catalog,
    aliases: Aliases,
    secrets: Secrets,
    shows_secrets: bool,
}

impl Normaliser {
    /// One that knows no value yet. Secrets become aliases.
    #[must_use]
    pub fn new(catalog: &'static Catalog) -> Self {
        Self { catalog, aliases: Aliases::default(), secrets: Secrets::default(), shows_secrets: false }
    }

    /// Whether secrets stay as they were sent.
    #[must_use]
    pub fn showing_secrets(self, shows_secrets: bool) -> Self {
        Self { shows_secrets, ..self }
    }

    /// All scenes of a scenario.
    #[must_use]
    pub fn all(catalog: &'static Catalog, scenes: Vec<Scene>) -> Vec<Scene> {
        let mut normaliser = Self::new(catalog);
        scenes.into_iter().map(|scene| normaliser.next(scene)).collect()
    }

    /// What it knows of the API.
    #[must_use]
    pub const fn catalog(&self) -> &'static Catalog {
        self.catalog
    }

    /// What the aliases stand for.
    #[must_use]
    pub const fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Puts the parts that have no order of their own into one, and leaves out what comes as the network likes.
    #[must_use]
    pub fn arrange(&self, mut scene: Scene) -> Scene {
        self.mark_secrets(&mut scene);
        let Some(schema) = self.response(&scene).and_then(|response| response.body.schema.as_ref()).map(Schema::source) else {
            return scene;
        };
        let Some(answer) = &mut scene.answer else { return scene };
        let blind = |schema: &Value, item: &Value| self.blind(schema, item);
        for content in &mut answer.message.content {
            if let Content::Json(document) | Content::Document(document) = content {
                kind::sort(schema, document, &blind);
            }
        }
        let is_progress = schema.pointer("/properties/progressDetail").is_some();
        if is_progress {
            self.arrange_progress(schema, &mut answer.message.content);
        }
        scene
    }

    /// How far transfers have come is left out; what is said of several layers at once comes in any order.
    fn arrange_progress(&self, schema: &Value, content: &mut Vec<Content>) {
        let moves = |content: &Content| {
            let detail = if let Content::Document(document) = content { document.get("progressDetail") } else { None };
            detail.and_then(Value::as_object).is_some_and(|detail| !detail.is_empty())
        };
        content.retain(|content| !moves(content));
        let layer = |content: &Content| {
            if let Content::Document(document) = content {
                document.get("id").and_then(Value::as_str).filter(|id| alias::is_full_id(id)).map(str::to_owned)
            } else {
                None
            }
        };
        let mut rest = &mut content[..];
        while !rest.is_empty() {
            let run = rest.iter().take_while(|content| layer(content).is_some()).count();
            let (now, later) = rest.split_at_mut(run.max(1));
            if run > 1 {
                // All of one layer in their order; the layers by what is said of them.
                let key = |id: &Option<String>, all: &[Content]| -> String {
                    let said = all.iter().filter(|content| layer(content) == *id).filter_map(|content| match content {
                        Content::Document(document) => Some(self.blind(schema, document)),
                        _ => None,
                    });
                    said.collect::<Vec<_>>().join("\n")
                };
                let keys: Vec<String> = now.iter().map(|content| key(&layer(content), now)).collect();
                let firsts: Vec<usize> =
                    now.iter().map(|content| now.iter().position(|other| layer(other) == layer(content)).unwrap_or_default()).collect();
                let mut order: Vec<usize> = (0..now.len()).collect();
                order.sort_by(|a, b| (&keys[*a], firsts[*a], *a).cmp(&(&keys[*b], firsts[*b], *b)));
                let sorted: Vec<Content> = order.into_iter().map(|index| now[index].clone()).collect();
                now.clone_from_slice(&sorted);
            }
            rest = later;
        }
    }

    /// The next exchange, normalised.
    #[must_use]
    pub fn next(&mut self, scene: Scene) -> Scene {
        let mut scene = self.arrange(scene);
        self.name_secrets(&mut scene);
        let contract = self.contract(&scene);
        self.target(&mut scene, contract);
        self.hear(&scene);
        let schema = contract.and_then(|contract| contract.request.schema.as_ref());
        self.message(&mut scene.request, schema, true);
        let response = self.response(&scene);
        let is_error = scene.answer.as_ref().is_some_and(|answer| answer.status >= 400);
        let is_timed = scene.parameter("timestamps").is_some_and(|flag| matches!(flag, "1" | "true" | "True"));
        let is_sampled = scene.operation.as_deref() == Some("ContainerStats");
        if let Some(answer) = &mut scene.answer {
            if let Some(response) = response {
                self.documents_in_headers(&mut answer.message, response);
            }
            let schema = response.and_then(|response| response.body.schema.as_ref());
            self.message(&mut answer.message, schema, false);
            for content in &mut answer.message.content {
                match content {
                    Content::Text(Label::Text, text) if is_error => *text = self.text(text),
                    Content::Text(Label::Tar, text) => *text = self.text(text),
                    Content::Text(Label::Stdout | Label::Stderr | Label::Raw, text) if is_timed => *text = mask::untimed(text),
                    _ => {}
                }
            }
            if is_sampled {
                // How many samples there were is a matter of when the client left.
                answer.message.content.dedup();
            }
        }
        scene
    }

    /// The values by which this exchange may be told from the recorded one, each with its place.
    #[must_use]
    pub fn identities(&self, scene: &Scene) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let Some(schema) = self.response(scene).and_then(|response| response.body.schema.as_ref()).map(Schema::source) else {
            return found;
        };
        let content = scene.answer.iter().flat_map(|answer| &answer.message.content);
        for (index, content) in content.enumerate() {
            if let Content::Json(document) | Content::Document(document) = content {
                kind::walk(schema, &mut document.clone(), &mut index.to_string(), &mut |place, kind, value| {
                    if let Some(token) = mask::token(kind, value) {
                        found.push((place.to_owned(), token));
                    }
                });
            }
        }
        found
    }

    fn contract(&self, scene: &Scene) -> Option<&'static Contract> {
        let version = scene.version.filter(|version| version.is_known())?;
        self.catalog.operation(scene.operation.as_deref()?).map(|operation| operation.contract(version))
    }

    fn response(&self, scene: &Scene) -> Option<&'static ResponseContract> {
        contract_of(self.contract(scene)?, scene.answer.as_ref()?.status)
    }

    fn documents_in_headers(&mut self, message: &mut Message, response: &'static ResponseContract) {
        for header in response.headers.iter() {
            let Some((_, text)) = message.headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(&header.name)) else { continue };
            if let Ok(mut document @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
                self.document(header.schema().source(), &mut document, false);
                *text = document.to_string();
            }
        }
    }

    fn message(&mut self, message: &mut Message, schema: Option<&'static Schema>, is_client: bool) {
        for content in &mut message.content {
            match content {
                Content::Json(document) | Content::Document(document) => match schema {
                    Some(schema) => self.document(schema.source(), document, is_client),
                    None => self.leaves(document),
                },
                Content::Text(_, text) => *text = self.aliases.replace(text),
            }
        }
        for value in message.headers.values_mut() {
            *value = self.aliases.replace(value);
        }
    }

    fn document(&mut self, schema: &Value, document: &mut Value, is_client: bool) {
        // A text names objects that another member of the same document may say the kind of.
        for texts in [false, true] {
            kind::walk(schema, document, &mut String::new(), &mut |_, kind, value| {
                if (kind == Kind::Text) == texts {
                    self.mask(kind, value, is_client);
                }
            });
        }
        self.leaves(document);
    }

    /// Known ids in what has no kind: labels, outputs, members that the catalogue does not know.
    fn leaves(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.aliases.replace(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.leaves(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.leaves(member)),
            _ => {}
        }
    }

    /// A text of the daemon's own: ids in it are aliased, known or not.
    fn text(&mut self, text: &str) -> String {
        let aliases = &mut self.aliases;
        alias::rewrite(text, |token| {
            if let Some(alias) = aliases.known(token).filter(|_| alias::is_id(token)) {
                return Some(alias.to_owned());
            }
            alias::is_full_id(token).then(|| aliases.alias(Kind::Text, token).to_owned())
        })
    }

    /// What is known of an item before it is aliased: by this, and not by its ids, it is sorted.
    fn blind(&self, schema: &Value, item: &Value) -> String {
        let mut item = item.clone();
        kind::walk(schema, &mut item, &mut String::new(), &mut |_, kind, value| self.blur(kind, value));
        secret::blur_secrets(&mut item);
        self.leaves(&mut item);
        item.to_string()
    }
}

#[cfg(test)]
mod tests;
