//! Programs on lines: `sort`, `uniq`, `cut`, `tr`.

use std::cmp::Ordering;

use super::super::pipe::Closed;
use super::super::process::{MOST_IN_MEMORY, Process};
use super::super::shell::pattern::class;
use super::Table;
use super::arguments::{Given, usage};

pub(super) const TABLE: Table = &[
    ("sort", |process| Box::pin(sort(process))),
    ("uniq", |process| Box::pin(uniq(process))),
    ("cut", |process| Box::pin(cut(process))),
    ("tr", |process| Box::pin(tr(process))),
];

fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(at, char)| !(char.is_ascii_digit() || *char == '.' || (*at == 0 && *char == '-')))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0.0)
}

async fn sort(process: &mut Process) -> Result<u8, Closed> {
    let Ok(given) = Given::of(process, "bcdfghMinrsuzV", "kot").await else { return Ok(2) };
    let mut lines: Vec<String> = Vec::new();
    for path in given.inputs() {
        match process.open(&path) {
            Ok(input) => {
                let all = input.read_all(MOST_IN_MEMORY).await;
                lines.extend(String::from_utf8_lossy(&all).lines().map(str::to_owned));
            }
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                return Ok(2);
            }
        }
    }
    let keys: Vec<(usize, usize, bool, bool)> = given
        .values('k')
        .map(|key| {
            let (from, to) = key.split_once(',').unwrap_or((key, ""));
            let at = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().ok();
            let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect();
            (at(from).unwrap_or(1).max(1), at(to).unwrap_or(usize::MAX), letters.contains('n'), letters.contains('r'))
        })
        .collect();
    let field = |line: &str, from: usize, to: usize| -> String {
        let count = to.saturating_sub(from).saturating_add(1);
        match given.value('t') {
            Some(separator) => line.split(separator).skip(from - 1).take(count).collect::<Vec<_>>().join(separator),
            None => line.split_whitespace().skip(from - 1).take(count).collect::<Vec<_>>().join(" "),
        }
    };
    let compare = |one: &str, other: &str, numeric: bool| -> Ordering {
        if numeric || given.has('n') || given.has('g') || given.has('h') {
            number(one).total_cmp(&number(other))
        } else if given.has('f') {
            one.to_lowercase().cmp(&other.to_lowercase())
        } else {
            one.cmp(other)
        }
    };
    let by_keys = |one: &String, other: &String| -> Ordering {
        let mut ordering = Ordering::Equal;
        for (from, to, numeric, reversed) in &keys {
            let order = compare(&field(one, *from, *to), &field(other, *from, *to), *numeric);
            ordering = ordering.then(if *reversed { order.reverse() } else { order });
        }
        if keys.is_empty() {
            ordering = compare(one, other, false);
        }
        if given.has('r') { ordering.reverse() } else { ordering }
    };
    if given.has('u') {
        lines.sort_by(by_keys);
        lines.dedup_by(|one, other| by_keys(one, other).is_eq());
    } else {
        let last = |one: &String, other: &String| if given.has('r') { other.cmp(one) } else { one.cmp(other) };
        lines.sort_by(|one, other| by_keys(one, other).then_with(|| last(one, other)));
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    match given.value('o') {
        Some(path) => {
            let path = process.path(path);
            if let Err(error) = process.change(|files, now| files.write(&path, text.into(), 0o644, now)) {
                process.complain(format!("{path}: {}", error.sentence())).await;
                return Ok(2);
            }
        }
        None => process.out(text).await?,
    }
    Ok(0)
}

async fn uniq(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "cdiu", "fsw").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let path = given.operands.first().map_or("-", String::as_str);
    let input = match process.open(path) {
        Ok(input) => input,
        Err(error) => {
            process.complain(format!("{path}: {}", error.sentence())).await;
            return Ok(1);
        }
    };
    let mut held: Option<(String, usize)> = None;
    loop {
        let line = input.read_line().await.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
        let same = |one: &str, other: &str| one == other || (given.has('i') && one.eq_ignore_ascii_case(other));
        match (&mut held, &line) {
            (Some((text, count)), Some(line)) if same(text, line) => {
                *count += 1;
                continue;
            }
            _ => {}
        }
        if let Some((text, count)) = held.take() {
            let wanted = if given.has('d') { count > 1 } else { !given.has('u') || count == 1 };
            if wanted {
                process.line(if given.has('c') { format!("{count:7} {text}") } else { text }).await?;
            }
        }
        match line {
            Some(line) => held = Some((line, 1)),
            None => return Ok(0),
        }
    }
}

