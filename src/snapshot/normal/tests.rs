//! What normalising promises, for whatever a daemon calls its objects.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::kind::Kind;
use super::super::scene::{Answer, Content, Label, Message, Scene};
use super::super::{Aliases, text};
use super::Normaliser;
use crate::catalog::Catalog;
use crate::model::ApiVersion;

const V141: ApiVersion = ApiVersion::new(41);

fn scene(operation: &str, method: &str, path: String, status: u16, content: Vec<Content>) -> Scene {
    Scene {
        operation: Some(operation.to_owned()),
        version: Some(V141),
        method: method.to_owned(),
        prefix: "/v1.41".to_owned(),
        path,
        query: Vec::new(),
        request: Message::default(),
        answer: Some(Answer { status, is_whole: true, message: Message { headers: BTreeMap::new(), content } }),
    }
}

/// What a daemon chose: ids, a time, an address, a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Chosen {
    id: String,
    network: String,
    time: String,
    ip: String,
    name: String,
    port: u16,
}

/// What is asked about an object, without what the daemon chose.
#[derive(Debug, Clone)]
enum Ask {
    Create(usize),
    Inspect(usize, bool),
    List(Vec<usize>),
    Networks(Vec<usize>),
    Logs(usize),
    Missing(usize),
    Events(Vec<usize>),
}

fn shown(ask: &Ask, all: &[Chosen]) -> Scene {
    let of = |index: usize| &all[index % all.len()];
    let json = |document: Value| vec![Content::Json(document)];
    match ask {
        Ask::Create(index) => {
            scene("ContainerCreate", "POST", "/containers/create".to_owned(), 201, json(json!({ "Id": of(*index).id, "Warnings": [] })))
        }
        Ask::Inspect(index, short) => {
            let chosen = of(*index);
            let called = if *short { &chosen.id[..12] } else { &chosen.id };
            let document = json!({
                "Id": chosen.id, "Created": chosen.time, "Name": format!("/{}", chosen.name), "LogPath": format!("/var/{}/{}-json.log", chosen.id, chosen.id),
                "Config": { "Hostname": &chosen.id[..12], "Labels": { "of": chosen.id } },
                "NetworkSettings": { "IPAddress": chosen.ip, "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": chosen.port.to_string() }] } },
            });
            scene("ContainerInspect", "GET", format!("/containers/{called}/json"), 200, json(document))
        }
        Ask::List(list) => {
            let item = |index: &usize| json!({ "Id": of(*index).id, "Names": [format!("/{}", of(*index).name)], "Status": "Up 2 seconds" });
            scene("ContainerList", "GET", "/containers/json".to_owned(), 200, json(list.iter().map(item).collect()))
        }
        Ask::Networks(list) => {
            let item = |index: &usize| json!({ "Id": of(*index).network, "Name": format!("net{}", index % all.len()), "Created": of(*index).time });
            scene("NetworkList", "GET", "/networks".to_owned(), 200, json(list.iter().map(item).collect()))
        }
        Ask::Logs(index) => scene(
            "ContainerLogs",
            "GET",
            format!("/containers/{}/logs", of(*index).name),
            200,
            vec![Content::Text(Label::Stdout, format!("I am {}\n", &of(*index).id[..12]))],
        ),
        Ask::Missing(index) => scene(
            "ContainerKill",
            "POST",
            format!("/containers/{}/kill", of(*index).id),
            404,
            json(json!({ "message": format!("No such container: {}", of(*index).id) })),
        ),
        Ask::Events(list) => {
            let item = |index: &usize| {
                Content::Document(
                    json!({ "Type": "container", "Action": "start", "Actor": { "ID": of(*index).id, "Attributes": {} }, "time": 1_700_000_000 }),
                )
            };
            scene("SystemEvents", "GET", "/events".to_owned(), 200, list.iter().map(item).collect())
        }
    }
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let index = || 0..4usize;
    let distinct = || proptest::sample::subsequence(vec![0usize, 1, 2, 3], 0..=4).prop_shuffle();
    let ask = prop_oneof![
        index().prop_map(Ask::Create),
        (index(), any::<bool>()).prop_map(|(index, short)| Ask::Inspect(index, short)),
        distinct().prop_map(Ask::List),
        distinct().prop_map(Ask::Networks),
        index().prop_map(Ask::Logs),
        index().prop_map(Ask::Missing),
        distinct().prop_map(Ask::Events),
    ];
    // Output is the program's, and a name the client's: what they say is known once the API has said it.
    let known = |ask: Ask| match ask {
        Ask::Logs(index) => vec![Ask::Inspect(index, false), ask],
        ask => vec![ask],
    };
    proptest::collection::vec(ask, 1..12).prop_map(move |asks| asks.into_iter().flat_map(known).collect())
}

/// Four objects; nothing of one is of another.
fn world() -> impl Strategy<Value = Vec<Chosen>> {
    let chosen = ("[0-9a-f]{64}", "[0-9a-f]{64}", 1u32..999_999_999, 1u8..250, "[a-z]{4,8}_[a-z]{4,8}", 32_768u16..60_000);
    proptest::collection::vec(chosen, 4).prop_map(|all| {
        let chosen = |(index, (id, network, nanos, host, name, port)): (usize, (String, String, u32, u8, String, u16))| Chosen {
            // A digit and a letter are in every id; and the objects differ.
            id: format!("{index}a{}", &id[2..]),
            network: format!("{}b{}", index + 4, &network[2..]),
            time: format!("2026-01-0{}T00:00:00.{nanos:09}Z", index + 1),
            ip: format!("10.{index}.0.{host}"),
            name: format!("{}{name}", ["a", "b", "c", "d"][index]),
            port: port - port % 4 + u16::try_from(index).unwrap_or_default(),
        };
        all.into_iter().enumerate().map(chosen).collect()
    })
}

