//! Takes out of an answer what the asked version does not have.
//!
//! The parts of the daemon make answers with the members of all versions; which version has which member is said in one place, the schema files.
//! What a member holds, whether it is null or empty, and whether it is there at all is the part's own knowledge: nothing is ever added here.

use serde_json::Value;

use crate::catalog::{BodyContract, Operation};
use crate::model::ApiVersion;

/// The schema of an operation's response; `None` when it has none.
pub(super) fn schema(operation: &'static Operation, version: ApiVersion, status: u16) -> Option<&'static Value> {
    let response = operation.contract(version).responses.get(&status)?;
    let BodyContract { schema, .. } = &response.body;
    schema.as_ref().map(crate::catalog::Schema::source)
}

/// Removes the members that the schema marks as newer or older than its version.
pub(super) fn shape(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(members)) = schema.get("properties") {
                object.retain(|name, value| match members.get(name) {
                    Some(member) if is_out_of_range(member) => false,
                    Some(member) => {
                        shape(value, member);
                        true
                    }
                    None => true,
                });
            }
            if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
                let named = schema.get("properties");
                let unnamed = object.iter_mut().filter(|(name, _)| named.is_none_or(|named| named.get(name.as_str()).is_none()));
                unnamed.for_each(|(_, value)| shape(value, rest));
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    shape(item, schema);
                }
            }
        }
        _ => {}
    }
}

fn is_out_of_range(schema: &Value) -> bool {
    schema.get("x-too-new").is_some() || schema.get("x-removed").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn newer_members_go() {
        let operation = Catalog::builtin().operation("ContainerWait").expect("an operation");
        for (minor, expected) in [(41, json!({ "StatusCode": 0, "Error": null })), (24, json!({ "StatusCode": 0 }))] {
            let mut value = json!({ "StatusCode": 0, "Error": null });
            shape(&mut value, schema(operation, ApiVersion::new(minor), 200).expect("a schema"));
            assert_eq!(value, expected, "1.{minor}");
        }
    }
}
