use super::*;
use crate::model::{ApiVersion, Call, Part, Place, Rule};
use crate::report::Classes;

const TODAY: Day = jiff::civil::date(2026, 6, 1);

fn waivers(text: &str) -> Result<Waivers, String> {
    Waivers::read(PathBuf::from("w.toml"), text, TODAY, &|name| name.starts_with("Container"))
}

fn violation(minor: u16, pointer: &str) -> Violation {
    let call = Call {
        source: None,
        line: None,
        daemon: None,
        connection: 1,
        exchange: 1,
        operation: Some("ContainerList".into()),
        method: "GET".into(),
        path: format!("/v1.{minor}/containers/json?all=1").into(),
        api_version: Some(ApiVersion::new(minor)),
        client: None,
    };
    Violation {
        rule: Rule::SchemaType,
        side: Side::Daemon,
        call: Arc::new(call),
        status: Some(200),
        place: Place::of(Part::Body).at_pointer(pointer),
        message: String::new(),
        expected: String::new(),
        actual: String::new(),
        evidence: Vec::new(),
        enforced: None,
        waived: None,
    }
}

#[test]
fn a_waiver_accepts_what_it_names() {
    for (members, accepts) in [
        ("rule = 'schema.type'", true),
        ("rule = 'schema.*'", true),
        ("rule = 'frame.*'", false),
        ("rule = 'schema.null'", false),
        ("rule = 'schema.type'\noperation = 'ContainerList'\nversions = '1.24..1.41'\nside = 'daemon'\npointer = '/*/Created'", true),
        ("rule = 'schema.type'\noperation = 'ContainerWait'", false),
        ("rule = 'schema.type'\nversions = '..1.40'", false),
        ("rule = 'schema.type'\nside = 'client'", false),
        ("rule = 'schema.type'\npointer = '/*/Names'", false),
        ("rule = 'schema.type'\npath = '/containers/json'", true),
        ("rule = 'schema.type'\npath = '/images/**'", false),
        ("rule = 'schema.type'\nexpires = 2026-06-01", true),
        ("rule = 'schema.type'\nexpires = 2026-05-31", false),
    ] {
        let mut waivers = waivers(&format!("[[waiver]]\n{members}\nreason = 'because'\n")).expect("a waiver file");
        assert_eq!(waivers.accept(&violation(41, "/3/Created")).is_some(), accepts, "{members}");
        assert_eq!(waivers.stale().count(), usize::from(!accepts), "{members}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let mut said = Vec::new();
    for text in [
        "[[waiver]]\nrule = 'schema.type'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = ' '\n",
        "[[waiver]]\nrule = 'schema.taste'\nreason = 'x'\n",
        "[[waiver]]\nrule = 'taste.*'\nreason = 'x'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\noperation = 'Dance'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\nversions = '1.41..1.24'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\nside = 'both'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\npointer = 'Created'\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\nexpires = 2026-06-01T10:00:00Z\n",
        "[[waiver]]\nrule = 'schema.type'\nreason = 'x'\nowner = 'me'\n",
        "[[waivers]]\n",
        "[[waiver]\n",
    ] {
        said.push(waivers(text).expect_err("a bad file"));
    }
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_file_is_written_and_pruned() {
    let mut classes = Classes::default();
    for minor in [24, 41] {
        classes.add(&violation(minor, "/0/Created"));
    }
    classes.add(&violation(41, "/0/Names"));
    let written: String = added(&classes, &|_| true).iter().map(|addition| addition.to_toml("known \"bug\"") + "\n").collect();
    let text = format!("# ours\n\n# about this one\n{written}");
    let mut ours = waivers(&text).expect("what is written is read");
    assert!(ours.accept(&violation(30, "/7/Created")).is_some());
    let (left, gone) = pruned(&ours, &text);
    insta::assert_snapshot!(format!("{text}--- pruned of {gone}:\n{left}"));
    assert!(waivers(&left).is_ok());
    // Once more there is nothing to prune but what was not matched.
    assert_eq!(pruned(&waivers("").expect("an empty file"), "# all\n"), ("# all\n".to_owned(), 0));
}
