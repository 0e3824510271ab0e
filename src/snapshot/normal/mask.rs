//! What becomes of a value of each kind.

use serde_json::Value;

use super::super::alias;
use super::super::kind::Kind;
use super::Normaliser;

/// Columns of a table of processes that are different every time.
const VARYING: [&str; 15] =
    ["PID", "PPID", "HPID", "C", "STIME", "TIME", "START", "STARTED", "ELAPSED", "%CPU", "%MEM", "VSZ", "RSS", "SZ", "LSTART"];

/// In the place of a credential.
pub(super) const CREDENTIAL: &str = "<credential>";

impl Normaliser {
    /// Puts the alias into the place of a value of this kind.
    pub(super) fn mask(&mut self, kind: Kind, value: &mut Value, is_client: bool) {
        let masked = match (kind, &*value) {
            (_, Value::Null) => None,
            (Kind::Measure, _) => Some("<measure>".to_owned()),
            (Kind::Progress, Value::Object(detail)) if !detail.is_empty() => Some("<progress>".to_owned()),
            (Kind::Credential, _) => {
                credential(value);
                None
            }
            (Kind::Processes, _) => {
                processes(value);
                None
            }
            (Kind::Text, _) => {
                self.texts(value);
                None
            }
            (Kind::Time, Value::String(text)) => self.time(text),
            (Kind::Time, Value::Number(number)) => number.as_i64().is_some_and(|number| number > 0).then(|| "<time>".to_owned()),
            (Kind::Status, Value::String(text)) => Some(status(text)),
            (Kind::Id(_), Value::String(text)) => Some(self.id(kind, text)),
            (Kind::Name, Value::String(text)) => Some(self.name(text)),
            (Kind::Ip, Value::String(text)) => Some(self.ip(text, is_client)),
            (Kind::Port | Kind::Mac | Kind::Size | Kind::Pid | Kind::Index, Value::String(_) | Value::Number(_)) => {
                self.number(kind, value, is_client)
            }
            _ => None,
        };
        if let Some(masked) = masked {
            *value = Value::String(masked);
        }
    }

    fn texts(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.texts(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.texts(member)),
            _ => {}
        }
    }

    /// A time with fractions of a second is as good as an id: the same one is the same moment. Go's zero time says that nothing happened.
    fn time(&mut self, text: &str) -> Option<String> {
        if alias::is_alias(text) || (is_time(text) && text.contains('.')) {
            return Some(self.aliases.alias(Kind::Time, text).to_owned());
        }
        (is_time(text) && !text.starts_with("0001-01-01")).then(|| "<time>".to_owned())
    }

    fn id(&mut self, kind: Kind, text: &str) -> String {
        let (algorithm, token) = text.strip_prefix("sha256:").map_or(("", text), |token| ("sha256:", token));
        // What a daemon calls itself has a form of its own.
        let is_own = kind == Kind::Id("daemon") && !token.is_empty();
        if is_own || alias::is_full_id(token) {
            return format!("{algorithm}{}", self.aliases.alias(kind, token));
        }
        // A name, or an id inside something else.
        self.aliases.known(token).map_or_else(|| self.aliases.replace(text), str::to_owned)
    }

    /// Names may stand with slashes: `/web`, and `/web/db` for a link.
    fn name(&mut self, text: &str) -> String {
        let mut masked = Vec::new();
        for step in text.split('/') {
            let is_chosen = (is_made_up(step) && !self.aliases.is_said(step)) || alias::is_alias(step);
            masked.push(if is_chosen { self.aliases.alias(Kind::Name, step).to_owned() } else { self.aliases.replace(step) });
        }
        masked.join("/")
    }

    fn ip(&mut self, text: &str, is_client: bool) -> String {
        let (host, length) = text.split_once('/').map_or((text, ""), |(host, _)| (host, &text[host.len()..]));
        let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| !address.is_unspecified() && !address.is_loopback());
        if !(is_address || alias::is_alias(host)) || self.aliases.is_said(host) || self.aliases.is_said(text) {
            return text.to_owned();
        }
        match self.aliases.known_as(Kind::Ip, host) {
            Some(known) => format!("{known}{length}"),
            None if is_client => text.to_owned(),
            None => format!("{}{length}", self.aliases.alias(Kind::Ip, host)),
        }
    }

    fn number(&mut self, kind: Kind, value: &Value, is_client: bool) -> Option<String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Nothing, not known, not set.
        if text.is_empty() || text == "0" || text.starts_with('-') || text == "00:00:00:00:00:00" {
            return None;
        }
        if let Some(known) = self.aliases.known_as(kind, &text) {
            return Some(known.to_owned());
        }
        let is_choosable = matches!(kind, Kind::Port | Kind::Mac);
        if is_client || (is_choosable && self.aliases.is_said(&text)) {
            return None;
        }
        // A range, a protocol: as the client wrote it.
        if kind == Kind::Port && !alias::is_alias(&text) && text.parse::<u16>().is_err() {
            return None;
        }
        Some(self.aliases.alias(kind, &text).to_owned())
    }

    /// What is known of a value without giving it an alias: for the order of items.
    pub(super) fn blur(&self, kind: Kind, value: &mut Value) {
        let blurred = match (kind, &*value) {
            (_, Value::Null) => return,
            (Kind::Processes, _) => return processes(value),
            (Kind::Text, _) => return self.blur_texts(value),
            (Kind::Status, Value::String(text)) => status(text),
            (Kind::Id(word), Value::String(text)) => {
                let token = text.strip_prefix("sha256:").unwrap_or(text);
                match self.aliases.known(token) {
                    Some(alias) => alias.to_owned(),
                    None if alias::is_full_id(token) => format!("<{word}>"),
                    None => self.aliases.replace(text),
                }
            }
            (Kind::Name, Value::String(text)) => {
                let blur = |step: &str| match self.aliases.known(step) {
                    Some(alias) => alias.to_owned(),
                    None if (is_made_up(step) && !self.aliases.is_said(step)) || alias::is_alias(step) => "<name>".to_owned(),
                    None => step.to_owned(),
                };
                text.split('/').map(blur).collect::<Vec<_>>().join("/")
            }
            (Kind::Port | Kind::Ip | Kind::Mac, Value::String(_) | Value::Number(_)) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match self.aliases.known_as(kind, &text) {
                    Some(alias) => alias.to_owned(),
                    None if text.is_empty() || self.aliases.is_said(&text) => text,
                    None => format!("<{}>", kind.word()),
                }
            }
            (Kind::Size | Kind::Pid | Kind::Index | Kind::Time | Kind::Measure | Kind::Progress | Kind::Credential, _) => {
                format!("<{}>", kind.word())
            }
            _ => return,
        };
        *value = Value::String(blurred);
    }

    fn blur_texts(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                *text = alias::rewrite(text, |token| match self.aliases.known(token) {
                    Some(alias) if alias::is_id(token) => Some(alias.to_owned()),
                    _ => alias::is_full_id(token).then(|| "<id>".to_owned()),
                });
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.blur_texts(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.blur_texts(member)),
            _ => {}
        }
    }
}

