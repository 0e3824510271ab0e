//! `sed`, as scripts use it: `s`, `d`, `p`, `q`, `a`, `i`, `c`, `y`, `=`, with addresses; no branches.

use bytes::BytesMut;

use super::super::pipe::Closed;
use super::super::process::{MOST_IN_MEMORY, Process};
use super::Table;
use super::arguments::{Given, usage};
use super::search::Expression;

pub(super) const TABLE: Table = &[("sed", |process| Box::pin(sed(process)))];

/// Where a command applies.
#[derive(Debug)]
enum Address {
    Line(usize),
    Last,
    Matching(Expression),
}

#[derive(Debug)]
struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    /// Inside a range that began on an earlier line.
    open: bool,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Delete,
    Print,
    Quit,
    Number,
    Append(String),
    Insert(String),
    Change(String),
    Translate(Vec<char>, Vec<char>),
    Substitute { expression: Expression, replacement: Vec<Piece>, global: bool, print: bool, number: usize },
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A script that is being read.
struct Source<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    extended: bool,
}

impl Source<'_> {
    /// Text up to a delimiter; `\` before the delimiter takes it in.
    fn until(&mut self, delimiter: char) -> Option<String> {
        let mut text = String::new();
        let mut in_set = false;
        while let Some(char) = self.rest.next() {
            match char {
                '\\' => match self.rest.next()? {
                    next if next == delimiter => text.push(next),
                    'n' => text.push('\n'),
                    next => text.extend(['\\', next]),
                },
                _ if char == delimiter && !in_set => return Some(text),
                _ => {
                    in_set = (in_set || char == '[') && char != ']';
                    text.push(char);
                }
            }
        }
        None
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        match self.rest.peek().copied() {
            Some('$') => {
                self.rest.next();
                Ok(Some(Address::Last))
            }
            Some('/') => {
                self.rest.next();
                let text = self.until('/').ok_or("unterminated address regex")?;
                Ok(Some(Address::Matching(Expression::new(&text, self.extended, false)?)))
            }
            Some(digit) if digit.is_ascii_digit() => {
                let digits: String = std::iter::from_fn(|| self.rest.next_if(char::is_ascii_digit)).collect();
                Ok(Some(Address::Line(digits.parse().map_err(|_| "bad address")?)))
            }
            _ => Ok(None),
        }
    }

    fn line(&mut self) -> String {
        while self.rest.next_if(|char| char.is_whitespace()).is_some() {}
        if self.rest.next_if_eq(&'\\').is_some() {
            while self.rest.next_if(|char| char.is_whitespace()).is_some() {}
        }
        let text: String = self.rest.by_ref().take_while(|char| *char != '\n').collect();
        text
    }

    fn commands(&mut self) -> Result<Vec<Command>, String> {
        let mut commands = Vec::new();
        loop {
            while self.rest.next_if(|char| char.is_whitespace() || ";}".contains(*char)).is_some() {}
            if self.rest.peek().is_none() {
                return Ok(commands);
            }
            let from = self.address()?;
            let to = if self.rest.next_if_eq(&',').is_some() { self.address()? } else { None };
            while self.rest.next_if_eq(&' ').is_some() {}
            let negated = self.rest.next_if_eq(&'!').is_some();
            let action = match self.rest.next() {
                Some('d') => Action::Delete,
                Some('p') => Action::Print,
                Some('q') => Action::Quit,
                Some('=') => Action::Number,
                Some('a') => Action::Append(self.line()),
                Some('i') => Action::Insert(self.line()),
                Some('c') => Action::Change(self.line()),
                Some('#') => {
                    self.rest.by_ref().take_while(|char| *char != '\n').for_each(drop);
                    continue;
                }
                Some('y') => {
                    let delimiter = self.rest.next().ok_or("bad format in y expression")?;
                    let (from, to) = (self.until(delimiter), self.until(delimiter));
                    let (Some(from), Some(to)) = (from, to) else { return Err("bad format in y expression".into()) };
                    Action::Translate(from.chars().collect(), to.chars().collect())
                }
                Some('s') => self.substitution()?,
                other => return Err(format!("unsupported command {}", other.map_or(String::new(), String::from))),
            };
            commands.push(Command { from, to, negated, open: false, action });
        }
    }

    fn substitution(&mut self) -> Result<Action, String> {
        let bad = || "bad format in substitution expression".to_owned();
        let delimiter = self.rest.next().ok_or_else(bad)?;
        let pattern = self.until(delimiter).ok_or_else(bad)?;
        let mut replacement = vec![Piece::Text(String::new())];
        let mut push = |piece: Piece| match (replacement.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => replacement.push(piece),
        };
        loop {
            match self.rest.next().ok_or_else(bad)? {
                char if char == delimiter => break,
                '&' => push(Piece::Group(0)),
                '\\' => match self.rest.next().ok_or_else(bad)? {
                    digit if digit.is_ascii_digit() => {
                        push(Piece::Group(digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(0)));
                    }
                    'n' => push(Piece::Text("\n".into())),
                    't' => push(Piece::Text("\t".into())),
                    other => push(Piece::Text(other.into())),
                },
                char => push(Piece::Text(char.into())),
            }
        }
        let (mut global, mut print, mut ignore_case, mut number) = (false, false, false, 0);
        while let Some(flag) = self.rest.next_if(char::is_ascii_alphanumeric) {
            match flag {
                'g' => global = true,
                'p' => print = true,
                'i' | 'I' => ignore_case = true,
                digit if digit.is_ascii_digit() => number = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(0),
                _ => return Err(bad()),
            }
        }
        Ok(Action::Substitute {
            expression: Expression::new(&pattern, self.extended, ignore_case)?,
            replacement,
            global,
            print,
            number: number.max(1),
        })
    }
}

