//! Error answers whose own words say that the status, or the error itself, is wrong. It sees one answer with its request, never two, and what an
//! error says in other words stays unjudged.

use serde_json::Value;

use super::finding::Finding;
use super::state::Fact;
use crate::model::{Part, Place, Rule, Side};

/// What an error answer says: the `message` of the document, or the text of 1.23 and older.
pub(super) fn message(document: &Value) -> Option<&str> {
    document.get("message").unwrap_or(document).as_str()
}

/// What is wrong with an error answer.
pub(super) fn judge(fact: &Fact<'_>) -> Option<Finding> {
    if fact.status < 400 {
        return None;
    }
    let message = message(fact.document?)?.to_ascii_lowercase();
    crash(&message, fact.status)
        .or_else(|| missing_image(fact, &message))
        .or_else(|| image_in_use(fact, &message))
        .or_else(|| refused_value(fact, &message))
}

/// A create that fails because the image is not there says 404: the docker CLI pulls then, and only then.
fn missing_image(fact: &Fact<'_>, message: &str) -> Option<Finding> {
    let says_so = ["no such image", "image not known", "unable to find image"].iter().any(|words| message.contains(words));
    (fact.operation == "ContainerCreate" && fact.status != 404 && says_so)
        .then(|| of_status(Rule::StatusNotFound, "404", fact.status, "an image that is not there is no other error than 404"))
}

/// moby/moby `daemon/images/image_delete.go`: every conflict of a deletion is one by status, too.
fn image_in_use(fact: &Fact<'_>, message: &str) -> Option<Finding> {
    let says_so =
        ["in use by", "used by", "is using", "being used"].iter().any(|words| message.contains(words)) && message.contains("container");
    (fact.operation == "ImageDelete" && fact.status >= 500 && says_so)
        .then(|| of_status(Rule::StatusConflict, "409", fact.status, "an image that a container uses is a conflict"))
}

/// What Go's runtime says when the program itself is wrong. `OCI runtime error` and its like are another thing.
fn crash(message: &str, status: u16) -> Option<Finding> {
    const WORDS: [&str; 4] = [
        "runtime error: index out of range",
        "runtime error: slice bounds out of range",
        "runtime error: invalid memory address",
        "runtime error: integer divide by zero",
    ];
    let words = WORDS.iter().find(|words| message.contains(**words))?;
    (status >= 500).then(|| Finding::new(Rule::StatusCrash, Side::Daemon, Place::of(Part::Body), "an answer", *words))
}

/// A value that every daemon of the version takes, and an error that complains of this very value.
fn refused_value(fact: &Fact<'_>, message: &str) -> Option<Finding> {
    let parameter = |name: &str| fact.target.parameter(name).filter(|value| !value.is_empty());
    let (place, value, complains) = match fact.operation {
        "ContainerWait" if fact.version.minor() >= 30 => {
            let condition = parameter("condition").filter(|value| matches!(*value, "not-running" | "next-exit" | "removed"))?;
            (Place::of(Part::Query).named("condition"), condition, message.contains("condition"))
        }
        "ContainerLogs" => {
            let tail = parameter("tail").filter(|value| *value == "all" || value.parse::<i64>().is_ok())?;
            let complains = message.contains("tail") && ["invalid", "greater than", "must be"].iter().any(|words| message.contains(words));
            (Place::of(Part::Query).named("tail"), tail, complains)
        }
        "ContainerCreate" => {
            let user = fact.wish.user.as_deref().filter(|user| !user.is_empty())?;
            let complains = ["int64", "parseint", "to integer"].iter().any(|words| message.contains(words));
            (Place::of(Part::Body).at_pointer("/User"), user, complains && message.contains(&user.to_ascii_lowercase()))
        }
        _ => return None,
    };
    let due = || format!("{value:?} is taken, as the API has it");
    complains.then(|| Finding::new(Rule::StatusRefusedValue, Side::Daemon, place, due(), fact.status.to_string()))
}

fn of_status(rule: Rule, due: &str, status: u16, message: &str) -> Finding {
    Finding::new(rule, Side::Daemon, Place::of(Part::StatusLine), due, status.to_string()).saying(message)
}
