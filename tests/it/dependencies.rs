//! What plimsoll is built of: every dependency has its reason, a licence that may be used, one source, and no known advisory. It works offline, on
//! Cargo.toml, Cargo.lock and what cargo has unpacked; `deny.toml` says the same to `cargo deny`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::support::repository;

/// Advisories that name a crate that is used, looked at one by one: the crate, the advisory, and why it does not concern plimsoll.
const LOOKED_AT: [(&str, &str, &str); 0] = [];

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table(path: &str) -> toml::Table {
    text(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn list(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

/// Name and version of every package that is locked.
fn locked() -> Vec<(String, String, Option<String>)> {
    let lock = table("Cargo.lock");
    let packages = lock["package"].as_array().expect("packages");
    let field = |package: &toml::Value, name: &str| package.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    packages
        .iter()
        .map(|package| (field(package, "name").expect("a name"), field(package, "version").expect("a version"), field(package, "source")))
        .collect()
}

#[test]
fn every_direct_dependency_says_why_it_is_there() {
    let manifest = text("Cargo.toml");
    let (_, rest) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
    let (dependencies, _) = rest.split_once("\n[dev-dependencies]\n").expect("dev-dependencies");
    let mut reason = false;
    let mut without = Vec::new();
    for line in dependencies.lines() {
        match line.split_once(" = ") {
            Some((name, _)) if !line.starts_with('#') => {
                if !std::mem::take(&mut reason) {
                    without.push(name.to_owned());
                }
            }
            _ => reason = line.starts_with("# "),
        }
    }
    assert_eq!(without, Vec::<String>::new(), "a comment above each in Cargo.toml says why it is there");
}

#[test]
fn everything_comes_from_the_registry_and_no_version_twice_unless_it_must() {
    let deny = table("deny.toml");
    let skipped: BTreeSet<String> =
        deny["bans"]["skip"].as_array().expect("a list").iter().map(|item| item["crate"].as_str().expect("a text").to_owned()).collect();
    let mut versions = BTreeMap::<String, Vec<String>>::new();
    for (name, version, source) in locked() {
        match source.as_deref() {
            None => assert_eq!(name, "plimsoll", "nothing else is a path"),
            Some(source) => assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}"),
        }
        versions.entry(name).or_default().push(version);
    }
    let twice: BTreeSet<String> = versions.into_iter().filter(|(_, versions)| versions.len() > 1).map(|(name, _)| name).collect();
    let new: Vec<_> = twice.difference(&skipped).collect();
    let gone: Vec<_> = skipped.difference(&twice).collect();
    assert!(new.is_empty() && gone.is_empty(), "bans.skip in deny.toml lacks {new:?}, and has for nothing {gone:?}");
}

#[test]
fn every_licence_may_be_used() {
    let allowed = list(&table("deny.toml")["licenses"]["allow"]);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(repository(""))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let licence = package["license"].as_str().unwrap_or_default();
        if !may_be_used(licence, &allowed) {
            refused.push(format!("{} {}: {licence:?}", package["name"], package["version"]));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// SPDX: one of the choices has nothing but allowed parts.
fn may_be_used(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let licence = licence.replace('/', " OR ").replace(['(', ')'], " ");
    let both = |choice: &str| !choice.trim().is_empty() && choice.split(" AND ").all(|part| allowed.contains(part.trim()));
    // `(A OR B) AND C` becomes `A OR B AND C`: stricter for B, and A is looked at alone.
    licence.split(" OR ").any(both)
}

#[test]
fn licences_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into();
    for (licence, may) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(may_be_used(licence, &allowed), may, "{licence}");
    }
}

/// The list is fetched while plimsoll is worked on, with its date; the check needs no network.
#[test]
fn no_advisory_is_known() {
    let known = table("tests/it/dependencies/advisories.toml");
    let locked = locked();
    let mut hit = Vec::new();
    for advisory in known.get("advisory").and_then(toml::Value::as_array).into_iter().flatten() {
        let (name, id) = (advisory["crate"].as_str().expect("a text"), advisory["id"].as_str().expect("a text"));
        let safe = list(&advisory["safe"]);
        for (_, version, _) in locked.iter().filter(|(other, ..)| other == name) {
            let looked_at = LOOKED_AT.iter().any(|(other, seen, _)| (*other, *seen) == (name, id));
            if !looked_at && !safe.iter().any(|range| lies_in(version, range)) {
                hit.push(format!("{name} {version}: {id}, safe are {safe:?}"));
            }
        }
    }
    assert!(hit.is_empty(), "{}", hit.join("\n"));
}

/// `>= 1.2, < 2`, `^0.3.4`: the ranges that advisories have.
fn lies_in(version: &str, range: &str) -> bool {
    let version = number(version);
    range.split(',').all(|part| {
        let part = part.trim();
        let digits = part.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let bound = number(digits);
        match part[..part.len() - digits.len()].trim() {
            ">=" => version >= bound,
            ">" => version > bound,
            "<" => version < bound,
            "<=" => version <= bound,
            "=" => version == bound,
            "~" => version >= bound && version[..2] == bound[..2],
            // What Cargo means by a version alone: nothing left of the first number that is not zero may differ.
            "" | "^" => {
                let same = 1 + bound.iter().position(|number| *number > 0).unwrap_or(2);
                version >= bound && version[..same] == bound[..same]
            }
            other => panic!("what is `{other}` in {range}?"),
        }
    })
}

fn number(version: &str) -> [u64; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or_default());
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

#[test]
fn ranges_are_read_as_cargo_means_them() {
    for (version, range, lies) in [
        ("1.2.3", ">=1.2.3", true),
        ("1.2.2", ">= 1.2.3", false),
        ("1.9.0", "^1.2.3", true),
        ("2.0.0", "^1.2.3", false),
        ("0.3.9", "^0.3.4", true),
        ("0.4.0", "^0.3.4", false),
        ("1.5.0", ">= 1.2, < 2", true),
        ("2.0.0", ">= 1.2, < 2", false),
        ("1.2.9", "~1.2.3", true),
    ] {
        assert_eq!(lies_in(version, range), lies, "{version} in {range}");
    }
}