/// Ranges such as `1,3-5,7-`, from 1.
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    text.split(',')
        .map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let from = if from.is_empty() { 1 } else { from.parse().ok()? };
            let to = if to.is_empty() { usize::MAX } else { to.parse().ok()? };
            (from >= 1 && from <= to).then_some((from, to))
        })
        .collect()
}

async fn cut(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "sn", "bcdf").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some(list) = given.value('f').or(given.value('c')).or(given.value('b')) else {
        process.complain("expected a list of bytes, characters, or fields").await;
        return Ok(1);
    };
    let Some(ranges) = ranges(list) else {
        process.complain(format!("invalid range '{list}'")).await;
        return Ok(1);
    };
    let chosen = |at: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&(at + 1)));
    let delimiter = given.value('d').unwrap_or("\t");
    for path in given.inputs() {
        let Ok(input) = process.open(&path) else {
            process.complain(format!("{path}: No such file or directory")).await;
            return Ok(1);
        };
        while let Some(line) = input.read_line().await {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            let cut: String = if given.value('f').is_none() {
                text.chars().enumerate().filter(|(at, _)| chosen(*at)).map(|(_, char)| char).collect()
            } else if text.contains(delimiter) {
                text.split(delimiter).enumerate().filter(|(at, _)| chosen(*at)).map(|(_, field)| field).collect::<Vec<_>>().join(delimiter)
            } else if given.has('s') {
                continue;
            } else {
                text.to_owned()
            };
            process.line(cut).await?;
        }
    }
    Ok(0)
}

/// The characters of a set such as `a-z`, `[:upper:]`, `\n`.
fn set(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(inner) =
        rest.strip_prefix("[:").or_else(|| rest.split_once("[:").filter(|(head, _)| head.is_empty()).map(|(_, tail)| tail))
    {
        let Some((name, tail)) = inner.split_once(":]") else { break };
        for (from, to) in class(name) {
            bytes.extend((*from..=*to).filter_map(|char| u8::try_from(u32::from(char)).ok()));
        }
        rest = tail;
    }
    let plain: Vec<u8> = super::unescape(rest)
        .chars()
        .flat_map(|char| u8::try_from(u32::from(char)).map_or_else(|_| char.to_string().into_bytes(), |byte| vec![byte]))
        .collect();
    let mut at = 0;
    while let Some(byte) = plain.get(at) {
        match (plain.get(at + 1), plain.get(at + 2)) {
            (Some(b'-'), Some(end)) if end >= byte => {
                bytes.extend(*byte..=*end);
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    bytes
}

async fn tr(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::leading(process, "cCdst", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some(first) = given.operands.first() else { return Ok(usage(process, "missing operand").await) };
    let mut from = set(first);
    if given.has('c') || given.has('C') {
        from = (0..=255).filter(|byte| !from.contains(byte)).collect();
    }
    let to = given.operands.get(1).map(|text| set(text)).unwrap_or_default();
    let mut map: Vec<Option<u8>> = (0..=255).map(Some).collect();
    for (at, byte) in from.iter().enumerate() {
        if let Some(slot) = map.get_mut(usize::from(*byte)) {
            *slot = if given.has('d') { None } else { to.get(at).or(to.last()).copied().or(Some(*byte)) };
        }
    }
    let squeezed =
        if given.has('s') { if to.is_empty() || given.has('d') { if to.is_empty() { from } else { to } } else { to } } else { Vec::new() };
    let input = process.stdin();
    let mut last = None;
    while let Some(bytes) = input.read().await {
        let mut done = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if let Some(byte) = map.get(usize::from(byte)).copied().flatten() {
                if !(squeezed.contains(&byte) && last == Some(byte)) {
                    done.push(byte);
                }
                last = Some(byte);
            }
        }
        process.out(done).await?;
        tokio::task::yield_now().await;
    }
    Ok(0)
}
