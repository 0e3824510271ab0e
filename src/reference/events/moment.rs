//! Moments as clients write them: seconds since 1970 with a fraction, RFC 3339 and its shorter forms, or how long ago (`10m`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::super::call::Filters;
use super::super::refusal::Refusal;

const NANOS: i128 = 1_000_000_000;

/// Reads a moment; a time without a zone is UTC.
pub(in crate::reference) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    if let Some(ago) = duration(text) {
        return now.as_nanosecond().checked_sub(ago).and_then(|nanos| Timestamp::from_nanosecond(nanos).ok()).ok_or_else(|| invalid(text));
    }
    if let Some(moment) = unix(text) {
        return Ok(moment);
    }
    let civil = |moment: DateTime| moment.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(civil))
        .or_else(|_| format!("{text}:00").parse::<DateTime>().and_then(civil))
        .or_else(|_| text.parse::<Date>().and_then(|date| civil(date.to_datetime(jiff::civil::Time::midnight()))))
        .map_err(|_| invalid(text))
}

/// The filter `until` of a prune.
pub(in crate::reference) fn until(filters: &Filters, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match filters.get("until") {
        [] => Ok(None),
        [one] => parse(one, now).map(Some),
        _ => Err(Refusal::server_error("more than one until filter specified")),
    }
}

fn invalid(text: &str) -> Refusal {
    Refusal::server_error(format!("failed to parse value as time or duration: \"{text}\""))
}

/// `1700000000` or `1700000000.000000001`.
pub(super) fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    // Go cuts what is finer than a nanosecond.
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Timestamp::new(seconds, nanos.parse().ok()?).ok()
}

/// Go's durations: `1h30m`, `1.5s`, `-10m`; in nanoseconds. A bare number is none.
fn duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut total = 0i128;
    while !rest.is_empty() {
        let number_end = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(unit_end);
        let size: i128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" => 60 * NANOS,
            "h" => 3600 * NANOS,
            _ => return None,
        };
        if number.trim_matches('.').is_empty() {
            return None;
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(size)?)?;
        if !fraction.is_empty() {
            let fraction: String = fraction.chars().take(15).collect();
            let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(size)? / scale)?;
        }
        rest = next;
    }
    Some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        for (text, expected) in [
            ("1767323045", Some("2026-01-02T03:04:05Z")),
            ("1767323045.000000001", Some("2026-01-02T03:04:05.000000001Z")),
            ("1767323045.5", Some("2026-01-02T03:04:05.5Z")),
            ("10m", Some("2026-01-02T02:54:05Z")),
            ("1h30m", Some("2026-01-02T01:34:05Z")),
            ("1.5s", Some("2026-01-02T03:04:03.5Z")),
            ("-1s", Some("2026-01-02T03:04:06Z")),
            ("2026-01-01", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01T10:00", Some("2026-01-01T10:00:00Z")),
            ("2026-01-01T10:00:00", Some("2026-01-01T10:00:00Z")),
            ("2026-01-01T10:00:00+02:00", Some("2026-01-01T08:00:00Z")),
            ("0", Some("1970-01-01T00:00:00Z")),
            ("", None),
            (".", None),
            ("s", None),
            ("1x", None),
            ("yesterday", None),
            ("99999999999999999999", None),
            ("99999999999999999999999999999999999999999h", None),
        ] {
            assert_eq!(parse(text, now).ok().map(|moment| moment.to_string()).as_deref(), expected, "{text}");
        }
    }
}
