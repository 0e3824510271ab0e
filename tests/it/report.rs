//! Every format says the same, whether it is made at once, from JSON Lines, or from shards; of a report that was cut off it says so.

mod cut;
mod lines;
mod shards;
mod texts;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use clap::ValueEnum;
use plimsoll::catalog::Catalog;
use plimsoll::model::{CaseResult, Event, FailOn, ProbeCase, RunStarted, RunVerdict, StaleWaiver};
use plimsoll::report::{Format, Gate, Reporter, Setting, Style, Tally, reporter};

use super::support::{files, judge, repository, transcript};

fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env_remove("GITHUB_STEP_SUMMARY").env("NO_COLOR", "1").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[String]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = plimsoll().args(arguments).output().expect("it starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

/// All formats, by the names that are typed.
fn formats() -> Vec<String> {
    Format::value_variants().iter().map(|format| name(*format)).collect()
}

fn name(format: Format) -> String {
    format.to_possible_value().expect("every format has a name").get_name().to_owned()
}

/// `--report FORMAT=DIR/FORMAT` for each.
fn reports_in(dir: &Path) -> Vec<String> {
    std::fs::create_dir_all(dir).expect("a folder");
    formats().iter().flat_map(|format| ["--report".to_owned(), format!("{format}={}", dir.join(format).display())]).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Memory that a reporter writes to.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panicked").clone()).expect("text")
    }

    fn reporter(&self, format: Format) -> Box<dyn Reporter> {
        reporter(format, Box::new(self.clone()), Setting { style: Style::Plain, catalog: Catalog::builtin(), coverage: false })
    }
}

/// The report of a run that has these events between its first and its last.
fn rendered(format: Format, events: &[Event], gate: Gate) -> (String, RunVerdict) {
    let sink = Sink::default();
    let mut reporter = sink.reporter(format);
    let mut tally = Tally::default();
    let started = RunStarted {
        format: 1,
        plimsoll: "0.1.0".into(),
        command: "check".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        fail_on: gate.fail_on,
        allow_stale_waivers: gate.allow_stale,
        recording: None,
    };
    let begin = [Event::RunStarted(started)];
    for event in begin.iter().chain(events) {
        tally.event(event);
        reporter.event(event).expect("memory takes all");
    }
    let finished = tally.finished(Catalog::builtin(), gate);
    let verdict = finished.verdict;
    reporter.event(&Event::RunFinished(finished)).expect("memory takes all");
    reporter.finish(&tally).expect("memory takes all");
    (sink.text(), verdict)
}

#[test]
fn what_is_rendered_is_what_was_written_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let some = |rule: &str| files(&repository("fixtures/rules").join(rule), "wire");
    let cases = [
        vec![repository("fixtures/rules/frame.stream-type/fires-text.wire")],
        some("schema.type"),
        files(&repository("fixtures/recordings"), "wire").into_iter().take(4).collect(),
        files(&repository("fixtures/deviations"), "wire"),
        some("http.start-line"),
    ];
    for (number, paths) in cases.iter().enumerate() {
        for fail_on in ["error", "warning", "never"] {
            let (direct, again) = (dir.path().join(format!("{number}-{fail_on}")), dir.path().join(format!("{number}-{fail_on}-again")));
            let mut arguments = vec!["check".to_owned(), "--fail-on".to_owned(), fail_on.to_owned()];
            arguments.extend(reports_in(&direct));
            arguments.extend(paths.iter().map(|path| path.to_string_lossy().into_owned()));
            let (code, out, err) = run(&arguments);
            assert!((0..=1).contains(&code) && err.is_empty(), "{err}");
            assert_eq!(out, text(&direct.join("terminal")), "standard output and a file say the same");
            let mut arguments = vec!["report".to_owned(), "render".to_owned(), direct.join("jsonl").to_string_lossy().into_owned()];
            arguments.extend(reports_in(&again));
            assert_eq!(run(&arguments).0, 0);
            for format in formats() {
                assert_eq!(text(&again.join(&format)), text(&direct.join(&format)), "{format} of {paths:?}");
            }
        }
    }
}

#[test]
fn junit_is_red_where_the_gate_is() {
    let mut red = 0;
    for path in files(&repository("fixtures/rules"), "wire") {
        let mut events = judge(&transcript(&path));
        if path.ends_with("fires-text.wire") {
            let stale = StaleWaiver { file: "w.toml".to_owned(), line: 3, rule: "tar.*".to_owned(), why: "it matches nothing".to_owned() };
            events = vec![Event::StaleWaiver(stale)];
        }
        for fail_on in [FailOn::Error, FailOn::Warning, FailOn::Never] {
            for (allow_stale, min_coverage) in [(false, None), (true, None), (false, Some(90))] {
                let (xml, verdict) = rendered(Format::Junit, &events, Gate { fail_on, min_coverage, allow_stale });
                let head = xml.lines().nth(1).expect("a second line");
                let is_red = !head.contains("failures=\"0\" errors=\"0\"");
                assert_eq!(is_red, verdict != RunVerdict::Pass, "{}, {fail_on:?}, {allow_stale}, {min_coverage:?}:\n{xml}", path.display());
                red += usize::from(is_red);
            }
        }
    }
    assert!(red > 100, "{red}");
}

#[test]
fn a_probe_that_reached_nothing_is_no_pass() {
    let case = |case: &str, result, reason: Option<&str>| {
        Event::ProbeCase(ProbeCase {
            daemon: None,
            operation: "ImageCommit".to_owned(),
            api_version: "1.41".parse().expect("a version"),
            case: case.to_owned(),
            result,
            reason: reason.map(str::to_owned),
        })
    };
    let skipped = case("of a container", CaseResult::Skipped, Some("needs an image"));
    let (xml, _) = rendered(Format::Junit, std::slice::from_ref(&skipped), Gate::default());
    assert!(xml.contains("<skipped message=\"of a container: needs an image\"/>"), "{xml}");
    let (xml, _) = rendered(Format::Junit, &[skipped, case("of nothing", CaseResult::Pass, None)], Gate::default());
    assert!(!xml.contains("<skipped") && xml.contains("skipped: of a container: needs an image"), "{xml}");
}
