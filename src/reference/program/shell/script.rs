//! A script's text read into commands.

use std::io::Cursor;

use brush_parser::ast::{CompleteCommand, Program};
use brush_parser::{ParseError, Parser, ParserOptions};

/// Constructs that may stand in each other: the grammar recurses, and so does the evaluation.
const DEEPEST: usize = 40;

/// The longest text that is read at once.
const LONGEST: usize = 1 << 20;

/// What a text turned out to be.
#[derive(Debug)]
pub(super) enum Script {
    Commands(Vec<CompleteCommand>),
    /// It could go on: a quote or an `if` is open.
    Unfinished,
    Broken(String),
}

/// How the grammar is used everywhere.
pub(super) fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, ..ParserOptions::default() }
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Script {
    if text.len() > LONGEST || is_too_deep(text) {
        return Script::Broken("syntax error: nested too deeply".into());
    }
    match Parser::new(Cursor::new(text), &options()).parse_program() {
        Ok(Program { complete_commands }) => Script::Commands(complete_commands),
        Err(ParseError::ParsingAtEndOfInput) => Script::Unfinished,
        Err(ParseError::Tokenizing { inner, .. }) if inner.is_incomplete() => Script::Unfinished,
        Err(ParseError::Tokenizing { inner, .. }) => Script::Broken(format!("syntax error: {inner}")),
        Err(ParseError::ParsingNear(position)) => {
            let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
            let rest: String = line.chars().skip(position.column.saturating_sub(1)).collect();
            let word = rest.split_whitespace().next().unwrap_or("newline");
            let unexpected = match word {
                word if word.starts_with(['&', '|', ';', '(', ')', '<', '>']) => {
                    word.chars().take_while(|char| "&|;()<>".contains(*char)).take(2).collect()
                }
                word => word.to_owned(),
            };
            Script::Broken(format!("syntax error: unexpected \"{unexpected}\""))
        }
    }
}

/// Whether more stands in each other than is read. Quotes are not looked at: a text full of open brackets is refused too.
pub(super) fn is_too_deep(text: &str) -> bool {
    let (mut brackets, mut words) = (0_usize, 0_usize);
    let mut deepest = 0;
    let mut word = String::new();
    for char in text.chars().chain([' ']) {
        if char.is_ascii_lowercase() {
            word.push(char);
            continue;
        }
        match word.as_str() {
            "if" | "while" | "until" | "for" | "case" => words += 1,
            "fi" | "done" | "esac" => words = words.saturating_sub(1),
            _ => {}
        }
        word.clear();
        match char {
            '(' | '{' | '[' => brackets += 1,
            ')' | '}' | ']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(brackets + words);
    }
    // Each backquote inside another needs one more backslash.
    deepest > DEEPEST || text.contains(&"\\".repeat(DEEPEST)) && text.contains('`')
}
