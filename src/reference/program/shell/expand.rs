//! Words expanded: parameters, substitutions, splitting, file names.

use std::future::Future;
use std::pin::Pin;

use brush_parser::word::{self, Parameter, ParameterExpr, ParameterTestType, SpecialParameter, SubstringMatchKind, TildeExpr, WordPiece};

use super::pattern::{Pattern, escaped, is_pattern, unescaped};
use super::script;
use super::state::{Flow, Shell};
use crate::reference::files::Files;

/// File names that one pattern may give.
const MOST_NAMES: usize = 20_000;

/// A piece of an expanded word.
#[derive(Debug)]
enum Part {
    /// As it was written: not split, but a pattern.
    Written(String),
    /// Quoted: as it stands.
    Quoted(String),
    /// What an expansion gave outside quotes: split, and a pattern.
    Given(String),
    /// Between two arguments of `"$@"`.
    Break,
}

type Parts = Vec<Part>;
type Expanding<'a, T> = Pin<Box<dyn Future<Output = Result<T, Flow>> + Send + 'a>>;

impl Shell {
    /// Words as fields: expanded, split, and with patterns replaced by file names.
    pub(super) async fn fields(&mut self, text: &str) -> Result<Vec<String>, Flow> {
        let parts = self.parts(text, false).await?;
        let separators = self.get("IFS").unwrap_or(" \t\n").to_owned();
        let mut fields = Vec::new();
        for pattern in split(parts, &separators) {
            let is_glob = !self.options.no_glob && is_pattern(&pattern);
            let names = if is_glob { glob(&self.process.files(), &self.process.cwd, &pattern) } else { Vec::new() };
            if names.is_empty() {
                fields.push(unescaped(&pattern));
            } else {
                fields.extend(names);
            }
        }
        Ok(fields)
    }

    /// A word as one text: of an assignment, a redirection, a `case`.
    pub(super) async fn text(&mut self, text: &str) -> Result<String, Flow> {
        let parts = self.parts(text, false).await?;
        Ok(joined(parts))
    }

    /// A word as a pattern, in which what was quoted means itself.
    pub(super) async fn pattern(&mut self, text: &str) -> Result<Pattern, Flow> {
        let mut pattern = String::new();
        for part in self.parts(text, false).await? {
            match part {
                Part::Written(text) | Part::Given(text) => pattern.push_str(&text),
                Part::Quoted(text) => pattern.push_str(&escaped(&text)),
                Part::Break => pattern.push(' '),
            }
        }
        Ok(Pattern::new(&pattern))
    }

    /// The text of a here document.
    pub(super) async fn here_document(&mut self, text: &str) -> Result<String, Flow> {
        if script::is_too_deep(text) {
            return Ok(text.to_owned());
        }
        let Ok(pieces) = word::parse_heredoc(text, &script::options()) else { return Ok(text.to_owned()) };
        let mut parts = Vec::new();
        for piece in pieces {
            self.piece(piece.piece, true, &mut parts).await?;
        }
        Ok(joined(parts))
    }

