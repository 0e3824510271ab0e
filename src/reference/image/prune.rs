//! `POST /images/prune`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::delete::{Record, Removal};
use super::list::{dangling, until};

/// Answers the operation.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["dangling", "label", "label!", "until"])?;
    let only_dangling = dangling(&filters)?.unwrap_or(true);
    let until = until(&filters, engine.now())?;
    let mut state = engine.state();
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    let mut candidates = Vec::new();
    for record in state.images.iter() {
        let image = &record.image;
        sizes.extend(image.chain.iter().cloned().zip(image.layers.iter().map(|layer| layer.size)));
        let labels = image.config.get("Labels").and_then(Value::as_object);
        let has_children = state.images.has_children(&image.id);
        let fits = !(has_children && (only_dangling || record.names.is_empty()))
            && until.is_none_or(|until| image.created <= until)
            && filters.labels(|key| labels?.get(key)?.as_str());
        let tagged = record.names.iter().any(|name| name.tag.is_some());
        if fits && !(only_dangling && tagged) {
            let references = record.names.iter().map(ToString::to_string);
            let references: Vec<String> = references.collect();
            let hex = image.id.strip_prefix("sha256:").unwrap_or_default().to_owned();
            candidates.push(if references.is_empty() { vec![hex] } else { references });
        }
    }
    let mut deleted: Vec<Record> = Vec::new();
    for reference in candidates.iter().flatten() {
        let removal = Removal { engine, force: false, prune: true, records: Vec::new() };
        // What is in use stays.
        if let Ok(records) = removal.run(&mut state, reference) {
            deleted.extend(records);
        }
    }
    let gone = deleted.iter().filter_map(|record| match record {
        Record::Deleted(id) => sizes.get(id),
        Record::Untagged(_) => None,
    });
    let reclaimed = gone.fold(0, |sum: u64, size| sum.saturating_add(*size));
    engine.emit(&mut state, "image", "prune", "", BTreeMap::from([("reclaimed".to_owned(), reclaimed.to_string())]));
    let documents: Vec<Value> = deleted.iter().map(Record::document).collect();
    Ok(Answer::json(json!({
        "ImagesDeleted": if documents.is_empty() { Value::Null } else { documents.into() },
        "SpaceReclaimed": reclaimed,
    })))
}
