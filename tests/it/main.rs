//! All tests that are not about one file: one binary, one module a promise.

mod catalog;
mod cli;
mod config;
mod coverage;
mod deviations;
mod enforce;
mod facts;
mod floors;
mod gate;
mod har;
mod html;
mod metrics;
mod mutations;
mod pages;
mod quick;
mod redact;
mod reference;
mod replay;
mod report;
mod rules;
mod snapshot;
mod support;
mod tls;
mod transparency;
mod wire;
