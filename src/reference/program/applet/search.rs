//! `grep`, and the regular expressions of `sed` and `expr`.

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::super::pipe::Closed;
use super::super::process::Process;
use super::Table;
use super::arguments::Given;

pub(super) const TABLE: Table = &[
    ("grep", |process| Box::pin(grep(process))),
    ("egrep", |process| Box::pin(grep(process))),
    ("fgrep", |process| Box::pin(grep(process))),
];

/// What an expression may take as a program.
const LARGEST: usize = 1 << 20;

/// A regular expression, basic or extended.
#[derive(Debug)]
pub(super) struct Expression {
    regex: Regex,
}

impl Expression {
    pub(super) fn new(text: &str, extended: bool, ignore_case: bool) -> Result<Self, String> {
        let translated = translate(text, extended);
        let built = RegexBuilder::new(&translated).case_insensitive(ignore_case).unicode(true).size_limit(LARGEST).build();
        built.map(|regex| Self { regex }).map_err(|_| format!("bad regex '{text}'"))
    }

    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.regex.is_match(line)
    }

    pub(super) fn captures<'a>(&self, line: &'a [u8]) -> Option<Captures<'a>> {
        self.regex.captures(line)
    }

    pub(super) fn captures_from<'a>(&self, line: &'a [u8], from: usize) -> Option<Captures<'a>> {
        (from <= line.len()).then(|| self.regex.captures_at(line, from)).flatten()
    }

    /// What `expr a : b` gives: the first group, or the number of characters.
    pub(super) fn group(&self, text: &str) -> String {
        let found = self.captures(text.as_bytes());
        match found.as_ref().map(|captures| (captures.get(1), captures.get(0))) {
            Some((Some(group), _)) => String::from_utf8_lossy(group.as_bytes()).into_owned(),
            Some((None, Some(all))) if self.regex.captures_len() == 1 => {
                String::from_utf8_lossy(all.as_bytes()).chars().count().to_string()
            }
            _ if self.regex.captures_len() > 1 => String::new(),
            _ => "0".to_owned(),
        }
    }
}

