//! `--only` and `--deny`: what is denied never reaches the daemon, however it is written.

use plimsoll::inspect::{EnforcePolicy, Limits};
use plimsoll::model::{Enforcement, Event, Verdict};

use super::rig::{Rig, create, done};
use super::{ATTACH, LIST, PING, UPGRADED};
use crate::support::{PONG, verdicts};

fn policy(only: &[&str], deny: &[&str]) -> EnforcePolicy {
    let scopes = |names: &[&str]| names.iter().map(|name| name.parse().expect("a scope")).collect();
    EnforcePolicy { limits: Limits { only: scopes(only), deny: scopes(deny) }, ..EnforcePolicy::default() }
}

fn read_only() -> EnforcePolicy {
    policy(&["read"], &[])
}

fn enforced(events: &[Event]) -> Vec<Option<Enforcement>> {
    let of = |event: &Event| match event {
        Event::Exchange(summary) => Some(summary.enforced),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_is_answered_403_in_the_daemons_format() {
    for (version, media, begins) in [
        ("1.41", "application/json", "{\"message\":\"plimsoll denied ContainerCreate before it reached the daemon: --only read\"}\n"),
        ("1.23", "text/plain; charset=utf-8", "plimsoll denied ContainerCreate before it reached the daemon: --only read\n"),
    ] {
        let mut rig = Rig::new(read_only()).await;
        rig.client(&create(version, "{\"Image\":\"base\"}")).await;
        let (head, body) = rig.reply().await;
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n") && head.contains(&format!("Content-Type: {media}\r\n")), "{head}");
        assert_eq!(body, begins);
        rig.daemon_sees_nothing().await;
        // The connection goes on, with the same daemon connection.
        rig.passes_up(PING).await;
        rig.passes_down(PONG).await;
        let events = rig.finish().await;
        assert_eq!(verdicts(&events), [Verdict::NotInspected, Verdict::Pass]);
        assert_eq!(enforced(&events), [Some(Enforcement::Denied), None]);
        assert_eq!(done(&events), []);
        let line = events.iter().find(|event| matches!(event, Event::Exchange(_))).map(|event| serde_json::to_value(event).expect("JSON"));
        assert_eq!(line.expect("an exchange")["enforcement"], "denied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_pipeline_each_answer_comes_in_its_turn() {
    let mut rig = Rig::new(read_only()).await;
    let kill = "POST /v1.41/containers/web/kill HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n";
    rig.client(&format!("{PING}{kill}{PING}")).await;
    rig.daemon_gets(PING).await;
    rig.daemon_sees_nothing().await;
    rig.passes_down(PONG).await;
    assert!(rig.reply().await.1.contains("denied ContainerKill"));
    rig.daemon_gets(PING).await;
    rig.passes_down(PONG).await;
    assert_eq!(enforced(&rig.finish().await), [None, Some(Enforcement::Denied), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_confuse_are_denied() {
    for request in [
        "POST //v1.41/containers/web/kill",
        "POST /v1.41//containers/web/kill",
        "POST /v1.41/containers/web/%6bill",
        "POST /v1.41/containers/web%2fkill",
        "GET /v1.41/containers/web/attach%2Fws",
        "DELETE /v1.41/images/../containers/web",
        "DELETE /v1.41/images/%2e%2e/containers/web",
        "GET /v1.41/containers/web/attach/ws",
        "POST /libpod/containers/create",
        "FROBNICATE /v1.41/info",
    ] {
        let mut rig = Rig::new(policy(&["read", "image"], &[])).await;
        rig.client(&format!("{request} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n")).await;
        let (head, body) = rig.reply().await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{request}: {head}{body}");
        rig.client_leaves();
        rig.daemon_ends().await;
        rig.finish().await;
    }
    // The absolute form is refused, as ever.
    let mut rig = Rig::new(read_only()).await;
    rig.client("POST http://d/v1.41/containers/web/kill HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n").await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400 "));
    rig.client_leaves();
    rig.daemon_ends().await;
    rig.finish().await;
    // Also where that is allowed: what makes peers disagree cannot be allowed beside operations that are denied.
    let lenient = EnforcePolicy { allow: vec!["http.*".parse().expect("an area")], ..read_only() };
    let mut rig = Rig::new(lenient).await;
    rig.client("GET http://d/v1.41/info HTTP/1.1\r\nHost: d\r\n\r\n").await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 400 "));
    rig.client_leaves();
    rig.daemon_ends().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hides_in_another_request() {
    let kill = "POST /v1.41/containers/web/kill HTTP/1.1\r\nHost: d\r\n\r\n";
    let lenient = || EnforcePolicy { allow: vec!["http.*".parse().expect("an area")], ..read_only() };
    for head in [
        format!("GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", kill.len() + 5),
        "GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n".to_owned(),
        "GET /v1.41/info HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: xchunked\r\n\r\n".to_owned(),
        "GET /v1.41/info HTTP/1.1\nHost: d\n\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
    ] {
        for policy in [read_only(), lenient()] {
            let mut rig = Rig::new(policy).await;
            rig.client(&format!("{head}{kill}")).await;
            rig.client_leaves();
            rig.daemon_ends().await;
            rig.finish().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_held_is_not_waited_for() {
    let mut rig = Rig::new(read_only()).await;
    rig.client(
        "PUT /v1.41/containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 1024\r\n\r\n",
    )
    .await;
    let (head, _) = rig.reply().await;
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("Connection: close\r\n"), "{head}");
    rig.daemon_ends().await;
    // The same where the client waits before it sends the body.
    let mut rig = Rig::new(read_only()).await;
    rig.client("POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n").await;
    assert!(rig.reply().await.0.starts_with("HTTP/1.1 403 "));
    rig.daemon_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_no_body_and_what_is_let_through_is_itself() {
    let mut rig = Rig::new(policy(&[], &["ContainerArchiveInfo", "exec"])).await;
    rig.client("HEAD /v1.41/containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\n\r\n").await;
    // The next answer begins where the head of the first ends.
    rig.passes_up(LIST).await;
    rig.daemon("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]").await;
    let mut all = String::new();
    while !all.ends_with("[]") {
        let (head, body) = if all.is_empty() { (rig.head().await, String::new()) } else { rig.reply().await };
        all += &head;
        all += &body;
    }
    assert!(all.starts_with("HTTP/1.1 403 ") && all.matches("HTTP/1.1 ").count() == 2 && !all.contains("message"), "{all}");
    // A hijack that is not denied passes raw.
    rig.passes_up(ATTACH).await;
    rig.passes_down(UPGRADED).await;
    rig.passes_up("POST /v1.41/exec/x/start HTTP/1.1\r\n\r\n").await;
    rig.finish().await;
}
