//! The reference backend: right at every version, and with a fault wrong in just that way.

mod peer;
mod sequences;

use std::collections::BTreeSet;

use plimsoll::model::{ApiVersion, Rule};
use plimsoll::reference::fault::Kind;
use plimsoll::reference::{Fault, Settings};

use peer::{Peer, body};

/// A bit of everything that has an answer of its own kind: documents, texts, streams, frames, archives, empty answers, refusals, hijacks.
async fn tour(peer: &mut Peer, version: ApiVersion) {
    let v = version.minor();
    let hello = r#"{"Image":"busybox","Cmd":["sh","-c","echo h\u00e4user; echo aside >&2; echo end"]}"#;
    let cat = r#"{"Image":"busybox","Cmd":["cat"],"Tty":true,"OpenStdin":true}"#;
    peer.ask(version, "POST /images/create?fromImage=busybox&tag=latest").await;
    // Before 1.6 a container has no name to choose, and before 1.10 no force removes it.
    let mut made = Vec::new();
    for (name, config) in [("box", hello), ("other", cat)] {
        let path = if v >= 6 { format!("?name={name}") } else { String::new() };
        let answer = peer.ask(version, &format!("POST /containers/create{path} {config}")).await;
        let id =
            serde_json::from_str::<serde_json::Value>(&body(&answer)).ok().and_then(|document| document["Id"].as_str().map(str::to_owned));
        made.push(if v >= 6 { name.to_owned() } else { id.expect("an id") });
    }
    let (r#box, other) = (&made[0], &made[1]);
    let force = if v >= 10 { "?force=1" } else { "" };
    for (since, until, request) in [
        (0, 99, "GET /version".to_owned()),
        (11, 99, "GET /_ping".to_owned()),
        (40, 99, "HEAD /_ping".to_owned()),
        (0, 99, "GET /info".to_owned()),
        (0, 99, "GET /images/json".to_owned()),
        (0, 99, "GET /images/busybox/json".to_owned()),
        (0, 99, "GET /images/busybox/history".to_owned()),
        (0, 99, format!("POST /containers/{box}/start")),
        (0, 99, format!("POST /containers/{box}/wait")),
        (0, 99, format!("POST /containers/{other}/start")),
        (13, 99, format!("POST /containers/{other}/start")),
        (0, 99, format!("GET /containers/{box}/json")),
        (0, 99, format!("GET /containers/{other}/json")),
        (0, 99, "GET /containers/json?all=1".to_owned()),
        (11, 99, format!("GET /containers/{box}/logs?stdout=1&stderr=1")),
        (0, 99, format!("POST /containers/{box}/attach?logs=1&stdout=1&stderr=1")),
        (17, 99, format!("UPGRADE /containers/{box}/attach?logs=1&stdout=1&stderr=1")),
        (0, 99, format!("GET /containers/{box}/changes")),
        (20, 99, format!("GET /containers/{box}/archive?path=/etc/passwd")),
        (20, 99, format!("HEAD /containers/{box}/archive?path=/etc/passwd")),
        (11, 99, "GET /events?since=1&until=2".to_owned()),
        (21, 99, "GET /volumes".to_owned()),
        (21, 99, "GET /networks".to_owned()),
        (0, 99, format!("POST /images/busybox/tag?repo=mine{}", if v >= 6 { "&tag=one" } else { "" })),
        (0, 99, "GET /containers/missing/json".to_owned()),
        (0, 99, format!("POST /containers/{other}/kill")),
        (0, 99, format!("DELETE /containers/{box}")),
        (0, 99, format!("DELETE /containers/{other}{force}")),
    ] {
        if (since..=until).contains(&v) {
            peer.ask(version, &request).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_right_at_every_version() {
    let mut complaints = BTreeSet::new();
    for version in ApiVersion::known() {
        let mut peer = Peer::new(Settings { seed: Some(1), ..Settings::default() });
        tour(&mut peer, version).await;
        // Nothing is overlooked because it never was: the tour got through.
        assert!(peer.statuses().iter().filter(|status| **status < 400).count() >= 15, "{version}: {:?}", peer.statuses());
        complaints.extend(peer.findings().into_iter().map(|(_, what)| what));
    }
    assert!(complaints.is_empty(), "{}", complaints.into_iter().collect::<Vec<_>>().join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_breaks_its_rule_and_no_other() {
    let mut complaints = Vec::new();
    for kind in Kind::ALL {
        let mut found = BTreeSet::new();
        let mut what = BTreeSet::new();
        // Members come and go with versions, and errors were text before 1.24.
        for minor in [18, 30, 44] {
            let fault: Fault = kind.id.parse().expect("a fault of the table");
            let mut peer = Peer::new(Settings { seed: Some(1), faults: vec![fault], ..Settings::default() });
            tour(&mut peer, ApiVersion::new(minor)).await;
            for (rule, text) in peer.findings() {
                found.insert(rule);
                what.insert(text);
            }
        }
        let due: BTreeSet<Rule> = kind.rule.into_iter().collect();
        if found != due {
            complaints.push(format!("{} broke {found:?}, not {due:?}:", kind.id));
            complaints.extend(what.into_iter().take(12).map(|text| format!("    {text}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Rules of one answer whose fault is not made: each would need an answer of one kind only.
const WITHOUT: [&str; 9] = [
    "frame.http-answer",
    "frame.unrequested-stream",
    "json-stream.empty",
    "schema.columns",
    "schema.networks",
    "status.conflict",
    "status.crash",
    "status.not-found",
    "status.refused-value",
];

#[test]
fn every_rule_that_a_daemon_can_break_has_its_fault() {
    let theirs = |rule: &&Rule| {
        let client = ["route", "path", "query", "auth"].contains(&rule.area())
            || [
                "http.missing-host",
                "http.target-form",
                "hijack.early-bytes",
                "hijack.half-asked",
                "hijack.not-asked",
                "version.unsupported",
            ]
            .contains(&rule.id());
        // A fault is done to one answer: what several say of one another, what archives hold and what is said on a WebSocket is not touched.
        let beyond = ["state", "timing", "tar", "websocket"].contains(&rule.area()) || rule.id() == "version.disagree";
        !client && !beyond && !WITHOUT.contains(&rule.id()) && !Kind::ALL.iter().any(|kind| kind.rule == Some(**rule))
    };
    let without: Vec<&str> = Rule::ALL.iter().filter(theirs).map(|rule| rule.id()).collect();
    assert!(without.is_empty(), "no fault breaks {without:?}");
}

#[tokio::test(start_paused = true)]
async fn seed_and_clock_repeat_every_byte() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let clock = plimsoll::reference::Clock::fixed("2026-01-01T00:00:00Z".parse().expect("a time"));
        let mut peer = Peer::new(Settings { seed: Some(7), clock, ..Settings::default() });
        tour(&mut peer, ApiVersion::new(41)).await;
        runs.push(peer.into_answers());
    }
    for (one, two) in runs[0].iter().zip(&runs[1]) {
        assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(two));
    }
}

#[tokio::test(start_paused = true)]
async fn versions_out_of_range_are_refused_in_dockerds_words() {
    let settings = Settings { oldest: ApiVersion::new(12), newest: ApiVersion::new(41), ..Settings::default() };
    let mut peer = Peer::new(settings);
    for (minor, expected) in [
        (11, "client version 1.11 is too old. Minimum supported API version is 1.12, please upgrade your client to a newer version\n"),
        (42, "{\"message\":\"client version 1.42 is too new. Maximum supported API version is 1.41\"}\n"),
    ] {
        let answer = peer.ask(ApiVersion::new(minor), "GET /info").await;
        assert_eq!(body(&answer), expected);
    }
    assert_eq!(peer.statuses(), [400, 400]);
}

#[tokio::test(start_paused = true)]
async fn http_typed_by_hand_is_understood() {
    let mut peer = Peer::new(Settings { cors: true, ..Settings::default() });
    // HTTP/1.0 ends with the answer.
    let answer = peer.send(b"GET /_ping HTTP/1.0\r\n\r\n").await;
    assert_eq!((peer::status(&answer), body(&answer).as_str()), (200, "OK"));
    // Two requests in one piece get two answers, in order.
    let both = b"GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /v1.41/version HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
    let text = String::from_utf8_lossy(&peer.send(both).await).into_owned();
    let (first, second) = (text.find("\r\n\r\nOK"), text.find("\"ApiVersion\""));
    assert!(first.is_some() && first < second, "{text}");
    assert!(text.contains("Access-Control-Allow-Origin: *"), "{text}");
    let answer = peer.send(b"OPTIONS /v1.41/info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
    assert_eq!(peer::status(&answer), 200);
    // Paths that Go's router would clean, and those that nobody has.
    let answer = peer.send(b"GET /v1.41//info?x=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
    assert!(String::from_utf8_lossy(&answer).contains("Location: /v1.41/info?x=1\r\n"));
    let answer = peer.send(b"GET /nowhere HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
    assert_eq!((peer::status(&answer), body(&answer).as_str()), (404, "{\"message\":\"page not found\"}\n"));
    // What is no HTTP ends nothing but its own connection.
    let _ = peer.send(b"\0\x01 nonsense\r\n\r\n").await;
    let answer = peer.ask(ApiVersion::new(41), "GET /_ping").await;
    assert_eq!(body(&answer), "OK");
}
