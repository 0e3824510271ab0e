//! Relations inside one document that no schema can say, and the names of dialects. It sees one answer, never two.

use serde_json::Value;

use super::finding::Finding;
use crate::model::{Part, Place, Rule, Side};

/// What is wrong between the members of an answer.
pub(super) fn judge(operation: &str, document: &Value) -> Vec<Finding> {
    match operation {
        "ContainerTop" => columns(document).into_iter().collect(),
        "ContainerInspect" => networks(document).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Docker Engine API documents, `ContainerTop`; moby/moby `daemon/top_unix.go` splits titles at blanks and makes every row as long as they are.
fn columns(document: &Value) -> Option<Finding> {
    let titles = document.get("Titles")?.as_array()?;
    let place = |pointer: String| Place::of(Part::Body).at_pointer(pointer);
    // On Windows one of the four titles is `Private Working Set` (top_windows.go); one alone is a line that was not split.
    if let [Value::String(title)] = &titles[..]
        && title.contains(|char: char| char.is_ascii_whitespace())
    {
        let expected = "one title for each column";
        let found = Finding::new(Rule::SchemaColumns, Side::Daemon, place("/Titles/0".to_owned()), expected, format!("{title:?}"));
        return Some(found.saying("the titles of ps were not split into columns"));
    }
    let rows = document.get("Processes")?.as_array()?;
    let (index, row) = rows.iter().filter_map(Value::as_array).enumerate().find(|(_, row)| row.len() != titles.len())?;
    let (expected, actual) = (format!("{} fields, as there are titles", titles.len()), row.len().to_string());
    Some(Finding::new(Rule::SchemaColumns, Side::Daemon, place(format!("/Processes/{index}")), expected, actual))
}

/// moby/moby daemon/inspect.go, `getDefaultNetworkSettings`: the address at the top is copied from the network `bridge` in `Networks`.
fn networks(document: &Value) -> Option<Finding> {
    let settings = document.get("NetworkSettings")?;
    let networks = settings.get("Networks")?.as_object()?;
    let address = settings.get("IPAddress")?.as_str().filter(|address| !address.is_empty() && networks.is_empty())?;
    let place = Place::of(Part::Body).at_pointer("/NetworkSettings/Networks");
    Some(Finding::new(Rule::SchemaNetworks, Side::Daemon, place, format!("the network that gives the address {address}"), "{}"))
}

/// Says by name what is not just any defect but the answer of podman's own API on a path of Docker's.
///
/// This is a hint in the message and no rule: the defect is that of any other daemon, and as grave.
pub(super) fn name_dialect(findings: &mut [Finding], operation: &str, document: &Value) {
    let error = ["cause", "message", "response"].iter().all(|member| document.get(member).is_some());
    let bare_code = operation == "ContainerWait" && document.is_number();
    for finding in findings {
        match finding.rule {
            Rule::SchemaUnknownMember if error && matches!(finding.place.pointer.as_deref(), Some("/cause" | "/response")) => {
                "an error in the shape of podman's own API: cause, message, response".clone_into(&mut finding.message);
            }
            Rule::SchemaType if bare_code => {
                "the bare exit code of podman's own API".clone_into(&mut finding.message);
            }
            _ => {}
        }
    }
}
