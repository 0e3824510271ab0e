//! Programs that only print: `echo`, `printf`, `seq`, `yes`, and those that only have a code.

use bytes::{Bytes, BytesMut};

use super::super::pipe::Closed;
use super::super::process::Process;
use super::Table;

pub(super) const TABLE: Table = &[
    ("echo", |process| Box::pin(echo(process))),
    ("printf", |process| Box::pin(printf(process))),
    ("yes", |process| Box::pin(yes(process))),
    ("seq", |process| Box::pin(seq(process))),
    ("true", |_| Box::pin(std::future::ready(Ok(0)))),
    ("false", |_| Box::pin(std::future::ready(Ok(1)))),
    ("clear", |process| Box::pin(clear(process))),
    ("reset", |process| Box::pin(clear(process))),
];

/// Columns that a format may fill: `%999999999d` would take the memory.
const WIDEST: usize = 4096;

/// What is written at once by a program that repeats itself.
const PIECE: usize = 16 << 10;

async fn echo(process: &mut Process) -> Result<u8, Closed> {
    let (mut newline, mut escapes) = (true, false);
    let mut words = process.arguments();
    while let Some((first, rest)) = words.split_first() {
        match first.strip_prefix('-') {
            Some(letters) if !letters.is_empty() && letters.chars().all(|letter| "neE".contains(letter)) => {
                newline &= !letters.contains('n');
                escapes |= letters.contains('e');
                words = rest;
            }
            _ => break,
        }
    }
    let mut text = words.join(" ");
    if escapes {
        if let Some((before, _)) = text.split_once("\\c") {
            text = before.to_owned();
            newline = false;
        }
        text = unescape(&text);
    }
    if newline {
        text.push('\n');
    }
    process.out(text).await?;
    Ok(0)
}

/// A text with its backslash escapes replaced. An octal or hex number is a character, of at most one byte.
pub(in crate::reference::program) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        let mut number = |radix: u32, most: usize| {
            let mut value = None;
            for _ in 0..most {
                let Some(digit) = chars.peek().and_then(|char| char.to_digit(radix)) else { break };
                value = Some(value.unwrap_or(0) * radix + digit);
                chars.next();
            }
            value.and_then(|value| char::from_u32(value & 0xff))
        };
        match number(8, 4) {
            Some(value) => plain.push(value),
            None => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some('a') => plain.push('\x07'),
                Some('b') => plain.push('\x08'),
                Some('f') => plain.push('\x0c'),
                Some('v') => plain.push('\x0b'),
                Some('e') => plain.push('\x1b'),
                Some('x') => {
                    let digits: String = chars.clone().take(2).take_while(char::is_ascii_hexdigit).collect();
                    match u8::from_str_radix(&digits, 16) {
                        Ok(value) => {
                            plain.push(char::from(value));
                            chars.by_ref().take(digits.len()).for_each(drop);
                        }
                        Err(_) => plain.push_str("\\x"),
                    }
                }
                Some('\\') | None => plain.push('\\'),
                Some(other) => plain.extend(['\\', other]),
            },
        }
    }
    plain
}