/// The value by which an object is called in later requests, without what stands around it; `None` for kinds that nobody calls by.
pub(super) fn token(kind: Kind, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let token = match kind {
        Kind::Id(_) => text.strip_prefix("sha256:").unwrap_or(&text),
        Kind::Name => text.trim_start_matches('/'),
        Kind::Ip => text.split('/').next().unwrap_or_default(),
        Kind::Port | Kind::Mac | Kind::Index | Kind::Pid => &text,
        _ => return None,
    };
    Some(token.to_owned()).filter(|token| !token.is_empty())
}

/// What nobody is to read, if there is anything.
pub(super) fn credential(value: &mut Value) {
    if value.as_str().is_some_and(|text| !text.is_empty()) {
        *value = Value::String(CREDENTIAL.to_owned());
    }
}

/// Log lines with `timestamps=1`: the time in front of each.
pub(super) fn untimed(text: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => format!("<time> {rest}"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// RFC 3339 section 5.6, as far as it is needed to tell it from anything else.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && bytes[16] == b':'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

/// The names that daemons make up: two words with a line between, and a digit when that was taken.
fn is_made_up(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    name.split_once('_').is_some_and(|(left, right)| is_word(left) && is_word(right.trim_end_matches(|char: char| char.is_ascii_digit())))
}

/// `Up 2 seconds (healthy)`, `Exited (0) About a minute ago`.
fn status(text: &str) -> String {
    if let Some(rest) = text.strip_prefix("Up ") {
        let behind = rest.find(" (").map_or("", |at| &rest[at..]);
        return format!("Up <duration>{behind}");
    }
    match text.split_once(") ") {
        Some((before, rest)) if rest.ends_with(" ago") => format!("{before}) <duration> ago"),
        _ => text.to_owned(),
    }
}

fn processes(table: &mut Value) {
    let Some(titles) = table.get("Titles").and_then(Value::as_array) else { return };
    let varying: Vec<bool> = titles.iter().map(|title| title.as_str().is_some_and(|title| VARYING.contains(&title))).collect();
    let rows = table.get_mut("Processes").and_then(Value::as_array_mut).into_iter().flatten();
    for row in rows {
        for (index, cell) in row.as_array_mut().into_iter().flatten().enumerate() {
            if varying.get(index) == Some(&true) {
                *cell = Value::String("<measure>".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_times_and_names_by_example() {
        for (text, masked) in [
            ("Up 2 seconds", "Up <duration>"),
            ("Up About a minute (healthy)", "Up <duration> (healthy)"),
            ("Exited (137) 3 hours ago", "Exited (137) <duration> ago"),
            ("Restarting (1) Less than a second ago", "Restarting (1) <duration> ago"),
            ("Created", "Created"),
            ("Exit 0", "Exit 0"),
        ] {
            assert_eq!(status(text), masked);
            assert_eq!(status(masked), masked);
        }
        assert!(is_time("2026-01-01T00:00:00Z") && is_time("2026-01-01T00:00:00.5+02:00") && !is_time("2026-01-01"));
        assert_eq!(untimed("2026-01-01T00:00:00.5Z hello\nx y\n"), "<time> hello\nx y\n");
        assert!(is_made_up("boring_curie") && is_made_up("boring_curie7") && !is_made_up("web") && !is_made_up("my_App"));
    }
}
