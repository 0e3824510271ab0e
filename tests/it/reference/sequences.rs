//! Any sequence of operations leaves the daemon consistent, and gives the judge nothing to say.

use std::collections::BTreeSet;

use plimsoll::model::ApiVersion;
use plimsoll::reference::Settings;
use proptest::prelude::*;
use serde_json::Value;

use super::peer::{Peer, body, status};

/// Few names, so that operations meet.
const NAMES: [&str; 3] = ["ant", "bee", "cat"];
/// Versions with errors as text, with errors as JSON, with today's shapes.
const VERSIONS: [u16; 4] = [21, 24, 41, 55];

const COMMANDS: [&str; 4] = ["true", "sleep 1000", "echo out; echo err >&2; exit 3", "trap 'exit 0' TERM; sleep 1000"];

/// A request with a name or two in it.
fn operation() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&NAMES[..]);
    let command = prop::sample::select(&COMMANDS[..]);
    let simple = prop::sample::select(vec![
        "POST /containers/{}/start",
        "POST /containers/{}/stop?t=1",
        "POST /containers/{}/restart?t=0",
        "POST /containers/{}/kill",
        "POST /containers/{}/kill?signal=TERM",
        "POST /containers/{}/pause",
        "POST /containers/{}/unpause",
        "DELETE /containers/{}",
        "DELETE /containers/{}?force=1&v=1",
        "GET /containers/{}/json",
        "GET /containers/{}/logs?stdout=1&stderr=1&tail=5",
        "GET /containers/{}/top",
        "GET /containers/{}/stats?stream=0",
        "GET /containers/{}/changes",
        "POST /containers/{}/update {\"Memory\":67108864,\"MemorySwap\":-1}",
        "POST /containers/{}/exec {\"Cmd\":[\"ls\",\"/\"],\"AttachStdout\":true}",
        "POST /commit?container={}&repo={}",
        "DELETE /images/{}",
        "GET /images/{}/json",
        "POST /images/busybox/tag?repo={}",
        "POST /volumes/create {\"Name\":\"{}\"}",
        "DELETE /volumes/{}",
        "GET /volumes/{}",
        "POST /networks/create {\"Name\":\"{}\",\"CheckDuplicate\":true}",
        "DELETE /networks/{}",
        "GET /networks/{}",
        "GET /containers/json?all=1",
        "GET /images/json",
        "GET /info",
    ]);
    prop_oneof![
        2 => (name(), command).prop_map(|(name, command)| {
            format!("POST /containers/create?name={name} {{\"Image\":\"busybox\",\"Cmd\":[\"sh\",\"-c\",\"{command}\"],\"HostConfig\":{{\"Binds\":[\"{name}:/data\"]}}}}")
        }),
        1 => (name(), name()).prop_map(|(one, two)| format!("POST /containers/{one}/rename?name={two}")),
        1 => (name(), name()).prop_map(|(one, two)| format!("POST /networks/{one}/connect {{\"Container\":\"{two}\"}}")),
        1 => (name(), name()).prop_map(|(one, two)| format!("POST /networks/{one}/disconnect {{\"Container\":\"{two}\"}}")),
        12 => (simple, name()).prop_map(|(request, name)| request.replace("{}", name)),
    ]
}

/// What the daemon says of itself agrees with itself.
async fn is_consistent(peer: &mut Peer) {
    let newest = ApiVersion::NEWEST;
    let json = |answer: Vec<u8>| serde_json::from_str::<Value>(&body(&answer)).unwrap_or_default();
    let info = json(peer.ask(newest, "GET /info").await);
    let list = json(peer.ask(newest, "GET /containers/json?all=1").await);
    let list = list.as_array().expect("a list");
    assert_eq!(info["Containers"].as_u64(), Some(list.len() as u64));
    let mut names = BTreeSet::new();
    for entry in list {
        assert!(names.insert(entry["Names"][0].to_string()), "two are called {}", entry["Names"]);
        let id = entry["Id"].as_str().expect("an id");
        let inspect = json(peer.ask(newest, &format!("GET /containers/{id}/json")).await);
        let state = &inspect["State"];
        assert_eq!(state["Status"], entry["State"], "{inspect}");
        let runs = ["running", "paused"].contains(&state["Status"].as_str().unwrap_or_default());
        assert_eq!(state["Running"].as_bool(), Some(runs), "{state}");
        assert_eq!(state["Pid"].as_u64() != Some(0), runs, "{state}");
        if state["Status"] == "exited" {
            let wait = json(peer.ask(newest, &format!("POST /containers/{id}/wait")).await);
            assert_eq!(wait["StatusCode"], state["ExitCode"], "wait and inspect");
        }
        assert_eq!(inspect["Name"], entry["Names"][0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence(operations in prop::collection::vec((operation(), 0..VERSIONS.len()), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let mut peer = Peer::new(Settings { seed: Some(3), ..Settings::default() });
            peer.ask(ApiVersion::NEWEST, "POST /images/create?fromImage=busybox&tag=latest").await;
            for (request, version) in &operations {
                let answer = peer.ask(ApiVersion::new(VERSIONS[*version]), request).await;
                let status = status(&answer);
                // dockerd itself has 500 for a few things that clients do wrong.
                prop_assert!((200..=500).contains(&status), "{request} gave {}", String::from_utf8_lossy(&answer));
            }
            is_consistent(&mut peer).await;
            // The operations are those of all versions, so that a client of one asks for things of another.
            let findings: Vec<_> = peer.findings().into_iter().filter(|(_, what)| what.contains("(daemon)")).collect();
            prop_assert!(findings.is_empty(), "{findings:?}");
            Ok(())
        })?;
    }
}
