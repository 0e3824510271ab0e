//! Scenes as the text of a snapshot, made to be read in a diff, and back.
//!
//! ```text
//! === 1 ContainerCreate 1.41 POST /v1.41/containers/create?name=web
//! > Content-Type: application/json
//! {
//!   "Image": "busybox"
//! }
//! --- 201
//! < Content-Type: application/json
//! {
//!   "Id": "<container-1>",
//!   "Warnings": []
//! }
//! ```
//!
//! A document of a stream stands on a line of its own behind `document| `; text behind `stdout| `, `raw| ` and so on, a line a line, and a last line
//! that no newline ends behind `stdout~ `.

use std::fmt::Write as _;

use serde_json::Value;

use super::scene::{Answer, Content, Label, Message, Scene};
use crate::inspect::{PathVersion, Target};

const UNFINISHED: &str = "(unfinished)";
const SILENCE: &str = "no answer";
const DOCUMENT: &str = "document";

/// The text of a snapshot.
#[must_use]
pub fn write(scenes: &[Scene]) -> String {
    let mut out = String::new();
    for (index, scene) in scenes.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        write_scene(&mut out, index + 1, scene);
    }
    out
}

/// The line that names an exchange: `ContainerStart 1.41 POST /v1.41/containers/<container-1>/start`.
#[must_use]
pub fn title(scene: &Scene) -> String {
    let version = scene.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    let method = if scene.method.is_empty() { "-" } else { &scene.method };
    format!("{} {version} {method} {}", scene.operation.as_deref().unwrap_or("-"), target(scene))
}

/// Path and query, readable: percent-encoded only where a reader could not tell it apart.
fn target(scene: &Scene) -> String {
    let mut out = scene.prefix.clone();
    push_encoded(&mut out, &scene.path, b"%? ");
    for (index, (name, value)) in scene.query.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        push_encoded(&mut out, name, b"%&= ");
        out.push('=');
        push_encoded(&mut out, value, b"%& ");
    }
    out
}

fn push_encoded(out: &mut String, text: &str, special: &[u8]) {
    for char in text.chars() {
        if char.is_control() || u8::try_from(char).is_ok_and(|byte| special.contains(&byte)) {
            let mut buffer = [0; 4];
            for byte in char.encode_utf8(&mut buffer).bytes() {
                // Writing to a text cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(char);
        }
    }
}

fn write_scene(out: &mut String, number: usize, scene: &Scene) {
    let _ = writeln!(out, "=== {number} {}", title(scene));
    write_message(out, '>', &scene.request);
    match &scene.answer {
        None => {
            let _ = writeln!(out, "--- {SILENCE}");
        }
        Some(answer) => {
            let unfinished = if answer.is_whole { String::new() } else { format!(" {UNFINISHED}") };
            let _ = writeln!(out, "--- {}{unfinished}", answer.status);
            write_message(out, '<', &answer.message);
        }
    }
}

fn write_message(out: &mut String, mark: char, message: &Message) {
    for (name, value) in &message.headers {
        let value: String = value.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let _ = writeln!(out, "{mark} {name}: {value}");
    }
    for content in &message.content {
        match content {
            Content::Json(document) => {
                let _ = writeln!(out, "{document:#}");
            }
            Content::Document(document) => {
                let _ = writeln!(out, "{DOCUMENT}| {document}");
            }
            Content::Text(label, text) => write_text(out, label.word(), text),
        }
    }
}

fn write_text(out: &mut String, word: &str, text: &str) {
    for line in text.split_inclusive('\n') {
        let (mark, line) = line.strip_suffix('\n').map_or(('~', line), |line| ('|', line));
        let _ = write!(out, "{word}{mark}{}", if line.is_empty() { "" } else { " " });
        for char in line.chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push('\t'),
                char if char.is_control() || char == '\u{feff}' => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(char));
                }
                char => out.push(char),
            }
        }
        out.push('\n');
    }
}

