//! `test` and `expr`.

use super::super::pipe::Closed;
use super::super::process::{Descriptor, Process};
use super::Table;
use crate::reference::files::{Sort, Special, Stat};

pub(super) const TABLE: Table =
    &[("test", |process| Box::pin(run(process))), ("[", |process| Box::pin(run(process))), ("expr", |process| Box::pin(expr(process)))];

/// Words of a `test` that are looked at; each bracket goes one level down.
const MOST_WORDS: usize = 200;

async fn run(process: &mut Process) -> Result<u8, Closed> {
    let mut words = process.arguments();
    if process.name() == "[" {
        match words.split_last() {
            Some((last, rest)) if last == "]" => words = rest,
            _ => {
                process.complain("missing ]").await;
                return Ok(2);
            }
        }
    }
    let words = words.to_vec();
    let code = test(process, &words);
    if code == 2 {
        let odd = words.get(1).or(words.first()).map_or("", String::as_str);
        let text = match words.as_slice() {
            [left, operator, right] if operator.starts_with('-') && operator != "-a" => {
                let bad = if left.trim().parse::<i64>().is_err() { left } else { right };
                if ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(&operator.as_str()) {
                    format!("{bad}: bad number")
                } else {
                    format!("{odd}: unknown operand")
                }
            }
            _ => format!("{odd}: unknown operand"),
        };
        // ash says "sh: x: …" for its own `[`, and does not name the bracket.
        let _ = process.output(2).write(format!("sh: {text}\n").into()).await;
    }
    Ok(code)
}

/// The code of a test: 0 when it is met, 1 when not, 2 when it is none.
pub(in crate::reference::program) fn test(process: &Process, words: &[String]) -> u8 {
    if words.len() > MOST_WORDS {
        return 2;
    }
    match decide(process, words) {
        Some(true) => 0,
        Some(false) => 1,
        None => 2,
    }
}

fn decide(process: &Process, words: &[String]) -> Option<bool> {
    match words {
        [] => Some(false),
        [only] => Some(!only.is_empty()),
        [not, rest @ ..] if not == "!" && !(words.len() == 3 && is_binary(words.get(1)?)) => decide(process, rest).map(|met| !met),
        [operator, operand] => unary(process, operator, operand),
        [left, operator, right] if is_binary(operator) => binary(process, left, operator, right),
        [open, inner @ .., close] if open == "(" && close == ")" && matching(words) => decide(process, inner),
        _ => {
            let mut level = 0_usize;
            // The loosest operator, from the left: `-o` binds less than `-a`.
            for wanted in ["-o", "-a"] {
                for (at, word) in words.iter().enumerate() {
                    match word.as_str() {
                        "(" => level += 1,
                        ")" => level = level.saturating_sub(1),
                        word if word == wanted && level == 0 && at > 0 => {
                            let (left, right) = (decide(process, words.get(..at)?)?, decide(process, words.get(at + 1..)?)?);
                            return Some(if wanted == "-o" { left || right } else { left && right });
                        }
                        _ => {}
                    }
                }
                level = 0;
            }
            None
        }
    }
}

/// Whether the first bracket belongs to the last.
fn matching(words: &[String]) -> bool {
    let mut level = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "(" => level += 1,
            ")" => level = level.saturating_sub(1),
            _ => {}
        }
        if level == 0 && at + 1 < words.len() {
            return false;
        }
    }
    true
}

