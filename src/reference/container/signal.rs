//! Signals as the API names them.

use crate::reference::program::signal;
use crate::reference::refusal::Refusal;

/// SIGKILL.
pub(super) const KILL: u8 = 9;
/// SIGTERM.
pub(super) const TERM: u8 = 15;

/// The signal that a text names: by number, or by name with or without `SIG`. Numbers that no signal has are refused later.
pub(super) fn parse(text: &str) -> Result<u8, Refusal> {
    let invalid = || Refusal::bad_parameter(format!("Invalid signal: {text}"));
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            0 => Err(invalid()),
            // A number that is too large for any signal stays one that no system has.
            number => Ok(u8::try_from(number).unwrap_or(u8::MAX)),
        };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = realtime(name) {
        return Ok(number);
    }
    match name {
        "CLD" => Ok(17),
        "POLL" => Ok(29),
        "IOT" => Ok(6),
        _ if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) => Err(invalid()),
        _ => signal::number(name).ok_or_else(invalid),
    }
}

fn realtime(name: &str) -> Option<u8> {
    if name == "RTMIN" {
        return Some(34);
    }
    if name == "RTMAX" {
        return Some(64);
    }
    if let Some(more) = name.strip_prefix("RTMIN+") {
        return more.parse::<u8>().ok().filter(|more| *more <= 15).map(|more| 34 + more);
    }
    name.strip_prefix("RTMAX-")?.parse::<u8>().ok().filter(|less| *less <= 14).map(|less| 64 - less)
}

/// Whether Linux has a signal with this number.
pub(super) fn is_known(number: u8) -> bool {
    (1..=31).contains(&number) || (34..=64).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("KILL", Some(9)),
            ("SIGTERM", Some(15)),
            ("sigusr1", Some(10)),
            ("9", Some(9)),
            ("999", Some(255)),
            ("RTMIN+3", Some(37)),
            ("SIGRTMAX", Some(64)),
            ("0", None),
            ("FOO", None),
            ("", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
        assert!(is_known(15) && is_known(64) && !is_known(255) && !is_known(32));
    }
}
