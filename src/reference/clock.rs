//! The time that the reference backend tells.
//!
//! It tells the system's time, or stands still at one moment, so that answers are the same in every run. It never sleeps: what takes time
//! (a `sleep` in a container, a health check's interval) takes it for real.

use std::time::SystemTime;

use jiff::Timestamp;

/// What time it is. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    fixed: Option<Timestamp>,
}

impl Clock {
    /// The system's time.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Always this time.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self { fixed: Some(at) }
    }

    /// The time now, to the nanosecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.fixed.unwrap_or_else(|| Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let clock = Clock::fixed(at);
        assert_eq!(clock.now(), at);
        assert!(Clock::system().now() > at);
    }
}
