//! Secrets: `<redacted-1>`, the same for the same secret, whether it stands there as it was sent or as a redacted recording shows it.
//!
//! A secret is marked in its place first, since the order of lists, which must not depend on it, decides which secret comes first.

use std::collections::HashMap;

use serde_json::Value;

use super::super::alias::REDACTED;
use super::super::kind::{self, Kind};
use super::super::scene::{Content, Scene};
use super::{Normaliser, mask};
use crate::catalog::{BodyContract, Framing, Schema, SecretPlace};
use crate::redact::{replace_in_document, replace_in_parameter};

/// What stands around a marked secret: two of the noncharacters that Unicode (section 23.7) leaves to programs.
const MARKS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];
/// Of a secret that is too short to be told from others of its length in a redacted recording.
const ALIAS: &str = "<redacted>";
/// A shorter secret has no number there.
const SHORTEST: usize = 3;

/// The secrets of one scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets {
    numbers: HashMap<String, usize>,
}

impl Secrets {
    fn alias(&mut self, secret: &str) -> String {
        if secret == mask::CREDENTIAL {
            return secret.to_owned();
        }
        if secret == ALIAS || secret.len() < SHORTEST {
            return ALIAS.to_owned();
        }
        let next = self.numbers.len() + 1;
        format!("<{REDACTED}-{}>", self.numbers.entry(secret.to_owned()).or_insert(next))
    }
}

impl Normaliser {
    /// Marks all secrets of a scene.
    pub(super) fn mark_secrets(&self, scene: &mut Scene) {
        if self.shows_secrets {
            return;
        }
        self.hide_credentials(scene);
        let names = self.catalog.secret_names();
        let mut mark = |secret: &str| format!("{}{secret}{}", MARKS[0], MARKS[1]);
        for (name, value) in &mut scene.query {
            replace_in_parameter(name, value, names, &mut mark);
        }
        let request = self.contract(scene).and_then(|contract| place(&contract.request));
        let answer = self.response(scene).and_then(|response| place(&response.body));
        let asked = scene.request.content.iter_mut().map(|content| (content, request));
        let answered = scene.answer.iter_mut().flat_map(|answer| &mut answer.message.content).map(|content| (content, answer));
        for (content, place) in asked.chain(answered) {
            match content {
                Content::Json(document) => replace_in_document(document, place, names, &mut mark),
                Content::Document(document) => replace_in_document(document, None, names, &mut mark),
                Content::Text(..) => {}
            }
        }
    }

    /// What is nothing but a credential has no number.
    fn hide_credentials(&self, scene: &mut Scene) {
        let request = self.contract(scene).and_then(|contract| contract.request.schema.as_ref());
        let answer = self.response(scene).and_then(|response| response.body.schema.as_ref());
        let asked = scene.request.content.iter_mut().map(|content| (content, request));
        let answered = scene.answer.iter_mut().flat_map(|answer| &mut answer.message.content).map(|content| (content, answer));
        for (content, schema) in asked.chain(answered) {
            if let (Content::Json(document), Some(schema)) = (content, schema.filter(|schema| schema.secrets().is_marked())) {
                kind::walk(schema.source(), document, &mut String::new(), &mut |_, kind, value| {
                    if kind == Kind::Credential {
                        mask::credential(value);
                    }
                });
            }
        }
    }

    /// Puts aliases in the places of the marked secrets.
    pub(super) fn name_secrets(&mut self, scene: &mut Scene) {
        if self.shows_secrets {
            return;
        }
        let secrets = &mut self.secrets;
        let mut name = |secret: &str| secrets.alias(secret);
        for (_, value) in &mut scene.query {
            marked(value, &mut name);
        }
        let answered = scene.answer.iter_mut().flat_map(|answer| &mut answer.message.content);
        for content in scene.request.content.iter_mut().chain(answered) {
            if let Content::Json(document) | Content::Document(document) = content {
                documents(document, &mut name);
            }
        }
    }
}

/// A document in which no secret is told from another.
pub(super) fn blur_secrets(document: &mut Value) {
    documents(document, &mut |_| ALIAS.to_owned());
}

/// A text with an alias of a secret in it.
pub(in super::super) fn is_redacted(text: &str) -> bool {
    text.contains("<redacted")
}

/// Of bodies of other kinds a recording knows the secrets by names.
fn place(body: &'static BodyContract) -> Option<&'static SecretPlace> {
    body.schema.as_ref().filter(|_| body.framing == Framing::Json).map(Schema::secrets)
}

fn documents(value: &mut Value, name: &mut dyn FnMut(&str) -> String) {
    match value {
        Value::String(text) => marked(text, name),
        Value::Array(items) => items.iter_mut().for_each(|item| documents(item, name)),
        Value::Object(members) => {
            if members.keys().any(|key| key.contains(MARKS)) {
                let pairs = std::mem::take(members).into_iter();
                members.extend(pairs.map(|(mut key, member)| {
                    marked(&mut key, name);
                    (key, member)
                }));
            }
            members.values_mut().for_each(|member| documents(member, name));
        }
        _ => {}
    }
}

fn marked(text: &mut String, name: &mut dyn FnMut(&str) -> String) {
    while let Some((before, rest)) = text.split_once(MARKS[0])
        && let Some((secret, behind)) = rest.split_once(MARKS[1])
    {
        *text = format!("{before}{}{behind}", name(secret));
    }
}
