//! The daemon as a whole: what it is, what it holds, and who may log in.

mod auth;
mod data_usage;
mod info;
mod ping;
mod version;

use std::sync::Arc;

use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;
use super::{Engine, events};

/// The version of the daemon: plimsoll's own.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "SystemAuth" => {
            let body = call.body.read().await?;
            auth::answer(&call, &body)
        }
        "SystemAuthGet" => Ok(auth::whoami()),
        "SystemDataUsage" => data_usage::answer(engine, call).await,
        "SystemEvents" => events::answer(engine, &call),
        "SystemInfo" => Ok(info::answer(engine, &call)),
        "SystemPing" => Ok(ping::answer(engine, &call, "OK")),
        "SystemPingHead" => Ok(ping::answer(engine, &call, "")),
        "SystemVersion" => Ok(version::answer(engine)),
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}
