//! What enforce mode did to an exchange that breaks a rule. In observe mode nothing is ever done.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of the bytes that were not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// The request never reached the daemon whole: plimsoll answered it with 400.
    Refused,
    /// The request never reached the daemon, for what it asks: plimsoll answered it with 403. It breaks no rule by that.
    Denied,
    /// The client got 502 from plimsoll in place of the daemon's answer.
    Replaced,
    /// A part had gone on already: the connection was closed before the rest.
    Cut,
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused with 400",
            Self::Denied => "denied with 403",
            Self::Replaced => "replaced by 502",
            Self::Cut => "cut",
        })
    }
}
