//! `plimsoll.toml`: what it can say, what wins, where it is looked for, and what is said of a bad one.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use plimsoll::cli::Cli;
use plimsoll::config;
use proptest::prelude::*;
use serde_json::Value;

use super::support::repository;

const FIRES: &str = "fixtures/rules/frame.stream-type/fires-text.wire";

fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").env("COLUMNS", "100").current_dir(folder);
    let Output { status, stdout, stderr } = command.args(arguments).output().expect("it starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(config::FILE), text).expect("written");
    folder
}

fn fires() -> String {
    repository(FIRES).to_string_lossy().into_owned()
}

/// TOML as JSON sees it: a date is a string.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}

fn schema_takes(text: &str) -> bool {
    let value = json(text.parse::<toml::Table>().expect("TOML").into());
    jsonschema::is_valid(&config::schema(&Cli::command()), &value)
}

#[test]
fn the_example_is_valid_and_read() {
    let schema = config::schema(&Cli::command());
    jsonschema::meta::validate(&schema).expect("a schema");
    let path = repository("docs/plimsoll.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let value = json(text.parse::<toml::Table>().expect("TOML").into());
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let (code, out, err) = run_in(&repository(""), &["config", "show", "proxy", "--config", "docs/plimsoll.toml"]);
    assert_eq!((code, err.as_str()), (0, ""));
    // New options are no news here.
    let set: Vec<_> = out.lines().filter(|line| line.contains("plimsoll.toml")).collect();
    insta::assert_snapshot!(set.join("\n"));
}

#[test]
fn the_schema_says_what_the_run_says() {
    let taken = [
        "",
        "fail-on = 'never'",
        "report = 'jsonl=a'",
        "report = ['jsonl=a', { format = 'jsonl', path = 'b' }]",
        "api-version = 1.40",
        "timing-head = 0.5",
        "mode = 'enforce'\nenforce = 'request'",
        "[enforce]\nside = 'request'\non = 'warning'\nallow = 'schema.*'",
        "[serve]\nseed = 3\ncors = true",
        "[schemas]\napi-version = '1.24'\n[schemas.export]\nformat = 'openapi'",
        // A subcommand's table and an option of the same name.
        "schemas = 'dir'",
    ];
    let refused = [
        "fail-on = 'no'",
        "failon = 'never'",
        "report = 3",
        "timing-head = '5'\ntiming-tail = 5",
        "cors = 'yes'",
        "[enforce]\nfail-on = 'never'",
        "[enforce]\nallow = [{ operation = 'ContainerList' }]",
        "[check]\noperation = ['ContainerList']",
        "[serve]\nseed = -1.5",
        "[nothing]",
        "config = 'other.toml'",
        "help = true",
    ];
    for (texts, due) in [(&taken[..], true), (&refused[..], false)] {
        for text in texts {
            let (code, _, err) = run_in(folder(text).path(), &["config", "show", "check"]);
            assert_eq!(code == 0, due, "{text}\n{err}");
            assert_eq!(schema_takes(text), due, "the schema: {text}");
        }
    }
}

#[test]
fn what_is_typed_wins_then_the_table_then_the_top_level() {
    for (text, arguments, due) in [
        ("", &[][..], 1),
        ("fail-on = 'never'", &[], 0),
        ("fail-on = 'never'", &["--fail-on", "error"], 1),
        ("fail-on = 'never'", &["--fail-on=error"], 1),
        ("fail-on = 'error'\n[check]\nfail-on = 'never'", &[], 0),
        ("check.fail-on = 'never'\nfail-on = 'error'", &[], 0),
        ("fail-on = 'never'\n[run]\nfail-on = 'error'", &[], 0),
        // Versions that only the probe can take.
        ("api-version = '1.24..1.41'", &[], 1),
    ] {
        let fires = fires();
        let mut all = vec!["check", fires.as_str()];
        all.extend(arguments);
        let (code, _, err) = run_in(folder(text).path(), &all);
        assert_eq!(code, due, "{text} {arguments:?}\n{err}");
    }
}

#[test]
fn what_is_required_may_stand_in_the_file() {
    let with = |text: &str| run_in(folder(text).path(), &["proxy"]).0;
    assert_eq!(with(""), 2);
    // The folder is nowhere: so far it gets with an address.
    assert_eq!(with("[proxy]\nlisten = 'unix:///nowhere/p.sock'"), 3);
}

#[test]
fn the_nearest_file_counts_and_paths_start_from_it() {
    let above = folder("fail-on = 'never'\nreport = 'jsonl=report.jsonl'");
    let below = above.path().join("a/b");
    std::fs::create_dir_all(&below).expect("made");
    assert_eq!(run_in(&below, &["check", &fires()]).0, 0);
    assert!(above.path().join("report.jsonl").exists());
    std::fs::write(above.path().join("a/plimsoll.toml"), "").expect("written");
    assert_eq!(run_in(&below, &["check", &fires()]).0, 1);
    // Named, before the subcommand and behind it.
    assert_eq!(run_in(&below, &["--config", "../../plimsoll.toml", "check", &fires()]).0, 0);
    assert_eq!(run_in(&below, &["check", "--config=../../plimsoll.toml", &fires()]).0, 0);
    assert_eq!(run_in(above.path(), &["check", "--config", "/dev/null", &fires()]).0, 1);
}

#[test]
fn enforce_options_wait_for_the_mode() {
    let text = "[enforce]\nside = 'request'\nallow = ['schema.*', { rule = 'media.mismatch', operation = 'ContainerList' }]";
    let shown = |text: &str| run_in(folder(text).path(), &["config", "show", "run"]).1;
    assert!(shown(text).contains("# enforce "), "{}", shown(text));
    // Nothing is inspected, and nothing is wrong with the options.
    assert_eq!(run_in(folder(text).path(), &["run", "--", "true"]).0, 4);
    assert_eq!(run_in(folder(text).path(), &["run", "--mode", "enforce", "--", "true"]).0, 4);
    let enforcing = format!("mode = 'enforce'\n{text}");
    assert!(shown(&enforcing).contains(r#"allow = ["schema.*", "media.mismatch@ContainerList"]"#), "{}", shown(&enforcing));
    assert_eq!(run_in(folder(&enforcing).path(), &["run", "--", "true"]).0, 4);
    // The mode is for those that can enforce; `check` can only look, and says so where it is meant itself.
    assert_eq!(run_in(folder(&enforcing).path(), &["check", &fires()]).0, 1);
    assert_eq!(run_in(folder("[check]\nmode = 'enforce'").path(), &["check", &fires()]).0, 2);
}

#[test]
fn a_bad_file_is_shown_with_line_and_caret() {
    let bad = r#"fail-on = "warn"
fail_on = "error"
timing-head = "soon"
timing-close = [1, 2]
api-version = "1.x"
config = "other.toml"
report = [{ format = "jsonl" }, "x"]
[enforce]
sides = "both"
allow = ["schema.*", "schema.nothing"]
[prob]
[schemas.exprot]
[check]
	operation = ["ä", "b"]
[serve]
cors = "yes"
fault = [{ id = "frame.length", each = 3 }]
seed = { a = 1 }
listen = [
    "nowhere",
]
"#;
    let said = |text: &str| {
        let folder = folder(text);
        let (code, out, err) = run_in(folder.path(), &["check", &fires()]);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        err
    };
    let long = format!("report = [{}'xml=a', {}]", "'jsonl=a', ".repeat(20), "'jsonl=b', ".repeat(20));
    let cases = [bad, "fail-on = \n", "fail-on = 'error'\nfail-on = 'never'\n", "a\0b", "x = \"\u{1b}[31m\"", "= 1", "[", &long];
    let said: Vec<_> = cases.iter().map(|text| said(text)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn show_names_what_there_is() {
    let said = |words: &[&str]| run_in(folder("").path(), &[&["config", "show"], words].concat());
    assert_eq!(said(&["rules", "list"]), (0, "# plimsoll rules list, with plimsoll.toml\n".to_owned(), String::new()));
    assert_eq!(
        said(&["rules"]),
        (2, String::new(), "plimsoll: `rules` is a group of subcommands: `rules list`, `rules explain`\n".to_owned())
    );
    let unknown = "plimsoll: there is no subcommand `rule`; `plimsoll --help` names them all\n";
    assert_eq!(said(&["rule"]), (2, String::new(), unknown.to_owned()));
}

#[test]
fn the_readme_shows_what_is_said() {
    let readme = std::fs::read_to_string(repository("README.md")).expect("readable");
    let (_, example) = readme.split_once("```toml\n").expect("an example in the section on the configuration");
    let (good, _) = example.split_once("```").expect("its end");
    let (code, _, err) = run_in(folder(good).path(), &["config", "show", "proxy"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let bad = good.replace("fail-on = \"warning\"", "fail-on = \"warnings\"").replace("listen =", "lisen =");
    let (code, _, err) = run_in(folder(&bad).path(), &["proxy"]);
    assert_eq!(code, 2);
    assert!(readme.contains(&err), "{err}");
}

#[test]
fn what_cannot_be_read_is_the_environments() {
    let folder = folder("");
    let said = |arguments: &[&str]| {
        let (code, _, err) = run_in(folder.path(), arguments);
        assert_eq!(code, 3, "{err}");
        err
    };
    let err = said(&["check", "--config", "none.toml", "x.wire"]);
    assert_eq!(err, "plimsoll: cannot read the configuration none.toml: No such file or directory (os error 2)\n");
    said(&["check", "--config", "/", "x.wire"]);
    said(&["config", "show", "check", "--config", "none.toml"]);
    // Not UTF-8 is a bad file.
    std::fs::write(folder.path().join("plimsoll.toml"), b"a = 1\n\xff").expect("written");
    let (code, _, err) = run_in(folder.path(), &["check", "x.wire"]);
    assert_eq!((code, err.as_str()), (2, "plimsoll: plimsoll.toml:2: not UTF-8\n"));
}

#[test]
fn a_bad_file_is_in_nobodys_way_who_has_no_use_for_it() {
    let folder = folder("nothing = 1");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["check", "--help"],
        &["help", "check"],
        &["rules", "list"],
        &["completions", "bash"],
        &["config", "schema"],
    ] {
        assert_eq!(run_in(folder.path(), arguments).0, 0, "{arguments:?}");
    }
}

/// A command line with everything that ours might have one day.
fn someday() -> clap::Command {
    use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
    let option = |name: &'static str| Arg::new(name).long(name);
    Command::new("p")
        .subcommand_required(true)
        .arg(option("config").global(true).value_parser(value_parser!(std::path::PathBuf)))
        .subcommand(
            Command::new("one")
                .visible_alias("uno")
                .arg(option("level").value_parser(value_parser!(u8)).env("PLIMSOLL_TEST_LEVEL"))
                .arg(option("more").action(ArgAction::Append))
                .arg(option("loud").action(ArgAction::Count))
                .arg(option("quiet").action(ArgAction::SetTrue).conflicts_with("loud"))
                .arg(option("left").action(ArgAction::SetTrue))
                .arg(option("right").action(ArgAction::SetTrue))
                .arg(option("alone").action(ArgAction::SetTrue).exclusive(true))
                .group(ArgGroup::new("way").args(["left", "right"]))
                .arg(Arg::new("rest").last(true).num_args(..)),
        )
        .subcommand(
            Command::new("more").subcommand(Command::new("over").arg(option("level").value_parser(["low", "high"])).arg(Arg::new("file"))),
        )
}

#[test]
fn the_file_becomes_arguments() {
    for (text, typed, due) in [
        ("", "p one", "p one"),
        ("level = 3", "p one --", "p one --level=3 --"),
        ("level = 3", "p uno -- --level 4", "p uno --level=3 -- --level 4"),
        ("level = 3", "p one --level 4", "p one --level 4"),
        ("level = 0x10", "p one", "p one --level=16"),
        ("level = 3", "p more over one", "p more over one"),
        ("level = 'low'", "p more over one", "p more over --level=low one"),
        ("level = 'low'", "p one", "p one"),
        ("level = 3\n[more]\nlevel = 'low'\n[more.over]\nlevel = 'high'", "p more over", "p more over --level=high"),
        ("level = 3\n[more]\nlevel = 'low'", "p more over", "p more over --level=low"),
        ("more = 'a'", "p one", "p one --more=a"),
        ("more = ['a', '-b', '']", "p one", "p one --more=a --more=-b --more="),
        ("more = ['a']", "p one --more c", "p one --more c"),
        ("more = []", "p one", "p one"),
        ("loud = 2", "p one", "p one --loud --loud"),
        ("quiet = true", "p one", "p one --quiet"),
        ("quiet = true\n[one]\nquiet = false", "p one", "p one"),
        // What cannot stand beside what was typed is not meant.
        ("quiet = true", "p one --loud", "p one --loud"),
        ("loud = 1", "p one --quiet", "p one --quiet"),
        ("left = true", "p one --right", "p one --right"),
        ("level = 3\nmore = 'a'", "p one --alone", "p one --alone"),
        // The parser's to complain about.
        ("level = 3", "p one --nothing", "p one --level=3 --nothing"),
        ("level = 3", "p none", "p none"),
        ("level = 3", "p", "p"),
        ("level = 3", "p one --help", "p one --help"),
        ("level = 3", "", ""),
    ] {
        let folder = folder(text);
        let path = folder.path().join(config::FILE).to_string_lossy().into_owned();
        let mut typed: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
        // The file is named before the subcommand, so that its value must not be taken for one.
        if !typed.is_empty() {
            typed.splice(1..1, ["--config".into(), path.clone().into()]);
        }
        let got = config::extend(&someday(), typed).unwrap_or_else(|error| panic!("{text}: {error}"));
        let got: Vec<_> = got.iter().map(|word| word.to_string_lossy()).filter(|word| word != "--config" && *word != path).collect();
        assert_eq!(got.join(" "), due, "{text}");
    }
    for (text, typed, due) in [
        ("level = 'medium'", &["one"][..], "toml:1: not a value for `level`: invalid digit"),
        ("quiet = true\nloud = 1", &["one"], "toml: the argument '--loud...' cannot be used with '--quiet'"),
    ] {
        let folder = folder(text);
        let mut words = vec!["p".into(), "--config".into(), folder.path().join(config::FILE).into_os_string()];
        words.extend(typed.iter().map(OsString::from));
        let error = config::extend(&someday(), words).expect_err("wrong").to_string();
        assert!(error.contains(due), "{error}");
    }
}

#[test]
fn every_option_can_stand_in_the_file() {
    fn walk(command: &clap::Command, schema: &Value, options: &mut usize) {
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
            let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
            assert!(schema["properties"].get(long).is_some(), "{} --{long}", command.get_name());
            *options += 1;
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let known = &schema["properties"][inner.get_name()];
            let table = known["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] == "object")).unwrap_or(known);
            walk(inner, table, options);
        }
    }
    let mut command = Cli::command();
    command.build();
    let mut options = 0;
    walk(&command, &config::schema(&Cli::command()), &mut options);
    assert!(options > 40, "{options}");
}

/// Pieces of configurations, good and bad.
fn pieces() -> impl Strategy<Value = String> {
    let example = std::fs::read_to_string(repository("docs/plimsoll.toml")).expect("readable");
    let mut lines: Vec<String> = example.lines().map(|line| format!("{line}\n")).collect();
    lines.extend(["é = 'ü'", "\t", "[", "]", "{", "''", "\"", "\r\n", "=", "\u{0}", "fail-on", ".", "\n"].map(str::to_owned));
    proptest::collection::vec(proptest::sample::select(lines), 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_file_makes_it_panic(text in pieces()) {
        let folder = folder(&text);
        let path = folder.path().join(config::FILE);
        let file = config::find(Some(&path)).expect("readable").expect("named");
        for words in [&["check"][..], &["schemas", "export"]] {
            if let Err(error) = config::settings(&Cli::command(), words, &file) {
                let said = error.to_string();
                prop_assert!(said.contains("plimsoll.toml:") && said.ends_with('^'), "{}", said);
            }
        }
    }
}
