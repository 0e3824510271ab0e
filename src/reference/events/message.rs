//! An event as the API writes it.

use serde_json::{Value, json};

use super::Event;

impl Event {
    /// With the members of all versions; those of old only where a container or an image is concerned.
    pub(super) fn to_json(&self) -> Value {
        let nanos = self.time.as_nanosecond();
        let mut shown = json!({
            "Type": self.kind,
            "Action": self.action,
            "Actor": { "ID": self.id, "Attributes": self.attributes },
            "scope": self.scope,
            "time": self.time.as_second(),
            // Until 2262 there is room in 64 bits.
            "timeNano": i64::try_from(nanos).unwrap_or(i64::MAX),
        });
        if self.is_of_old() {
            shown["status"] = self.action.clone().into();
            shown["id"] = self.id.clone().into();
            if let ("container", Some(image)) = (self.kind, self.attributes.get("image").filter(|image| !image.is_empty())) {
                shown["from"] = image.clone().into();
            }
        }
        shown
    }

    /// Whether clients below 1.22, which know only `status` and `id`, are told of it. A prune has no id.
    pub(super) fn is_of_old(&self) -> bool {
        ["container", "image"].contains(&self.kind) && !self.id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn old_members_are_for_containers_and_images() {
        let attributes = BTreeMap::from([("image".to_owned(), "base".to_owned())]);
        for (kind, old) in [("container", true), ("image", true), ("network", false)] {
            let time = jiff::Timestamp::new(7, 5).expect("a time");
            let event = Event { kind, action: "start".into(), id: "x".into(), attributes: attributes.clone(), time, scope: "local" };
            let shown = event.to_json();
            assert_eq!((shown.get("status").is_some(), &shown["timeNano"]), (old, &json!(7_000_000_005_i64)), "{kind}");
            assert_eq!(shown.get("from").is_some(), kind == "container");
        }
    }
}
