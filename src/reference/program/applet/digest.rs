//! Programs on bytes: digests, `base64`, `od`, `hexdump`, `cmp`, `dd`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256, Sha512};

use super::super::pipe::Closed;
use super::super::process::{MOST_IN_MEMORY, Process};
use super::Table;
use super::arguments::{Given, size, usage};

pub(super) const TABLE: Table = &[
    ("sha256sum", |process| Box::pin(digest::<Sha256>(process))),
    ("sha512sum", |process| Box::pin(digest::<Sha512>(process))),
    ("base64", |process| Box::pin(base64(process))),
    ("od", |process| Box::pin(dump(process))),
    ("hexdump", |process| Box::pin(dump(process))),
    ("cmp", |process| Box::pin(cmp(process))),
    ("dd", |process| Box::pin(dd(process))),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn digest<D: Digest + Send>(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "csw", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    for path in given.inputs() {
        let input = match process.open(&path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("can't open '{path}': {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        if given.has('c') {
            while let Some(line) = input.read_line().await {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let Some((expected, name)) = text.split_once("  ").or_else(|| text.split_once(" *")) else { continue };
                let actual = process.open(name).ok();
                let good = match actual {
                    Some(actual) => hex(&D::digest(actual.read_all(MOST_IN_MEMORY).await)) == expected,
                    None => false,
                };
                code |= u8::from(!good);
                if !given.has('s') {
                    process.line(format!("{name}: {}", if good { "OK" } else { "FAILED" })).await?;
                }
            }
            continue;
        }
        let mut hasher = D::new();
        while let Some(bytes) = input.read().await {
            hasher.update(&bytes);
            tokio::task::yield_now().await;
        }
        process.line(format!("{}  {path}", hex(&hasher.finalize()))).await?;
    }
    Ok(code)
}

async fn base64(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "di", "w").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let path = given.operands.first().map_or("-", String::as_str);
    let Ok(input) = process.open(path) else {
        process.complain(format!("can't open '{path}': No such file or directory")).await;
        return Ok(1);
    };
    let all = input.read_all(MOST_IN_MEMORY).await;
    if given.has('d') {
        let text: Vec<u8> = all.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return if let Ok(bytes) = STANDARD.decode(text) {
            process.out(bytes).await?;
            Ok(0)
        } else {
            process.complain("truncated input").await;
            Ok(1)
        };
    }
    let text = STANDARD.encode(&all);
    let width = given.value('w').and_then(|text| text.parse().ok()).unwrap_or(76_usize);
    let mut lines = String::with_capacity(text.len() + 64);
    if width == 0 {
        lines.push_str(&text);
    } else {
        for chunk in text.as_bytes().chunks(width) {
            lines.push_str(&String::from_utf8_lossy(chunk));
            lines.push('\n');
        }
    }
    process.out(lines).await?;
    Ok(0)
}

async fn dump(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "bcdoxvCh", "AtNsn").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let path = given.operands.first().map_or("-", String::as_str);
    let Ok(input) = process.open(path) else {
        process.complain(format!("{path}: No such file or directory")).await;
        return Ok(1);
    };
    let most = given.value('N').or(given.value('n')).and_then(size).unwrap_or(MOST_IN_MEMORY).min(MOST_IN_MEMORY);
    let all = input.read_all(most).await;
    let is_hexdump = process.name() == "hexdump";
    let (mut text, mut at) = (String::new(), 0_usize);
    let kind = given.value('t').unwrap_or(if given.has('c') {
        "c"
    } else if given.has('x') {
        "x2"
    } else if is_hexdump {
        "h"
    } else {
        "o2"
    });
    for row in all.chunks(16) {
        let shown: String = match (given.has('C'), kind) {
            (true, _) => {
                let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                let (left, right) = bytes.split_at(bytes.len().min(8));
                let plain: String = row.iter().map(|byte| if (32..127).contains(byte) { char::from(*byte) } else { '.' }).collect();
                format!("{:<23}  {:<23}  |{plain}|", left.join(" "), right.join(" "))
            }
            (_, "x1" | "xC") => row.iter().flat_map(|byte| [" ".to_owned(), hex(&[*byte])]).collect(),
            (_, "c" | "a") => row
                .iter()
                .map(|byte| match byte {
                    b'\n' => "  \\n".to_owned(),
                    b'\t' => "  \\t".to_owned(),
                    0 => "  \\0".to_owned(),
                    32..127 => format!("   {}", char::from(*byte)),
                    other => format!(" {other:03o}"),
                })
                .collect(),
            (_, "d1" | "u1") => row.iter().map(|byte| format!(" {byte:3}")).collect::<Vec<_>>().concat(),
            (_, kind) => {
                let word = |pair: &[u8]| u16::from_le_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]);
                row.chunks(2)
                    .map(|pair| if kind.starts_with('o') { format!(" {:06o}", word(pair)) } else { format!(" {:04x}", word(pair)) })
                    .collect()
            }
        };
        let place = match () {
            () if given.value('A') == Some("n") => String::new(),
            () if given.has('C') => format!("{at:08x}  "),
            () if is_hexdump => format!("{at:07x}"),
            () => format!("{at:07o}"),
        };
        let _ = writeln!(text, "{place}{shown}");
        at += row.len();
    }
    if given.value('A') != Some("n") && !all.is_empty() {
        let end = if given.has('C') {
            format!("{at:08x}")
        } else if is_hexdump {
            format!("{at:07x}")
        } else {
            format!("{at:07o}")
        };
        let _ = writeln!(text, "{end}");
    }
    process.out(text).await?;
    Ok(0)
}

