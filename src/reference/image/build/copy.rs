//! `COPY` and `ADD`: from the context, a stage or an image into the files of the stage.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::super::super::files::{ExtractOptions, FileError, Files, Namespace, base_name, clean, decompressed, shared};
use super::super::super::program::User;
use super::super::glob::glob;
use super::super::import::unreachable;
use super::super::layer::digest;

/// Levels of directories that a search goes down.
const DEEPEST: usize = 200;

/// One source: a path, and the digest that the cache compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) hash: String,
}

/// Finds the sources of an instruction.
pub(super) fn sources(root: &Files, patterns: &[String], add: bool, of_context: bool) -> Result<Vec<Source>, String> {
    let mut found = Vec::new();
    for pattern in patterns {
        if pattern.starts_with("http://") || pattern.starts_with("https://") {
            return Err(if add { unreachable(pattern) } else { "source can't be a URL for COPY".to_owned() });
        }
        let mut depth = 0_i32;
        for part in pattern.split('/') {
            depth += match part {
                "" | "." => 0,
                ".." => -1,
                _ => 1,
            };
            if depth < 0 {
                return Err(format!("forbidden path outside the build context: {pattern} ()"));
            }
        }
        let path = pattern.strip_prefix('/').unwrap_or(pattern);
        let path = path.strip_prefix("./").unwrap_or(path);
        if has_wildcards(path) {
            let mut all = Vec::new();
            walk(root, "", &mut all, 0);
            for other in all.iter().filter(|other| glob(path, other)) {
                found.push(source(root, other, of_context)?);
            }
        } else {
            found.push(source(root, path, of_context)?);
        }
    }
    if found.is_empty() {
        return Err("no source files were specified".to_owned());
    }
    Ok(found)
}

