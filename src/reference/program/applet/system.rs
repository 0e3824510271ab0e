//! Programs about the container itself: who, where, which processes.

use std::fmt::Write;
use std::time::Duration;

use super::super::lookup::find;
use super::super::pipe::Closed;
use super::super::process::Process;
use super::super::signal;
use super::super::user::{User, field, group_name, lines, user_name};
use super::Table;
use super::arguments::{Given, usage};
use crate::reference::files::{base_name, clean};

pub(super) const TABLE: Table = &[
    ("id", |process| Box::pin(id(process))),
    ("whoami", |process| Box::pin(whoami(process))),
    ("groups", |process| Box::pin(whoami(process))),
    ("hostname", |process| Box::pin(hostname(process))),
    ("uname", |process| Box::pin(uname(process))),
    ("nproc", |process| Box::pin(fixed(process, "1\n"))),
    ("pwd", |process| Box::pin(pwd(process))),
    ("ps", |process| Box::pin(ps(process))),
    ("top", |process| Box::pin(top(process))),
    ("kill", |process| Box::pin(kill(process))),
    ("killall", |process| Box::pin(killall(process))),
    ("pidof", |process| Box::pin(pidof(process))),
    ("tty", |process| Box::pin(tty(process))),
    ("stty", |process| Box::pin(stty(process))),
    ("sync", |process| Box::pin(fixed(process, ""))),
    ("logger", |process| Box::pin(fixed(process, ""))),
    ("mount", |process| Box::pin(mount(process))),
    ("umount", |process| Box::pin(refused(process))),
    ("df", |process| Box::pin(df(process))),
    ("free", |process| Box::pin(fixed(process, FREE))),
    ("getent", |process| Box::pin(getent(process))),
    ("which", |process| Box::pin(which(process))),
    ("basename", |process| Box::pin(basename(process))),
    ("dirname", |process| Box::pin(dirname(process))),
    ("readlink", |process| Box::pin(readlink(process))),
    ("realpath", |process| Box::pin(readlink(process))),
];

const FREE: &str = "              total        used        free      shared  buff/cache   available
Mem:        2097152      131072     1966080           0           0     1966080
Swap:             0           0           0
";

async fn fixed(process: &mut Process, text: &'static str) -> Result<u8, Closed> {
    process.out(text).await?;
    Ok(0)
}

async fn refused(process: &mut Process) -> Result<u8, Closed> {
    let what = process.arguments().last().cloned().unwrap_or_default();
    process.complain(format!("can't unmount {what}: Operation not permitted")).await;
    Ok(1)
}

async fn id(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "ugnGr", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let namespace = process.world.namespace.clone();
    let user = match given.operands.first() {
        None => process.user.clone(),
        Some(name) => {
            if let Some(user) = User::resolve(name, &namespace)
                .ok()
                .filter(|_| lines(&namespace, "/etc/passwd").iter().any(|fields| field(fields, 0) == name))
            {
                user
            } else {
                process.complain(format!("unknown user {name}")).await;
                return Ok(1);
            }
        }
    };
    let named = |id: u32, name: Option<String>| if given.has('n') { name.unwrap_or_else(|| id.to_string()) } else { id.to_string() };
    let with_name = |id: u32, name: Option<String>| name.map_or_else(|| id.to_string(), |name| format!("{id}({name})"));
    let mut groups = vec![user.gid];
    groups.extend(user.groups.iter().filter(|group| **group != user.gid));
    let text = match () {
        () if given.has('u') => named(user.uid, user_name(&namespace, user.uid)),
        () if given.has('g') => named(user.gid, group_name(&namespace, user.gid)),
        () if given.has('G') => groups.iter().map(|group| named(*group, group_name(&namespace, *group))).collect::<Vec<_>>().join(" "),
        () => {
            let all: Vec<String> = groups.iter().map(|group| with_name(*group, group_name(&namespace, *group))).collect();
            let groups = if user.uid != 0 && user.groups.is_empty() { String::new() } else { format!(" groups={}", all.join(",")) };
            format!(
                "uid={} gid={}{groups}",
                with_name(user.uid, user_name(&namespace, user.uid)),
                with_name(user.gid, group_name(&namespace, user.gid))
            )
        }
    };
    process.line(text).await?;
    Ok(0)
}

