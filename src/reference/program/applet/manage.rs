//! Programs that change trees: `mkdir`, `rm`, `cp`, `mv`, `ln`, `chmod`, `touch` and their like.

use bytes::Bytes;
use jiff::Timestamp;

use super::super::pipe::Closed;
use super::super::process::Process;
use super::super::user::{User, field, lines};
use super::Table;
use super::arguments::{Given, size, usage};
use super::tree::walk;
use crate::reference::files::{FileError, Files, Sort, Stat, base_name};

pub(super) const TABLE: Table = &[
    ("mkdir", |process| Box::pin(mkdir(process))),
    ("rmdir", |process| Box::pin(rmdir(process))),
    ("touch", |process| Box::pin(touch(process))),
    ("rm", |process| Box::pin(rm(process))),
    ("unlink", |process| Box::pin(rm(process))),
    ("cp", |process| Box::pin(cp(process))),
    ("install", |process| Box::pin(cp(process))),
    ("mv", |process| Box::pin(mv(process))),
    ("ln", |process| Box::pin(ln(process))),
    ("chmod", |process| Box::pin(chmod(process))),
    ("chown", |process| Box::pin(chown(process))),
    ("chgrp", |process| Box::pin(chown(process))),
    ("truncate", |process| Box::pin(truncate(process))),
    ("mktemp", |process| Box::pin(mktemp(process))),
    ("mkfifo", |process| Box::pin(mkfifo(process))),
];

/// The largest file that `truncate` and `dd` make at once.
const LARGEST: usize = 64 << 20;

/// Says what went wrong with one operand and remembers it.
async fn failed(process: &Process, code: &mut u8, text: String, error: &FileError) {
    process.complain(format!("{text}: {}", error.sentence())).await;
    *code = 1;
}

async fn mkdir(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "pv", "m").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    if given.operands.is_empty() {
        return Ok(usage(process, "missing operand").await);
    }
    let mode = given.value('m').and_then(|text| u32::from_str_radix(text, 8).ok());
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let (uid, gid, usual) = (process.user.uid, process.user.gid, 0o777 & !process.umask);
        let made = process.change(|files, now| {
            let there = files.exists(&path);
            if given.has('p') {
                files.make_dirs(&path, usual, now)?;
            } else {
                files.make_dir(&path, usual, now)?;
            }
            if !there {
                files.set_owner(&path, uid, gid, true)?;
            }
            mode.map_or(Ok(()), |mode| files.set_mode(&path, mode))
        });
        if let Err(error) = made {
            failed(process, &mut code, format!("can't create directory '{operand}'"), &error).await;
        }
    }
    Ok(code)
}

async fn rmdir(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "p", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let done = process.change(|files, now| {
            if !files.stat(&path, false)?.is_directory() {
                return Err(FileError::NotADirectory);
            }
            files.remove(&path, false, now)
        });
        if let Err(error) = done {
            failed(process, &mut code, format!("'{operand}'"), &error).await;
        }
    }
    Ok(code)
}

async fn touch(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "acmh", "drt").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let asked = given.value('d').and_then(|text| {
        let seconds = text.strip_prefix('@').and_then(|text| text.parse().ok()).and_then(|at| Timestamp::from_second(at).ok());
        seconds.or_else(|| text.parse().ok()).or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok())
    });
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let (uid, gid) = (process.user.uid, process.user.gid);
        let done = process.change(|files, now| {
            let there = files.exists(&path);
            if !there && given.has('c') {
                return Ok(());
            }
            files.touch(&path, asked.unwrap_or(now))?;
            if there { Ok(()) } else { files.set_owner(&path, uid, gid, true) }
        });
        if let Err(error) = done {
            failed(process, &mut code, operand.clone(), &error).await;
        }
    }
    Ok(code)
}

async fn rm(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "firRv", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    if given.operands.is_empty() && !given.has('f') {
        return Ok(usage(process, "missing operand").await);
    }
    let recursive = given.has('r') || given.has('R');
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let done = process.change(|files, now| {
            if files.stat(&path, false)?.is_directory() && !recursive {
                return Err(FileError::IsADirectory);
            }
            files.remove(&path, recursive, now)
        });
        match done {
            Err(FileError::NotFound) if given.has('f') => {}
            Err(FileError::IsADirectory) => {
                process.complain(format!("'{operand}' is a directory")).await;
                code = 1;
            }
            Err(error) => failed(process, &mut code, format!("can't remove '{operand}'"), &error).await,
            Ok(()) => {}
        }
    }
    Ok(code)
}