/// Reads the text of a snapshot. The error is a sentence with the line's number, counted from 1.
pub fn read(text: &str) -> Result<Vec<Scene>, String> {
    let mut scenes: Vec<Scene> = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let bad = |what: &str| format!("line {}: {what}", index + 1);
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("=== ") {
            scenes.push(read_title(rest).ok_or_else(|| bad("is no head of an exchange"))?);
            continue;
        }
        let scene = scenes.last_mut().ok_or_else(|| bad("stands before the first exchange (`=== 1 …`)"))?;
        if let Some(rest) = line.strip_prefix("--- ") {
            if rest != SILENCE {
                let (status, unfinished) = rest.split_once(' ').map_or((rest, false), |(status, word)| (status, word == UNFINISHED));
                let status = status.parse().map_err(|_| bad("is no status"))?;
                scene.answer = Some(Answer { status, is_whole: !unfinished, message: Message::default() });
            }
            continue;
        }
        let message = scene.answer.as_mut().map_or(&mut scene.request, |answer| &mut answer.message);
        if let Some((name, value)) = line.strip_prefix("> ").or_else(|| line.strip_prefix("< ")).and_then(|line| line.split_once(": ")) {
            message.headers.insert(name.to_owned(), value.to_owned());
        } else if let Some(document) = line.strip_prefix(DOCUMENT).and_then(|rest| rest.strip_prefix("| ")) {
            message.content.push(Content::Document(serde_json::from_str(document).map_err(|error| bad(&error.to_string()))?));
        } else if let Some((label, mark, line)) = read_label(line) {
            let line = unescape(line) + if mark == '|' { "\n" } else { "" };
            match message.content.last_mut() {
                Some(Content::Text(last, text)) if *last == label => text.push_str(&line),
                _ => message.content.push(Content::Text(label, line)),
            }
        } else {
            let mut json = line.to_owned();
            // A document in lines begins with a bare bracket, and ends where the closing one stands at the margin.
            let close = match line {
                "{" => Some("}"),
                "[" => Some("]"),
                _ => None,
            };
            while let Some((_, line)) = close.and_then(|_| lines.next()) {
                json.push('\n');
                json.push_str(line);
                if close == Some(line) {
                    break;
                }
            }
            let document: Value = serde_json::from_str(&json).map_err(|error| bad(&format!("no JSON, and no line of text: {error}")))?;
            message.content.push(Content::Json(document));
        }
    }
    Ok(scenes)
}

fn read_title(rest: &str) -> Option<Scene> {
    let mut words = rest.splitn(5, ' ');
    let _number: usize = words.next()?.parse().ok()?;
    let (operation, version, method, target) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let parsed = Target::parse(path.as_bytes());
    let prefix = match parsed.version {
        PathVersion::Absent => "",
        _ => path.get(1..).and_then(|rest| rest.find('/')).map_or(path, |at| &path[..=at]),
    };
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    let word = |word: &str| Some(word.to_owned()).filter(|word| word != "-");
    Some(Scene {
        operation: word(operation),
        version: version.parse().ok(),
        method: word(method).unwrap_or_default(),
        prefix: prefix.to_owned(),
        path: parsed.path,
        query: query.into_iter().flat_map(|query| query.split('&')).map(pair).collect(),
        request: Message::default(),
        answer: None,
    })
}

fn read_label(line: &str) -> Option<(Label, char, &str)> {
    let at = line.find(['|', '~'])?;
    let label = Label::ALL.into_iter().find(|label| label.word() == &line[..at])?;
    let mark = line[at..].chars().next()?;
    let rest = line[at + 1..].strip_prefix(' ').unwrap_or(&line[at + 1..]);
    Some((label, mark, rest))
}

fn unescape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some((hex, behind)) = rest.strip_prefix("u{").and_then(|rest| rest.split_once('}'))
            && let Some(char) = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
        {
            out.push(char);
            rest = behind;
            continue;
        }
        let mut chars = rest.chars();
        match chars.next() {
            Some('r') => out.push('\r'),
            Some(char) => out.push(char),
            None => out.push('\\'),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"=== 1 ContainerCreate 1.41 POST /v1.41/containers/create?name=a%26b
> Content-Type: application/json
{
  "Image": "busybox"
}
--- 201
< Content-Type: application/json
{
  "Id": "<container-1>",
  "Warnings": []
}

=== 2 ContainerLogs 1.41 GET /v1.41/containers/<container-1>/logs?follow=1&filters={"a":["b"]}
--- 200 (unfinished)
stdout| hello \\ \u{1b}[0m
stdout|
stdout~ no newline
stderr| oh

=== 3 SystemEvents - GET /events
--- no answer

=== 4 - - GET /v1.41/x%20y
--- 200
document| {"a":1}
document| 7
"#;

    #[test]
    fn what_is_written_is_read_again() {
        let scenes = read(TEXT).expect("a snapshot");
        assert_eq!(write(&scenes), TEXT);
        assert_eq!(scenes[0].query, [("name".to_owned(), "a&b".to_owned())]);
        assert_eq!((scenes[3].prefix.as_str(), scenes[3].path.as_str()), ("/v1.41", "/x y"));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (text, what) in [
            ("{}\n", "line 1: stands before the first exchange (`=== 1 …`)"),
            ("=== one\n", "line 1: is no head of an exchange"),
            ("=== 1 - - GET /\n--- OK\n", "line 2: is no status"),
            ("=== 1 - - GET /\n\n???\n", "line 3: no JSON, and no line of text: expected value at line 1 column 1"),
        ] {
            assert_eq!(read(text).err().as_deref(), Some(what), "{text:?}");
        }
    }
}
