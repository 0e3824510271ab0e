use std::collections::{BTreeMap, BTreeSet};

use super::{Coverage, bars};
use crate::catalog::Catalog;
use crate::model::{ApiVersion, OperationSeen};
use crate::report::Style;

fn seen(daemon: Option<&str>, minor: u16) -> OperationSeen {
    OperationSeen {
        daemon: daemon.map(Into::into),
        api_version: ApiVersion::new(minor),
        operation: "ContainerWait".into(),
        statuses: BTreeMap::from([(200, 2), (418, 1)]),
        query: BTreeSet::from(["condition".to_owned(), "colour".to_owned()]),
        members: BTreeMap::from([(200, BTreeSet::from(["/StatusCode".to_owned(), "/Taste".to_owned()])), (418, BTreeSet::new())]),
    }
}

#[test]
fn what_the_version_does_not_have_is_left_aside() {
    let mut coverage = Coverage::default();
    coverage.add(&seen(None, 41));
    coverage.add(&seen(None, 41));
    let shares = *coverage.shares(Catalog::builtin()).values().next().expect("one row");
    let counts = [shares.operations, shares.statuses, shares.query, shares.members].map(|share| share.seen);
    assert_eq!(counts, [1, 1, 1, 1], "the status 418, the parameter colour and the member Taste are not the API's");
    assert!(shares.operations.all > 100 && shares.statuses.all > 300 && shares.members.all > 1000, "{shares:?}");
}

#[test]
fn the_table_is_no_more_than_a_screen() {
    let mut coverage = Coverage::default();
    assert_eq!(bars(&coverage, Catalog::builtin(), Style::Plain), "");
    for minor in 0..=55 {
        coverage.add(&seen(Some("podman"), minor));
        coverage.add(&seen(Some("docker"), minor));
    }
    let table = bars(&coverage, Catalog::builtin(), Style::Plain);
    assert!(table.lines().count() <= 20, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("docker 1.0–1.6") && table.contains("podman 1.49–1.55"), "{table}");
}
