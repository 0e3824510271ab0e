//! The catalogue names the facts of every published version: endpoints, parameters, headers, statuses, members with their types.
//!
//! `fixtures/facts/` holds the facts as tables, made from the official documents: from 1.25 on from schemas, before that from examples,
//! which are partial and contradict themselves in places. `cargo test facts -- --nocapture` prints the coverage by version, and what is not named.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll::catalog::{Catalog, Operation};
use plimsoll::model::ApiVersion;
use serde_json::Value;

use super::support::repository;

/// Facts that are none: what a document says and no dockerd ever did. By a part of their names, with the reason; each has an erratum in the
/// operation's file, but for what the form does not say. They are not counted, and an entry that matches nothing any more fails the test.
const NO_FACTS: [(&str, &str); 27] = [
    (" body $: absent (string)", "an archive or raw body has no schema"),
    ("header Content-", "the media type is judged by itself"),
    ("SecretInspect 200 $.Spec.", "the documents of 1.25 to 1.29 show a service there; Data is base64, not a list"),
    ("SecretList 200 $[].Spec.", "the documents of 1.25 to 1.29 show a service there; Data is base64, not a list"),
    ("Description.TLSInfo.", "the documents of 1.30 and 1.31 show a swarm's specification there"),
    ("NetworksAttachments[].Network.", "the documents show the network of GET /networks; the swarm's own is sent"),
    ("IPAM.Options", "the documents up to 1.38 have a list of maps; one map is sent"),
    ("Config.Interface.Types[]", "the documents have an object; the type's name is sent"),
    ("Config.Interface.ProtocolScheme", "free text, whatever the plugin says"),
    ("DistributionInspect 200 $.Descriptor.", "capitalised up to 1.39 in the documents, never on the wire"),
    ("DistributionInspect 200 $.Platforms[].", "capitalised up to 1.39 in the documents, never on the wire"),
    (".PortBindings.*", "the documents up to 1.34 have one binding; a list is sent"),
    ("NetworkSettings.Ports", "the documents up to 1.31 have a list; a map is sent"),
    (".ExecIDs", "the documents up to 1.37 have a text; a list is sent"),
    (".NanoC", "spelt in three ways by the documents of 1.27"),
    (".Volumes.additionalProperties", "a slip of the documents' indentation"),
    ("LogConfig.Type: the values", "log drivers are plugins, too, with names of their own"),
    ("Logs query ", "since and until may have fractions, as the docker CLI sends them"),
    ("Logs status 101", "logs are never hijacked"),
    ("ContainerAttachWebsocket status 200", "a handshake answered with 200 is none"),
    ("buildargs: is read as json", "a map in JSON; the documents up to 1.36 say integer"),
    ("Create 201 $.Id", "ID is sent"),
    (".Data", "base64, which the documents of 1.25 to 1.30 call a list of texts"),
    (".Status.*", "volume drivers send values of any type"),
    ("SystemDataUsage 200 $.Containers[][]", "the documents up to 1.39 have a list of lists; one list is sent"),
    ("VolumesDeleted", "of networks, in the document of 1.25"),
    (" $.LxcConf", "a map in the document of 1.15 alone"),
];

/// Facts of one version: how many there are, and which are not named.
#[derive(Default)]
struct Coverage {
    facts: usize,
    missing: Vec<String>,
    left_out: BTreeSet<&'static str>,
}

