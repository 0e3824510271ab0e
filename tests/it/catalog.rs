//! Every schema file fits the meta schema, routes are unambiguous in every version, examples hold at every version that they claim.

use plimsoll::catalog::Catalog;

#[test]
fn every_file_is_sound_and_every_example_holds() {
    let (linted, errors) = Catalog::lint();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(linted.examples > linted.files, "{linted:?}");
}
