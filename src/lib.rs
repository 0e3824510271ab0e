//! plimsoll.
pub mod catalog;
pub mod cli;
pub mod error;
pub mod inspect;
pub mod model;
pub mod proxy;
pub mod report;
pub mod run;
pub mod transcript;
pub mod wire;
