//! `plimsoll replay`: what is played, to whom, and how fast.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::judge::JudgeArgs;
use super::tls::DialArgs;
use crate::proxy::Address;
use crate::replay::Speed;

/// `plimsoll replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A recording (*.wire)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which side is played
    #[arg(long = "as", value_name = "SIDE", value_enum)]
    pub part: Part,
    /// As daemon: where clients connect, unix:///path (mode 0600, removed on exit) or tcp://host:port
    #[arg(long, value_name = "ADDR", required_if_eq("part", "daemon"))]
    pub listen: Option<Address>,
    /// As client: the daemon, unix:///path, tcp://host:port, https://host:port or reference [default: $DOCKER_HOST, else reference]
    #[arg(long, value_name = "ADDR")]
    pub backend: Option<Address>,
    /// How it is dialled.
    #[command(flatten)]
    pub dial: DialArgs,
    /// How fast: 1 as it was recorded, 2 twice as fast …, max without a pause. The order is kept at any speed
    #[arg(long, value_name = "N|max", default_value = "1")]
    pub speed: Speed,
    /// As client: record everything to this file
    #[arg(long, value_name = "FILE.wire")]
    pub record: Option<PathBuf>,
    /// How to judge and what to report.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `--as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Answers as the recorded daemon did.
    Daemon,
    /// Asks as the recorded clients did.
    Client,
}
