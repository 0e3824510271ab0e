//! Programs that look at trees: `ls`, `stat`, `find`, `du`.

use std::fmt::Write;

use super::super::pipe::Closed;
use super::super::process::Process;
use super::super::shell::pattern::Pattern;
use super::super::user::{group_name, user_name};
use super::Table;
use super::arguments::Given;
use crate::reference::files::{Files, Sort, Special, Stat, base_name};

pub(super) const TABLE: Table = &[
    ("ls", |process| Box::pin(ls(process))),
    ("stat", |process| Box::pin(stat(process))),
    ("find", |process| Box::pin(find(process))),
    ("du", |process| Box::pin(du(process))),
];

/// Goes through a tree, a directory before what is in it.
pub(super) fn walk(files: &Files, path: &str, visit: &mut impl FnMut(&str, &Stat)) {
    let Ok(stat) = files.stat(path, false) else { return };
    visit(path, &stat);
    if stat.is_directory() {
        for name in files.list(path).unwrap_or_default() {
            walk(files, &format!("{}/{name}", path.trim_end_matches('/')), visit);
        }
    }
}

async fn ls(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "1AaCdFhilnpRrSstux", "w").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let operands = if given.operands.is_empty() { vec![".".to_owned()] } else { given.operands.clone() };
    let files = process.files();
    let (mut code, mut text) = (0, String::new());
    let (mut singles, mut directories) = (Vec::new(), Vec::new());
    for operand in &operands {
        let path = process.path(operand);
        match files.stat(&path, !given.has('l') || operand.ends_with('/')).or_else(|_| files.stat(&path, false)) {
            Ok(stat) if stat.is_directory() && !given.has('d') => directories.push((operand.clone(), path)),
            Ok(stat) => singles.push(Stat { name: operand.clone(), ..stat }),
            Err(error) => {
                process.complain(format!("{operand}: {}", error.sentence())).await;
                code = 1;
            }
        }
    }
    listing(process, &given, &singles, &mut text);
    let titled = operands.len() > 1 || given.has('R');
    let mut first = singles.is_empty();
    while !directories.is_empty() {
        let (shown, path) = directories.remove(0);
        let mut entries: Vec<Stat> = Vec::new();
        if given.has('a') {
            for name in [".", ".."] {
                entries.extend(files.stat(&format!("{path}/{name}"), false).map(|stat| Stat { name: name.to_owned(), ..stat }));
            }
        }
        let all = given.has('a') || given.has('A');
        let names = files.list(&path).unwrap_or_default().into_iter().filter(|name| all || !name.starts_with('.'));
        entries.extend(names.filter_map(|name| files.stat(&format!("{path}/{name}"), false).ok()));
        match () {
            () if given.has('S') => entries.sort_by_key(|stat| std::cmp::Reverse(stat.size)),
            () if given.has('t') => entries.sort_by_key(|stat| std::cmp::Reverse(stat.mtime)),
            () => {}
        }
        if given.has('r') {
            entries.reverse();
        }
        if titled {
            let _ = writeln!(text, "{}{shown}:", if first { "" } else { "\n" });
        }
        first = false;
        if given.has('l') || given.has('s') {
            let blocks: u64 = entries.iter().map(|stat| stat.size.div_ceil(4096) * 4).sum();
            let _ = writeln!(text, "total {}", if given.has('h') { human(blocks * 1024) } else { blocks.to_string() });
        }
        listing(process, &given, &entries, &mut text);
        if given.has('R') {
            let below = entries.iter().filter(|stat| stat.is_directory() && ![".", ".."].contains(&stat.name.as_str()));
            let below: Vec<_> =
                below.map(|stat| (format!("{}/{}", shown.trim_end_matches('/'), stat.name), format!("{path}/{}", stat.name))).collect();
            directories.splice(0..0, below);
        }
    }
    process.out(text).await?;
    Ok(code)
}

fn listing(process: &Process, given: &Given, entries: &[Stat], text: &mut String) {
    let namespace = &process.world.namespace;
    for stat in entries {
        let mut name = stat.name.clone();
        if given.has('F') || given.has('p') {
            name.push_str(match stat.sort {
                Sort::Directory => "/",
                Sort::Symlink if given.has('F') => "@",
                Sort::File if given.has('F') && stat.is_executable() => "*",
                _ => "",
            });
        }
        if !given.has('l') && !given.has('n') {
            let _ = writeln!(text, "{name}");
            continue;
        }
        let numeric = given.has('n');
        let user = user_name(namespace, stat.uid).filter(|_| !numeric).unwrap_or_else(|| stat.uid.to_string());
        let group = group_name(namespace, stat.gid).filter(|_| !numeric).unwrap_or_else(|| stat.gid.to_string());
        let size = match stat.sort {
            Sort::Special(Special::Character(major, minor) | Special::Block(major, minor)) => format!("{major:>4}, {minor:>3}"),
            _ if given.has('h') => format!("{:>9}", human(stat.size)),
            _ => format!("{:>9}", stat.size),
        };
        let links = if stat.is_directory() { 2 } else { 1 };
        let time = stat.mtime.strftime("%b %e %H:%M");
        let target = if stat.link_target.is_empty() { String::new() } else { format!(" -> {}", stat.link_target) };
        let _ = writeln!(text, "{}  {links:>4} {user:<8} {group:<8} {size} {time} {name}{target}", stat.letters());
    }
}