async fn whoami(process: &mut Process) -> Result<u8, Closed> {
    let namespace = &process.world.namespace;
    let name = if process.name() == "groups" { group_name(namespace, process.user.gid) } else { user_name(namespace, process.user.uid) };
    if let Some(name) = name {
        process.line(name).await?;
        Ok(0)
    } else {
        process.complain(format!("unknown uid {}", process.user.uid)).await;
        Ok(1)
    }
}

async fn hostname(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "sifd", "F").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    if !given.operands.is_empty() {
        process.complain("sethostname: Operation not permitted").await;
        return Ok(1);
    }
    let name = process.world.hostname.clone();
    if given.has('i') {
        let hosts = process.files().read("/etc/hosts").unwrap_or_default();
        let text = String::from_utf8_lossy(&hosts);
        let found = text.lines().find(|line| line.split_whitespace().skip(1).any(|host| host == name));
        let address = found.and_then(|line| line.split_whitespace().next()).unwrap_or("127.0.0.1").to_owned();
        process.line(address).await?;
    } else {
        process.line(if given.has('s') { name.split('.').next().unwrap_or(&name) } else { &name }).await?;
    }
    Ok(0)
}

async fn uname(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "amnrspvio", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let all = [
        ('s', "Linux".to_owned()),
        ('n', process.world.hostname.clone()),
        ('r', "5.15.0".to_owned()),
        ('v', "#1 SMP".to_owned()),
        ('m', "x86_64".to_owned()),
        ('o', if given.has('a') { "Linux" } else { "GNU/Linux" }.to_owned()),
    ];
    let any = all.iter().any(|(letter, _)| given.has(*letter)) || given.has('a');
    let chosen: Vec<&str> = all
        .iter()
        .filter(|(letter, _)| given.has('a') || given.has(*letter) || (!any && *letter == 's'))
        .map(|(_, text)| text.as_str())
        .collect();
    process.line(chosen.join(" ")).await?;
    Ok(0)
}

async fn pwd(process: &mut Process) -> Result<u8, Closed> {
    let physical = process.arguments().iter().any(|argument| argument == "-P");
    let cwd = if physical { process.files().resolve(&process.cwd).unwrap_or_else(|_| process.cwd.clone()) } else { process.cwd.clone() };
    process.line(cwd).await?;
    Ok(0)
}

async fn ps(process: &mut Process) -> Result<u8, Closed> {
    let mut text = "PID   USER     TIME  COMMAND\n".to_owned();
    for listed in process.world.processes.list() {
        let _ = writeln!(text, "{:5} {:<8}  0:00 {}", listed.pid, listed.user, listed.argv.join(" "));
    }
    process.out(text).await?;
    Ok(0)
}

/// Goes on until it is told to end, by a key or a signal; without a keyboard too.
async fn top(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "bmH", "nd").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut left = given.value('n').and_then(|number| number.parse::<u64>().ok());
    let pause = given.value('d').and_then(super::time::duration).unwrap_or(Duration::from_secs(5)).max(Duration::from_secs(1));
    let mut keys = (!given.has('b')).then(|| process.stdin());
    loop {
        if !given.has('b') {
            process.out("\u{1b}[H\u{1b}[J").await?;
        }
        screen(process).await?;
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(0);
        }
        let next = tokio::time::Instant::now() + pause;
        loop {
            let key = async {
                match &keys {
                    Some(keys) => keys.read().await,
                    None => std::future::pending().await,
                }
            };
            match tokio::time::timeout_at(next, key).await {
                Err(_) => break,
                Ok(Some(typed)) if typed.contains(&b'q') => return Ok(0),
                Ok(Some(_)) => {}
                Ok(None) => keys = None,
            }
        }
    }
}

async fn screen(process: &Process) -> Result<(), Closed> {
    let mut text = "Mem: 131072K used, 1966080K free, 0K shrd, 0K buff, 0K cached
CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq
Load average: 0.00 0.00 0.00 1/100 1
  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND
"
    .to_owned();
    for listed in process.world.processes.list() {
        let _ = writeln!(text, "{:5} {:5} {:<8} S     4400   0%   0   0% {}", listed.pid, listed.ppid, listed.user, listed.argv.join(" "));
    }
    process.out(text).await
}

/// Signals from inside reach PID 1 only if it handles them: not even SIGKILL ends it.
fn send(process: &Process, pid: u32, number: u8) -> bool {
    if pid == 1 && number == signal::KILL {
        return process.world.processes.signal(1, 0);
    }
    process.world.processes.signal(pid, number)
}

