#!/usr/bin/env python3
"""openapi30.py DOCUMENT PATH: of an OpenAPI 3.1 document the answer to GET PATH, in the words of OpenAPI 3.0, for a peer that reads no newer one."""

import json
import sys


def older(schema):
    """Types with null become `nullable`; what 3.0 has no word for is left out, so that the peer has less to do, not more."""
    if not isinstance(schema, dict):
        return schema
    new = {}
    types = schema.get("type")
    if isinstance(types, list):
        named = [name for name in types if name != "null"]
        if len(named) == 1:
            new["type"] = named[0]
        if "null" in types:
            new["nullable"] = True
    elif types:
        new["type"] = types
    if "enum" in schema:
        new["enum"] = [value for value in schema["enum"] if value is not None]
    if "properties" in schema:
        new["properties"] = {name: older(value) for name, value in schema["properties"].items()}
    for name in ("items", "additionalProperties"):
        if name in schema:
            new[name] = older(schema[name])
    for name in ("required", "minimum", "maximum", "pattern", "minLength"):
        if name in schema:
            new[name] = schema[name]
    return new


document, path = json.load(open(sys.argv[1])), sys.argv[2]
schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
answer = {"description": "the list", "content": {"application/json": {"schema": older(schema)}}}
json.dump(
    {
        "openapi": "3.0.3",
        "info": document["info"],
        "paths": {document["servers"][0]["url"] + path: {"get": {"operationId": "list", "responses": {"200": answer}}}},
    },
    sys.stdout,
)