impl Command {
    fn applies(&mut self, line: &str, number: usize, last: bool) -> bool {
        let hits = |address: &Address| match address {
            Address::Line(at) => *at == number,
            Address::Last => last,
            Address::Matching(expression) => expression.matches(line.as_bytes()),
        };
        let met = match (&self.from, &self.to) {
            (None, _) => true,
            (Some(from), None) => hits(from),
            (Some(from), Some(to)) => {
                if self.open {
                    self.open = !(hits(to) || matches!(to, Address::Line(at) if *at <= number));
                    true
                } else {
                    let begins = hits(from);
                    self.open = begins && !matches!(to, Address::Line(at) if *at <= number);
                    begins
                }
            }
        };
        met != self.negated
    }
}

/// A line with what an expression matches replaced; whether anything was.
fn substituted(line: &str, expression: &Expression, replacement: &[Piece], global: bool, number: usize) -> Option<String> {
    let bytes = line.as_bytes();
    let (mut done, mut at, mut count, mut copied) = (BytesMut::new(), 0, 0, 0);
    let mut any = false;
    while let Some(captures) = expression.captures_from(bytes, at) {
        let Some(whole) = captures.get(0) else { break };
        count += 1;
        if count >= number {
            any = true;
            done.extend_from_slice(bytes.get(copied..whole.start()).unwrap_or_default());
            for piece in replacement {
                match piece {
                    Piece::Text(text) => done.extend_from_slice(text.as_bytes()),
                    Piece::Group(group) => done.extend_from_slice(captures.get(*group).map_or(&[], |found| found.as_bytes())),
                }
            }
            copied = whole.end();
        }
        if any && !global {
            break;
        }
        at = if whole.is_empty() {
            whole.end()
                + bytes
                    .get(whole.end()..)
                    .and_then(|rest| std::str::from_utf8(rest).ok())
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8)
        } else {
            whole.end()
        };
    }
    done.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    any.then(|| String::from_utf8_lossy(&done).into_owned())
}

/// What a script makes of a text.
fn edited(commands: &mut [Command], text: &str, quiet: bool) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let (mut line, number, last) = ((*line).to_owned(), at + 1, at + 1 == lines.len());
        let (mut after, mut deleted, mut quits) = (String::new(), false, false);
        for command in commands.iter_mut() {
            if !command.applies(&line, number, last) {
                continue;
            }
            match &command.action {
                Action::Delete => deleted = true,
                Action::Print => out.extend([line.as_str(), "\n"]),
                Action::Quit => quits = true,
                Action::Number => out.extend([number.to_string().as_str(), "\n"]),
                Action::Append(text) => after.extend([text.as_str(), "\n"]),
                Action::Insert(text) => out.extend([text.as_str(), "\n"]),
                Action::Change(text) => {
                    if !command.open {
                        out.extend([text.as_str(), "\n"]);
                    }
                    deleted = true;
                }
                Action::Translate(from, to) => {
                    let changed =
                        |char: char| from.iter().position(|known| *known == char).and_then(|at| to.get(at)).copied().unwrap_or(char);
                    line = line.chars().map(changed).collect();
                }
                Action::Substitute { expression, replacement, global, print, number } => {
                    if let Some(changed) = substituted(&line, expression, replacement, *global, *number) {
                        line = changed;
                        if *print {
                            out.extend([line.as_str(), "\n"]);
                        }
                    }
                }
            }
            if deleted || quits {
                break;
            }
        }
        if !deleted && !quiet {
            out.extend([line.as_str(), "\n"]);
        }
        out.push_str(&after);
        if quits {
            return out;
        }
    }
    if !text.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    out
}

async fn sed(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "nirEsz", "ef").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let mut operands = given.operands.clone();
    let mut script = given.values('e').collect::<Vec<_>>().join("\n");
    if let Some(path) = given.value('f') {
        script = String::from_utf8_lossy(&process.files().read(&process.path(path)).unwrap_or_default()).into_owned();
    } else if given.value('e').is_none() {
        if operands.is_empty() {
            return Ok(usage(process, "missing operand").await);
        }
        script = operands.remove(0);
    }
    let mut source = Source { rest: script.chars().peekable(), extended: given.has('E') || given.has('r') };
    let mut commands = match source.commands() {
        Ok(commands) => commands,
        Err(text) => {
            process.complain(text).await;
            return Ok(1);
        }
    };
    if operands.is_empty() {
        operands.push("-".into());
    }
    let (mut code, mut all) = (0, String::new());
    for path in operands {
        let input = match process.open(&path) {
            Ok(input) => input,
            Err(error) => {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 1;
                continue;
            }
        };
        let text = String::from_utf8_lossy(&input.read_all(MOST_IN_MEMORY).await).into_owned();
        if given.has('i') {
            let edited = edited(&mut commands, &text, given.has('n'));
            let full = process.path(&path);
            if let Err(error) = process.change(|files, now| files.write(&full, edited.into(), 0o644, now)) {
                process.complain(format!("{path}: {}", error.sentence())).await;
                code = 4;
            }
        } else {
            all.push_str(&text);
        }
    }
    if !given.has('i') {
        process.out(edited(&mut commands, &all, given.has('n'))).await?;
    }
    Ok(code)
}
