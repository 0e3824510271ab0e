//! The kept corpus of the fuzz targets, every file once: what was found stays found, and no promise waits for a fuzzer to be held.

#[expect(unreachable_pub, reason = "`fuzz/` has the module too, and hands it on")]
pub(crate) mod targets;

use crate::support::repository;
use std::collections::BTreeSet;

#[test]
fn the_kept_corpus_breaks_no_promise() {
    for (name, target) in targets::TARGETS {
        let dir = repository("fuzz/corpus").join(name);
        let files = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut count = 0;
        for file in files {
            let path = file.expect("a readable folder").path();
            let data = std::fs::read(&path).expect("a readable file");
            if let Err(panic) = std::panic::catch_unwind(|| target(&data)) {
                eprintln!("above: target {name}, {}", path.display());
                std::panic::resume_unwind(panic);
            }
            count += 1;
        }
        assert!(count > 0, "{} is empty", dir.display());
    }
}

#[test]
fn every_target_is_built_and_has_a_corpus() {
    let names: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries =
        |dir: &str| std::fs::read_dir(repository(dir)).expect("a readable folder").map(|entry| entry.expect("a readable folder").path());
    let stem = |path: std::path::PathBuf| path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
    assert_eq!(entries("fuzz/corpus").map(stem).collect::<BTreeSet<_>>(), names);
    assert_eq!(entries("fuzz/fuzz_targets").map(stem).collect::<BTreeSet<_>>(), names);
    let manifest = std::fs::read_to_string(repository("fuzz/Cargo.toml")).expect("a readable file");
    let built: BTreeSet<String> =
        manifest.lines().filter_map(|line| Some(line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\"")?.to_owned())).collect();
    assert_eq!(built, names);
}
