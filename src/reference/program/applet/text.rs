//! Programs that pass text on: `cat`, `head`, `tail`, `wc`, `tee`.

use std::time::Duration;

use bytes::BytesMut;

use super::super::pipe::Closed;
use super::super::process::{MOST_IN_MEMORY, Process};
use super::Table;
use super::arguments::{Given, size, usage};

pub(super) const TABLE: Table = &[
    ("cat", |process| Box::pin(cat(process))),
    ("more", |process| Box::pin(cat(process))),
    ("less", |process| Box::pin(cat(process))),
    ("head", |process| Box::pin(head(process))),
    ("tail", |process| Box::pin(tail(process))),
    ("wc", |process| Box::pin(wc(process))),
    ("tee", |process| Box::pin(tee(process))),
    ("rev", |process| Box::pin(rev(process))),
    ("tac", |process| Box::pin(tac(process))),
];

/// How often `tail -f` looks.
const LOOK: Duration = Duration::from_millis(100);

async fn cat(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "AbenstuvET", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    let mut number = 0_usize;
    for path in given.inputs() {
        let input = match process.open(&path) {
            Ok(input) => input,
            Err(crate::reference::files::FileError::IsADirectory) => {
                process.complain("read error: Is a directory").await;
                code = 1;
                continue;
            }
            Err(error) => {
                process.complain(format!("can't open '{path}': {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        if given.has('n') || given.has('b') || given.has('e') || given.has('A') || given.has('E') {
            while let Some(line) = input.read_line().await {
                let bare = line.strip_suffix(b"\n").unwrap_or(&line);
                let mut shown = BytesMut::new();
                if given.has('n') || (given.has('b') && !bare.is_empty()) {
                    number += 1;
                    shown.extend_from_slice(format!("{number:6}\t").as_bytes());
                }
                shown.extend_from_slice(bare);
                if given.has('e') || given.has('A') || given.has('E') {
                    shown.extend_from_slice(b"$");
                }
                shown.extend_from_slice(line.get(bare.len()..).unwrap_or_default());
                process.out(shown.freeze()).await?;
            }
        } else {
            while let Some(bytes) = input.read().await {
                process.out(bytes).await?;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(code)
}

/// Arguments in which `-5` stands for `-n 5`.
fn counted(process: &Process) -> Vec<String> {
    let number =
        |text: &str| text.strip_prefix('-').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|char| char.is_ascii_digit()));
    let expand =
        |text: &String| if number(text) { vec!["-n".to_owned(), text.trim_start_matches('-').to_owned()] } else { vec![text.clone()] };
    let mut expanded = Vec::new();
    let mut takes_value = false;
    for argument in process.arguments() {
        expanded.extend(if takes_value { vec![argument.clone()] } else { expand(argument) });
        takes_value = ["-n", "-c"].contains(&argument.as_str());
    }
    expanded
}

async fn head(process: &mut Process) -> Result<u8, Closed> {
    let arguments = counted(process);
    let given = match Given::read(process, &arguments, "qv", "nc", false).await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let by_bytes = given.value('c').is_some();
    let asked = given.value('c').or(given.value('n')).unwrap_or("10");
    let Some(most) = size(asked.trim_start_matches(['+', '-'])) else {
        process.complain(format!("invalid number '{asked}'")).await;
        return Ok(1);
    };
    let inputs = given.inputs();
    let mut code = 0;
    for (at, path) in inputs.iter().enumerate() {
        let input = match process.open(path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        if (inputs.len() > 1 && !given.has('q')) || given.has('v') {
            process.line(format!("{}==> {path} <==", if at > 0 { "\n" } else { "" })).await?;
        }
        if asked.starts_with('-') {
            let all = input.read_all(MOST_IN_MEMORY).await;
            let end = if by_bytes {
                all.len().saturating_sub(most)
            } else {
                let ends: Vec<usize> = memchr::memchr_iter(b'\n', &all).map(|at| at + 1).collect();
                ends.len().checked_sub(most + 1).and_then(|at| ends.get(at).copied()).unwrap_or(0)
            };
            process.out(all.slice(..end)).await?;
            continue;
        }
        let mut left = most;
        while left > 0 {
            let piece = if by_bytes { input.read_some(left).await } else { input.read_line().await };
            let Some(piece) = piece else { break };
            left -= if by_bytes { piece.len() } else { 1 };
            process.out(piece).await?;
        }
    }
    Ok(code)
}

async fn tail(process: &mut Process) -> Result<u8, Closed> {
    let arguments = counted(process);
    let given = match Given::read(process, &arguments, "fFqv", "ncs", false).await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let by_bytes = given.value('c').is_some();
    let asked = given.value('c').or(given.value('n')).unwrap_or("10");
    let Some(count) = size(asked.trim_start_matches(['+', '-'])) else {
        process.complain(format!("invalid number '{asked}'")).await;
        return Ok(1);
    };
    let inputs = given.inputs();
    let (mut code, mut followed) = (0, Vec::new());
    for (at, path) in inputs.iter().enumerate() {
        let input = match process.open(path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("can't open '{path}': {}", error.sentence())).await;
                code = 1;
                if given.has('F') {
                    followed.push((path.clone(), 0));
                }
                continue;
            }
        };
        if (inputs.len() > 1 && !given.has('q')) || given.has('v') {
            process.line(format!("{}==> {path} <==", if at > 0 { "\n" } else { "" })).await?;
        }
        // `/dev/null` and what else never ends or never has anything.
        let all = input.read_all(MOST_IN_MEMORY).await;
        followed.push((path.clone(), all.len()));
        let start = match (asked.starts_with('+'), by_bytes) {
            (true, true) => count.saturating_sub(1).min(all.len()),
            (true, false) => match count.checked_sub(2) {
                None => 0,
                Some(skip) => memchr::memchr_iter(b'\n', &all).nth(skip).map_or(all.len(), |at| at + 1),
            },
            (false, true) => all.len().saturating_sub(count),
            (false, false) => {
                let body = all.len().saturating_sub(usize::from(all.ends_with(b"\n")));
                let lines = all.get(..body).unwrap_or_default();
                if count == 0 { all.len() } else { memchr::memrchr_iter(b'\n', lines).nth(count - 1).map_or(0, |at| at + 1) }
            }
        };
        process.out(all.slice(start..)).await?;
    }
    while given.has('f') || given.has('F') {
        tokio::time::sleep(LOOK).await;
        for (path, seen) in &mut followed {
            if path == "-" || path.starts_with("/dev/") {
                continue;
            }
            let full = process.path(path);
            let files = process.files();
            let length = files.stat(&full, true).map(|stat| usize::try_from(stat.size).unwrap_or(usize::MAX));
            match length {
                Ok(length) if length < *seen => *seen = 0,
                Ok(_) => {}
                Err(_) => {
                    *seen = 0;
                    continue;
                }
            }
            let more = files.read_from(&full, *seen).unwrap_or_default();
            *seen += more.len();
            process.out(more).await?;
        }
    }
    Ok(code)
}

async fn wc(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "clwmL", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let chosen: Vec<char> = "lwmc".chars().filter(|letter| given.has(*letter)).collect();
    let shown = if chosen.is_empty() { vec!['l', 'w', 'c'] } else { chosen };
    let (mut code, mut totals) = (0, [0_usize; 3]);
    let paths = given.inputs();
    let single = shown.len() == 1 && paths.len() == 1;
    let row = |counts: [usize; 3], name: &str| {
        let number = |letter: &char| match letter {
            'l' => counts[0],
            'w' => counts[1],
            _ => counts[2],
        };
        let numbers: Vec<String> =
            shown.iter().map(|letter| if single { number(letter).to_string() } else { format!("{:>9}", number(letter)) }).collect();
        let name = if name == "-" { String::new() } else { format!(" {name}") };
        format!("{}{name}", numbers.join(if single { "" } else { " " }))
    };
    for path in &paths {
        let input = match process.open(path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        let (mut counts, mut in_word) = ([0_usize; 3], false);
        while let Some(bytes) = input.read().await {
            counts[2] += bytes.len();
            for byte in bytes {
                counts[0] += usize::from(byte == b'\n');
                let blank = byte.is_ascii_whitespace();
                counts[1] += usize::from(!blank && !in_word);
                in_word = !blank;
            }
            tokio::task::yield_now().await;
        }
        totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        process.line(row(counts, path)).await?;
    }
    if paths.len() > 1 {
        process.line(row(totals, "total")).await?;
    }
    Ok(code)
}

async fn tee(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "ai", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let (mut code, mut outputs) = (0, Vec::new());
    for path in &given.operands {
        match process.create(path, given.has('a')) {
            Ok(output) => outputs.push(output),
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 1;
            }
        }
    }
    let input = process.stdin();
    while let Some(bytes) = input.read().await {
        for output in &outputs {
            output.write(bytes.clone()).await?;
        }
        process.out(bytes).await?;
    }
    Ok(code)
}

async fn rev(process: &mut Process) -> Result<u8, Closed> {
    for path in Given::of(process, "", "").await.unwrap_or_default().inputs() {
        let Ok(input) = process.open(&path) else { return Ok(usage(process, &format!("{path}: No such file or directory")).await) };
        while let Some(line) = input.read_line().await {
            let text = String::from_utf8_lossy(&line);
            let reversed: String = text.trim_end_matches('\n').chars().rev().collect();
            process.line(reversed).await?;
        }
    }
    Ok(0)
}

async fn tac(process: &mut Process) -> Result<u8, Closed> {
    for path in Given::of(process, "", "").await.unwrap_or_default().inputs() {
        let Ok(input) = process.open(&path) else { return Ok(usage(process, &format!("{path}: No such file or directory")).await) };
        let all = input.read_all(MOST_IN_MEMORY).await;
        let mut lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
        lines.reverse();
        process.out(lines.concat()).await?;
    }
    Ok(0)
}