fn is_binary(word: &str) -> bool {
    ["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "-a", "-o"].contains(&word)
}

fn unary(process: &Process, operator: &str, operand: &str) -> Option<bool> {
    match operator {
        "-n" => return Some(!operand.is_empty()),
        "-z" => return Some(operand.is_empty()),
        "-t" => {
            let number = operand.parse().ok()?;
            return Some(match process.descriptors.get(&number) {
                Some(Descriptor::In(input)) => input.face().is_some(),
                Some(Descriptor::Out(output)) => output.face().is_some(),
                None => false,
            });
        }
        _ => {}
    }
    let follow = !["-h", "-L"].contains(&operator);
    let stat = process.files().stat(&process.path(operand), follow).ok();
    let is = |check: &dyn Fn(&Stat) -> bool| Some(stat.as_ref().is_some_and(check));
    let (uid, gid) = (process.user.uid, process.user.gid);
    let may = |bit: u32| {
        stat.as_ref().is_some_and(|stat| {
            let shift = if stat.uid == uid {
                6
            } else if stat.gid == gid {
                3
            } else {
                0
            };
            if uid == 0 { bit != 1 || stat.is_directory() || stat.is_executable() } else { stat.permissions >> shift & bit != 0 }
        })
    };
    match operator {
        "-e" | "-a" => is(&|_| true),
        "-f" => is(&|stat| stat.sort == Sort::File),
        "-d" => is(&Stat::is_directory),
        "-h" | "-L" => is(&|stat| stat.sort == Sort::Symlink),
        "-s" => is(&|stat| stat.size > 0),
        "-p" => is(&|stat| stat.sort == Sort::Special(Special::Fifo)),
        "-c" => is(&|stat| matches!(stat.sort, Sort::Special(Special::Character(..)))),
        "-b" => is(&|stat| matches!(stat.sort, Sort::Special(Special::Block(..)))),
        "-S" => Some(false),
        "-u" => is(&|stat| stat.permissions & 0o4000 != 0),
        "-g" => is(&|stat| stat.permissions & 0o2000 != 0),
        "-k" => is(&|stat| stat.permissions & 0o1000 != 0),
        "-O" => is(&|stat| stat.uid == uid),
        "-G" => is(&|stat| stat.gid == gid),
        "-r" => Some(may(4)),
        "-w" => Some(may(2)),
        "-x" => Some(may(1)),
        _ => None,
    }
}

fn binary(process: &Process, left: &str, operator: &str, right: &str) -> Option<bool> {
    let times = || {
        let files = process.files();
        let time = |path: &str| files.stat(&process.path(path), true).ok().map(|stat| stat.mtime);
        (time(left), time(right))
    };
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    Some(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-a" => !left.is_empty() && !right.is_empty(),
        "-o" => !left.is_empty() || !right.is_empty(),
        "-nt" => times().0 > times().1,
        "-ot" => times().0 < times().1,
        "-ef" => {
            let files = process.files();
            files.resolve(&process.path(left)).is_ok_and(|path| files.resolve(&process.path(right)).is_ok_and(|other| path == other))
        }
        _ => {
            let (left, right) = numbers()?;
            match operator {
                "-eq" => left == right,
                "-ne" => left != right,
                "-lt" => left < right,
                "-le" => left <= right,
                "-gt" => left > right,
                _ => left >= right,
            }
        }
    })
}

async fn expr(process: &mut Process) -> Result<u8, Closed> {
    let words = process.arguments().to_vec();
    match expression(&words) {
        Ok(value) => {
            process.line(&value).await?;
            Ok(u8::from(value.is_empty() || value == "0"))
        }
        Err(text) => {
            process.complain(text).await;
            Ok(2)
        }
    }
}

/// The loosest operators first; what is left of one is looked at without it.
fn expression(words: &[String]) -> Result<String, &'static str> {
    if words.len() > MOST_WORDS {
        return Err("syntax error");
    }
    match words {
        [] => return Err("syntax error"),
        [only] => return Ok(only.clone()),
        [what, text] if what == "length" => return Ok(text.chars().count().to_string()),
        [what, text, from, count] if what == "substr" => {
            let (from, count): (usize, usize) = (from.parse().unwrap_or(0), count.parse().unwrap_or(0));
            return Ok(text.chars().skip(from.saturating_sub(1)).take(if from == 0 { 0 } else { count }).collect());
        }
        [open, inner @ .., close] if open == "(" && close == ")" && matching(words) => return expression(inner),
        _ => {}
    }
    for operators in [&["|"][..], &["&"], &["=", "==", "!=", "<", "<=", ">", ">="], &["+", "-"], &["*", "/", "%"], &[":"]] {
        let mut level = 0_usize;
        for (at, word) in words.iter().enumerate().rev() {
            match word.as_str() {
                ")" => level += 1,
                "(" => level = level.saturating_sub(1),
                word if level == 0 && at > 0 && at + 1 < words.len() && operators.contains(&word) => {
                    let left = expression(words.get(..at).unwrap_or_default())?;
                    let right = expression(words.get(at + 1..).unwrap_or_default())?;
                    return apply(&left, word, &right);
                }
                _ => {}
            }
        }
    }
    Err("syntax error")
}

fn apply(left: &str, operator: &str, right: &str) -> Result<String, &'static str> {
    let null = |text: &str| text.is_empty() || text == "0";
    let numbers = left.parse::<i64>().ok().zip(right.parse::<i64>().ok());
    let ordering = numbers.map_or_else(|| left.cmp(right), |(left, right)| left.cmp(&right));
    let truth = |met: bool| Ok(u8::from(met).to_string());
    match operator {
        "|" => return Ok(if null(left) { right } else { left }.to_owned()),
        "&" => return Ok(if null(left) || null(right) { "0" } else { left }.to_owned()),
        "=" | "==" => return truth(ordering.is_eq()),
        "!=" => return truth(ordering.is_ne()),
        "<" => return truth(ordering.is_lt()),
        "<=" => return truth(ordering.is_le()),
        ">" => return truth(ordering.is_gt()),
        ">=" => return truth(ordering.is_ge()),
        ":" => {
            let pattern =
                super::search::Expression::new(&format!("^{}", right.trim_start_matches('^')), false, false).map_err(|_| "syntax error")?;
            return Ok(pattern.group(left));
        }
        _ => {}
    }
    let (left, right) = numbers.ok_or("non-integer argument")?;
    let value = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        _ if right == 0 => return Err("division by zero"),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    value.map(|value| value.to_string()).ok_or("number too large")
}