async fn cmp(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "ls", "n").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let [one, other] = given.operands.as_slice() else { return Ok(usage(process, "missing operand").await) };
    let mut contents: Vec<Bytes> = Vec::new();
    for path in [one, other] {
        match process.open(path) {
            Ok(input) => contents.push(input.read_all(MOST_IN_MEMORY).await),
            Err(error) => {
                process.complain(format!("can't open '{path}': {}", error.sentence())).await;
                return Ok(2);
            }
        }
    }
    let (Some(left), Some(right)) = (contents.first(), contents.get(1)) else { return Ok(2) };
    if left == right {
        return Ok(0);
    }
    let at = left.iter().zip(right).position(|(left, right)| left != right);
    match at {
        Some(at) if !given.has('s') => {
            let line = memchr::memchr_iter(b'\n', left.get(..at).unwrap_or_default()).count() + 1;
            process.line(format!("{one} {other} differ: char {}, line {line}", at + 1)).await?;
        }
        None if !given.has('s') => process.complain(format!("EOF on {}", if left.len() < right.len() { one } else { other })).await,
        _ => {}
    }
    Ok(1)
}

async fn dd(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let value = |name: &str| arguments.iter().rev().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    let block = value("bs").or(value("ibs")).map_or(Some(512), size);
    let (count, skip) = (value("count").map(size), value("skip").map(size));
    let (Some(block), Some(count), Some(skip)) = (
        block.filter(|block| (1..=MOST_IN_MEMORY).contains(block)),
        count.map_or(Some(usize::MAX), |count| count),
        skip.unwrap_or(Some(0)),
    ) else {
        process.complain("invalid number").await;
        return Ok(1);
    };
    let input = match process.open(value("if").unwrap_or("-")) {
        Ok(input) => input,
        Err(error) => {
            process.complain(format!("can't open '{}': {}", value("if").unwrap_or("-"), error.sentence())).await;
            return Ok(1);
        }
    };
    let output = match value("of") {
        None => process.output(1),
        Some(path) => match process.create(path, value("conv").is_some_and(|conv| conv.contains("notrunc"))) {
            Ok(output) => output,
            Err(error) => {
                process.complain(format!("can't open '{path}': {}", error.sentence())).await;
                return Ok(1);
            }
        },
    };
    let mut left = skip.saturating_mul(block);
    while left > 0 {
        let Some(bytes) = input.read_some(left).await else { break };
        left -= bytes.len();
    }
    let (mut left, mut total) = (count.saturating_mul(block), 0_usize);
    while left > 0 {
        let Some(bytes) = input.read_some(left).await else { break };
        left -= bytes.len();
        total += bytes.len();
        if output.write(bytes).await.is_err() {
            process.complain("error writing: No space left on device").await;
            return Ok(1);
        }
        tokio::task::yield_now().await;
    }
    if value("status") != Some("none") {
        let records = format!("{}+{}", total / block, usize::from(total % block != 0));
        let _ = process.output(2).write(format!("{records} records in\n{records} records out\n").into()).await;
    }
    Ok(0)
}