async fn kill(process: &mut Process) -> Result<u8, Closed> {
    let mut arguments = process.arguments().to_vec();
    let mut number = signal::TERM;
    match arguments.first().map(String::as_str) {
        Some("-l") => {
            let text: String = match arguments.get(1) {
                Some(asked) => match asked.parse::<u8>() {
                    Ok(number) => format!("{}\n", signal::name(number & 0x7f)),
                    Err(_) => signal::number(asked).map_or_else(String::new, |number| format!("{number}\n")),
                },
                None => (1_u8..).zip(signal::NAMES).map(|(number, name)| format!("{number:2}) {name}\n")).collect::<Vec<_>>().concat(),
            };
            process.out(text).await?;
            return Ok(0);
        }
        Some("-s" | "-n") if arguments.len() > 1 => {
            arguments.remove(0);
            let name = arguments.remove(0);
            if let Some(known) = signal::number(&name) {
                number = known;
            } else {
                process.complain(format!("bad signal name '{name}'")).await;
                return Ok(1);
            }
        }
        Some(option) if option.starts_with('-') && option.len() > 1 && option != "--" => {
            if let Some(known) = signal::number(option.trim_start_matches('-')) {
                number = known;
            } else {
                process.complain(format!("bad signal name '{}'", option.trim_start_matches('-'))).await;
                return Ok(1);
            }
            arguments.remove(0);
        }
        _ => {}
    }
    arguments.retain(|argument| argument != "--");
    if arguments.is_empty() {
        process.complain("you need to specify whom to kill").await;
        return Ok(1);
    }
    let mut code = 0;
    for argument in arguments {
        let done = match argument.parse::<i64>() {
            Ok(-1) => {
                let others = process.world.processes.list().into_iter().filter(|listed| listed.pid != 1 && listed.pid != process.state.pid);
                for listed in others {
                    let _ = send(process, listed.pid, number);
                }
                true
            }
            Ok(0) => {
                process.world.processes.signal_group(process.state.group(), number);
                true
            }
            Ok(pid) => match u32::try_from(pid.unsigned_abs()) {
                Ok(group) if pid < 0 => {
                    process.world.processes.signal_group(group, number);
                    true
                }
                Ok(pid) => send(process, pid, number),
                Err(_) => false,
            },
            Err(_) => {
                process.complain(format!("invalid number '{argument}'")).await;
                code = 1;
                continue;
            }
        };
        if !done {
            process.complain(format!("can't kill pid {argument}: No such process")).await;
            code = 1;
        }
    }
    // What was sent to somebody else can work before the next command.
    tokio::task::yield_now().await;
    Ok(code)
}

fn by_name(process: &Process, name: &str) -> Vec<u32> {
    let list = process.world.processes.list();
    let is = |argv: &[String]| argv.first().is_some_and(|first| base_name(first) == name);
    list.into_iter().filter(|listed| is(&listed.argv) && listed.pid != process.state.pid).map(|listed| listed.pid).collect()
}

async fn killall(process: &mut Process) -> Result<u8, Closed> {
    let (mut number, mut code) = (signal::TERM, 0);
    for argument in process.arguments().to_vec() {
        if let Some(option) = argument.strip_prefix('-') {
            number = signal::number(option).unwrap_or(number);
            continue;
        }
        let pids = by_name(process, &argument);
        if pids.is_empty() {
            process.complain(format!("{argument}: no process killed")).await;
            code = 1;
        }
        for pid in pids {
            send(process, pid, number);
        }
    }
    Ok(code)
}

async fn pidof(process: &mut Process) -> Result<u8, Closed> {
    let names = process.arguments().to_vec();
    let pids: Vec<String> = names.iter().flat_map(|name| by_name(process, name)).map(|pid| pid.to_string()).collect();
    if !pids.is_empty() {
        process.line(pids.join(" ")).await?;
    }
    Ok(u8::from(pids.is_empty()))
}

async fn tty(process: &mut Process) -> Result<u8, Closed> {
    let is_terminal = process.stdin().face().is_some();
    process.line(if is_terminal { "/dev/pts/0" } else { "not a tty" }).await?;
    Ok(u8::from(!is_terminal))
}