/// Where each source goes: into a directory, or to another name.
fn targets(files: &Files, process: &Process, operands: &[String], forced: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let (sources, target) = match (forced, operands.split_last()) {
        (Some(target), _) => (operands, target),
        (None, Some((target, sources))) if !sources.is_empty() => (sources, target.as_str()),
        _ => return Err("missing operand".into()),
    };
    let into = files.stat(&process.path(target), true).is_ok_and(|stat| stat.is_directory());
    if sources.len() > 1 && !into {
        return Err(format!("can't create '{target}': Not a directory"));
    }
    let place = |source: &String| if into { format!("{}/{}", target.trim_end_matches('/'), base_name(source)) } else { target.to_owned() };
    Ok(sources.iter().map(|source| (source.clone(), place(source))).collect())
}

/// Copies one node and, when it is a directory, what is in it.
fn copy(files: &mut Files, from: &str, to: &str, given: &Given, now: Timestamp) -> Result<(), FileError> {
    let keeps = given.has('a') || given.has('p');
    let recursive = given.has('r') || given.has('R') || given.has('a');
    let root = files.stat(from, !recursive || given.has('L'))?;
    if root.is_directory() && !recursive {
        return Err(FileError::IsADirectory);
    }
    let before = files.clone();
    if root.is_directory() && format!("{}/", before.resolve_missing(to)?).starts_with(&format!("{}/", before.resolve(from)?)) {
        return Err(FileError::Invalid);
    }
    let mut nodes: Vec<(String, Stat)> = Vec::new();
    if root.is_directory() {
        walk(&before, from, &mut |path, stat| nodes.push((path.to_owned(), stat.clone())));
    } else {
        nodes.push((from.to_owned(), root));
    }
    for (path, stat) in nodes {
        let target = format!("{to}{}", path.strip_prefix(from).unwrap_or_default());
        match stat.sort {
            Sort::Directory => files.make_dirs(&target, stat.permissions, now)?,
            Sort::Symlink => {
                match files.remove(&target, false, now) {
                    Ok(()) | Err(FileError::NotFound) => {}
                    Err(error) => return Err(error),
                }
                files.symlink(&stat.link_target, &target, now)?;
            }
            Sort::File => files.write(&target, before.read(&path)?, stat.permissions, now)?,
            Sort::Special(special) => files.make_special(&target, special, stat.permissions, now)?,
        }
        if keeps {
            files.set_owner(&target, stat.uid, stat.gid, false)?;
            if stat.sort != Sort::Symlink {
                files.set_mode(&target, stat.permissions)?;
                files.touch(&target, stat.mtime)?;
            }
        }
    }
    Ok(())
}

async fn cp(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "adfHLlnPpRrsTuvicD", "tmog").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    if process.name() == "install" && given.has('d') {
        let mut code = 0;
        for operand in &given.operands {
            let path = process.path(operand);
            if let Err(error) = process.change(|files, now| files.make_dirs(&path, 0o755, now)) {
                failed(process, &mut code, format!("can't create directory '{operand}'"), &error).await;
            }
        }
        return Ok(code);
    }
    let pairs = match targets(&process.files(), process, &given.operands, given.value('t')) {
        Ok(pairs) => pairs,
        Err(text) if text == "missing operand" => return Ok(usage(process, &text).await),
        Err(text) => {
            process.complain(text).await;
            return Ok(1);
        }
    };
    let mode = given.value('m').and_then(|text| u32::from_str_radix(text, 8).ok());
    let mut code = 0;
    for (source, target) in pairs {
        let (from, to) = (process.path(&source), process.path(&target));
        let from = if from.len() > 1 { from.trim_end_matches('/').to_owned() } else { from };
        let done = process.change(|files, now| {
            if given.has('n') && files.exists(&to) {
                return Ok(());
            }
            copy(files, &from, &to, &given, now)?;
            mode.map_or(Ok(()), |mode| files.set_mode(&to, mode))
        });
        match done {
            Ok(()) => {}
            Err(FileError::IsADirectory) if process.files().stat(&from, true).is_ok_and(|stat| stat.is_directory()) => {
                process.complain(format!("omitting directory '{source}'")).await;
                code = 1;
            }
            Err(error) if !process.files().exists(&from) => failed(process, &mut code, format!("can't stat '{source}'"), &error).await,
            Err(FileError::Invalid) => {
                process.complain(format!("recursion detected, omitting directory '{source}'")).await;
                code = 1;
            }
            Err(error) => failed(process, &mut code, format!("can't create '{target}'"), &error).await,
        }
    }
    Ok(code)
}

async fn mv(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "finTv", "t").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let pairs = match targets(&process.files(), process, &given.operands, given.value('t')) {
        Ok(pairs) => pairs,
        Err(text) => return Ok(usage(process, &text).await),
    };
    let mut code = 0;
    for (source, target) in pairs {
        let (from, to) = (process.path(&source), process.path(&target));
        if given.has('n') && process.files().exists(&to) {
            continue;
        }
        if let Err(error) = process.change(|files, now| files.rename(&from, &to, now)) {
            failed(process, &mut code, format!("can't rename '{source}'"), &error).await;
        }
    }
    Ok(code)
}

