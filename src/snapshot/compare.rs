//! What two scenes differ in, each place by its JSON pointer.

use serde_json::{Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::scene::{Content, Message, Scene};
use super::text::title;
use crate::model::Difference;

/// More differences of one exchange are counted, not shown.
pub const DIFFERENCES_LIMIT: usize = 40;

/// All differences of two scenarios, exchange by exchange.
#[must_use]
pub fn scenarios(left: &[Scene], right: &[Scene]) -> Vec<Difference> {
    let mut out = Vec::new();
    for index in 0..left.len().max(right.len()) {
        out.extend(pair(index + 1, left.get(index), right.get(index)));
    }
    out
}

/// The differences of one exchange; one that is missing on a side is one difference.
#[must_use]
pub fn pair(number: usize, left: Option<&Scene>, right: Option<&Scene>) -> Vec<Difference> {
    let Some(scene) = left.or(right) else { return Vec::new() };
    let mut found = Vec::new();
    match (left, right) {
        (Some(left), Some(right)) => {
            let (left, mut right) = (shape(left), shape(right));
            cut(&left, &mut right);
            values(&left, &right, &mut String::new(), &mut found);
        }
        (left, right) => found.push((String::new(), left.map(title), right.map(title))),
    }
    let request = title(scene);
    let request = request.split_once(' ').map_or("", |(_, rest)| rest).to_owned();
    let left_out = found.len().saturating_sub(DIFFERENCES_LIMIT);
    found.truncate(DIFFERENCES_LIMIT);
    if left_out > 0 {
        found.push((String::new(), None, Some(format!("… and {left_out} more differences"))));
    }
    let difference = |(pointer, expected, actual)| Difference {
        exchange: number,
        operation: scene.operation.clone(),
        request: request.clone(),
        pointer,
        expected,
        actual,
    };
    found.into_iter().map(difference).collect()
}

/// How much of a stream still comes before the client leaves is chance: what is beyond the documents that it had waited for is no difference.
fn cut(left: &Value, right: &mut Value) {
    let is_unfinished = |scene: &Value| scene["answer"]["unfinished"] == true;
    if is_unfinished(left) && is_unfinished(right) {
        let waited = left["answer"]["documents"].as_array().map_or(0, Vec::len);
        if let Some(documents) = right["answer"].get_mut("documents").and_then(Value::as_array_mut).filter(|_| waited > 0) {
            documents.truncate(waited);
        }
    }
}

/// A scene as one document, into which the pointers point.
#[must_use]
pub fn shape(scene: &Scene) -> Value {
    let answer = scene.answer.as_ref().map(|answer| {
        let mut shape = message(&answer.message);
        shape["status"] = json!(answer.status);
        if !answer.is_whole {
            shape["unfinished"] = json!(true);
        }
        shape
    });
    let mut request = message(&scene.request);
    request["operation"] = json!(scene.operation);
    request["method"] = json!(scene.method);
    request["path"] = json!(format!("{}{}", scene.prefix, scene.path));
    let query: serde_json::Map<String, Value> = scene.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    request["query"] = Value::Object(query);
    json!({ "request": request, "answer": answer })
}

fn message(message: &Message) -> Value {
    let mut shape = json!({ "headers": message.headers });
    let mut documents = Vec::new();
    for content in &message.content {
        match content {
            Content::Json(document) => shape["body"] = document.clone(),
            Content::Document(document) => documents.push(document.clone()),
            Content::Text(label, text) => shape[label.word()] = text.split_inclusive('\n').map(|line| json!(line)).collect(),
        }
    }
    if !documents.is_empty() {
        shape["documents"] = Value::Array(documents);
    }
    shape
}

type Found = (String, Option<String>, Option<String>);

fn values(left: &Value, right: &Value, place: &mut String, found: &mut Vec<Found>) {
    match (left, right) {
        _ if left == right => {}
        (Value::Object(left), Value::Object(right)) => {
            let missing = right.keys().filter(|name| !left.contains_key(*name));
            for name in left.keys().chain(missing) {
                step(place, name, |place| match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => values(left, right, place, found),
                    (left, right) => found.push((place.clone(), left.map(Value::to_string), right.map(Value::to_string))),
                });
            }
        }
        (Value::Array(left), Value::Array(right)) => arrays(left, right, place, found),
        _ => found.push((place.clone(), Some(left.to_string()), Some(right.to_string()))),
    }
}

/// Items that are the same are found again where others came or went before them.
fn arrays(left: &[Value], right: &[Value], place: &mut String, found: &mut Vec<Found>) {
    let texts = |items: &[Value]| items.iter().map(Value::to_string).collect::<Vec<_>>();
    for op in capture_diff_slices(Algorithm::Myers, &texts(left), &texts(right)) {
        let (olds, news) = (op.old_range(), op.new_range());
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        for index in 0..olds.len().max(news.len()) {
            let (old, new) = (olds.clone().nth(index), news.clone().nth(index));
            let shown = old.or(new).unwrap_or_default();
            step(place, &shown.to_string(), |place| match (old, new) {
                (Some(old), Some(new)) => values(&left[old], &right[new], place, found),
                (old, new) => {
                    found.push((place.clone(), old.map(|index| left[index].to_string()), new.map(|index| right[index].to_string())));
                }
            });
        }
    }
}

fn step(place: &mut String, name: &str, then: impl FnOnce(&mut String)) {
    let before = place.len();
    place.push('/');
    place.push_str(&name.replace('~', "~0").replace('/', "~1"));
    then(place);
    place.truncate(before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_has_its_pointer() {
        let left = json!({ "a": [1, 2, 3], "b/c": { "x": "y" }, "gone": null });
        let right = json!({ "a": [2, 4, 3], "b/c": { "x": 7 }, "new": {} });
        let mut found = Vec::new();
        values(&left, &right, &mut String::new(), &mut found);
        let shown: Vec<String> = found
            .into_iter()
            .map(|(place, left, right)| format!("{place}: {} -> {}", left.unwrap_or_default(), right.unwrap_or_default()))
            .collect();
        assert_eq!(shown, ["/a/0: 1 -> ", "/a/1:  -> 4", "/b~1c/x: \"y\" -> 7", "/gone: null -> ", "/new:  -> {}"]);
    }

    #[test]
    fn what_comes_while_the_client_leaves_is_no_difference() {
        let events = |count: usize, is_whole: bool| Scene {
            operation: None,
            version: None,
            method: "GET".to_owned(),
            prefix: String::new(),
            path: "/events".to_owned(),
            query: Vec::new(),
            request: Message::default(),
            answer: Some(super::super::scene::Answer {
                status: 200,
                is_whole,
                message: Message { content: (0..count).map(|number| Content::Document(json!(number))).collect(), ..Message::default() },
            }),
        };
        for (left, right, differ) in [
            (events(2, false), events(3, false), false),
            (events(3, false), events(2, false), true),
            (events(2, true), events(3, true), true),
            (events(2, false), events(3, true), true),
        ] {
            assert_eq!(!pair(1, Some(&left), Some(&right)).is_empty(), differ, "{left:?} {right:?}");
        }
    }
}