/// A size as people read it.
pub(super) fn human(bytes: u64) -> String {
    let mut tenths = bytes.saturating_mul(10);
    for unit in ["", "K", "M", "G"] {
        if tenths < 10_240 || unit == "G" {
            return if unit.is_empty() { bytes.to_string() } else { format!("{}.{}{unit}", tenths / 10, tenths % 10) };
        }
        tenths /= 1024;
    }
    bytes.to_string()
}

async fn stat(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "Lft", "c").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut code = 0;
    for operand in &given.operands {
        let stat = match process.files().stat(&process.path(operand), given.has('L')) {
            Ok(stat) => stat,
            Err(error) => {
                process.complain(format!("can't stat '{operand}': {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        let namespace = &process.world.namespace;
        let user = user_name(namespace, stat.uid).unwrap_or_else(|| "UNKNOWN".into());
        let group = group_name(namespace, stat.gid).unwrap_or_else(|| "UNKNOWN".into());
        let kind = match stat.sort {
            Sort::File if stat.size == 0 => "regular empty file",
            Sort::File => "regular file",
            Sort::Directory => "directory",
            Sort::Symlink => "symbolic link",
            Sort::Special(Special::Fifo) => "fifo",
            Sort::Special(Special::Character(..)) => "character special file",
            Sort::Special(Special::Block(..)) => "block special file",
        };
        let time = stat.mtime.strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string();
        let Some(format) = given.value('c') else {
            let name = if stat.link_target.is_empty() { operand.clone() } else { format!("'{operand}' -> '{}'", stat.link_target) };
            process
                .out(format!(
                    "  File: {name}\n  Size: {:<10}\tBlocks: {:<10} IO Block: 4096   {kind}\nDevice: 2bh/43d\tInode: 1           Links: 1\nAccess: ({:04o}/{})  Uid: ({:5}/{user:>8})   Gid: ({:5}/{group:>8})\nAccess: {time}\nModify: {time}\nChange: {time}\n",
                    stat.size,
                    stat.size.div_ceil(512),
                    stat.permissions,
                    stat.letters(),
                    stat.uid,
                    stat.gid
                ))
                .await?;
            continue;
        };
        let mut line = String::new();
        let mut chars = format.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                line.push(char);
                continue;
            }
            let shown = match chars.next() {
                Some('n') => operand.clone(),
                Some('N') if stat.link_target.is_empty() => operand.clone(),
                Some('N') => format!("'{operand}' -> '{}'", stat.link_target),
                Some('s') => stat.size.to_string(),
                Some('a') => format!("{:o}", stat.permissions),
                Some('A') => stat.letters(),
                Some('u') => stat.uid.to_string(),
                Some('g') => stat.gid.to_string(),
                Some('U') => user.clone(),
                Some('G') => group.clone(),
                Some('F') => kind.to_owned(),
                Some('X' | 'Y' | 'Z') => stat.mtime.as_second().to_string(),
                Some('x' | 'y' | 'z') => time.clone(),
                Some('h' | 'i') => "1".to_owned(),
                Some(other) => other.to_string(),
                None => "%".to_owned(),
            };
            line.push_str(&shown);
        }
        process.line(line).await?;
    }
    Ok(code)
}

/// One condition of `find`.
enum Condition {
    Name(Pattern, bool),
    Path(Pattern),
    Kind(Sort),
    Empty,
    Size(std::cmp::Ordering, u64),
    Not(Box<Self>),
}

impl Condition {
    fn holds(&self, path: &str, stat: &Stat, files: &Files, full: &str) -> bool {
        match self {
            Self::Name(pattern, true) => pattern.matches(&base_name(path).to_lowercase()),
            Self::Name(pattern, false) => pattern.matches(base_name(path)),
            Self::Path(pattern) => pattern.matches(path),
            Self::Kind(kind) => std::mem::discriminant(kind) == std::mem::discriminant(&stat.sort),
            Self::Empty => {
                if stat.is_directory() {
                    files.list(full).is_ok_and(|names| names.is_empty())
                } else {
                    stat.size == 0
                }
            }
            Self::Size(ordering, size) => stat.size.cmp(size) == *ordering,
            Self::Not(inner) => !inner.holds(path, stat, files, full),
        }
    }
}

async fn find(process: &mut Process) -> Result<u8, Closed> {
    let arguments = process.arguments().to_vec();
    let start = arguments.iter().take_while(|argument| !argument.starts_with('-') && *argument != "!").count();
    let mut roots = arguments.get(..start).unwrap_or_default().to_vec();
    if roots.is_empty() {
        roots.push(".".into());
    }
    let mut rest = arguments.iter().skip(start);
    let (mut conditions, mut command, mut delete, mut negated) = (Vec::new(), None, false, false);
    let (mut deepest, mut shallowest, mut separator) = (usize::MAX, 0, "\n");
    while let Some(option) = rest.next() {
        let mut value = || rest.next().cloned().unwrap_or_default();
        let condition = match option.as_str() {
            "-name" => Condition::Name(Pattern::new(&value()), false),
            "-iname" => Condition::Name(Pattern::new(&value().to_lowercase()), true),
            "-path" => Condition::Path(Pattern::new(&value())),
            "-type" => Condition::Kind(match value().as_str() {
                "d" => Sort::Directory,
                "l" => Sort::Symlink,
                "f" => Sort::File,
                _ => Sort::Special(Special::Fifo),
            }),
            "-empty" => Condition::Empty,
            "-size" => {
                let text = value();
                let ordering = match text.chars().next() {
                    Some('+') => std::cmp::Ordering::Greater,
                    Some('-') => std::cmp::Ordering::Less,
                    _ => std::cmp::Ordering::Equal,
                };
                Condition::Size(ordering, super::arguments::size(text.trim_start_matches(['+', '-'])).unwrap_or(0) as u64)
            }
            "-maxdepth" => {
                deepest = value().parse().unwrap_or(usize::MAX);
                continue;
            }
            "-mindepth" => {
                shallowest = value().parse().unwrap_or(0);
                continue;
            }
            "-print" | "-xdev" | "-a" => continue,
            "-print0" => {
                separator = "\0";
                continue;
            }
            "-delete" => {
                delete = true;
                continue;
            }
            "-exec" => {
                let words: Vec<String> = rest.by_ref().take_while(|word| *word != ";" && *word != "+").cloned().collect();
                command = Some(words);
                continue;
            }
            "!" | "-not" => {
                negated = true;
                continue;
            }
            other => {
                process.complain(format!("unrecognized: {other}")).await;
                return Ok(1);
            }
        };
        conditions.push(if std::mem::take(&mut negated) { Condition::Not(Box::new(condition)) } else { condition });
    }
    let files = process.files();
    let (mut code, mut found) = (0, Vec::new());
    for root in roots {
        let full = process.path(&root);
        if files.stat(&full, false).is_err() {
            process.complain(format!("{root}: No such file or directory")).await;
            code = 1;
            continue;
        }
        walk(&files, &full, &mut |path, stat| {
            let below = path.strip_prefix(&full).unwrap_or_default();
            let depth = below.split('/').filter(|part| !part.is_empty()).count();
            let shown =
                if below.is_empty() { root.clone() } else { format!("{}/{}", root.trim_end_matches('/'), below.trim_start_matches('/')) };
            if (shallowest..=deepest).contains(&depth) && conditions.iter().all(|condition| condition.holds(&shown, stat, &files, path)) {
                found.push(shown);
            }
        });
    }
    act(process, found, delete, command, separator, code).await
}

/// What `find` does with what it found.
async fn act(
    process: &Process,
    found: Vec<String>,
    delete: bool,
    command: Option<Vec<String>>,
    separator: &str,
    mut code: u8,
) -> Result<u8, Closed> {
    if delete {
        for path in found.iter().rev() {
            let full = process.path(path);
            if process.change(|files, now| files.remove(&full, false, now)).is_err() {
                code = 1;
            }
        }
        return Ok(code);
    }
    for path in found {
        match &command {
            None => process.out(format!("{path}{separator}")).await?,
            Some(words) => {
                let words = words.iter().map(|word| word.replace("{}", &path)).collect();
                if super::launch::run_words(process, words, None).await != 0 {
                    code = 1;
                }
            }
        }
    }
    Ok(code)
}

async fn du(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "abchHklmsx", "d").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let operands = if given.operands.is_empty() { vec![".".to_owned()] } else { given.operands.clone() };
    let files = process.files();
    let mut code = 0;
    for operand in operands {
        let root = process.path(&operand);
        if let Err(error) = files.stat(&root, false) {
            process.complain(format!("{operand}: {}", error.sentence())).await;
            code = 1;
            continue;
        }
        let mut lines: Vec<(String, u64, bool)> = Vec::new();
        walk(&files, &root, &mut |path, stat| lines.push((path.to_owned(), stat.size.div_ceil(4096) * 4096, stat.is_directory())));
        let total = |path: &str| -> u64 {
            let below = format!("{}/", path.trim_end_matches('/'));
            lines.iter().filter(|(other, ..)| other == path || other.starts_with(&below)).map(|(_, size, _)| size).sum()
        };
        for (path, _, directory) in lines.iter().rev() {
            let is_root = *path == root;
            if !is_root && (given.has('s') || !(*directory || given.has('a'))) {
                continue;
            }
            let bytes = total(path);
            let size = if given.has('h') {
                human(bytes)
            } else if given.has('m') {
                bytes.div_ceil(1 << 20).to_string()
            } else {
                (bytes / 1024).to_string()
            };
            let below = path.strip_prefix(&root).unwrap_or_default();
            let shown =
                if is_root { operand.clone() } else { format!("{}/{}", operand.trim_end_matches('/'), below.trim_start_matches('/')) };
            process.line(format!("{size}\t{shown}")).await?;
        }
    }
    Ok(code)
}
