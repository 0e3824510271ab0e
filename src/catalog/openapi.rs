//! Exports one version of the catalogue: OpenAPI 3.1, or JSON Schema 2020-12.

use serde_json::{Map, Value, json};

use super::Catalog;
use super::contract::{BodyContract, Contract, Framing};
use super::file::SchemaError;
use super::operation::Operation;
use super::parameter::Parameters;
use super::projection::{REMOVED, TOO_NEW};
use super::wire_value::Wire;
use crate::model::ApiVersion;

/// The version as an OpenAPI 3.1 document.
pub fn document(catalog: &Catalog, version: ApiVersion) -> Result<Value, SchemaError> {
    let mut paths = Map::new();
    for operation in catalog.operations_at(version) {
        let contract = operation.project(version)?;
        // A second spelling of the same route (`/networks/`) is no operation of its own in OpenAPI.
        for route in operation.routes().iter().filter(|route| route.range.contains(version)).take(1) {
            let item = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
            item[route.method.to_ascii_lowercase()] = operation_object(operation, &contract, &route.path);
        }
    }
    Ok(json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Docker Engine API",
            "version": version,
            "description": format!("API version {version} as plimsoll {} judges by it.", env!("CARGO_PKG_VERSION")),
        },
        "servers": [{ "url": format!("/v{version}") }],
        "paths": paths,
    }))
}

/// The version as one JSON Schema document: a definition for each body, named `<OperationId>.request` or `<OperationId>.<status>`.
pub fn json_schema(catalog: &Catalog, version: ApiVersion) -> Result<Value, SchemaError> {
    let mut definitions = Map::new();
    for operation in catalog.operations_at(version) {
        let contract = operation.project(version)?;
        let mut add = |name: String, body: &BodyContract| {
            if let Some(schema) = &body.schema {
                definitions.insert(name, plain(schema.source()));
            }
        };
        add(format!("{}.request", operation.id()), &contract.request);
        for (status, response) in &contract.responses {
            add(format!("{}.{status}", operation.id()), &response.body);
        }
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Docker Engine API {version}"),
        "$defs": definitions,
    }))
}

fn operation_object(operation: &Operation, contract: &Contract, path: &str) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    if let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        parameters.push(json!({ "name": path[open + 1..close], "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    parameters.extend(parameter_objects(&contract.query, "query"));
    parameters.extend(parameter_objects(&contract.headers, "header"));
    let mut object = json!({
        "operationId": operation.id(),
        "tags": [operation.tag()],
        "summary": operation.summary(),
        "parameters": parameters,
        "responses": {},
    });
    if contract.request.framing != Framing::Empty {
        object["requestBody"] = json!({ "required": !contract.request.optional, "content": content(&contract.request) });
    }
    for (status, response) in &contract.responses {
        let mut out = json!({ "description": describe(*status, response.hijack) });
        let headers: Map<String, Value> = response
            .headers
            .iter()
            .filter(|header| header.exists() && !header.name.eq_ignore_ascii_case("Content-Type"))
            .map(|header| {
                (header.name.clone(), json!({ "required": header.required, "schema": wire_schema(header.wire, header.schema().source()) }))
            })
            .collect();
        if !headers.is_empty() {
            out["headers"] = Value::Object(headers);
        }
        if response.body.framing != Framing::Empty {
            out["content"] = content(&response.body);
        }
        object["responses"][status.to_string()] = out;
    }
    object
}

fn parameter_objects(parameters: &Parameters, place: &str) -> Vec<Value> {
    let known = parameters.iter().filter(|parameter| parameter.exists());
    // OpenAPI says these by other means.
    let known = known.filter(|parameter| {
        place != "header" || !["content-type", "accept", "authorization"].contains(&parameter.name.to_ascii_lowercase().as_str())
    });
    known
        .map(|parameter| {
            let schema = wire_schema(parameter.wire, parameter.schema().source());
            let mut object = json!({ "name": parameter.name, "in": place, "required": parameter.required });
            if parameter.wire == Wire::Json {
                object["content"] = json!({ "application/json": { "schema": schema } });
            } else {
                object["schema"] = schema;
            }
            object
        })
        .collect()
}

/// The schema of the text, where the file's is that of the value in it.
fn wire_schema(wire: Wire, source: &Value) -> Value {
    let mut schema = plain(source);
    let typed = schema.get("type").is_some();
    match wire {
        Wire::Text if !typed => schema["type"] = json!("string"),
        Wire::Int if !typed => schema["type"] = json!("integer"),
        Wire::Flag if !typed => schema["type"] = json!("boolean"),
        Wire::List if !typed => schema["type"] = json!("array"),
        Wire::Base64Json => {
            return json!({ "type": "string", "contentEncoding": "base64url", "contentMediaType": "application/json", "contentSchema": schema });
        }
        _ => {}
    }
    schema
}

fn content(body: &BodyContract) -> Value {
    let default = match body.framing {
        Framing::Tar => "application/x-tar",
        Framing::Text => "text/plain",
        _ => "application/octet-stream",
    };
    let schema = match body.framing {
        Framing::Json | Framing::JsonStream | Framing::Text => {
            body.schema.as_ref().map_or_else(|| json!({}), |schema| plain(schema.source()))
        }
        _ => json!({ "type": "string", "format": "binary" }),
    };
    let mut media: Vec<&str> = body.media.iter().flatten().map(String::as_str).collect();
    if media.is_empty() {
        media.push(default);
    }
    let key = if body.framing == Framing::JsonStream { "x-json-stream-item" } else { "schema" };
    let mut out = Map::new();
    for media in media {
        let value = if key == "schema" { json!({ "schema": schema }) } else { json!({ "schema": schema, key: true }) };
        out.insert(media.to_owned(), value);
    }
    Value::Object(out)
}

fn describe(status: u16, hijack: bool) -> String {
    let text = match status {
        101 => "The connection is handed over.",
        200..=299 if hijack => "The connection is handed over, until it is closed.",
        200..=299 => "Done.",
        300..=399 => "Nothing to do.",
        _ => "Refused.",
    };
    text.to_owned()
}

/// Without markers, and without our own formats' meaning lost: an unknown `format` is an annotation.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Object(object) => {
            let absent = |value: &Value| value.get(TOO_NEW).is_some() || value.get(REMOVED).is_some();
            let mut out = Map::new();
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("wire", Value::String(_)) | (TOO_NEW | REMOVED, _) => {}
                    ("const" | "enum" | "default", _) => drop(out.insert(key.clone(), value.clone())),
                    ("properties", Value::Object(members)) => {
                        let kept = members.iter().filter(|(_, member)| !absent(member));
                        out.insert(key.clone(), Value::Object(kept.map(|(name, member)| (name.clone(), plain(member))).collect()));
                    }
                    _ => drop(out.insert(key.clone(), plain(value))),
                }
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}