impl Coverage {
    fn count(&mut self, named: Result<(), String>) {
        let Err(missing) = named else {
            self.facts += 1;
            return;
        };
        if let Some((what, _)) = NO_FACTS.iter().find(|(what, _)| missing.contains(what)) {
            self.left_out.insert(what);
        } else {
            self.facts += 1;
            self.missing.push(missing);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    fn percent(&self) -> f64 {
        100.0 - 100.0 * self.missing.len() as f64 / self.facts as f64
    }
}

#[test]
fn the_facts_of_every_version_are_named() {
    let mut table = String::new();
    let mut missing: BTreeMap<String, Vec<ApiVersion>> = BTreeMap::new();
    let mut low = Vec::new();
    let mut left_out = BTreeSet::new();
    for version in ApiVersion::known() {
        let text = std::fs::read(repository(&format!("fixtures/facts/v{version}.json"))).expect("facts");
        let facts: Value = serde_json::from_slice(&text).expect("JSON");
        let coverage = cover(&facts, version);
        table.extend([format!("{version:>5}  {:>5} facts  {:>6.2} %\n", coverage.facts, coverage.percent())]);
        let due = if version >= ApiVersion::new(25) { 99.0 } else { 95.0 };
        if coverage.percent() < due {
            low.push(version);
        }
        left_out.extend(coverage.left_out);
        for fact in coverage.missing {
            missing.entry(fact).or_default().push(version);
        }
    }
    let spans = |versions: &[ApiVersion]| match versions {
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last} ({})", versions.len()),
        [] => String::new(),
    };
    let missing: Vec<String> = missing.iter().map(|(fact, versions)| format!("{fact}  @ {}", spans(versions))).collect();
    let print = |text: &str| {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(text.as_bytes());
    };
    print(&format!("{table}not named:\n  {}\n", missing.join("\n  ")));
    for (what, why) in NO_FACTS {
        print(&format!("left out: {what}: {why}\n"));
        assert!(left_out.contains(what), "`{what}` matches nothing any more");
    }
    assert!(low.is_empty(), "too few facts are named at {low:?}\n{table}\n{}", missing.join("\n"));
}

fn cover(facts: &Value, version: ApiVersion) -> Coverage {
    let mut coverage = Coverage::default();
    for endpoint in facts["endpoints"].as_array().expect("a list") {
        let (method, path) = (text(endpoint, "method"), text(endpoint, "path"));
        let operation = Catalog::builtin().operations_at(version).find(|operation| has_route(operation, version, method, path));
        let Some(operation) = operation else {
            coverage.count(Err(format!("{method} {path}: no operation")));
            continue;
        };
        coverage.count(Ok(()));
        let projected = operation.projected(version).expect("linted");
        cover_endpoint(&mut coverage, operation.id(), endpoint, &projected);
    }
    coverage
}

fn cover_endpoint(coverage: &mut Coverage, id: &str, endpoint: &Value, projected: &Value) {
    for (key, label) in [("query", "query"), ("headers", "header")] {
        for parameter in list(endpoint, key) {
            let name = text(parameter, "name");
            let what = format!("{id} {label} {name}");
            let properties = projected["request"][key]["properties"].as_object();
            let found = properties.into_iter().flatten().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, schema)| schema);
            coverage.count(parameter_names(found, text(parameter, "type")).map_err(|why| format!("{what}: {why}")));
        }
    }
    for row in list(&endpoint["body"], "schema") {
        coverage.count(row_names(&projected["request"]["body"]["schema"], row).map_err(|why| format!("{id} body {why}")));
    }
    for (status, response) in endpoint["responses"].as_object().into_iter().flatten() {
        let found = &projected["responses"][status];
        // 400 and 500 are common to all operations.
        let common = matches!(status.as_str(), "400" | "500");
        coverage.count(if found.is_null() && !common { Err(format!("{id} status {status}: absent")) } else { Ok(()) });
        if found.is_null() {
            continue;
        }
        let body = &found["body"];
        if matches!(body["framing"].as_str(), Some("json" | "json-stream")) {
            for row in list(response, "schema") {
                coverage.count(row_names(&body["schema"], row).map_err(|why| format!("{id} {status} {why}")));
            }
        }
        for header in list(response, "headers") {
            let name = header.as_str().unwrap_or_else(|| text(header, "name"));
            let named =
                found["headers"]["properties"].as_object().is_some_and(|names| names.keys().any(|other| other.eq_ignore_ascii_case(name)));
            coverage.count(if named { Ok(()) } else { Err(format!("{id} {status} header {name}: absent")) });
        }
    }
}

fn has_route(operation: &Operation, version: ApiVersion, method: &str, path: &str) -> bool {
    let shape = |path: &str| path.trim_end_matches('/').split(['{', '}']).step_by(2).collect::<Vec<_>>().join("{}");
    operation.routes().iter().any(|route| route.range.contains(version) && route.method == method && shape(&route.path) == shape(path))
}

fn absent(schema: &Value) -> bool {
    schema.is_null() || schema.get("x-too-new").is_some() || schema.get("x-removed").is_some()
}

/// The parameter is there, and its text is read as the type that the document gives it.
fn parameter_names(schema: Option<&Value>, kind: &str) -> Result<(), String> {
    let Some(schema) = schema.filter(|schema| !absent(schema)) else { return Err(format!("absent ({kind})")) };
    let wire = schema["wire"].as_str().unwrap_or("text");
    let due: &[&str] = match kind {
        "boolean" => &["flag"],
        "integer" => &["int"],
        "array" => &["list", "text", "json"],
        _ => return Ok(()),
    };
    if due.contains(&wire) { Ok(()) } else { Err(format!("is read as {wire}, the fact is {kind}")) }
}

/// The member is there with the fact's types, no wider, and with its null and its enumeration.
fn row_names(schema: &Value, row: &Value) -> Result<(), String> {
    let (path, types, extra) = (row[0].as_str().expect("a path"), row[1].as_str().expect("types"), &row[2]);
    let found = at(schema, path).filter(|schema| !absent(schema)).ok_or_else(|| format!("{path}: absent ({types})"))?;
    let have: Vec<&str> = match &found["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let plain = |types: &[&str]| {
        let mut plain: Vec<String> = types.iter().filter(|name| !["null", "any"].contains(name)).map(ToString::to_string).collect();
        plain.sort_unstable();
        plain
    };
    let due = plain(&types.split('|').collect::<Vec<_>>());
    let is = plain(&have);
    let integral = is == ["integer"] && due == ["number"];
    if !due.is_empty() && is != due && !integral {
        return Err(format!("{path}: is {is:?}, the fact is {types}"));
    }
    if extra.get("null").is_some() && !have.is_empty() && !have.contains(&"null") {
        return Err(format!("{path}: the fact may be null"));
    }
    let values = |list: &Value| list.as_array().into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
    if let Some(due) = extra.get("enum") {
        let have = values(&found["enum"]);
        if !values(due).iter().all(|value| have.contains(value)) {
            return Err(format!("{path}: the values are {due}"));
        }
    }
    Ok(())
}

/// Follows `$.A.B[].*` through a schema; `['a.b']` is a member whose name has a dot.
fn at<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let mut current = schema;
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        let (next, behind) = if let Some(behind) = rest.strip_prefix("[]") {
            (current.get("items"), behind)
        } else if let Some(behind) = rest.strip_prefix(".*") {
            (current.get("additionalProperties").filter(|value| value.is_object()), behind)
        } else if let Some(quoted) = rest.strip_prefix("['") {
            let (name, behind) = quoted.split_once("']")?;
            (current.get("properties")?.get(name), behind)
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (current.get("properties")?.get(&name[..end]), &name[end..])
        };
        current = next?;
        rest = behind;
    }
    Some(current)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
