//! All tests that are not about one file: one binary, one module a promise.

mod catalog;
mod cli;
mod config;
mod deviations;
mod enforce;
mod facts;
mod floors;
mod gate;
mod har;
mod metrics;
mod mutations;
mod pages;
mod quick;
mod reference;
mod replay;
mod rules;
mod snapshot;
mod support;
mod transparency;
mod wire;
