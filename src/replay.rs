//! A recording, played again: as the daemon to live clients, or as the clients to a live daemon.
//!
//! What a side sends is what was recorded, byte for byte; when it sends it is decided by the order of the recording: an event comes after those that
//! stood before it, as far as they belong to what is under way. It never judges, and it never listens or dials: it is given streams.

mod asked;
mod body;
pub mod client;
pub mod daemon;
mod ids;
mod script;
mod secrets;
mod stage;

use std::str::FromStr;
use std::time::Duration;

pub use script::{Script, Unmatched};

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// Without a wait.
    Max,
}

impl Speed {
    /// How long a recorded pause lasts.
    #[must_use]
    pub fn pause(self, recorded: Duration) -> Duration {
        match self {
            Self::Times(times) => Duration::try_from_secs_f64(recorded.as_secs_f64() / times).unwrap_or(Duration::MAX),
            Self::Max => Duration::ZERO,
        }
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            _ => Err("a speed is a number above 0, as in 1 or 2.5, or max".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        let second = Duration::from_secs(1);
        assert_eq!("2".parse::<Speed>().map(|speed| speed.pause(second)), Ok(Duration::from_millis(500)));
        assert_eq!("max".parse::<Speed>().map(|speed| speed.pause(second)), Ok(Duration::ZERO));
        for text in ["0", "-1", "inf", "nan", "fast", ""] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
        assert_eq!(Speed::Times(1e-300).pause(second), Duration::MAX);
    }
}
