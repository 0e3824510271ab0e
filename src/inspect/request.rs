//! Judges a request: route, encoding, query, headers, media type, body.

use serde_json::Value;

use super::Look;
use super::content::json_error;
use super::exchange::Exchange;
use super::finding::Finding;
use super::websocket;
use crate::catalog::{BodyContract, Contract, Framing, Schema};
use crate::model::{Part, Place, Rule, Side};
use crate::wire::{Head, excerpt};

/// What is wrong with path, query and headers.
pub(super) fn judge_head(exchange: &Exchange, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(head) = &exchange.head else { return findings };
    if let Some(bad) = &exchange.target.bad_encoding {
        findings.push(Finding::new(
            Rule::PathEncoding,
            Side::Client,
            Place::of(if exchange.target.bad_in_query { Part::Query } else { Part::Path }),
            "two hexadecimal digits behind %",
            bad,
        ));
    }
    let query = contract.query.judge_query(&exchange.target.query);
    findings.extend(query.into_iter().map(|defect| Finding::of_parameter(defect, Side::Client, Part::Query)));
    let value = |name: &str| head.value(name).and_then(|value| std::str::from_utf8(value).ok());
    let headers = contract.headers.judge_headers(value);
    findings.extend(headers.into_iter().map(|defect| Finding::of_parameter(defect, Side::Client, Part::Header)));
    if contract.responses.get(&101).is_some_and(|response| response.body.framing == Framing::Websocket) {
        findings.extend(websocket::judge_request(head));
    }
    findings
}

/// What is wrong with the body of a complete request.
pub(super) fn judge_body(exchange: &mut Exchange, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(head) = &exchange.head else { return findings };
    if exchange.request_bytes > 0 {
        findings.extend(judge_media(head, &contract.request));
    }
    if contract.request.framing == Framing::Json {
        let body = exchange.facts.body.take();
        let mut found = judge_json(body.as_deref(), exchange.request_bytes, &contract.request, exchange.look);
        // Where the schema knows secrets they are masked by now; what is found fault with may hold others.
        if let (Some(body), Some(redactor), false) = (body, exchange.redactor(), found.is_empty()) {
            let shown = redactor.masked_fault(&body, contract.request.schema.as_ref().map(Schema::secrets));
            if shown != body {
                found = judge_json(Some(&shown), exchange.request_bytes, &contract.request, exchange.look);
            }
        }
        findings.extend(found);
    }
    findings
}

/// RFC 9112 section 3.2: a request of HTTP/1.1 has exactly one Host, and it is one (RFC 3986 section 3.2).
pub(super) fn judge_host(head: &Head) -> Option<Finding> {
    if head.is_http10() || head.method().is_empty() {
        return None;
    }
    let hosts: Vec<&[u8]> = head.values("Host").collect();
    let is_host = |host: &[u8]| host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]@".contains(byte));
    let actual = match hosts[..] {
        [host] if is_host(host) => return None,
        [] => "none".to_owned(),
        [host] => excerpt(host),
        _ => format!("{} of them", hosts.len()),
    };
    Some(Finding::new(Rule::HttpMissingHost, Side::Client, Place::header("Host"), "one Host header", actual))
}

fn judge_media(head: &Head, body: &BodyContract) -> Option<Finding> {
    // Archives and raw bodies are recognised by what they hold; dockerd looks at the label of JSON only.
    if body.framing != Framing::Json {
        return None;
    }
    let due = media_words(&body.media);
    let place = Place::header("Content-Type");
    match head.value("Content-Type") {
        None if body.media.contains(&None) => None,
        None => Some(Finding::new(Rule::MediaMissing, Side::Client, place, due, "none")),
        Some(media) if media_fits(media, &body.media) => None,
        Some(media) => Some(Finding::new(Rule::MediaMismatch, Side::Client, place, due, excerpt(media))),
    }
}

fn judge_json(bytes: Option<&[u8]>, size: u64, body: &BodyContract, look: Look) -> Vec<Finding> {
    let place = Place::of(Part::Body);
    if size == 0 {
        let found = Finding::new(Rule::SchemaEmpty, Side::Client, place, "a JSON document", "nothing");
        return if body.optional { Vec::new() } else { vec![found] };
    }
    // Larger than what is held: that was said when it was seen.
    let Some(bytes) = bytes else { return Vec::new() };
    if look == Look::Quick && body.schema.as_ref().is_some_and(|schema| schema.accepts(bytes)) {
        return Vec::new();
    }
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            return vec![Finding::new(Rule::SchemaNotJson, Side::Client, place, "one JSON document", json_error(&error)).showing(bytes)];
        }
    };
    if value.is_null() && body.optional {
        return Vec::new();
    }
    let defects = body.schema.as_ref().map(|schema| schema.defects(&value)).unwrap_or_default();
    defects.into_iter().map(|defect| Finding::of_defect(defect, Side::Client, place.clone())).collect()
}

/// Whether a Content-Type is one of these; parameters such as charset do not count.
pub(super) fn media_fits(value: &[u8], due: &[Option<String>]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    due.is_empty() || due.iter().flatten().any(|media| essence.eq_ignore_ascii_case(media.as_bytes()))
}

/// `application/json`, `a or b`.
pub(super) fn media_words(due: &[Option<String>]) -> String {
    due.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" or ")
}
