//! A file imports only from lower floors; nothing that is forbidden on a floor is called there.

use std::path::PathBuf;

use super::support::{files, repository};

/// From the ground up; a file may use what is on its own floor only inside its own module.
const FLOORS: [&[&str]; 6] = [
    &["model", "error"],
    &["wire", "catalog"],
    &["report", "transcript", "redact"],
    &["inspect", "reference"],
    &["proxy", "probe", "replay", "snapshot", "config"],
    &["cli", "run"],
];

/// Calls that make the judge depend on the world.
const WORLDLY: [&str; 5] = ["std::time::Instant", "SystemTime", "tokio::", "std::net", "std::thread"];

/// Calls that would let the reference backend touch the host. It serves sockets that it is given, and its clock alone asks for the time.
const HOSTLY: [&str; 5] = ["std::fs", "tokio::fs", "process::Command", "TcpStream::connect", "UnixStream::connect"];

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn imports_go_down_only() {
    let mut complaints = Vec::new();
    let root = repository("src");
    for path in files(&root, "rs") {
        let relative = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        let module = relative.trim_end_matches(".rs").split('/').next().unwrap_or_default().to_owned();
        if ["main", "lib"].contains(&module.as_str()) {
            continue;
        }
        let Some(floor) = floor_of(&module) else {
            complaints.push(format!("{relative} is on no floor"));
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let Some((_, rest)) = line.split_once("crate::") else { continue };
            let used: String = rest.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect();
            match floor_of(&used) {
                _ if used == module || used.is_empty() => {}
                // The command line is typed in words of all floors, and only `run` reads it.
                Some(other) if other < floor || (module == "run" && used == "cli") => {}
                _ => complaints.push(format!("{relative}:{} uses {used}, which is not below it", number + 1)),
            }
        }
        if module == "reference" {
            complaints.extend(HOSTLY.iter().filter(|call| text.contains(**call)).map(|call| format!("{relative} uses {call}")));
            if text.contains("time::SystemTime") && relative != "reference/clock.rs" {
                complaints.push(format!("{relative} tells the time past the clock"));
            }
        } else if floor < 4 && module != "error" {
            complaints.extend(WORLDLY.iter().filter(|call| text.contains(**call)).map(|call| format!("{relative} uses {call}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<_> = files(&repository("src"), "rs")
        .into_iter()
        .map(|path| (std::fs::read_to_string(&path).expect("readable").lines().count(), path))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "split by noun: {long:?}");
}

/// CI starts its scripts by their names, and the one that cannot be started is the one that tests nothing.
#[test]
fn every_script_can_be_started() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut scripts = vec![repository(".ci/run"), repository("fuzz/run.sh")];
    for folder in ["tests", "benches"] {
        scripts.extend(["sh", "py"].iter().flat_map(|extension| files(&repository(folder), extension)));
    }
    let started = |path: &&PathBuf| std::fs::read(path).expect("readable").starts_with(b"#!");
    let stuck: Vec<_> =
        scripts.iter().filter(started).filter(|path| std::fs::metadata(path).expect("there").permissions().mode() & 0o111 == 0).collect();
    assert!(stuck.is_empty(), "chmod +x: {stuck:?}");
    assert!(scripts.iter().filter(started).count() > 20, "scripts are looked for in the wrong place");
}
