//! The scenarios: for each operation, what makes the daemon answer it for real, and what makes it refuse.
//!
//! One file a group of operations. Each case is a short list of steps, and says by the version it is at what the steps are.

mod build;
mod container;
mod exec;
mod fixture;
mod image;
mod network;
mod plugin;
mod service;
mod stream;
mod swarm;
mod system;
mod volume;

use super::client::Client;
use super::step::{Call, message};
use super::world::World;

/// Why no case of a version can be run, if none can.
pub(super) async fn refused(world: &mut World<'_>) -> Option<String> {
    let mut client = Client::new(std::sync::Arc::clone(&world.plan.gate), 0);
    match Call::new(&mut client, "GET", format!("/v{}/version", world.version)).send().await {
        Ok(answer) if answer.status == 200 => None,
        Ok(answer) => Some(format!("the daemon refuses the version ({} {})", answer.status, message(&answer.body))),
        Err(skip) => Some(format!("the daemon refuses the version ({})", skip.0)),
    }
}

/// The cases that may run while those of other versions do.
pub(super) async fn together(world: &mut World<'_>) {
    system::cases(world).await;
    container::cases(world).await;
    stream::cases(world).await;
    exec::cases(world).await;
    image::cases(world).await;
    build::cases(world).await;
    volume::cases(world).await;
    network::cases(world).await;
    plugin::cases(world).await;
}

/// The cases that are about the whole daemon, or that it does for one client at a time.
pub(super) async fn alone(world: &mut World<'_>) {
    swarm::cases(world).await;
    system::usage(world).await;
    container::prune_ours(world).await;
    image::prune_ours(world).await;
    volume::prune_ours(world).await;
    network::prune_ours(world).await;
    build::prune_ours(world).await;
}

/// The cases that take away what other cases may need.
pub(super) async fn last(world: &mut World<'_>) {
    container::prune(world).await;
    image::prune(world).await;
    volume::prune(world).await;
    network::prune(world).await;
    build::prune(world).await;
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn every_operation_has_a_scenario() {
        const FILES: [&str; 11] = [
            include_str!("scenario/build.rs"),
            include_str!("scenario/container.rs"),
            include_str!("scenario/exec.rs"),
            include_str!("scenario/image.rs"),
            include_str!("scenario/network.rs"),
            include_str!("scenario/plugin.rs"),
            include_str!("scenario/service.rs"),
            include_str!("scenario/stream.rs"),
            include_str!("scenario/swarm.rs"),
            include_str!("scenario/system.rs"),
            include_str!("scenario/volume.rs"),
        ];
        let named = |id: &str| FILES.iter().any(|text| text.contains(&format!("\"{id}\"")));
        let missing: Vec<_> = Catalog::builtin().operations().iter().map(crate::catalog::Operation::id).filter(|id| !named(id)).collect();
        assert!(missing.is_empty(), "no scenario: {missing:?}");
    }
}
