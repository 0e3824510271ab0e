//! The context of a build: the files that the client sent, and the Dockerfile among them.

use jiff::Timestamp;

use super::super::super::files::{ExtractOptions, Files, clean};
use super::super::super::refusal::Refusal;
use super::super::glob::glob;
use super::super::layer::is_cut;
use super::dockerfile::{self, Dockerfile};

/// What a client sent to build.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) files: Files,
    pub(super) dockerfile: Dockerfile,
}

/// Reads a context from its archive.
pub(super) fn read(body: &[u8], name: &str, now: Timestamp) -> Result<Context, Refusal> {
    if is_cut(body) {
        return Err(Refusal::server_error("unexpected EOF"));
    }
    let mut files = Files::new();
    let unpacked = files.extract("/", body, ExtractOptions::default(), now);
    unpacked.map_err(|error| Refusal::server_error(format!("Error processing tar file(exit status 1): {error}")))?;
    let name = if name.is_empty() { "Dockerfile" } else { name };
    let mut path = clean("/", name);
    if !files.exists(&path) && name == "Dockerfile" && files.exists("/dockerfile") {
        "/dockerfile".clone_into(&mut path);
    }
    let text = files.read(&path).map_err(|_| Refusal::server_error(format!("Cannot locate specified Dockerfile: {name}")))?;
    if text.is_empty() {
        return Err(Refusal::bad_parameter(format!("the Dockerfile ({name}) cannot be empty")));
    }
    let dockerfile = dockerfile::parse(&String::from_utf8_lossy(&text)).map_err(Refusal::bad_parameter)?;
    // The client has left out what is ignored, but for the two files that the daemon must read.
    let patterns = files.read("/.dockerignore").map(|text| patterns(&String::from_utf8_lossy(&text))).unwrap_or_default();
    for file in ["/.dockerignore", &path] {
        if is_ignored(file.trim_start_matches('/'), &patterns) {
            // What is not there is not there.
            let _ = files.remove(file, false, now);
        }
    }
    Ok(Context { files, dockerfile })
}

/// The lines of `.dockerignore`; the flag says that a line makes an exception.
fn patterns(text: &str) -> Vec<(String, bool)> {
    let mut patterns = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let (line, excepts) = line.trim().strip_prefix('!').map_or((line.trim(), false), |line| (line.trim(), true));
        let cleaned = clean("/", line).trim_start_matches('/').to_owned();
        patterns.push((cleaned, excepts));
    }
    patterns
}

/// Whether a file, or a directory above it, is ignored. The last line that fits decides.
fn is_ignored(path: &str, patterns: &[(String, bool)]) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str| (1..=parts.len()).any(|count| fits(pattern, &parts[..count]));
    patterns.iter().rev().find(|(pattern, _)| fits(pattern)).is_some_and(|(_, excepts)| !excepts)
}

/// Whether a pattern fits a path; `**` stands for any number of directories.
fn fits(pattern: &str, parts: &[&str]) -> bool {
    let wanted: Vec<&str> = pattern.split('/').collect();
    // Which beginnings of the path the pattern so far may have used up.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    for one in &wanted {
        let mut next = vec![false; parts.len() + 1];
        if *one == "**" {
            let mut on = false;
            for (place, next) in next.iter_mut().enumerate() {
                on |= reached[place];
                *next = on;
            }
        } else {
            for (place, part) in parts.iter().enumerate() {
                next[place + 1] = reached[place] && glob(one, part);
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_fits_decides() {
        for (text, path, ignored) in [
            ("Dockerfile", "Dockerfile", true),
            ("*\n!Dockerfile", "Dockerfile", false),
            ("# x\n/Docker*", "Dockerfile", true),
            ("a/**", "a/b/c", true),
            ("**/c", "a/b/c", true),
            ("a", "a/b", true),
            ("b", "a/b", false),
            ("", "a", false),
        ] {
            assert_eq!(is_ignored(path, &patterns(text)), ignored, "{text} {path}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let now = Timestamp::UNIX_EPOCH;
        let refusal = |files: &[(&str, &str)], name: &str| {
            let mut context = Files::new();
            for (path, content) in files {
                context.write(path, content.to_string().into(), 0o644, now).expect("a file");
            }
            read(&context.export_all(), name, now).map(|_| ()).map_err(|refusal| (refusal.status, refusal.message))
        };
        assert_eq!(refusal(&[("/Dockerfile", "FROM a")], ""), Ok(()));
        assert_eq!(refusal(&[("/dockerfile", "FROM a")], ""), Ok(()));
        for (files, name, status, message) in [
            (vec![], "", 500, "Cannot locate specified Dockerfile: Dockerfile"),
            (vec![("/x", "FROM a")], "y", 500, "Cannot locate specified Dockerfile: y"),
            (vec![("/Dockerfile", "")], "", 400, "the Dockerfile (Dockerfile) cannot be empty"),
            (vec![("/Dockerfile", "X")], "", 400, "dockerfile parse error line 1: unknown instruction: X"),
        ] {
            assert_eq!(refusal(&files, name), Err((status, message.to_owned())));
        }
    }
}
