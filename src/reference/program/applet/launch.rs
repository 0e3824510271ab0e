//! Programs that start programs: `env`, `xargs`, `timeout`, `nohup`.

use std::time::Duration;

use super::super::lookup::{SpawnError, find};
use super::super::pipe::{Closed, Input};
use super::super::process::{Child, Descriptor, MOST_IN_MEMORY, Process};
use super::super::signal;
use super::Table;
use super::arguments::{Given, usage};
use super::time::duration;

pub(super) const TABLE: Table = &[
    ("env", |process| Box::pin(env(process))),
    ("printenv", |process| Box::pin(printenv(process))),
    ("xargs", |process| Box::pin(xargs(process))),
    ("timeout", |process| Box::pin(timeout(process))),
    ("time", |process| Box::pin(wrapped(process))),
    ("nohup", |process| Box::pin(wrapped(process))),
    ("setsid", |process| Box::pin(wrapped(process))),
    ("watch", |process| Box::pin(watch(process))),
    ("su", |process| Box::pin(su(process))),
    ("busybox", |process| Box::pin(busybox(process))),
];

/// Words that `xargs` gives to one command.
const MOST_WORDS: usize = 5000;

/// Starts a command beside a process; without one, says so as a program does that wraps another.
async fn launch(process: &Process, words: Vec<String>, input: Option<Input>) -> Result<Child, u8> {
    let name = words.first().cloned().unwrap_or_default();
    match find(&name, &process.env, &process.cwd, &process.world.namespace) {
        Ok(found) => {
            let mut child = process.clone();
            child.argv = words;
            if let Some(input) = input {
                child.descriptors.insert(0, Descriptor::In(input));
            }
            Ok(child.fork(None, move |process| process.execute(&found)))
        }
        Err(error) => {
            let text = if matches!(error, SpawnError::Denied(_) | SpawnError::IsADirectory(_)) {
                "Permission denied"
            } else {
                "No such file or directory"
            };
            process.complain(format!("can't execute '{name}': {text}")).await;
            Err(error.code())
        }
    }
}

/// Runs a command to its end and gives its code.
pub(super) async fn run_words(process: &Process, words: Vec<String>, input: Option<Input>) -> u8 {
    match launch(process, words, input).await {
        Ok(mut child) => child.wait().await,
        Err(code) => code,
    }
}

async fn env(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::leading(process, "i0", "u").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    if given.has('i') {
        process.env.clear();
    }
    for name in given.values('u') {
        process.env.retain(|(key, _)| key != name);
    }
    let mut words = given.operands.as_slice();
    while let Some((name, value)) = words.first().and_then(|word| word.split_once('=')) {
        process.env.retain(|(key, _)| key != name);
        process.env.push((name.to_owned(), value.to_owned()));
        words = words.get(1..).unwrap_or_default();
    }
    if words.is_empty() {
        let lines: String = process.env.iter().flat_map(|(name, value)| [name.as_str(), "=", value, "\n"]).collect();
        process.out(lines).await?;
        return Ok(0);
    }
    let words = words.to_vec();
    Ok(run_words(process, words, None).await)
}

async fn printenv(process: &mut Process) -> Result<u8, Closed> {
    let names = process.arguments().to_vec();
    let mut code = 0;
    if names.is_empty() {
        let lines: String = process.env.iter().flat_map(|(name, value)| [name.as_str(), "=", value, "\n"]).collect();
        process.out(lines).await?;
    }
    for name in names {
        match process.variable(&name).map(str::to_owned) {
            Some(value) => process.line(value).await?,
            None => code = 1,
        }
    }
    Ok(code)
}

async fn xargs(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::leading(process, "0rtpx", "nILPsE").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let all = process.stdin().read_all(MOST_IN_MEMORY).await;
    let text = String::from_utf8_lossy(&all);
    let replace = given.value('I');
    let items: Vec<String> = match () {
        () if given.has('0') => text.split('\0').filter(|item| !item.is_empty()).map(str::to_owned).collect(),
        () if replace.is_some() => text.lines().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
        () => words(&text),
    };
    let command = if given.operands.is_empty() { vec!["echo".to_owned()] } else { given.operands.clone() };
    if items.is_empty() && given.has('r') {
        return Ok(0);
    }
    let most = given.value('n').or(given.value('L')).and_then(|text| text.parse().ok()).unwrap_or(MOST_WORDS).clamp(1, MOST_WORDS);
    let mut calls: Vec<Vec<String>> = match replace {
        Some(mark) => items.iter().map(|item| command.iter().map(|word| word.replace(mark, item)).collect()).collect(),
        None => items.chunks(most).map(|chunk| command.iter().chain(chunk).cloned().collect()).collect(),
    };
    if calls.is_empty() && replace.is_none() {
        calls.push(command);
    }
    let mut code = 0;
    for call in calls {
        if given.has('t') {
            let _ = process.output(2).write(format!("{}\n", call.join(" ")).into()).await;
        }
        match run_words(process, call, Some(Input::empty())).await {
            0 => {}
            special @ (126 | 127) => return Ok(special),
            255 => return Ok(124),
            _ => code = 123,
        }
    }
    Ok(code)
}

