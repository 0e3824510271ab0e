//! `tar`, `gzip` and `gunzip`, over files in memory.

use std::io::Read;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;

use super::super::pipe::Closed;
use super::super::process::{MOST_IN_MEMORY, Process};
use super::Table;
use super::arguments::{Given, usage};
use crate::reference::files::{ExtractOptions, FileError, Files, decompressed};

pub(super) const TABLE: Table = &[
    ("tar", |process| Box::pin(tar(process))),
    ("gzip", |process| Box::pin(gzip(process))),
    ("gunzip", |process| Box::pin(gzip(process))),
];

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    // Reading from memory into memory does not fail.
    let _ = GzEncoder::new(plain, Compression::default()).read_to_end(&mut packed);
    packed
}

async fn tar(process: &mut Process) -> Result<u8, Closed> {
    let mut arguments = process.arguments().to_vec();
    // `tar xf a` is `tar -xf a`.
    if let Some(first) = arguments.first_mut().filter(|first| !first.starts_with('-')) {
        first.insert(0, '-');
    }
    let given = match Given::read(process, &arguments, "cxtvzpoOmhkaj", "fCT", false).await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let file = given.value('f').unwrap_or("-");
    // The archive is named from where the program was started, its entries from where `-C` says.
    let start = process.clone();
    if let Some(directory) = given.value('C') {
        process.cwd = crate::reference::files::clean(&process.cwd, directory);
    }
    if given.has('c') {
        return create(process, &start, &given, file).await;
    }
    if !given.has('x') && !given.has('t') {
        return Ok(usage(process, "must specify one of -c, -x, -t").await);
    }
    let input = match start.open(file) {
        Ok(input) => input,
        Err(error) => {
            process.complain(format!("can't open '{file}': {}", error.sentence())).await;
            return Ok(1);
        }
    };
    let bytes = input.read_all(MOST_IN_MEMORY).await;
    let now = process.now();
    let mut tree = Files::new();
    let read = decompressed(&bytes).and_then(|plain| tree.extract("/", &plain, ExtractOptions::default(), now));
    if bytes.is_empty() || read.is_err() {
        process.complain("short read").await;
        return Ok(1);
    }
    let mut names = Vec::new();
    super::tree::walk(&tree, "/", &mut |path, stat| {
        let name = path.trim_start_matches('/');
        if !name.is_empty() {
            names.push(if stat.is_directory() { format!("{name}/") } else { name.to_owned() });
        }
    });
    if given.has('t') || given.has('v') {
        process.out(names.iter().flat_map(|name| [name.as_str(), "\n"]).collect::<String>()).await?;
    }
    if given.has('t') {
        return Ok(0);
    }
    if given.has('O') {
        for name in names.iter().filter(|name| given.operands.is_empty() || given.operands.contains(name)) {
            process.out(tree.read(&format!("/{name}")).unwrap_or_default()).await?;
        }
        return Ok(0);
    }
    let owner = (process.user.uid != 0 || given.has('o')).then_some((process.user.uid, process.user.gid));
    if !given.operands.is_empty() {
        let wanted = |name: &str| {
            given.operands.iter().any(|operand| {
                name.trim_end_matches('/') == operand.trim_end_matches('/')
                    || name.starts_with(&format!("{}/", operand.trim_end_matches('/')))
                    || operand.starts_with(name)
            })
        };
        for name in names.iter().rev().filter(|name| !wanted(name)) {
            let _ = tree.remove(&format!("/{name}"), true, now);
        }
    }
    let cwd = process.cwd.clone();
    match process.change(|files, now| files.extract(&cwd, &tree.export_all(), ExtractOptions { keep_kind: false, owner }, now)) {
        Ok(()) => Ok(0),
        Err(error) => {
            process.complain(error.sentence()).await;
            Ok(1)
        }
    }
}

async fn create(process: &Process, start: &Process, given: &Given, file: &str) -> Result<u8, Closed> {
    if given.operands.is_empty() {
        process.complain("empty archive").await;
        return Ok(1);
    }
    let files = process.files();
    let now = process.now();
    let mut tree = Files::new();
    let mut code = 0;
    for operand in &given.operands {
        let path = process.path(operand);
        let relative = crate::reference::files::clean("/", operand);
        let placed = if relative == "/" {
            files.export_below(&path).and_then(|archive| tree.extract("/", &archive, ExtractOptions::default(), now))
        } else {
            let parent = relative.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
            tree.make_dirs(parent, 0o755, now)
                .and_then(|()| files.export(&path))
                .and_then(|archive| tree.extract(parent, &archive, ExtractOptions::default(), now))
        };
        if let Err(error) = placed {
            let error = if matches!(error, FileError::Corrupt(_)) { FileError::Invalid } else { error };
            process.complain(format!("{operand}: {}", error.sentence())).await;
            code = 1;
        }
    }
    let archive = tree.export_all();
    let archive = if given.has('z') { compressed(&archive) } else { archive };
    if file == "-" {
        process.out(archive).await?;
        return Ok(code);
    }
    let path = start.path(file);
    if let Err(error) = process.change(|files, now| files.write(&path, Bytes::from(archive), 0o644, now)) {
        process.complain(format!("can't open '{file}': {}", error.sentence())).await;
        return Ok(1);
    }
    Ok(code)
}

async fn gzip(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "cdfkqtv123456789", "").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let unpacks = given.has('d') || process.name() == "gunzip";
    let mut code = 0;
    for path in given.inputs() {
        let input = match process.open(&path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        let bytes = input.read_all(MOST_IN_MEMORY).await;
        let done = match (unpacks, bytes.starts_with(&[0x1f, 0x8b])) {
            (false, _) => compressed(&bytes),
            (true, true) => {
                if let Ok(plain) = decompressed(&bytes) {
                    plain.into_owned()
                } else {
                    process.complain("unexpected end of file").await;
                    code = 1;
                    continue;
                }
            }
            (true, false) => {
                process.complain("invalid magic").await;
                code = 1;
                continue;
            }
        };
        if path == "-" || given.has('c') {
            process.out(done).await?;
            continue;
        }
        let from = process.path(&path);
        let to = if unpacks { from.strip_suffix(".gz").unwrap_or(&from).to_owned() } else { format!("{from}.gz") };
        let changed = process.change(|files, now| {
            files.write(&to, Bytes::from(done), 0o644, now)?;
            if given.has('k') || from == to { Ok(()) } else { files.remove(&from, false, now) }
        });
        if let Err(error) = changed {
            process.complain(format!("{path}: {}", error.sentence())).await;
            code = 1;
        }
    }
    Ok(code)
}