async fn ln(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "sfnbvT", "t").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut operands = given.operands.clone();
    if let [only] = operands.as_slice() {
        let name = base_name(only).to_owned();
        operands.push(name);
    }
    let pairs = match targets(&process.files(), process, &operands, given.value('t')) {
        Ok(pairs) => pairs,
        Err(text) => return Ok(usage(process, &text).await),
    };
    let mut code = 0;
    for (source, target) in pairs {
        // With -n a link to a directory is a name, not a directory to put something into.
        let target = if given.has('n') { operands.last().cloned().unwrap_or(target) } else { target };
        let (from, to) = (process.path(&source), process.path(&target));
        let done = process.change(|files, now| {
            if given.has('f') && files.stat(&to, false).is_ok() {
                files.remove(&to, false, now)?;
            }
            if given.has('s') { files.symlink(&source, &to, now) } else { files.link(&from, &to, now) }
        });
        if let Err(error) = done {
            failed(process, &mut code, target, &error).await;
        }
    }
    Ok(code)
}

/// The mode that a text such as `755`, `u+x` or `go-w,a=r` makes of another.
fn mode(text: &str, before: u32, directory: bool) -> Option<u32> {
    if let Ok(mode) = u32::from_str_radix(text, 8) {
        return (mode <= 0o7777).then_some(mode);
    }
    let mut mode = before;
    for clause in text.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (who, what) = clause.split_at_checked(at)?;
        let classes: u32 = if who.is_empty() || who.contains('a') {
            0o777
        } else {
            [('u', 0o700), ('g', 0o070), ('o', 0o007)].iter().filter(|(letter, _)| who.contains(*letter)).map(|(_, bits)| bits).sum()
        };
        let mut chars = what.chars();
        let operator = chars.next()?;
        let mut bits = 0;
        for letter in chars {
            bits |= match letter {
                'r' => 0o444 & classes,
                'w' => 0o222 & classes,
                'x' => 0o111 & classes,
                'X' => {
                    if directory || before & 0o111 != 0 {
                        0o111 & classes
                    } else {
                        0
                    }
                }
                's' => (if classes & 0o700 != 0 { 0o4000 } else { 0 }) | (if classes & 0o070 != 0 { 0o2000 } else { 0 }),
                't' => 0o1000,
                _ => return None,
            };
        }
        mode = match operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => (mode & !classes) | bits,
        };
    }
    Some(mode)
}

/// The operands, and with `-R` all that is below them.
fn reached(process: &Process, operand: &str, recursive: bool) -> Result<Vec<(String, Stat)>, FileError> {
    let files = process.files();
    let path = process.path(operand);
    let mut all = vec![(path.clone(), files.stat(&path, true)?)];
    if recursive {
        all.clear();
        walk(&files, &path, &mut |path, stat| all.push((path.to_owned(), stat.clone())));
    }
    Ok(all)
}

async fn chmod(process: &mut Process) -> Result<u8, Closed> {
    // `-w` and the like are modes, not options.
    let arguments = process.arguments().to_vec();
    let is_option = |argument: &&String| {
        argument.len() > 1 && argument.starts_with('-') && argument.chars().skip(1).all(|letter| "Rvcf".contains(letter))
    };
    let recursive = arguments.iter().filter(is_option).any(|option| option.contains('R'));
    let operands: Vec<&String> = arguments.iter().filter(|argument| !is_option(argument)).collect();
    let Some((text, paths)) = operands.split_first().filter(|(_, paths)| !paths.is_empty()) else {
        return Ok(usage(process, "missing operand").await);
    };
    let mut code = 0;
    for operand in paths {
        let nodes = match reached(process, operand, recursive) {
            Ok(nodes) => nodes,
            Err(error) => {
                failed(process, &mut code, (*operand).clone(), &error).await;
                continue;
            }
        };
        for (path, stat) in nodes.into_iter().filter(|(_, stat)| stat.sort != Sort::Symlink) {
            let Some(mode) = mode(text, stat.permissions, stat.is_directory()) else {
                process.complain(format!("invalid mode '{text}'")).await;
                return Ok(1);
            };
            if let Err(error) = process.change(|files, _| files.set_mode(&path, mode)) {
                failed(process, &mut code, path, &error).await;
            }
        }
    }
    Ok(code)
}