/// A POSIX expression in the words of the regex crate: in a basic one, brackets and bars mean themselves without a backslash.
fn translate(text: &str, extended: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    let mut start = true;
    while let Some(char) = chars.next() {
        let at_start = std::mem::replace(&mut start, false);
        match char {
            '\\' => match chars.next() {
                Some(next @ ('(' | ')' | '{' | '}' | '|' | '+' | '?')) if !extended => {
                    out.push(next);
                    start = next == '(' || next == '|';
                }
                Some('<') => out.push_str("\\b{start}"),
                Some('>') => out.push_str("\\b{end}"),
                Some(next) if next.is_ascii_alphanumeric() && !"wWsSbBdDntr".contains(next) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => out.push_str("\\\\"),
            },
            '(' | ')' | '{' | '}' | '|' | '+' | '?' if !extended => out.extend(['\\', char]),
            '(' | '|' => {
                out.push(char);
                start = true;
            }
            '*' if at_start => out.push_str("\\*"),
            '^' if !extended && !at_start => out.push_str("\\^"),
            '^' => {
                out.push('^');
                start = true;
            }
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
                while let Some(inner) = chars.next() {
                    match inner {
                        ']' => {
                            out.push(']');
                            break;
                        }
                        '[' if chars.peek() == Some(&':') => {
                            out.push('[');
                            for class in chars.by_ref() {
                                out.push(class);
                                if class == ']' {
                                    break;
                                }
                            }
                        }
                        '[' | '\\' | '&' | '~' => out.extend(['\\', inner]),
                        other => out.push(other),
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}

async fn grep(process: &mut Process) -> Result<u8, Closed> {
    let Ok(given) = Given::of(process, "EFGHIRchilnoqrsvwxC", "efmABC").await else { return Ok(2) };
    let mut operands = given.operands.clone();
    let mut patterns: Vec<String> = given.values('e').flat_map(str::lines).map(str::to_owned).collect();
    if let Some(path) = given.value('f') {
        let content = process.files().read(&process.path(path)).unwrap_or_default();
        patterns.extend(String::from_utf8_lossy(&content).lines().map(str::to_owned));
    } else if patterns.is_empty() && given.value('e').is_none() {
        if operands.is_empty() {
            super::arguments::usage(process, "missing pattern").await;
            return Ok(2);
        }
        let pattern = operands.remove(0);
        patterns = pattern.lines().map(str::to_owned).collect();
        if patterns.is_empty() {
            patterns.push(String::new());
        }
    }
    let expressions = match expressions(process, &given, &patterns) {
        Ok(expressions) => expressions,
        Err(pattern) => {
            process.complain(format!("bad regex '{pattern}'")).await;
            return Ok(2);
        }
    };
    let recursive = given.has('r') || given.has('R');
    if operands.is_empty() {
        operands.push(if recursive { "." } else { "-" }.to_owned());
    }
    let mut inputs = Vec::new();
    for operand in operands {
        if recursive && operand != "-" {
            let files = process.files();
            super::tree::walk(&files, &process.path(&operand), &mut |path, stat| {
                if stat.sort == crate::reference::files::Sort::File {
                    let shown = path.strip_prefix(&process.path(&operand)).map_or(path.to_owned(), |rest| format!("{operand}{rest}"));
                    inputs.push(shown);
                }
            });
        } else {
            inputs.push(operand);
        }
    }
    let named = (inputs.len() > 1 || recursive || given.has('H')) && !given.has('h');
    let most: usize = given.value('m').and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let (mut any, mut failed) = (false, false);
    for path in inputs {
        let input = match process.open(&path) {
            Ok(input) => input,
            Err(error) => {
                if !given.has('s') {
                    process.complain(format!("{path}: {}", error.sentence())).await;
                }
                failed = true;
                continue;
            }
        };
        let prefix = if named { format!("{}:", if path == "-" { "(standard input)" } else { &path }) } else { String::new() };
        let (mut count, mut number) = (0, 0);
        while let Some(line) = input.read_line().await {
            number += 1;
            let bare = line.strip_suffix(b"\n").unwrap_or(&line);
            if expressions.iter().any(|expression| expression.matches(bare)) == given.has('v') {
                continue;
            }
            any = true;
            count += 1;
            if given.has('q') {
                return Ok(0);
            }
            if given.has('l') {
                process.line(&path).await?;
                break;
            }
            let place = if given.has('n') { format!("{prefix}{number}:") } else { prefix.clone() };
            if given.has('o') && !given.has('c') {
                for expression in &expressions {
                    for found in expression.regex.find_iter(bare).filter(|found| !found.is_empty()) {
                        process.out([place.as_bytes(), found.as_bytes(), b"\n"].concat()).await?;
                    }
                }
            } else if !given.has('c') {
                process.out([place.as_bytes(), bare, b"\n"].concat()).await?;
            }
            if count >= most {
                break;
            }
        }
        if given.has('c') {
            process.line(format!("{prefix}{count}")).await?;
        }
    }
    Ok(if failed && !any { 2 } else { u8::from(!any) })
}

/// The expressions of a `grep`; the error is the pattern that is none.
fn expressions(process: &Process, given: &Given, patterns: &[String]) -> Result<Vec<Expression>, String> {
    let extended = given.has('E') || process.name() == "egrep";
    let fixed = given.has('F') || process.name() == "fgrep";
    let build = |pattern: &String| {
        let mut text = if fixed { regex::escape(pattern) } else { translate(pattern, extended) };
        if given.has('w') {
            text = format!("\\b(?:{text})\\b");
        }
        if given.has('x') {
            text = format!("^(?:{text})$");
        }
        let built = RegexBuilder::new(&text).case_insensitive(given.has('i')).size_limit(LARGEST).build();
        built.map(|regex| Expression { regex }).map_err(|_| pattern.clone())
    };
    patterns.iter().map(build).collect()
}
