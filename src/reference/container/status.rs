//! The state of a container in words: `Up 5 minutes (healthy)`.

use jiff::Timestamp;

use super::health::Health;
use super::life::{Life, Phase};

/// `Status` of a list.
pub(super) fn status(life: &Life, health: Option<&Health>, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| at.map_or_else(String::new, |at| duration(now.duration_since(at).as_secs()));
    match &life.phase {
        Phase::Paused(_) => format!("Up {} (Paused)", since(life.started)),
        Phase::Restarting => format!("Restarting ({}) {} ago", life.exit_code, since(life.finished)),
        Phase::Running(_) => match health.map(Health::words) {
            Some(words) => format!("Up {} ({words})", since(life.started)),
            None => format!("Up {}", since(life.started)),
        },
        Phase::Created | Phase::Exited if life.removing => "Removal In Progress".to_owned(),
        Phase::Created => "Created".to_owned(),
        Phase::Exited => format!("Exited ({}) {} ago", life.exit_code, since(life.finished)),
    }
}

/// The words of the first daemons.
pub(super) fn old_status(life: &Life, now: Timestamp) -> String {
    match &life.phase {
        Phase::Created | Phase::Exited => format!("Exit {}", life.exit_code),
        _ => status(life, None, now),
    }
}

/// A length of time as Docker says it.
pub(super) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_docker_says_them() {
        for (seconds, expected) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (125, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (2 * 3600, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (14 * 86400, "2 weeks"),
            (60 * 86400, "2 months"),
            (730 * 86400, "2 years"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_life_is_told_in_words() {
        let now: Timestamp = "2026-01-01T00:01:40Z".parse().expect("a time");
        let mut life = Life::default();
        assert_eq!(status(&life, None, now), "Created");
        assert_eq!(old_status(&life, now), "Exit 0");
        life.phase = Phase::Exited;
        life.finished = "2026-01-01T00:01:37Z".parse().ok();
        life.exit_code = 3;
        assert_eq!(status(&life, None, now), "Exited (3) 3 seconds ago");
        life.phase = Phase::Restarting;
        assert_eq!(status(&life, None, now), "Restarting (3) 3 seconds ago");
        life.phase = Phase::Exited;
        life.removing = true;
        assert_eq!(status(&life, None, now), "Removal In Progress");
    }
}