fn normal(asks: &[Ask], world: &[Chosen]) -> Vec<Scene> {
    Normaliser::all(Catalog::builtin(), asks.iter().map(|ask| shown(ask, world)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_normal_stays_as_it_is(asks in asks(), world in world()) {
        let once = normal(&asks, &world);
        let twice = Normaliser::all(Catalog::builtin(), once.clone());
        prop_assert_eq!(text::write(&twice), text::write(&once));
    }

    #[test]
    fn it_does_not_depend_on_what_the_daemon_chose(asks in asks(), one in world(), other in world()) {
        prop_assert_eq!(text::write(&normal(&asks, &one)), text::write(&normal(&asks, &other)));
    }

    #[test]
    fn it_does_not_depend_on_the_order_of_what_has_none(list in proptest::sample::subsequence(vec![0usize, 1, 2, 3], 0..=4).prop_shuffle(), world in world()) {
        let mut sorted = list.clone();
        sorted.sort_unstable();
        let rest = Ask::Networks(vec![3, 2, 1, 0]);
        prop_assert_eq!(normal(&[Ask::Networks(list), rest.clone()], &world), normal(&[Ask::Networks(sorted), rest], &world));
    }

    #[test]
    fn nothing_that_the_daemon_chose_is_left(asks in asks(), world in world()) {
        let text = text::write(&normal(&asks, &world));
        for chosen in &world {
            for value in [&chosen.id[..12], &chosen.network[..12], &chosen.ip, &chosen.name, &chosen.port.to_string(), &chosen.time] {
                prop_assert!(!text.contains(value), "{value} in {text}");
            }
        }
    }

    #[test]
    fn no_two_values_have_one_alias(values in proptest::collection::vec(("[0-9a-f]{12,64}", 0..3u8), 1..40)) {
        let kinds = [Kind::Id("container"), Kind::Id("image"), Kind::Text];
        let mut aliases = Aliases::default();
        let mut by_alias: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (value, kind) in &values {
            let alias = aliases.alias(kinds[usize::from(*kind)], value).to_owned();
            by_alias.entry(alias).or_default().insert(value.clone());
        }
        for (alias, values) in by_alias {
            for (one, other) in values.iter().flat_map(|one| values.iter().map(move |other| (one, other))) {
                prop_assert!(one.starts_with(other.as_str()) || other.starts_with(one.as_str()), "{alias} is {one} and {other}");
            }
        }
    }
}

#[test]
fn what_the_client_asked_for_is_no_choice_of_the_daemon() {
    let mut create =
        scene("ContainerCreate", "POST", "/containers/create".to_owned(), 201, vec![Content::Json(json!({ "Id": "a1".repeat(32) }))]);
    create.query.push(("name".to_owned(), "brave_heart".to_owned()));
    create.request.content.push(Content::Json(json!({ "HostConfig": { "PortBindings": { "80/tcp": [{ "HostPort": "49999" }] } } })));
    let document = json!({
        "Id": "a1".repeat(32), "Name": "/brave_heart",
        "NetworkSettings": { "MacAddress": "02:42:ac:11:00:02", "Ports": { "80/tcp": [{ "HostPort": "49999" }], "81/tcp": [{ "HostPort": "50000" }] } },
    });
    let inspect = scene("ContainerInspect", "GET", format!("/containers/{}/json", "a1".repeat(6)), 200, vec![Content::Json(document)]);
    let normal = Normaliser::all(Catalog::builtin(), vec![create, inspect]);
    let text = text::write(&normal[1..]);
    for kept in ["/containers/<container-1>/json", "\"/brave_heart\"", "\"49999\"", "\"<port-1>\"", "\"<mac-1>\""] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
}

#[test]
fn secrets_have_aliases_of_their_own_redacted_or_not() {
    let world = |first: &str, second: &str, short: &str| {
        let create = |secret: &str| {
            let mut create = scene(
                "ContainerCreate",
                "POST",
                "/containers/create".to_owned(),
                201,
                vec![Content::Json(json!({ "Id": "a".repeat(64) }))],
            );
            create.request.content = vec![Content::Json(
                json!({ "Image": "base", "Env": [format!("B={second}"), format!("A={secret}"), format!("C={short}")] }),
            )];
            create
        };
        let document =
            json!({ "Id": "a".repeat(64), "Config": { "Env": [format!("B={second}"), format!("A={first}"), format!("C={short}")] } });
        let inspect = scene("ContainerInspect", "GET", format!("/containers/{}/json", "a".repeat(64)), 200, vec![Content::Json(document)]);
        let mut build = scene("ImageBuild", "POST", "/build".to_owned(), 200, Vec::new());
        build.query = vec![("buildargs".to_owned(), format!("{{\"A\":\"{first}\"}}"))];
        Normaliser::all(Catalog::builtin(), vec![create(first), inspect, build])
    };
    let plain = world("correct horse", "battery", "on");
    assert_eq!(plain, world("redacted-7***", "*9*****", "**"), "as a recording has them");
    let Some(Content::Json(document)) = plain[1].answer.as_ref().and_then(|answer| answer.message.content.first()) else {
        panic!("a document")
    };
    assert_eq!(document["Config"]["Env"], json!(["A=<redacted-2>", "B=<redacted-1>", "C=<redacted>"]));
    assert_eq!(plain[2].query[0].1, "{\"A\":\"<redacted-2>\"}");
    assert_eq!(Normaliser::all(Catalog::builtin(), plain.clone()), plain, "what is normal stays as it is");
    let shown = Normaliser::new(Catalog::builtin()).showing_secrets(true).next(plain[1].clone());
    assert_eq!(shown, plain[1]);
}
