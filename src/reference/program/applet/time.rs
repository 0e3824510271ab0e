//! Programs about time: `date`, `sleep`, `uptime`.

use std::time::Duration;

use jiff::Timestamp;

use super::super::pipe::Closed;
use super::super::process::Process;
use super::Table;
use super::arguments::{Given, usage};

pub(super) const TABLE: Table = &[
    ("date", |process| Box::pin(date(process))),
    ("sleep", |process| Box::pin(sleep(process))),
    ("usleep", |process| Box::pin(sleep(process))),
    ("uptime", |process| Box::pin(uptime(process))),
];

/// The longest that anything sleeps at once: a timer has its limits.
const LONGEST: Duration = Duration::from_hours(8760);

/// A time span: a number with `s`, `m`, `h`, `d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if ["inf", "infinity"].contains(&text) {
        return Some(LONGEST);
    }
    let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let unit = match text.get(number.len()..)? {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    if number.is_empty() || !number.chars().all(|char| char.is_ascii_digit() || char == '.') {
        return None;
    }
    let seconds = number.parse::<f64>().ok()? * unit;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST))
}

async fn sleep(process: &mut Process) -> Result<u8, Closed> {
    if process.arguments().is_empty() {
        return Ok(usage(process, "missing operand").await);
    }
    let mut total = Duration::ZERO;
    for argument in process.arguments().to_vec() {
        let Some(time) = duration(&argument) else {
            process.complain(format!("invalid number '{argument}'")).await;
            return Ok(1);
        };
        total = total.saturating_add(if process.name() == "usleep" { time / 1_000_000 } else { time });
    }
    tokio::time::sleep(total.min(LONGEST)).await;
    Ok(0)
}

async fn date(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "uR", "dDrI").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut at = process.now();
    if let Some(path) = given.value('r') {
        match process.files().stat(&process.path(path), true) {
            Ok(stat) => at = stat.mtime,
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                return Ok(1);
            }
        }
    }
    if let Some(text) = given.value('d') {
        let seconds = text.strip_prefix('@').and_then(|text| text.parse().ok()).and_then(|at| Timestamp::from_second(at).ok());
        let Some(read) = seconds.or_else(|| text.parse().ok()).or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok()) else {
            process.complain(format!("invalid date '{text}'")).await;
            return Ok(1);
        };
        at = read;
    }
    let format = match given.operands.first() {
        Some(operand) => match operand.strip_prefix('+') {
            Some(format) => format.to_owned(),
            None => return Ok(usage(process, &format!("invalid date '{operand}'")).await),
        },
        None if given.has('R') => "%a, %d %b %Y %H:%M:%S +0000".to_owned(),
        None => "%a %b %e %H:%M:%S UTC %Y".to_owned(),
    };
    let format = format.replace("%Z", "UTC").replace("%z", "+0000").replace("%N", "%9f");
    let shown = jiff::fmt::strtime::format(&format, at).unwrap_or(format);
    process.line(shown).await?;
    Ok(0)
}

async fn uptime(process: &mut Process) -> Result<u8, Closed> {
    let now = process.now().strftime("%H:%M:%S").to_string();
    process.line(format!(" {now} up 1 day,  0 users,  load average: 0.00, 0.00, 0.00")).await?;
    Ok(0)
}