async fn stty(process: &mut Process) -> Result<u8, Closed> {
    let input = process.stdin();
    let Some(face) = input.face() else {
        process.complain("standard input: Inappropriate ioctl for device").await;
        return Ok(1);
    };
    let arguments = process.arguments().to_vec();
    let (rows, columns) = face.size();
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "-a") {
        process.line(format!("speed 38400 baud; rows {rows}; columns {columns};")).await?;
        return Ok(0);
    }
    for argument in arguments {
        match argument.as_str() {
            "size" => process.line(format!("{rows} {columns}")).await?,
            "raw" | "-icanon" | "cbreak" => face.settings().cooked = false,
            "-raw" | "cooked" | "icanon" | "sane" => face.settings().cooked = true,
            "echo" => face.settings().echo = true,
            "-echo" => face.settings().echo = false,
            _ => {}
        }
        if argument == "sane" {
            face.settings().echo = true;
        }
    }
    Ok(0)
}

async fn mount(process: &mut Process) -> Result<u8, Closed> {
    if !process.arguments().is_empty() {
        let text = "mount: permission denied (are you root?)\n";
        let _ = process.output(2).write(text.into()).await;
        return Ok(1);
    }
    let mut text = "overlay on / type overlay (rw,relatime)\nproc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\n".to_owned();
    for mount in process.world.namespace.mounts() {
        let _ = writeln!(text, "/dev/vda1 on {} type ext4 ({},relatime)", mount.at, if mount.writable { "rw" } else { "ro" });
    }
    process.out(text).await?;
    Ok(0)
}

async fn df(process: &mut Process) -> Result<u8, Closed> {
    let used = process.files().size().div_ceil(1024);
    let total: u64 = 10 << 20;
    let mut text = "Filesystem           1K-blocks      Used Available Use% Mounted on\n".to_owned();
    let mounts = process.world.namespace.mounts().iter().map(|mount| ("/dev/vda1", mount.at.as_str()));
    for (device, at) in std::iter::once(("overlay", "/")).chain(mounts) {
        let _ = writeln!(text, "{device:<20} {total:9} {used:9} {:9} {:3}% {at}", total.saturating_sub(used), used * 100 / total);
    }
    process.out(text).await?;
    Ok(0)
}

async fn getent(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let Some((database, keys)) = arguments.split_first() else { return Ok(usage(process, "missing operand").await) };
    let content = process.files().read(&format!("/etc/{}", if database == "ahosts" { "hosts" } else { database })).unwrap_or_default();
    let text = String::from_utf8_lossy(&content).into_owned();
    let mut found = false;
    for line in text.lines() {
        let mut names = line.split(|char: char| char == ':' || char.is_whitespace());
        let wanted = keys.is_empty()
            || keys.iter().any(|key| {
                if database.ends_with("hosts") { names.any(|name| name == key) } else { names.clone().take(3).any(|name| name == key) }
            });
        if wanted {
            found = true;
            process.line(line).await?;
        }
    }
    Ok(if found || keys.is_empty() { 0 } else { 2 })
}

async fn which(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "a", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    for name in &given.operands {
        match find(name, &process.env, &process.cwd, &process.world.namespace) {
            Ok(found) => process.line(if name.contains('/') { name } else { &found.path }).await?,
            Err(_) => code = 1,
        }
    }
    Ok(code)
}

async fn basename(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let Some(path) = arguments.first() else { return Ok(usage(process, "missing operand").await) };
    let name = if path.is_empty() { "" } else { base_name(path) };
    let suffix = arguments.get(1).map_or("", String::as_str);
    process.line(name.strip_suffix(suffix).filter(|stem| !stem.is_empty()).unwrap_or(name)).await?;
    Ok(0)
}

async fn dirname(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let Some(path) = arguments.first() else { return Ok(usage(process, "missing operand").await) };
    let trimmed = path.trim_end_matches('/');
    let directory = match trimmed.rsplit_once('/') {
        Some((head, _)) => head.trim_end_matches('/'),
        None if path.starts_with('/') => "",
        None => ".",
    };
    process.line(if directory.is_empty() { "/" } else { directory }).await?;
    Ok(0)
}

async fn readlink(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "fnvsem", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let canonical = given.has('f') || process.name() == "realpath";
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let files = process.files();
        let found = if canonical {
            // The last name may be missing, nothing before it.
            let parent = clean("/", &path).rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
            files.resolve(if parent.is_empty() { "/" } else { &parent }).and_then(|_| files.resolve_missing(&path))
        } else {
            files.read_link(&path)
        };
        match found {
            Ok(found) if given.has('n') => process.out(found).await?,
            Ok(found) => process.line(found).await?,
            Err(error) => {
                if process.name() == "realpath" {
                    process.complain(format!("{operand}: {}", error.sentence())).await;
                }
                code = 1;
            }
        }
    }
    Ok(code)
}
