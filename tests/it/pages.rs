//! Completions and man pages, as shells and `man` take them; and the examples of pipelines.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use plimsoll::cli::Cli;
use saphyr::{LoadableYamlNode as _, Yaml};

use super::support::{files, repository};

const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

fn subcommands() -> Vec<String> {
    Cli::command().get_subcommands().map(|inner| inner.get_name().to_owned()).collect()
}

#[test]
fn bash_completes() {
    let script = r#"
        source <("$1" completions bash)
        complete -p plimsoll >/dev/null || exit 9
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _plimsoll plimsoll "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let complete = |words: &[&str]| {
        let text = output(Command::new("bash").args(["--norc", "-c", script, "bash", PLIMSOLL, "plimsoll"]).args(words));
        text.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let all = complete(&[""]);
    assert!(subcommands().iter().all(|name| all.contains(name)), "{all:?}");
    assert_eq!(complete(&["pro"]), ["probe", "proxy"].map(str::to_owned).into());
    assert_eq!(complete(&["proxy", "--fail-on", ""]), ["error", "never", "warning"].map(str::to_owned).into());
    assert_eq!(complete(&["schemas", "ex"]), ["export".to_owned()].into());
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = output(Command::new(PLIMSOLL).args(["completions", shell]));
        assert!(text.contains("timing-head"), "{shell}");
    }
}

#[test]
fn man_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("made/man1");
    assert_eq!(output(Command::new(PLIMSOLL).arg("man").arg(&pages)), "");
    let main = output(Command::new(PLIMSOLL).arg("man"));
    assert_eq!(main, std::fs::read_to_string(pages.join("plimsoll.1")).expect("the main page"));
    let found = files(&pages, "1");
    for name in subcommands() {
        assert!(found.contains(&pages.join(format!("plimsoll-{name}.1"))), "{name}");
    }
    assert!(pages.join("plimsoll-schemas-export.1").exists() && !pages.join("plimsoll-help.1").exists());
    assert!(main.contains(".SH \"EXIT CODES\"") && !main.contains("plimsoll\\-help"), "{main}");
    // Where a formatter is installed, it has nothing to complain about.
    let groff = |page: &Path| {
        let mut command = Command::new("groff");
        command.args(["-man", "-Tutf8", "-Kutf8", "-ww"]).arg(page);
        command
    };
    if groff(&pages.join("plimsoll.1")).output().is_ok() {
        for page in &found {
            assert!(output(&mut groff(page)).contains("plimsoll"), "{}", page.display());
        }
    } else {
        eprintln!("groff is not installed: the pages were not formatted");
    }
}

/// All texts in a document.
fn texts<'a>(node: &'a Yaml<'a>, found: &mut Vec<&'a str>) {
    found.extend(node.as_str());
    for item in node.as_vec().into_iter().flatten() {
        texts(item, found);
    }
    for member in node.as_mapping().into_iter().flat_map(|members| members.values()) {
        texts(member, found);
    }
}

#[test]
fn the_examples_of_pipelines() {
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run").expect("it is ours");
    let known: BTreeSet<_> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    for path in files(&repository("docs/ci"), "yml") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut found = Vec::new();
        for document in &documents {
            texts(document, &mut found);
        }
        let scripts: Vec<_> = found.into_iter().filter_map(|text| Some(text.split_once("plimsoll run ")?.1)).collect();
        assert_eq!(scripts.len(), 1, "{}", path.display());
        let (options, _) = scripts[0].split_once(" -- ").expect("a command behind the options");
        for option in options.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
            assert!(known.contains(option), "{}: --{option}", path.display());
        }
    }
}

#[test]
fn the_image_is_built_with_the_rust_that_is_needed() {
    let read = |name: &str| std::fs::read_to_string(repository(name)).expect("readable");
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let due = format!("ARG RUST=rust:{}-", manifest["package"]["rust-version"].as_str().expect("a version"));
    assert!(read("Dockerfile").contains(&due), "{due}");
}
