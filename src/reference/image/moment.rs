//! Times and durations as dockerd's filters and Go read them.

use jiff::Timestamp;

/// A time as dockerd's filters take it: seconds since 1970, RFC 3339 in any of its lengths, or a duration of Go (`24h`, `1h30m`).
pub(super) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates, and what is too large is no time")]
        return Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    }
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    for ending in ["Z", ":00Z", "T00:00:00Z"] {
        if let Ok(time) = format!("{text}{ending}").parse() {
            return Some(time);
        }
    }
    let ago = jiff::SignedDuration::from_nanos(go_duration(text)?);
    now.checked_sub(ago).ok()
}

/// A duration of Go in nanoseconds.
pub(super) fn go_duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, sign) = text.strip_prefix('-').map_or((text.strip_prefix('+').unwrap_or(text), 1.0), |rest| (rest, -1.0));
    let mut sum = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (number, more) = rest.split_at(end);
        let unit_end = more.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(more.len());
        let (unit, more) = more.split_at(unit_end);
        let nanoseconds = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * nanoseconds;
        rest = more;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
    Some((sign * sum) as i64)
}

/// Go's sentence about a text that is no duration.
pub(super) fn duration_error(text: &str) -> String {
    let unit = text.trim_start_matches(|char: char| char.is_ascii_digit() || matches!(char, '.' | '-' | '+'));
    let has_number = text.starts_with(|char: char| char.is_ascii_digit());
    match (has_number, unit) {
        (true, "") => format!("time: missing unit in duration {text:?}"),
        (true, unit) => {
            let end = unit.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(unit.len());
            format!("time: unknown unit {:?} in duration {text:?}", &unit[..end])
        }
        _ => format!("time: invalid duration {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_read() {
        let now = Timestamp::from_second(7200).expect("a time");
        for (text, second) in [
            ("1h", Some(3600)),
            ("1h30m", Some(1800)),
            ("5000", Some(5000)),
            ("1970-01-01T00:00:09", Some(9)),
            ("1970-01-02", Some(86400)),
            ("x", None),
            ("", None),
            ("9999999h", None),
        ] {
            let read = moment(text, now).map(Timestamp::as_second).filter(|second| *second >= 0);
            assert_eq!(read, second, "{text}");
        }
        assert_eq!(go_duration("1.5s"), Some(1_500_000_000));
        assert_eq!(go_duration("2"), None);
    }

    #[test]
    fn what_is_no_duration_is_told_in_gos_words() {
        for (text, sentence) in [
            ("1", "time: missing unit in duration \"1\""),
            ("1x", "time: unknown unit \"x\" in duration \"1x\""),
            ("é", "time: invalid duration \"é\""),
        ] {
            assert_eq!(duration_error(text), sentence);
        }
    }
}