/// The digest of all sources of an instruction.
pub(super) fn hash_of(sources: &[Source]) -> String {
    match sources {
        [one] => one.hash.clone(),
        many => {
            let hashes: Vec<&str> = many.iter().map(|source| source.hash.as_str()).collect();
            format!("multi:{}", hex(hashes.join(",").as_bytes()))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    digest(bytes).split_off("sha256:".len())
}

fn has_wildcards(path: &str) -> bool {
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

fn walk(root: &Files, at: &str, all: &mut Vec<String>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for name in root.list(&format!("/{at}")).unwrap_or_default() {
        let path = if at.is_empty() { name } else { format!("{at}/{name}") };
        let is_directory = root.stat(&format!("/{path}"), false).is_ok_and(|stat| stat.is_directory());
        all.push(path.clone());
        if is_directory {
            walk(root, &path, all, depth + 1);
        }
    }
}

fn source(root: &Files, path: &str, of_context: bool) -> Result<Source, String> {
    let absolute = format!("/{path}");
    let stat = root.stat(&absolute, true).map_err(|error| match error {
        FileError::NotFound | FileError::NotADirectory if of_context => {
            format!("file not found in build context or excluded by .dockerignore: stat {path}: file does not exist")
        }
        FileError::NotFound | FileError::NotADirectory => format!("stat {path}: file does not exist"),
        other => format!("stat {path}: {other}"),
    })?;
    if !stat.is_directory() {
        return Ok(Source { path: absolute.clone(), hash: format!("file:{}", file_hash(root, &absolute)) });
    }
    let mut below = Vec::new();
    let resolved = root.resolve(&absolute).unwrap_or_else(|_| absolute.clone());
    walk(root, resolved.trim_start_matches('/'), &mut below, 0);
    let mut hashes: Vec<String> = below.iter().map(|path| file_hash(root, &format!("/{path}"))).collect();
    hashes.sort();
    Ok(Source { path: absolute, hash: format!("dir:{}", hex(hashes.join(",").as_bytes())) })
}

/// The digest of a file with its name, mode and owner, but without its time.
fn file_hash(root: &Files, path: &str) -> String {
    let mut hasher = Sha256::new();
    if let Ok(stat) = root.stat(path, false) {
        let head = format!("{path}\0{:o}\0{}\0{}\0{:?}\0{}\0", stat.permissions, stat.uid, stat.gid, stat.sort, stat.link_target);
        hasher.update(head.as_bytes());
    }
    if let Ok(content) = root.read(path) {
        hasher.update(&content);
    }
    let mut text = String::new();
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What is to be copied where.
pub(super) struct Copying<'c> {
    /// Where the sources are.
    pub(super) root: &'c Files,
    pub(super) sources: &'c [Source],
    /// Absolute; a slash at the end says that it is a directory.
    pub(super) destination: &'c str,
    /// Who owns what is copied; none keeps the owners.
    pub(super) owner: Option<(u32, u32)>,
    /// Archives are unpacked.
    pub(super) unpack: bool,
}

impl Copying<'_> {
    /// Copies into files.
    pub(super) fn run(&self, files: &mut Files, now: Timestamp) -> Result<(), FileError> {
        for source in self.sources {
            self.one(files, source, now)?;
        }
        Ok(())
    }

    fn one(&self, files: &mut Files, source: &Source, now: Timestamp) -> Result<(), FileError> {
        let from = self.root.resolve(&source.path)?;
        let stat = self.root.stat(&from, true)?;
        let options = ExtractOptions { keep_kind: false, owner: self.owner };
        if stat.is_directory() {
            self.make(files, self.destination, now)?;
            return files.extract(self.destination, &self.root.export_below(&from)?, options, now);
        }
        let content = self.root.read(&from)?;
        if self.unpack && is_archive(&content) {
            self.make(files, self.destination, now)?;
            // What is in an archive keeps its owner.
            return files.extract(self.destination, &content, ExtractOptions::default(), now);
        }
        let into = self.destination.ends_with('/') || files.stat(self.destination, true).is_ok_and(|stat| stat.is_directory());
        let target = if into { clean(self.destination, base_name(&source.path)) } else { self.destination.to_owned() };
        let parent = target.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        self.make(files, parent, now)?;
        if files.stat(&target, false).is_ok_and(|there| !there.is_directory()) {
            files.remove(&target, false, now)?;
        }
        files.write(&target, content, stat.permissions, stat.mtime)?;
        files.set_mode(&target, stat.permissions)?;
        let (uid, gid) = self.owner.unwrap_or((stat.uid, stat.gid));
        files.set_owner(&target, uid, gid, true)
    }

    /// Makes a directory and those above it, which then belong to the owner.
    fn make(&self, files: &mut Files, path: &str, now: Timestamp) -> Result<(), FileError> {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            if !files.exists(&at) {
                files.make_dirs(&at, 0o755, now)?;
                let (uid, gid) = self.owner.unwrap_or_default();
                files.set_owner(&at, uid, gid, true)?;
            }
        }
        Ok(())
    }
}

fn is_archive(content: &[u8]) -> bool {
    let Ok(plain) = decompressed(content) else { return false };
    if plain.len() < 512 {
        return false;
    }
    let mut archive = tar::Archive::new(plain.as_ref());
    archive.entries().is_ok_and(|mut entries| matches!(entries.next(), Some(Ok(_))))
}

/// The numbers that `--chown` names, by the users and groups of the image.
pub(super) fn owner(text: &str, files: &Files) -> Result<(u32, u32), String> {
    let namespace = Namespace::new(shared(files.clone()));
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    let failed = |id: &str, what: &str, name: &str| {
        format!("unable to convert uid/gid chown string to host mapping: can't find {id} for {what} {name}: no such {what}: {name}")
    };
    let uid = match user.parse() {
        Ok(uid) => uid,
        Err(_) => User::resolve(user, &namespace).map_err(|_| failed("uid", "user", user))?.uid,
    };
    let gid = match group.parse() {
        Ok(gid) => gid,
        Err(_) => User::resolve(&format!("0:{group}"), &namespace).map_err(|_| failed("gid", "group", group))?.gid,
    };
    Ok((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn tree(files: &[(&str, &str)]) -> Files {
        let mut tree = Files::new();
        for (path, content) in files {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            tree.make_dirs(parent, 0o755, NOW).expect("directories");
            tree.write(path, (*content).to_owned().into(), 0o644, NOW).expect("a file");
        }
        tree
    }

    #[test]
    fn files_and_directories_are_copied() {
        let root = tree(&[("/a", "1"), ("/b", "2"), ("/d/e", "3"), ("/d/f/g", "4")]);
        for (patterns, destination, expected) in [
            (vec!["a"], "/x", vec!["/x"]),
            (vec!["a"], "/x/", vec!["/x/a"]),
            (vec!["/a"], "/there", vec!["/there/a"]),
            (vec!["./a", "b"], "/x/", vec!["/x/a", "/x/b"]),
            (vec!["?"], "/x/", vec!["/x/a", "/x/b", "/x/e"]),
            (vec!["d"], "/x", vec!["/x/e", "/x/f/g"]),
            (vec!["."], "/x", vec!["/x/a", "/x/d/e"]),
            (vec!["d/f/*"], "/deep/er/", vec!["/deep/er/g"]),
        ] {
            let patterns: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
            let found = sources(&root, &patterns, false, true).expect("sources");
            let mut files = tree(&[("/there/z", "")]);
            Copying { root: &root, sources: &found, destination, owner: Some((7, 8)), unpack: false }.run(&mut files, NOW).expect("copied");
            for path in expected {
                let stat = files.stat(path, true).expect(path);
                assert_eq!((stat.uid, stat.gid), (7, 8), "{patterns:?} {path}");
            }
        }
    }

    #[test]
    fn archives_are_unpacked_by_add() {
        let inner = tree(&[("/in/side", "1")]).export_all();
        let mut root = Files::new();
        root.write("/x.tar", inner.into(), 0o644, NOW).expect("a file");
        let found = sources(&root, &["x.tar".to_owned()], true, true).expect("sources");
        for (unpack, path) in [(true, "/to/in/side"), (false, "/to/x.tar")] {
            let mut files = Files::new();
            Copying { root: &root, sources: &found, destination: "/to/", owner: None, unpack }.run(&mut files, NOW).expect("copied");
            assert!(files.exists(path), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let root = tree(&[("/a", "1")]);
        for (pattern, error) in [
            ("nope", "file not found in build context or excluded by .dockerignore: stat nope: file does not exist"),
            ("nope*", "no source files were specified"),
            ("../x", "forbidden path outside the build context: ../x ()"),
            ("http://x/y", "source can't be a URL for COPY"),
        ] {
            assert_eq!(sources(&root, &[pattern.to_owned()], false, true), Err(error.to_owned()));
        }
        assert_ne!(source(&root, "a", true), source(&tree(&[("/a", "2")]), "a", true));
    }
}
