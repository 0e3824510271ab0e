//! Every schema file fits the meta schema, routes are unambiguous in every version, examples hold at every version that they claim.

use plimsoll::catalog::{Catalog, DefectKind, lint};
use plimsoll::model::ApiVersion;
use serde_json::{Value, json};

#[test]
fn every_file_is_sound_and_every_example_holds() {
    let (linted, errors) = lint::lint_builtin();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(linted.examples > linted.files, "{linted:?}");
}

/// dockerd from 1.24 to 1.51 shows the address on the default bridge beside the networks, whatever else later daemons leave out there.
#[test]
fn a_container_on_the_default_bridge_has_its_address_twice() {
    let operation = Catalog::builtin().operation("ContainerInspect").expect("in the catalogue");
    let examples = operation.source()["examples"].as_array().expect("a list");
    let good = |example: &&Value| example["breaks"].is_null() && example["body"]["NetworkSettings"]["Networks"].is_object();
    let mut body = examples.iter().find(good).expect("an example with networks")["body"].clone();
    let schema = operation.contract(ApiVersion::new(41)).responses[&200].body.schema.as_ref().expect("a schema");
    let missing = |body: &Value| {
        let defects = schema.defects(body).into_iter().filter(|defect| defect.pointer.starts_with("/NetworkSettings/"));
        defects.filter(|defect| defect.kind == DefectKind::Missing).map(|defect| defect.pointer).collect::<Vec<_>>()
    };
    let settings = &mut body["NetworkSettings"];
    let networks = settings["Networks"].as_object().expect("a map").values().next().expect("a network").clone();
    settings["Networks"] = json!({ "bridge": networks });
    for name in ["EndpointID", "Gateway", "GlobalIPv6Address", "IPAddress", "IPv6Gateway", "MacAddress"] {
        settings[name] = json!("");
    }
    for name in ["GlobalIPv6PrefixLen", "IPPrefixLen"] {
        settings[name] = json!(0);
    }
    assert_eq!(missing(&body), Vec::<String>::new());
    body["NetworkSettings"].as_object_mut().expect("an object").remove("IPAddress");
    assert_eq!(missing(&body), ["/NetworkSettings/IPAddress"]);
}
