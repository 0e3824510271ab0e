//! Reports that end before the run did.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use plimsoll::catalog::Catalog;
use plimsoll::report::{Format, ReportError, render};
use quick_xml::events::Event as Xml;

use super::{Sink, formats, name, plimsoll, reports_in, run, text};
use crate::support::repository;

const NOT_WHOLE: &str = "this report is not whole";

/// Panics unless it is well-formed.
pub(super) fn elements(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut names = Vec::new();
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in\n{xml}")) {
            Xml::Eof => break,
            Xml::Start(element) => {
                depth += 1;
                names.push(element.name().as_ref().to_owned());
            }
            Xml::Empty(element) => names.push(element.name().as_ref().to_owned()),
            Xml::End(_) => depth -= 1,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{xml}");
    names
}

fn says_that_it_is_not_whole(format: &str, said: &str, why: &str) {
    match format {
        "jsonl" => assert!(said.contains("\"incomplete\":\""), "{why}: {said}"),
        "coverage" => assert!(said.contains("\"incomplete\": \""), "{why}: {said}"),
        "sarif" => {
            let log: serde_json::Value = serde_json::from_str(said).expect("JSON");
            assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false, "{why}");
            assert!(said.contains(NOT_WHOLE), "{why}: {said}");
        }
        "junit" => {
            assert!(elements(said).contains(&"error".to_owned()), "{why}: {said}");
            assert!(said.contains(NOT_WHOLE), "{why}: {said}");
        }
        _ => assert!(said.contains(NOT_WHOLE), "{why}: {format}: {said}"),
    }
}

/// Every format of the bytes of a report.
fn rendered(report: &[u8]) -> Result<Vec<(String, String)>, ReportError> {
    let formats = Format::value_variants();
    let sinks: Vec<Sink> = formats.iter().map(|_| Sink::default()).collect();
    let mut reporters: Vec<_> = formats.iter().zip(&sinks).map(|(format, sink)| sink.reporter(*format)).collect();
    render(report, "run.jsonl", Catalog::builtin(), &mut reporters)?.expect("memory takes all");
    Ok(formats.iter().zip(&sinks).map(|(format, sink)| (name(*format), sink.text())).collect())
}

#[test]
fn a_report_cut_anywhere_renders_and_says_what_is_missing() {
    let recording = repository("fixtures/rules/frame.stream-type/fires-text.wire").to_string_lossy().into_owned();
    let (code, report, _) = run(&["check".to_owned(), "--format".to_owned(), "jsonl".to_owned(), recording]);
    assert_eq!(code, 1, "{report}");
    let bytes = report.as_bytes();
    let first = report.find('\n').expect("a line");
    for cut in 0..=bytes.len() {
        match rendered(&bytes[..cut]) {
            Err(error) => assert!(cut < first && matches!(error, ReportError::NoReport), "cut at {cut}: {error}"),
            // Only the end of the last line may be missing.
            Ok(all) if cut + 1 >= bytes.len() => assert!(all.iter().all(|(_, said)| !said.contains(NOT_WHOLE)), "cut at {cut}"),
            Ok(all) => {
                for (format, said) in all {
                    says_that_it_is_not_whole(&format, &said, &format!("cut at {cut}"));
                }
            }
        }
    }
}

#[test]
fn a_proxy_that_is_killed_leaves_a_report_that_renders() {
    let dir = tempfile::tempdir().expect("a folder");
    let (listen, report) = (dir.path().join("proxy.sock"), dir.path().join("run.jsonl"));
    let mut proxy = plimsoll()
        .args(["proxy", "--listen", &format!("unix://{}", listen.display()), "--backend", "reference"])
        .args(["--report", &format!("jsonl={}", report.display())])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(proxy.stderr.take().expect("piped")).read_line(&mut line).expect("text");
    assert!(line.starts_with("plimsoll: listening"), "{line}");
    let traffic: Vec<_> = (0..4)
        .map(|_| {
            let listen = listen.clone();
            std::thread::spawn(move || {
                let mut stream = UnixStream::connect(&listen).expect("connected");
                let mut answers = 0u32;
                let mut buffer = [0; 4096];
                // Until the proxy is gone.
                while stream.write_all(b"GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n").is_ok()
                    && stream.read(&mut buffer).is_ok_and(|count| count > 0)
                {
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::fs::metadata(&report).map_or(0, |file| file.len()) < 50_000 {
        assert!(Instant::now() < deadline, "nothing is reported");
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-KILL", &proxy.id().to_string()]).status().expect("kill runs");
    assert!(killed.success() && proxy.wait().expect("it ends").code().is_none());
    let answers: u32 = traffic.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert!(answers > 0);
    let out = dir.path().join("out");
    let mut arguments = vec!["report".to_owned(), "render".to_owned(), report.to_string_lossy().into_owned()];
    arguments.extend(reports_in(&out));
    let (code, _, err) = run(&arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    for format in formats() {
        says_that_it_is_not_whole(&format, &text(&out.join(&format)), "killed");
    }
    let terminal = text(&out.join("terminal"));
    assert!(terminal.contains("run.jsonl ends after line ") && terminal.contains("SystemPing  1.41  200  pass"), "{terminal}");
    let merged = run(&["report".to_owned(), "merge".to_owned(), report.to_string_lossy().into_owned()]);
    assert!(merged.1.contains("\"incomplete\":\""), "{}", merged.1);
}