    fn parts<'a>(&'a mut self, text: &'a str, quoted: bool) -> Expanding<'a, Parts> {
        Box::pin(async move {
            let written = |text: &str| if quoted { Part::Quoted(text.to_owned()) } else { Part::Written(text.to_owned()) };
            // Most words have nothing in them.
            if !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "-_./=:,+%@".contains(char)) {
                return Ok(vec![written(text)]);
            }
            if script::is_too_deep(text) {
                return Err(self.fatal("word nested too deeply").await);
            }
            let Ok(pieces) = word::parse(text, &script::options()) else {
                return Err(self.fatal("syntax error: bad substitution").await);
            };
            let mut parts = Vec::new();
            for piece in pieces {
                self.piece(piece.piece, quoted, &mut parts).await?;
            }
            Ok(parts)
        })
    }

    fn piece<'a>(&'a mut self, piece: WordPiece, quoted: bool, parts: &'a mut Parts) -> Expanding<'a, ()> {
        Box::pin(async move {
            let given = |text: String| if quoted { Part::Quoted(text) } else { Part::Given(text) };
            match piece {
                WordPiece::Text(text) if quoted => parts.push(Part::Quoted(text)),
                WordPiece::Text(text) => parts.push(Part::Written(text)),
                WordPiece::SingleQuotedText(text) => parts.push(Part::Quoted(text)),
                WordPiece::AnsiCQuotedText(text) => parts.push(Part::Quoted(super::super::applet::unescape(&text))),
                WordPiece::DoubleQuotedSequence(pieces) | WordPiece::GettextDoubleQuotedSequence(pieces) => {
                    let before = parts.len();
                    let mut only_arguments = false;
                    for piece in pieces {
                        only_arguments = is_all_arguments(&piece.piece);
                        self.piece(piece.piece, true, parts).await?;
                    }
                    // "" is a field; "$@" without arguments is none.
                    if parts.len() == before && !only_arguments {
                        parts.push(Part::Quoted(String::new()));
                    }
                }
                WordPiece::EscapeSequence(text) => {
                    let plain = text.strip_prefix('\\').unwrap_or(&text);
                    if plain != "\n" {
                        parts.push(Part::Quoted(plain.to_owned()));
                    }
                }
                WordPiece::TildeExpansion(tilde) => {
                    let home = self.get("HOME").unwrap_or(&self.process.user.home).to_owned();
                    parts.push(Part::Quoted(match tilde {
                        TildeExpr::Home => home,
                        TildeExpr::UserHome(user) => self.home_of(&user).unwrap_or_else(|| format!("~{user}")),
                        TildeExpr::WorkingDir => self.process.cwd.clone(),
                        TildeExpr::OldWorkingDir => self.get("OLDPWD").unwrap_or("~-").to_owned(),
                        _ => "~".to_owned(),
                    }));
                }
                WordPiece::CommandSubstitution(text) => parts.push(given(self.substitute(&text).await?)),
                WordPiece::BackquotedCommandSubstitution(text) => {
                    let text = text.replace("\\`", "`").replace("\\$", "$").replace("\\\\", "\\");
                    parts.push(given(self.substitute(&text).await?));
                }
                WordPiece::ArithmeticExpression(expression) => {
                    let number = self.number(&expression.value).await?;
                    parts.push(given(number.to_string()));
                }
                WordPiece::ParameterExpansion(expression) => self.parameter(expression, quoted, parts).await?,
            }
            Ok(())
        })
    }

    fn home_of(&self, user: &str) -> Option<String> {
        let passwd = super::super::user::lines(&self.process.world.namespace, "/etc/passwd");
        passwd
            .iter()
            .find(|fields| super::super::user::field(fields, 0) == user)
            .map(|fields| super::super::user::field(fields, 5).to_owned())
    }

    async fn number(&mut self, expression: &str) -> Result<i64, Flow> {
        let parts = self.parts(expression, true).await?;
        match self.arithmetic(&joined(parts)) {
            Ok(number) => Ok(number),
            Err(text) => Err(self.fatal(&text).await),
        }
    }

    /// An error that ends a shell which is not interactive.
    pub(super) async fn fatal(&mut self, text: &str) -> Flow {
        self.complain(text).await;
        self.status = 2;
        self.failed = true;
        Flow::Exit
    }

    fn special(&self, parameter: &SpecialParameter) -> Option<String> {
        Some(match parameter {
            SpecialParameter::AllPositionalParameters { .. } => {
                if self.arguments.is_empty() {
                    return None;
                }
                let between = self.get("IFS").map_or(" ".to_owned(), |separators| separators.chars().take(1).collect());
                self.arguments.join(&between)
            }
            SpecialParameter::PositionalParameterCount => self.arguments.len().to_string(),
            SpecialParameter::LastExitStatus => self.status.to_string(),
            SpecialParameter::CurrentOptionFlags => self.flags(),
            SpecialParameter::ProcessId => self.number.to_string(),
            SpecialParameter::LastBackgroundProcessId => self.last_job?.to_string(),
            SpecialParameter::ShellName => self.name.clone(),
        })
    }

    fn value(&self, parameter: &Parameter) -> Option<String> {
        match parameter {
            Parameter::Positional(0) => Some(self.name.clone()),
            Parameter::Positional(number) => {
                let at = usize::try_from(*number).ok()?.checked_sub(1)?;
                self.arguments.get(at).cloned()
            }
            Parameter::Special(special) => self.special(special),
            Parameter::NamedWithIndex { name, index } if index == "0" => self.get(name).map(str::to_owned),
            Parameter::Named(name) | Parameter::NamedWithAllIndices { name, .. } => self.get(name).map(str::to_owned),
            Parameter::NamedWithIndex { .. } => None,
        }
    }

    /// The value, or an error with `set -u`.
    async fn known(&mut self, parameter: &Parameter) -> Result<String, Flow> {
        match self.value(parameter) {
            Some(value) => Ok(value),
            None if self.options.no_unset && !matches!(parameter, Parameter::Special(SpecialParameter::AllPositionalParameters { .. })) => {
                Err(self.fatal(&format!("{}: parameter not set", plain_name(parameter))).await)
            }
            None => Ok(String::new()),
        }
    }

    async fn parameter(&mut self, expression: ParameterExpr, quoted: bool, parts: &mut Parts) -> Result<(), Flow> {
        let given = |text: String| if quoted { Part::Quoted(text) } else { Part::Given(text) };
        let unset = |value: &Option<String>, test: &ParameterTestType| match test {
            ParameterTestType::UnsetOrNull => value.as_ref().is_none_or(String::is_empty),
            ParameterTestType::Unset => value.is_none(),
        };
        match expression {
            ParameterExpr::Parameter { parameter, .. } => {
                if let Parameter::Special(SpecialParameter::AllPositionalParameters { concatenate }) = &parameter
                    && (!quoted || !concatenate)
                {
                    let arguments = self.arguments.clone();
                    for (number, argument) in arguments.into_iter().enumerate() {
                        if number > 0 {
                            parts.push(Part::Break);
                        }
                        parts.push(given(argument));
                    }
                    return Ok(());
                }
                let value = self.known(&parameter).await?;
                parts.push(given(value));
            }
            ParameterExpr::UseDefaultValues { parameter, test_type, default_value, .. } => {
                let value = self.value(&parameter);
                if unset(&value, &test_type) {
                    let default = default_value.unwrap_or_default();
                    let more = self.parts(&default, quoted).await?;
                    // What is written here is split as what was given.
                    parts.extend(more.into_iter().map(|part| if let Part::Written(text) = part { Part::Given(text) } else { part }));
                } else {
                    parts.push(given(value.unwrap_or_default()));
                }
            }
            ParameterExpr::AssignDefaultValues { parameter, test_type, default_value, .. } => {
                let mut value = self.value(&parameter);
                if unset(&value, &test_type) {
                    let default = default_value.unwrap_or_default();
                    let parts = self.parts(&default, quoted).await?;
                    let text = joined(parts);
                    if let Parameter::Named(name) = &parameter {
                        let _ = self.set(name, text.clone());
                    }
                    value = Some(text);
                }
                parts.push(given(value.unwrap_or_default()));
            }
            ParameterExpr::IndicateErrorIfNullOrUnset { parameter, test_type, error_message, .. } => {
                let value = self.value(&parameter);
                if unset(&value, &test_type) {
                    let message = match error_message.filter(|message| !message.is_empty()) {
                        Some(message) => joined(self.parts(&message, true).await?),
                        None => "parameter not set or null".to_owned(),
                    };
                    return Err(self.fatal(&format!("{}: {message}", plain_name(&parameter))).await);
                }
                parts.push(given(value.unwrap_or_default()));
            }
            ParameterExpr::UseAlternativeValue { parameter, test_type, alternative_value, .. } => {
                if !unset(&self.value(&parameter), &test_type) {
                    let alternative = alternative_value.unwrap_or_default();
                    let more = self.parts(&alternative, quoted).await?;
                    parts.extend(more.into_iter().map(|part| if let Part::Written(text) = part { Part::Given(text) } else { part }));
                }
            }
            ParameterExpr::ParameterLength { parameter, .. } => {
                let length = match &parameter {
                    Parameter::Special(SpecialParameter::AllPositionalParameters { .. }) => self.arguments.len(),
                    other => self.known(other).await?.chars().count(),
                };
                parts.push(given(length.to_string()));
            }
            other => {
                let text = self.changed(other).await?;
                parts.push(given(text));
            }
        }
        Ok(())
    }

    /// The forms that change a value: `${x%p}`, `${x:1:2}`, `${x/a/b}`.
    async fn changed(&mut self, expression: ParameterExpr) -> Result<String, Flow> {
        Ok(match expression {
            ParameterExpr::RemoveSmallestSuffixPattern { parameter, pattern, .. } => {
                let value = self.known(&parameter).await?;
                self.pattern(&pattern.unwrap_or_default()).await?.without_suffix(&value, false).to_owned()
            }
            ParameterExpr::RemoveLargestSuffixPattern { parameter, pattern, .. } => {
                let value = self.known(&parameter).await?;
                self.pattern(&pattern.unwrap_or_default()).await?.without_suffix(&value, true).to_owned()
            }
            ParameterExpr::RemoveSmallestPrefixPattern { parameter, pattern, .. } => {
                let value = self.known(&parameter).await?;
                self.pattern(&pattern.unwrap_or_default()).await?.without_prefix(&value, false).to_owned()
            }
            ParameterExpr::RemoveLargestPrefixPattern { parameter, pattern, .. } => {
                let value = self.known(&parameter).await?;
                self.pattern(&pattern.unwrap_or_default()).await?.without_prefix(&value, true).to_owned()
            }
            ParameterExpr::Substring { parameter, offset, length, .. } => {
                let value = self.known(&parameter).await?;
                let chars: Vec<char> = value.chars().collect();
                let total = i64::try_from(chars.len()).unwrap_or(i64::MAX);
                let from = self.number(&offset.value).await?;
                let from = if from < 0 { (total.saturating_add(from)).max(0) } else { from.min(total) };
                let to = match length {
                    Some(length) => {
                        let length = self.number(&length.value).await?;
                        if length < 0 { total.saturating_add(length) } else { from.saturating_add(length).min(total) }
                    }
                    None => total,
                };
                let (from, to) = (usize::try_from(from).unwrap_or_default(), usize::try_from(to).unwrap_or_default());
                chars.get(from..to).unwrap_or_default().iter().collect()
            }
            ParameterExpr::ReplaceSubstring { parameter, pattern, replacement, match_kind, .. } => {
                let value = self.known(&parameter).await?;
                let pattern = self.pattern(&pattern).await?;
                let replacement = match replacement {
                    Some(text) => self.text(&text).await?,
                    None => String::new(),
                };
                replaced(&value, &pattern, &replacement, &match_kind)
            }
            ParameterExpr::UppercasePattern { parameter, .. } => self.known(&parameter).await?.to_uppercase(),
            ParameterExpr::LowercasePattern { parameter, .. } => self.known(&parameter).await?.to_lowercase(),
            ParameterExpr::Transform { parameter, .. } => self.known(&parameter).await?,
            _ => return Err(self.fatal("syntax error: bad substitution").await),
        })
    }

    /// `$(…)`: what commands write, without the newlines at its end.
    async fn substitute(&mut self, text: &str) -> Result<String, Flow> {
        let bytes = self.output_of(text).await?;
        let text = String::from_utf8_lossy(&bytes).replace('\0', "");
        Ok(text.trim_end_matches('\n').to_owned())
    }
}

