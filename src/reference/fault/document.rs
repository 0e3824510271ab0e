//! Faults in a JSON document. The schema of the answer says where one can be made that breaks one rule and no other.

use serde_json::{Map, Value, json};

/// What can be wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Damage {
    Missing,
    Null,
    Type,
    Enum,
    Format,
    Range,
    Shape,
    Unknown,
    TooNew,
    Removed,
}

/// A text that is no known word, form or number.
const ODD: &str = "plimsoll";

/// Damages the first place that offers itself; whether there was one.
pub(in super::super) fn damage(damage: Damage, value: &mut Value, schema: &Value) -> bool {
    if at(damage, value, schema) {
        return true;
    }
    match value {
        Value::Object(object) => {
            if of_object(damage, object, schema) {
                return true;
            }
            let members = schema.get("properties");
            let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
            object.iter_mut().any(|(name, value)| {
                let schema = members.and_then(|members| members.get(name)).or(rest);
                schema.is_some_and(|schema| self::damage(damage, value, schema))
            })
        }
        Value::Array(items) => {
            let schema = schema.get("items");
            schema.is_some_and(|schema| items.iter_mut().any(|item| self::damage(damage, item, schema)))
        }
        _ => false,
    }
}

/// Faults of one value.
fn at(damage: Damage, value: &mut Value, schema: &Value) -> bool {
    let has = |key: &str| schema.get(key).is_some();
    // Where a condition looks at the value, or shapes are chosen by it, a second rule might be broken.
    if ["if", "anyOf", "oneOf", "allOf", "not"].into_iter().any(has) {
        return false;
    }
    let one_type = schema.get("type").and_then(Value::as_str);
    let spoilt = match (damage, one_type) {
        (Damage::Null, Some(kind)) if kind != "null" && !has("enum") && !has("const") => Value::Null,
        (Damage::Type, Some("integer" | "number" | "boolean")) if !has("enum") && !has("const") => json!(value.to_string()),
        (Damage::Enum, Some("string")) if has("enum") && value.is_string() => json!(ODD),
        (Damage::Format, Some("string")) if (has("format") || has("pattern")) && value.is_string() => json!(ODD),
        (Damage::Range, Some("integer" | "number")) if value.is_number() => match schema.get("minimum").and_then(Value::as_i64) {
            Some(minimum) if !has("enum") => json!(minimum.saturating_sub(1)),
            _ => return false,
        },
        _ => return false,
    };
    *value = spoilt;
    true
}

/// Faults of the members of an object.
fn of_object(damage: Damage, object: &mut Map<String, Value>, schema: &Value) -> bool {
    if damage == Damage::Shape {
        // A map whose names have a form, such as `80/tcp`.
        return schema.get("propertyNames").is_some() && object.insert(ODD.to_owned(), Value::Null).is_none();
    }
    let Some(members) = schema.get("properties").and_then(Value::as_object) else { return false };
    let marked = |marker: &str| members.iter().find(|(_, member)| member.get(marker).is_some()).map(|(name, _)| name.clone());
    match damage {
        Damage::Missing => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let found = required.into_iter().find(|name| object.contains_key(*name)).map(str::to_owned);
            found.is_some_and(|name| object.remove(&name).is_some())
        }
        Damage::Unknown if schema.get("additionalProperties").is_none() => object.insert("Plimsoll".to_owned(), json!(ODD)).is_none(),
        Damage::TooNew => marked("x-too-new").is_some_and(|name| object.insert(name, json!(ODD)).is_none()),
        Damage::Removed => marked("x-removed").is_some_and(|name| object.insert(name, json!(ODD)).is_none()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_damaged() {
        let schema = json!({ "type": "object", "required": ["Id", "Names"], "properties": {
            "Id": { "type": "string", "format": "hex64" },
            "Names": { "type": "array", "items": { "type": "string" } },
            "State": { "type": "string", "enum": ["running"] },
            "Size": { "type": "integer", "minimum": 0 },
            "Health": { "x-too-new": "1.52" },
            "Ports": { "type": "object", "propertyNames": { "pattern": "/tcp$" } },
            "Old": { "x-removed": "1.20" },
        } });
        let right = json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": 1 });
        let mut ports = json!({ "Ports": {} });
        assert!(damage(Damage::Shape, &mut ports, &schema));
        assert_eq!(ports, json!({ "Ports": { "plimsoll": null } }));
        for (kind, expected) in [
            (Damage::Missing, json!({ "Names": ["b"], "State": "running", "Size": 1 })),
            (Damage::Type, json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": "1" })),
            (Damage::Enum, json!({ "Id": "a", "Names": ["b"], "State": "plimsoll", "Size": 1 })),
            (Damage::Format, json!({ "Id": "plimsoll", "Names": ["b"], "State": "running", "Size": 1 })),
            (Damage::Range, json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": -1 })),
            (Damage::Unknown, json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": 1, "Plimsoll": "plimsoll" })),
            (Damage::TooNew, json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": 1, "Health": "plimsoll" })),
            (Damage::Removed, json!({ "Id": "a", "Names": ["b"], "State": "running", "Size": 1, "Old": "plimsoll" })),
            (Damage::Null, Value::Null),
        ] {
            let mut value = right.clone();
            assert!(damage(kind, &mut value, &schema), "{kind:?}");
            assert_eq!(value, expected, "{kind:?}");
        }
        assert!(!damage(Damage::Enum, &mut json!([]), &schema));
    }
}