/// Words of a text, with quotes and backslashes as `xargs` reads them.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut current) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\'' | '"' => {
                let word = current.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|inner| *inner != char));
            }
            '\\' => current.get_or_insert_default().extend(chars.next()),
            char if char.is_whitespace() => words.extend(current.take()),
            char => current.get_or_insert_default().push(char),
        }
    }
    words.extend(current);
    words
}

async fn timeout(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::leading(process, "fp", "sk").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some((time, command)) = given.operands.split_first().filter(|(_, command)| !command.is_empty()) else {
        return Ok(usage(process, "missing operand").await);
    };
    let Some(time) = duration(time) else { return Ok(usage(process, &format!("invalid number '{time}'")).await) };
    let number = given.value('s').and_then(signal::number).unwrap_or(signal::TERM);
    match launch(process, command.to_vec(), None).await {
        Err(code) => Ok(code),
        Ok(mut child) => {
            if let Ok(code) = tokio::time::timeout(time, child.wait()).await {
                Ok(code)
            } else {
                let _ = process.world.processes.signal(child.pid, number);
                let after = given.value('k').and_then(duration).unwrap_or(Duration::from_hours(1));
                if tokio::time::timeout(after, child.wait()).await.is_err() {
                    let _ = process.world.processes.signal(child.pid, signal::KILL);
                }
                Ok(128 + number)
            }
        }
    }
}

async fn wrapped(process: &mut Process) -> Result<u8, Closed> {
    let words = process.arguments().to_vec();
    if words.is_empty() {
        return Ok(usage(process, "missing operand").await);
    }
    let before = process.now();
    let code = run_words(process, words, None).await;
    if process.name() == "time" {
        let taken = process.now().duration_since(before).as_secs_f64().max(0.0);
        let _ = process.output(2).write(format!("real\t0m {taken:.2}s\nuser\t0m 0.00s\nsys\t0m 0.00s\n").into()).await;
    }
    Ok(code)
}

async fn watch(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::leading(process, "t", "n").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let every = given.value('n').and_then(duration).unwrap_or(Duration::from_secs(2)).max(Duration::from_millis(100));
    loop {
        process.out("\x1b[H\x1b[J").await?;
        run_words(process, vec!["sh".into(), "-c".into(), given.operands.join(" ")], None).await;
        tokio::time::sleep(every).await;
    }
}

async fn su(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "lmp", "cs").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let name = given.operands.iter().find(|operand| *operand != "-").map_or("root", String::as_str);
    if let Ok(user) = super::super::user::User::resolve(name, &process.world.namespace) {
        process.user = user;
    } else {
        process.complain(format!("unknown user {name}")).await;
        return Ok(1);
    }
    let words = given.value('c').map_or_else(|| vec!["sh".to_owned()], |text| vec!["sh".into(), "-c".into(), text.to_owned()]);
    Ok(run_words(process, words, None).await)
}

async fn busybox(process: &mut Process) -> Result<u8, Closed> {
    let words = process.arguments().to_vec();
    match words.first().map(String::as_str) {
        None | Some("--help") => {
            process.line("BusyBox v1.36.1 multi-call binary.\n\nUsage: busybox [function [arguments]...]\n   or: busybox --list").await?;
            Ok(0)
        }
        Some("--list") => {
            process.out(crate::reference::files::applets().iter().flat_map(|name| [*name, "\n"]).collect::<String>()).await?;
            Ok(0)
        }
        Some(name) if super::named(name).is_some() || ["sh", "ash"].contains(&name) => {
            let path = if ["sh", "ash"].contains(&name) || name != "busybox" { format!("/bin/{name}") } else { name.to_owned() };
            let mut words = words.clone();
            if let Some(first) = words.first_mut().filter(|_| process.files().exists(&path)) {
                *first = path;
            }
            Ok(run_words(process, words, None).await)
        }
        Some(name) => {
            process.line(format!("{name}: applet not found")).await?;
            Ok(127)
        }
    }
}
