//! The targets, as `cargo test` has them too: it gives them the kept corpus once.

#[path = "../../tests/it/fuzz/targets.rs"]
mod targets;

pub use targets::*;
