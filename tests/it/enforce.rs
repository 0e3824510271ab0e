//! Enforce mode: what breaks a rule does not get to the other side, everything else arrives byte for byte, and the report says what was done.

mod deny;
mod fixtures;
mod rig;

use plimsoll::inspect::EnforcePolicy;
use plimsoll::model::{Enforcement, Event, Severity, Verdict};
use proptest::prelude::*;
use rig::{Rig, answer, create, done, post};

use super::support::{PONG, verdicts, violations};

const PING: &str = "GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n";
const WAIT: &str = "POST /v1.41/containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n";
const LIST: &str = "GET /v1.41/containers/json HTTP/1.1\r\nHost: d\r\n\r\n";
const EVENTS: &str = "GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const ATTACH: &str = "POST /v1.41/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const UPGRADED: &str =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const ID: &str = "4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn created() -> String {
    answer("201 Created", &format!("{{\"Id\":\"{ID}\",\"Warnings\":[]}}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_create_never_reaches_the_daemon() {
    for (version, media, begins) in [
        ("1.41", "application/json", "{\"message\":\"plimsoll refused ContainerCreate before it reached the daemon"),
        ("1.24", "application/json", "{\"message\":\"plimsoll refused ContainerCreate"),
        ("1.23", "text/plain; charset=utf-8", "plimsoll refused ContainerCreate before it reached the daemon"),
    ] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.client(&create(version, "{\"Image\":5}")).await;
        let (head, body) = rig.reply().await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n") && head.contains(&format!("Content-Type: {media}\r\n")), "{head}");
        assert!(body.starts_with(begins) && body.contains("body /Image: expected") && body.contains("schema.type"), "{body}");
        assert!(body.ends_with('\n') && (media == "text/plain; charset=utf-8" || body.ends_with("\"}\n")), "{body}");
        rig.daemon_sees_nothing().await;
        // The connection goes on, with the same daemon connection.
        rig.passes_up(PING).await;
        rig.passes_down(PONG).await;
        let events = rig.finish().await;
        assert_eq!(verdicts(&events), [Verdict::Violated, Verdict::Pass]);
        assert_eq!(done(&events), [("schema.type", Some(Enforcement::Refused))]);
        let Some(Event::Violation(violation)) = events.first() else { panic!("the violation comes first") };
        let line = serde_json::to_value(violation).expect("JSON");
        assert_eq!((&line["enforced"], &line["enforcement"]), (&true.into(), &"refused".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_bad_good_in_one_write() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    let (bad, good) = (create("1.41", "{\"Image\":5}"), create("1.41", "{\"Image\":\"base\"}"));
    rig.client(&format!("{PING}{bad}{good}")).await;
    rig.daemon_gets(PING).await;
    rig.daemon_sees_nothing().await;
    rig.daemon(PONG).await;
    rig.client_gets(PONG).await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
    rig.daemon_gets(&good).await;
    rig.passes_down(&created()).await;
    let events = rig.finish().await;
    assert_eq!(verdicts(&events), [Verdict::Pass, Verdict::Violated, Verdict::Pass]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_only_when_it_is_whole() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    let good = create("1.41", "{\"Image\":\"base\"}");
    let (first, last) = good.split_at(good.len() - 1);
    rig.client(first).await;
    rig.daemon_sees_nothing().await;
    rig.client(last).await;
    rig.daemon_gets(&good).await;
    // A client that leaves in the middle of the next one: the daemon sees the end, and nothing else.
    rig.passes_down(&created()).await;
    rig.client(first).await;
    rig.client_closes().await;
    rig.daemon_ends().await;
    let events = rig.finish().await;
    assert_eq!(violations(&events).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_answer_is_replaced() {
    for (request, bad, rule, goes_on) in [
        (LIST, answer("200 OK", "{}"), "schema.type", true),
        (LIST, answer("200 OK", "[{"), "schema.not-json", true),
        // A bad head is not waited for until its body is there.
        (LIST, answer("299 Odd", "[]"), "status.undocumented", false),
        (LIST, "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 3\r\n\r\n[]\n".to_owned(), "media.missing", false),
    ] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.passes_up(request).await;
        rig.daemon(&bad).await;
        let (head, body) = rig.reply().await;
        assert!(
            head.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && body.contains(rule) && body.contains("plimsoll withheld"),
            "{head}{body}"
        );
        if goes_on {
            rig.passes_up(PING).await;
            rig.passes_down(PONG).await;
        } else {
            rig.client_ends().await;
        }
        assert_eq!(done(&rig.finish().await), [(rule, Some(Enforcement::Replaced))]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_followed_ends_the_connection() {
    for bad in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nOKOKO"] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.passes_up(PING).await;
        rig.daemon(bad).await;
        let (head, _) = rig.reply().await;
        assert!(head.starts_with("HTTP/1.1 502") && head.contains("Connection: close\r\n"), "{head}");
        rig.client_ends().await;
    }
    // Bytes behind an answer are not the next one.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(PING).await;
    rig.daemon(&format!("{PONG}HTTP/1.1 200 OK\r\n")).await;
    rig.client_gets(PONG).await;
    rig.client_ends().await;
    assert_eq!(done(&rig.finish().await), [("http.unexpected-bytes", Some(Enforcement::Cut))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_documents_is_cut_at_the_first_bad_one() {
    let good = "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{}},\"scope\":\"local\",\"time\":1,\"timeNano\":1}\n";
    let bad = good.replace("\"time\":1", "\"time\":\"1\"");
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(EVENTS).await;
    // The head goes on at once, whole documents as they come, half a document when it is whole; the size of its chunk is no part of it.
    rig.passes_down(STREAM).await;
    rig.passes_down(&chunk(good)).await;
    let (half, rest) = good.split_at(20);
    rig.daemon(&chunk(half)).await;
    rig.client_gets("14\r\n").await;
    rig.client_sees_nothing().await;
    rig.daemon(&chunk(rest)).await;
    rig.client_gets(&format!("{half}\r\n{}", chunk(rest))).await;
    let both = chunk(&format!("{good}{bad}"));
    let before = both.find(&bad).expect("it is in it");
    rig.daemon(&both).await;
    rig.client_gets(&both[..before]).await;
    rig.client_ends().await;
    assert_eq!(done(&rig.finish().await), [("schema.type", Some(Enforcement::Cut))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hijacked_stream_is_cut_at_the_first_bad_frame() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(&create("1.41", "{\"Image\":\"base\"}").replace("/create", "/create?name=web")).await;
    rig.passes_down(&created()).await;
    rig.passes_up(ATTACH).await;
    rig.passes_down(UPGRADED).await;
    rig.passes_up("stdin is not judged \u{1}").await;
    rig.passes_down("\x01\0\0\0\0\0\0\x03hi\n").await;
    // A header goes on when it is whole, a payload as it comes.
    rig.daemon("\x02\0\0\0").await;
    rig.client_sees_nothing().await;
    rig.daemon("\0\0\0\x05ab").await;
    rig.client_gets("\x02\0\0\0\0\0\0\x05ab").await;
    rig.daemon("cde\x01\0\0\0\0\0\0\x01xThe quick brown fox").await;
    rig.client_gets("cde\x01\0\0\0\0\0\0\x01x").await;
    // An error frame, so that nobody takes what came for all there is.
    let said = rig.client_reads_on().await;
    assert!(said.starts_with("\x03\0\0\0\0\0") && said.contains("plimsoll cut ContainerAttach here: "), "{said:?}");
    let events = rig.finish().await;
    assert_eq!(done(&events), [("frame.stream-type", Some(Enforcement::Cut))]);
    let Some(Event::Exchange(summary)) = events.last() else { panic!("the exchange is reported last") };
    assert_eq!((summary.enforced, summary.status), (Some(Enforcement::Cut), Some(101)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_inside_a_frame() {
    for (text, arrives, says) in
        [("\x01\0\0\0\0\0\0\x03hi", "\x01\0\0\0\0\0\0\x03hi", false), ("\x01\0\0\0\0\0\0\x02hi\x01\0", "\x01\0\0\0\0\0\0\x02hi", true)]
    {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.passes_up(&create("1.41", "{\"Image\":\"base\"}").replace("/create", "/create?name=web")).await;
        rig.passes_down(&created()).await;
        rig.passes_up(ATTACH).await;
        rig.passes_down(UPGRADED).await;
        rig.daemon(text).await;
        rig.client_gets(arrives).await;
        rig.daemon_closes().await;
        let rest = rig.client_reads_on().await;
        assert!(rest.starts_with('\x03') == says && rest.is_empty() != says, "{rest:?}");
        assert_eq!(done(&rig.finish().await), [("frame.truncated", Some(Enforcement::Cut))]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_handshake_is_replaced() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(ATTACH).await;
    rig.daemon("HTTP/1.1 101 UPGRADED\r\n\r\n\x01\0\0\0").await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 502"));
    rig.client_ends().await;
    rig.daemon_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stdin_before_the_answer_waits_and_half_closes_pass() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.client(&format!("{ATTACH}to stdin")).await;
    rig.daemon_gets(ATTACH).await;
    rig.daemon(UPGRADED).await;
    rig.client_gets(UPGRADED).await;
    rig.daemon_gets("to stdin").await;
    rig.client_closes().await;
    rig.daemon_ends().await;
    rig.passes_down("\x01\0\0\0\0\0\0\x01!").await;
    rig.daemon_closes().await;
    rig.client_ends().await;
    assert_eq!(violations(&rig.finish().await).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_wait_does_not_wait_for_its_body() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(WAIT).await;
    rig.passes_down(STREAM).await;
    let (text, end) = (chunk("{\"StatusCode\":0}\n"), "0\r\n\r\n");
    rig.daemon(&text).await;
    rig.client_sees_nothing().await;
    rig.daemon(end).await;
    rig.client_gets(&format!("{text}{end}")).await;
    rig.passes_up(WAIT).await;
    rig.passes_down(STREAM).await;
    rig.daemon(&format!("{}{end}", chunk("{\"StatusCode\":\"0\"}\n"))).await;
    rig.client_ends().await;
    // Any other head is let go after a while, too: nobody hangs.
    let mut slow = Rig::new(EnforcePolicy::default()).await;
    slow.passes_up(LIST).await;
    slow.passes_down(STREAM).await;
    assert_eq!(done(&rig.finish().await), [("schema.type", Some(Enforcement::Cut))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_continue() {
    let head = |length: usize| {
        format!(
            "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (body, good) in [("{\"Image\":\"base\"}", true), ("{\"Image\":5}", false)] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.passes_up(&head(body.len())).await;
        rig.passes_down("HTTP/1.1 100 Continue\r\n\r\n").await;
        if good {
            rig.passes_up(body).await;
            rig.passes_down(&created()).await;
        } else {
            rig.client(body).await;
            // The daemon has the head alone, and then the end.
            rig.daemon_ends().await;
            assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
            rig.client_ends().await;
        }
    }
    // What is wrong with the head is said before the daemon has seen any of it.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.client(&head(5).replace("/create", "/web/resize?h=many&w=1")).await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
    rig.daemon_ends().await;
}

/// The header of a file of five bytes.
fn header(name: &str) -> String {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).expect("a short name");
    header.set_size(5);
    header.set_mode(0o644);
    header.set_cksum();
    String::from_utf8(header.as_bytes().to_vec()).expect("a header of digits and names")
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_pass_as_they_come() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    let load =
        "POST /v1.41/images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n";
    rig.passes_up(load).await;
    // Half a header waits for its other half.
    let block = header("hello.txt");
    rig.passes_up(&format!("404\r\n{block}{:\0<512}", "hello")).await;
    rig.client("half\r\n").await;
    rig.daemon_sees_nothing().await;
    rig.client("zz\r\nhello\r\n").await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
    rig.daemon_ends().await;
    // Of a bad header nothing goes on, wherever it was cut.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(load).await;
    rig.passes_up(&format!("600\r\n{block}{:\0<512}", "hello")).await;
    let bad = header("bad.txt").replace("bad.txt", "sad.txt");
    rig.client(&bad[..100]).await;
    rig.client(&bad[100..]).await;
    let (head, body) = rig.reply().await;
    assert!(head.starts_with("HTTP/1.1 400") && body.contains("tar.checksum"), "{head}{body}");
    rig.daemon_ends().await;
    // A bad query is refused before the archive comes.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.client(
        "PUT /v1.41/containers/web/archive HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 1000000\r\n\r\n",
    )
    .await;
    let (head, body) = rig.reply().await;
    assert!(head.starts_with("HTTP/1.1 400") && head.contains("Connection: close") && body.contains("query.missing"), "{head}{body}");
    rig.daemon_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smuggling_is_refused() {
    for (text, rule) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "http.length-and-chunked"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "http.conflicting-length"),
        ("Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "http.repeated-length"),
        ("Content-Length: +5\r\n\r\n", "http.bad-length"),
        ("Transfer-Encoding: xchunked\r\n\r\n", "http.transfer-coding"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "http.transfer-coding"),
        ("Transfer-Encoding : chunked\r\n\r\n", "http.field-syntax"),
        ("X: a\r\n b\r\n\r\n", "http.obsolete-folding"),
        ("X: a\n\r\n", "http.bare-lf"),
        ("X: a\rb\r\n\r\n", "http.field-syntax"),
        ("Host: e\r\n\r\n", "http.missing-host"),
    ] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.client(&format!("POST /v1.41/containers/web/start HTTP/1.1\r\nHost: d\r\n{text}")).await;
        let (head, body) = rig.reply().await;
        assert!(head.starts_with("HTTP/1.1 400") && head.contains("Connection: close") && body.contains(rule), "{text:?} {head}{body}");
        rig.daemon_ends().await;
    }
    let many = format!("GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n{}Content-Length: 3\r\n\r\nabc", "A: b\r\n".repeat(1001));
    for (text, rule) in [
        ("\r\nGET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n", "http.leading-blank-line"),
        ("GET http://d/v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n", "http.target-form"),
        ("CONNECT d:80 HTTP/1.1\r\nHost: d\r\n\r\n", "http.target-form"),
        ("POST /v1.41/containers/web/start HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "http.transfer-coding"),
        ("hello\r\n\r\n", "http.start-line"),
        (&many, "http.many-fields"),
    ] {
        let mut rig = Rig::new(EnforcePolicy::default()).await;
        rig.client(text).await;
        let (_, body) = rig.reply().await;
        assert!(body.contains(rule), "{text:?} {body}");
        rig.daemon_ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allow_lists_sides_and_levels() {
    let bad = create("1.41", "{\"Image\":5}");
    for allowed in ["schema.type", "schema.*", "schema.type@ContainerCreate"] {
        let mut rig = Rig::new(EnforcePolicy { allow: vec![allowed.parse().expect("an entry")], ..EnforcePolicy::default() }).await;
        rig.passes_up(&bad).await;
        rig.passes_down(&created()).await;
        assert_eq!(done(&rig.finish().await), [("schema.type", None)], "allowed, and reported as ever");
    }
    let other = EnforcePolicy { allow: vec!["schema.type@ExecCreate".parse().expect("an entry")], ..EnforcePolicy::default() };
    let mut rig = Rig::new(other).await;
    rig.client(&bad).await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
    let mut rig = Rig::new(EnforcePolicy { requests: false, ..EnforcePolicy::default() }).await;
    rig.passes_up(&bad).await;
    rig.daemon(&answer("201 Created", "{}")).await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 502"));
    let mut rig = Rig::new(EnforcePolicy { responses: false, ..EnforcePolicy::default() }).await;
    rig.passes_up(LIST).await;
    rig.passes_down(&answer("200 OK", "{}")).await;
    rig.client(&bad).await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400"));
    let newer = "POST /v1.24/containers/prune HTTP/1.1\r\nHost: d\r\n\r\n";
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(newer).await;
    let mut rig = Rig::new(EnforcePolicy { level: Severity::Warning, ..EnforcePolicy::default() }).await;
    rig.client(newer).await;
    assert!(rig.reply().await.1.contains("route.not-in-version"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_goes_away() {
    // Nothing was sent yet: 502.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(LIST).await;
    rig.daemon_leaves();
    let (head, body) = rig.reply().await;
    assert!(head.starts_with("HTTP/1.1 502") && body.contains("without an answer"), "{head}{body}");
    rig.client_ends().await;
    // Half of a bounded answer was held back: 502 as well.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(LIST).await;
    rig.daemon(&answer("200 OK", "[]")[..80]).await;
    rig.daemon_leaves();
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 502"));
    // A part of a stream went on: it ends.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(EVENTS).await;
    rig.passes_down(STREAM).await;
    rig.daemon_leaves();
    rig.client_ends().await;
    assert_eq!(done(&rig.finish().await), [("http.truncated", Some(Enforcement::Cut))]);
    // Between two exchanges: the end goes on, and nothing else.
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(PING).await;
    rig.passes_down(PONG).await;
    rig.daemon_leaves();
    rig.client_ends().await;
    assert_eq!(violations(&rig.finish().await).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    rig.passes_up(EVENTS).await;
    rig.passes_down(STREAM).await;
    rig.client_leaves();
    rig.daemon_ends().await;
    assert_eq!(violations(&rig.finish().await).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_the_cap_passes_unjudged() {
    let mut rig = Rig::new(EnforcePolicy::default()).await;
    let body = format!("{{\"Image\":5,\"Cmd\":[\"{}\"]}}", "x".repeat(9 << 20));
    rig.passes_up(&create("1.41", &body)).await;
    rig.passes_down(&created()).await;
    rig.passes_up(LIST).await;
    rig.passes_down(&answer("200 OK", &format!("[{}]", " ".repeat(9 << 20)))).await;
    let events = rig.finish().await;
    let parts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::NotInspected(unjudged) => Some(&*unjudged.part),
            _ => None,
        })
        .collect();
    assert_eq!((violations(&events).count(), parts), (0, vec!["request-body", "response-body"]));
}

/// An exchange without fault: request and answer.
fn good() -> impl Strategy<Value = (String, String)> {
    let list = format!("[{}]\n", " ".repeat(300));
    prop_oneof![
        Just((PING.to_owned(), PONG.to_owned())),
        Just((LIST.to_owned(), answer("200 OK", &list))),
        Just((create("1.41", "{\"Image\":\"base\",\"Cmd\":[\"true\"]}"), created())),
        Just((create("1.41", "{\"Image\":\"none\"}"), answer("404 Not Found", "{\"message\":\"No such image: none:latest\"}\n"))),
        Just((
            // Two blocks of zeros: an archive of nothing.
            post("1.41", "/images/load?quiet=1", "application/x-tar", &"\0".repeat(1024)),
            format!("{STREAM}{}{}0\r\n\r\n", chunk("{\"stream\":\"a\"}\r\n{\"str"), chunk("eam\":\"b\"}\r\n"))
        )),
        Just((WAIT.to_owned(), format!("{STREAM}{}0\r\n\r\n", chunk("{\"StatusCode\":0}\n")))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the cuts, and however far the client runs ahead.
    #[test]
    fn good_traffic_is_the_same_in_both_modes(
        mut exchanges in proptest::collection::vec(good(), 1..6),
        hijack in any::<bool>(),
        cuts in proptest::collection::vec(1usize..90, 1..12),
    ) {
        if hijack {
            let frames = "\x01\0\0\0\0\0\0\x03hi\n\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x10sixteen letters.";
            exchanges.push((ATTACH.to_owned(), format!("{UPGRADED}{frames}")));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (observed, enforced) = runtime.block_on(async {
            (rig::converse(None, &exchanges, &cuts).await, rig::converse(Some(EnforcePolicy::default()), &exchanges, &cuts).await)
        });
        let up: String = exchanges.iter().map(|(request, _)| request.as_str()).collect();
        let down: String = exchanges.iter().map(|(_, answer)| answer.as_str()).collect();
        prop_assert_eq!(&observed, &(up.into_bytes(), down.into_bytes()));
        prop_assert_eq!(&enforced, &observed);
    }
}
