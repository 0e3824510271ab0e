//! The quick look says `Fine` only where the authority finds nothing, and nearly always there; whoever judges with it says the same.

use std::sync::LazyLock;

use plimsoll::catalog::{Catalog, Framing, Outcome, Schema};
use plimsoll::inspect::{Look, Settings};
use plimsoll::model::ApiVersion;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::mutations::{recorded, walk};
use super::support::{files, judge_with, repository, transcript};

/// Documents of the recordings, and of the examples at the oldest version that they claim.
static DOCUMENTS: LazyLock<Vec<(&'static Schema, Value)>> = LazyLock::new(|| {
    let answers = files(&repository("fixtures/recordings"), "wire").into_iter().flat_map(|path| recorded(&path));
    let mut documents: Vec<_> = answers.map(|answer| (answer.schema, answer.document)).collect();
    for operation in Catalog::builtin().operations() {
        for example in operation.source()["examples"].as_array().into_iter().flatten() {
            let at = example["at"].as_str().and_then(|at| at.split("..").next()).and_then(|at| at.parse::<ApiVersion>().ok());
            let Some(contract) = at.filter(|at| operation.exists_at(*at)).map(|at| operation.contract(at)) else { continue };
            let status = example["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            let (body, document) = match status.and_then(|status| contract.responses.get(&status)) {
                Some(response) => (&response.body, example.get("body")),
                None => (&contract.request, example.get("request")),
            };
            let schema = body.schema.as_ref().filter(|_| matches!(body.framing, Framing::Json | Framing::JsonStream));
            documents.extend(schema.zip(document.cloned()));
        }
    }
    documents
});

/// `Fine` where there is nothing to be found; `false` where the quick look left it to the authority.
fn agrees(schema: &Schema, text: &[u8]) -> Result<bool, String> {
    let found = match serde_json::from_slice::<Value>(text) {
        Ok(document) => schema.defects(&document).first().map(|defect| format!("{defect:?}")),
        Err(error) => Some(error.to_string()),
    };
    match (schema.checker().check(text, None), found) {
        (Outcome::Fine, Some(found)) => Err(format!("{found}\nin {}\nby {}", String::from_utf8_lossy(text), schema.source())),
        (outcome, _) => Ok(outcome == Outcome::Fine),
    }
}

#[test]
fn what_is_clean_is_fine() {
    let clean: Vec<_> = DOCUMENTS.iter().filter(|(schema, document)| schema.defects(document).is_empty()).collect();
    assert!(clean.len() > 1200, "too few: {}", clean.len());
    for (schema, document) in clean {
        assert_eq!(agrees(schema, document.to_string().as_bytes()), Ok(true), "{document}\nby {}", schema.source());
    }
}

#[test]
fn every_shipped_schema_is_compiled() {
    for operation in Catalog::builtin().operations() {
        for version in operation.boundaries().into_iter().filter(|version| operation.exists_at(*version)) {
            let contract = operation.contract(version);
            let bodies = contract.responses.values().map(|response| &response.body).chain([&contract.request]);
            for schema in bodies.filter_map(|body| body.schema.as_ref()) {
                assert!(schema.checker().is_whole(), "{} at {version}: {}", operation.id(), schema.source());
            }
        }
    }
}

/// One change at a place of a document.
fn changed(document: &Value, pick: usize, how: usize) -> Value {
    let mut pointers = vec![String::new()];
    walk(document, String::new(), &mut pointers);
    let pointer = &pointers[pick % pointers.len()];
    let mut changed = document.clone();
    let target = changed.pointer_mut(pointer).expect("walked");
    let texts = [json!(""), json!("0001-01-01T00:00:00Z"), json!("prune"), json!("a\u{e4}\n\u{1f600}"), json!("swarm")];
    let numbers = [json!(0), json!(-1), json!(1.0), json!(1.5), json!(70000), json!(u64::MAX), json!(i64::MIN), json!(1e300), json!(-0.0)];
    let values: Vec<Value> =
        [json!(null), json!(true), json!([]), json!({}), json!([null])].into_iter().chain(texts).chain(numbers).collect();
    match how % (values.len() + 3) {
        0 => match target {
            Value::Object(members) => drop(members.insert("XUnheardOf".to_owned(), json!([{}]))),
            Value::Array(items) => items.push(json!(7)),
            Value::String(text) => text.push('x'),
            other => *other = json!("x"),
        },
        1 => match target {
            Value::Object(members) => {
                let name = members.keys().nth(pick % members.len().max(1)).cloned().unwrap_or_default();
                members.remove(&name);
            }
            Value::Array(items) => drop(items.pop()),
            Value::String(text) => drop(text.pop()),
            other => *other = json!([]),
        },
        2 => match target {
            // The name of another member.
            Value::Object(members) => {
                let name = members.keys().nth(pick % members.len().max(1)).cloned().unwrap_or_default();
                let value = members.remove(&name).unwrap_or_default();
                members.insert(name.to_lowercase(), value);
            }
            other => *other = json!({ "a": other.clone() }),
        },
        value => *target = values[value - 3].clone(),
    }
    changed
}

/// Bytes that mean something to JSON, put in, put over others, or taken out.
fn spoilt(text: &[u8], at: usize, how: usize) -> Vec<u8> {
    let pieces: [&[u8]; 22] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"0",
        b"-",
        b".",
        b"e",
        b"1",
        b"\xff",
        b"\xc3\xa4",
        b"\0",
        b"\\u0041",
        b"\\ud83d\\ude00",
        b"null",
        b"{\"Id\":1,\"Id\":\"\"}",
    ];
    let at = at % (text.len() + 1);
    let piece = pieces[how % pieces.len()];
    let rest = match how / pieces.len() % 3 {
        0 => &text[at..],
        1 => &text[(at + piece.len()).min(text.len())..],
        _ => return [&text[..at], &text[(at + 1).min(text.len())..]].concat(),
    };
    [&text[..at], piece, rest].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_the_authority_finds_is_fine(which: usize, changes in prop::collection::vec((any::<usize>(), any::<usize>()), 0..3),
                                                 spoils in prop::collection::vec((any::<usize>(), any::<usize>()), 0..3)) {
        let (schema, document) = &DOCUMENTS[which % DOCUMENTS.len()];
        let document = changes.iter().fold(document.clone(), |document, (pick, how)| changed(&document, *pick, *how));
        let mut text = if which % 2 == 0 { document.to_string() } else { format!("{document:#}\n") }.into_bytes();
        for (at, how) in spoils {
            text = spoilt(&text, at, how);
        }
        prop_assert_eq!(agrees(schema, &text).err(), None);
    }
}

/// Rules over several exchanges read excerpts of documents: they must not miss a member.
#[test]
fn excerpts_lose_nothing() {
    let mut differing = Vec::new();
    for path in files(&repository("fixtures"), "wire") {
        let transcript = transcript(&path);
        let said = |look| {
            let settings = Settings { look, ..Settings::default() };
            judge_with(&transcript, settings).iter().map(|event| json!(event).to_string()).collect::<Vec<_>>()
        };
        let (quick, thorough) = (said(Look::Quick), said(Look::Thorough));
        if quick != thorough {
            let other =
                |one: &[String], two: &[String]| one.iter().filter(|line| !two.contains(line)).cloned().collect::<Vec<_>>().join("\n  ");
            differing.push(format!("{}\n  {}\n  {}", path.display(), other(&quick, &thorough), other(&thorough, &quick)));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