async fn chown(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "RhvcfHLP", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some((text, paths)) = given.operands.split_first().filter(|(_, paths)| !paths.is_empty()) else {
        return Ok(usage(process, "missing operand").await);
    };
    let namespace = process.world.namespace.clone();
    let (user, group) = if process.name() == "chgrp" { ("", text.as_str()) } else { text.split_once([':', '.']).unwrap_or((text, "")) };
    let uid = match user {
        "" => None,
        user => {
            if let Ok(user) = User::resolve(user, &namespace) {
                Some(user.uid)
            } else {
                process.complain(format!("unknown user {user}")).await;
                return Ok(1);
            }
        }
    };
    let known = lines(&namespace, "/etc/group").into_iter().find(|fields| field(fields, 0) == group);
    let gid = match (group, known, group.parse::<u32>()) {
        ("", ..) => None,
        (_, Some(fields), _) => field(&fields, 2).parse().ok(),
        (_, None, Ok(gid)) => Some(gid),
        _ => {
            process.complain(format!("unknown group {group}")).await;
            return Ok(1);
        }
    };
    let mut code = 0;
    for operand in paths {
        match reached(process, operand, given.has('R')) {
            Err(error) => failed(process, &mut code, operand.clone(), &error).await,
            Ok(nodes) => {
                for (path, stat) in nodes {
                    let follow = !given.has('h') && !given.has('R');
                    let (uid, gid) = (uid.unwrap_or(stat.uid), gid.unwrap_or(stat.gid));
                    let allowed = process.user.uid == 0 || (uid == stat.uid && gid == stat.gid);
                    let done =
                        if allowed { process.change(|files, _| files.set_owner(&path, uid, gid, follow)) } else { Err(FileError::Denied) };
                    match done {
                        Err(FileError::Denied) => {
                            process.complain(format!("{path}: Operation not permitted")).await;
                            code = 1;
                        }
                        Err(error) => failed(process, &mut code, path, &error).await,
                        Ok(()) => {}
                    }
                }
            }
        }
    }
    Ok(code)
}

async fn truncate(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "c", "s").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some(length) = given.value('s').and_then(size) else { return Ok(usage(process, "invalid number").await) };
    if length > LARGEST {
        process.complain("File too large").await;
        return Ok(1);
    }
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let done = process.change(|files, now| {
            let mut content = files.read(&path).unwrap_or_default().to_vec();
            content.resize(length, 0);
            files.write(&path, Bytes::from(content), 0o644, now)
        });
        if let Err(error) = done {
            failed(process, &mut code, operand.clone(), &error).await;
        }
    }
    Ok(code)
}

async fn mktemp(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "dqtu", "p").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let directory = given.value('p').or(process.variable("TMPDIR")).unwrap_or("/tmp").to_owned();
    let template = match given.operands.first() {
        Some(template) if given.has('t') || given.value('p').is_some() => format!("{directory}/{template}"),
        Some(template) => template.clone(),
        None => format!("{directory}/tmp.XXXXXX"),
    };
    let stem = template.trim_end_matches('X');
    let count = template.len() - stem.len();
    if count < 6 {
        process.complain(format!("{template}: Invalid argument")).await;
        return Ok(1);
    }
    for attempt in 0_u64..1000 {
        // The same names in every run: they only have to be new.
        let mut random = fastrand::Rng::with_seed(u64::from(process.state.pid) << 32 | attempt);
        let suffix: String = std::iter::repeat_with(|| random.alphanumeric()).take(count.min(32)).collect();
        let name = format!("{stem}{suffix}");
        let path = process.path(&name);
        let made = process.change(|files, now| {
            if files.stat(&path, false).is_ok() {
                return Err(FileError::Exists);
            }
            match () {
                () if given.has('u') => Ok(()),
                () if given.has('d') => files.make_dir(&path, 0o700, now),
                () => files.write(&path, Bytes::new(), 0o600, now),
            }
        });
        match made {
            Ok(()) => {
                process.line(name).await?;
                return Ok(0);
            }
            Err(FileError::Exists) => {}
            Err(error) => {
                process.complain(format!("{template}: {}", error.sentence())).await;
                return Ok(1);
            }
        }
    }
    Ok(1)
}

async fn mkfifo(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "", "m").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        if let Err(error) = process.change(|files, now| files.make_special(&path, crate::reference::files::Special::Fifo, 0o644, now)) {
            failed(process, &mut code, operand.clone(), &error).await;
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn modes_are_read_by_number_and_letter() {
        for (text, before, expected) in [
            ("755", 0, Some(0o755)),
            ("u+x", 0o644, Some(0o744)),
            ("+x", 0o644, Some(0o755)),
            ("go-rw,u=rx", 0o666, Some(0o500)),
            ("a+X", 0o644, Some(0o644)),
            ("u+s,+t", 0o755, Some(0o5755)),
            ("99", 0, None),
            ("x", 0, None),
            ("", 0, None),
        ] {
            assert_eq!(mode(text, before, false), expected, "{text}");
        }
    }
}
