//! `GET /distribution/{name}/json`, and attestations, which only other image stores have.

use serde_json::json;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::configuration::{ARCHITECTURE, OS};
use super::inspect::descriptor;
use super::name::{Name, Reference};
use super::registry::Missing;

/// Answers `GET /distribution/{name}/json`.
pub(super) fn inspect(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let name = match Reference::parse(&call.name)? {
        Reference::Name(name) => name.exact(),
        Reference::Id(_) => return Err(Refusal::server_error("no manifest found for full image ID")),
    };
    let published = engine.state().images.registry.lookup(&name).map_err(|missing| refusal(&name, missing))?;
    Ok(Answer::json(json!({
        "Descriptor": descriptor(&published.digest, published.manifest_size),
        "Platforms": [{ "architecture": ARCHITECTURE, "os": OS }],
    })))
}

fn refusal(name: &Name, missing: Missing) -> Refusal {
    match missing {
        Missing::Host(sentence) => Refusal::server_error(sentence),
        Missing::Repository => {
            Refusal::forbidden("errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n")
        }
        Missing::Manifest => Refusal::not_found(format!("manifest unknown: manifest unknown for {}", name.familiar())),
    }
}

/// Answers `GET /images/{name}/attestations`: this image store has none.
pub(super) fn attestations(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    engine.state().images.find(&call.name)?;
    Err(Refusal::not_implemented("the legacy image store does not support attestations"))
}