fn is_all_arguments(piece: &WordPiece) -> bool {
    matches!(
        piece,
        WordPiece::ParameterExpansion(ParameterExpr::Parameter {
            parameter: Parameter::Special(SpecialParameter::AllPositionalParameters { concatenate: false }),
            ..
        })
    )
}

fn plain_name(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Positional(number) => number.to_string(),
        Parameter::Special(special) => special.to_string(),
        Parameter::Named(name) | Parameter::NamedWithIndex { name, .. } | Parameter::NamedWithAllIndices { name, .. } => name.clone(),
    }
}

fn joined(parts: Parts) -> String {
    let texts = parts.into_iter().map(|part| match part {
        Part::Written(text) | Part::Quoted(text) | Part::Given(text) => text,
        Part::Break => " ".to_owned(),
    });
    texts.collect()
}

/// Parts as fields, each a pattern in which what was quoted is escaped.
fn split(parts: Parts, separators: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut current: Option<String> = None;
    for part in parts {
        match part {
            Part::Written(text) => current.get_or_insert_default().push_str(&text.replace('\\', "\\\\")),
            Part::Quoted(text) => current.get_or_insert_default().push_str(&escaped(&text)),
            Part::Break => fields.extend(Some(current.take().unwrap_or_default())),
            Part::Given(text) => {
                let mut after_blank = false;
                for char in text.chars() {
                    if separators.contains(char) {
                        let blank = char.is_ascii_whitespace();
                        // A blank beside another separator is no separator of its own.
                        if current.is_some() || !(blank || after_blank) {
                            fields.push(current.take().unwrap_or_default());
                            after_blank = blank;
                        } else if !blank {
                            after_blank = false;
                        }
                    } else {
                        let field = current.get_or_insert_default();
                        if char == '\\' {
                            field.push('\\');
                        }
                        field.push(char);
                    }
                }
            }
        }
    }
    fields.extend(current);
    fields
}