async fn printf(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let Some((format, rest)) = arguments.split_first() else {
        return Ok(super::arguments::usage(process, "missing operand").await);
    };
    let format: Vec<char> = unescape(format).chars().collect();
    let mut values = rest.iter();
    let mut code = 0;
    let mut text = String::new();
    loop {
        let before = values.len();
        let mut chars = format.iter().copied().peekable();
        while let Some(char) = chars.next() {
            if char != '%' {
                text.push(char);
                continue;
            }
            let flags: String = std::iter::from_fn(|| chars.next_if(|char| "-+ 0#".contains(*char))).collect();
            let mut number = |values: &mut std::slice::Iter<'_, String>| -> Option<usize> {
                if chars.next_if_eq(&'*').is_some() {
                    return values.next().and_then(|value| value.parse().ok());
                }
                let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
                digits.parse().ok()
            };
            let width = number(&mut values).unwrap_or(0).min(WIDEST);
            let precision = chars.next_if_eq(&'.').map(|_| {
                let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
                digits.parse().unwrap_or(0_usize).min(WIDEST)
            });
            let Some(kind) = chars.next() else { break };
            if kind == '%' {
                text.push('%');
                continue;
            }
            let value = values.next().map_or("", String::as_str);
            let shown = match kind {
                's' => value.chars().take(precision.unwrap_or(usize::MAX)).collect(),
                'b' => unescape(value),
                'c' => value.chars().take(1).collect(),
                'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                    let parsed = integer(value);
                    if parsed.is_none() {
                        process.complain(format!("invalid number '{value}'")).await;
                        code = 1;
                    }
                    let number = parsed.unwrap_or(0);
                    match kind {
                        'x' => format!("{number:x}"),
                        'X' => format!("{number:X}"),
                        'o' => format!("{number:o}"),
                        _ if flags.contains('+') && number >= 0 => format!("+{number}"),
                        _ => number.to_string(),
                    }
                }
                'f' | 'F' | 'g' | 'e' => format!("{:.*}", precision.unwrap_or(6), value.parse::<f64>().unwrap_or(0.0)),
                other => {
                    process.complain(format!("%{other}: invalid format")).await;
                    return Ok(1);
                }
            };
            let missing = " ".repeat(width.saturating_sub(shown.chars().count()));
            match () {
                () if flags.contains('-') => text.extend([shown, missing]),
                () if flags.contains('0') && !"sbc".contains(kind) => {
                    let (sign, digits) = shown.split_at_checked(usize::from(shown.starts_with(['-', '+']))).unwrap_or(("", &shown));
                    text.extend([sign, &missing.replace(' ', "0"), digits]);
                }
                () => text.extend([missing, shown]),
            }
        }
        // The format is used again for what is left, if it takes anything.
        if values.len() == 0 || values.len() == before {
            break;
        }
    }
    process.out(text).await?;
    Ok(code)
}

fn integer(text: &str) -> Option<i64> {
    if let Some(char) = text.strip_prefix(['\'', '"']) {
        return char.chars().next().map(|char| i64::from(u32::from(char)));
    }
    match text {
        "" => Some(0),
        _ if text.starts_with("0x") => i64::from_str_radix(text.get(2..)?, 16).ok(),
        _ if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text, 8).ok(),
        _ => text.parse().ok(),
    }
}

async fn yes(process: &mut Process) -> Result<u8, Closed> {
    let line = if process.arguments().is_empty() { "y\n".to_owned() } else { format!("{}\n", process.arguments().join(" ")) };
    let piece = Bytes::from(line.repeat((PIECE / line.len()).max(1)));
    loop {
        process.out(piece.clone()).await?;
        tokio::task::yield_now().await;
    }
}

async fn seq(process: &mut Process) -> Result<u8, Closed> {
    let mut operands = process.arguments().to_vec();
    let mut separator = "\n".to_owned();
    let mut wide = false;
    while let Some(option) =
        operands.first().filter(|text| text.len() > 1 && text.starts_with('-') && text.parse::<f64>().is_err()).cloned()
    {
        operands.remove(0);
        match option.as_str() {
            "-s" if !operands.is_empty() => separator = operands.remove(0),
            "-w" => wide = true,
            _ => return Ok(super::arguments::usage(process, &format!("invalid option -- '{}'", option.trim_start_matches('-'))).await),
        }
    }
    let mut numbers = Vec::new();
    for operand in &operands {
        if let Ok(number) = operand.parse::<i64>() {
            numbers.push(number);
        } else {
            process.complain(format!("invalid number '{operand}'")).await;
            return Ok(1);
        }
    }
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] => (*first, *step, *last),
        _ => return Ok(super::arguments::usage(process, "missing operand").await),
    };
    let width = if wide { first.to_string().len().max(last.to_string().len()) } else { 0 };
    let mut piece = BytesMut::new();
    let mut number = first;
    let mut any = false;
    while (step > 0 && number <= last) || (step < 0 && number >= last) || (step == 0 && first <= last) {
        if any {
            piece.extend_from_slice(separator.as_bytes());
        }
        any = true;
        piece.extend_from_slice(format!("{number:0width$}").as_bytes());
        if piece.len() > PIECE {
            process.out(piece.split().freeze()).await?;
            tokio::task::yield_now().await;
        }
        match number.checked_add(step) {
            Some(next) => number = next,
            None => break,
        }
    }
    if any {
        piece.extend_from_slice(b"\n");
    }
    process.out(piece.freeze()).await?;
    Ok(0)
}

async fn clear(process: &mut Process) -> Result<u8, Closed> {
    process.out("\x1b[H\x1b[J").await?;
    Ok(0)
}