fn replaced(value: &str, pattern: &Pattern, replacement: &str, kind: &SubstringMatchKind) -> String {
    let mut done = String::new();
    let mut rest = value;
    let mut may = true;
    while !rest.is_empty() {
        let ends = || rest.char_indices().map(|(at, char)| at + char.len_utf8()).rev();
        let found = may.then(|| ends().find(|end| rest.get(..*end).is_some_and(|head| pattern.matches(head)))).flatten();
        let found = found.filter(|end| !matches!(kind, SubstringMatchKind::Suffix) || *end == rest.len());
        if let Some(end) = found {
            done.push_str(replacement);
            rest = rest.get(end..).unwrap_or_default();
            may = matches!(kind, SubstringMatchKind::Anywhere);
        } else {
            let mut chars = rest.chars();
            done.extend(chars.next());
            rest = chars.as_str();
            may &= !matches!(kind, SubstringMatchKind::Prefix);
        }
    }
    done
}

/// The names that a pattern matches, sorted; none if nothing does.
fn glob(files: &Files, cwd: &str, pattern: &str) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (number, part) in parts.iter().enumerate() {
        let last = number + 1 == parts.len();
        let matcher = Pattern::new(part);
        let mut next = Vec::new();
        for base in found {
            let directory = if base.starts_with('/') { base.clone() } else { format!("{cwd}/{base}") };
            let names = if is_pattern(part) {
                let all = files.list(&directory).unwrap_or_default();
                all.into_iter().filter(|name| (part.starts_with('.') || !name.starts_with('.')) && matcher.matches(name)).collect()
            } else {
                vec![unescaped(part)]
            };
            for name in names {
                let path = format!("{base}{name}");
                let full = format!("{directory}/{name}");
                match files.stat(&full, !last) {
                    Ok(_) if last => next.push(path),
                    Ok(stat) if stat.is_directory() => next.push(format!("{path}/")),
                    _ => {}
                }
            }
            if next.len() > MOST_NAMES {
                return Vec::new();
            }
        }
        found = next;
    }
    if parts.is_empty() {
        found.clear();
    }
    found.sort_unstable();
    found
}
