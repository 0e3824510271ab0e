//! Dockerfiles: read by `parse-dockerfile`, checked and worded as the classic builder does.

use parse_dockerfile::{Command as Parsed, Flag, HealthcheckArguments, Instruction as Source, JsonOrStringArray, Source as CopySource};
use serde_json::{Value, json};

use super::super::moment::{duration_error, go_duration};
use super::line::{has_gap, joined, pairs, rest, without_flags, words};

/// One instruction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instruction {
    /// As it was written, on one line: what `Step 1/3 : …` says.
    pub(super) original: String,
    /// What it says.
    pub(super) kind: Kind,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    From { image: String, platform: Option<String>, name: Option<String> },
    Arg(Vec<(String, Option<String>)>),
    Env(Vec<(String, String)>),
    Label(Vec<(String, String)>),
    Copy(Copy),
    Run { command: Command, flag: Option<String> },
    Cmd(Command),
    Entrypoint(Command),
    Healthcheck(Value),
    Shell(Vec<String>),
    Expose(Vec<String>),
    Volume(Vec<String>),
    User(String),
    Workdir(String),
    Stopsignal(String),
    Maintainer(String),
    Onbuild(String),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Copy {
    /// It is `ADD`.
    pub(super) add: bool,
    pub(super) from: Option<String>,
    pub(super) chown: String,
    pub(super) chmod: bool,
    pub(super) sources: Vec<String>,
    pub(super) destination: String,
}

/// A command, by itself or for the shell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Exec(Vec<String>),
    Shell(String),
}

/// A Dockerfile.
#[derive(Debug, Clone)]
pub(super) struct Dockerfile {
    pub(super) instructions: Vec<Instruction>,
    /// The mark for escapes and continued lines.
    pub(super) escape: char,
    /// Instructions with empty lines in them.
    pub(super) gaps: Vec<String>,
}

/// What stands before an error of the lines themselves; those of instructions have the number of their line.
pub(super) const UNREAD: &str = "failed to parse Dockerfile: ";

/// Reads a Dockerfile. The error is dockerd's sentence.
pub(super) fn parse(text: &str) -> Result<Dockerfile, String> {
    read(text, 0)
}

/// Reads instructions that belong to a stage already: the `changes` of a commit, and triggers.
pub(super) fn parse_stage(text: &str) -> Result<Dockerfile, String> {
    let mut dockerfile = read(&format!("FROM scratch\n{text}"), 1)?;
    dockerfile.instructions.remove(0);
    Ok(dockerfile)
}

fn read(text: &str, lines_before: usize) -> Result<Dockerfile, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape(text)?;
    let (mut instructions, mut gaps) = (Vec::new(), Vec::new());
    let parsed = parse_dockerfile::parse_iter(text).map_err(|error| worded(text, &error, lines_before, escape))?;
    for source in parsed {
        let source = source.map_err(|error| worded(text, &error, lines_before, escape))?;
        let start = start_of(&source);
        let original = joined(text, start, escape);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        let kind = kind(text, &source, &original, escape);
        let kind = kind.map_err(|why| {
            if why.starts_with(UNREAD) { why } else { format!("dockerfile parse error line {}: {why}", line.saturating_sub(lines_before)) }
        })?;
        if has_gap(text, start, escape) {
            gaps.push(original.clone());
        }
        instructions.push(Instruction { original, kind });
    }
    Ok(Dockerfile { instructions, escape, gaps })
}

/// The parser directive `# escape=`.
fn escape(text: &str) -> Result<char, String> {
    let mut escape = '\\';
    for line in text.lines() {
        let Some((name, value)) = line.trim_start().strip_prefix('#').and_then(|comment| comment.split_once('=')) else { break };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" => match value.trim() {
                "`" => escape = '`',
                "\\" => escape = '\\',
                other => return Err(format!("{UNREAD}invalid escape token '{other}' does not match ` or \\")),
            },
            "syntax" | "check" => {}
            _ => break,
        }
    }
    Ok(escape)
}

/// The parser's error in dockerd's words.
fn worded(text: &str, error: &parse_dockerfile::Error, lines_before: usize, escape: char) -> String {
    let message = format!("{error:#}");
    if message == "expected FROM" {
        return "no build stage in current context".to_owned();
    }
    if error.line() == 0 {
        return format!("{UNREAD}file with no instructions");
    }
    let line = error.line();
    // The line may be one that continues the instruction.
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let original = joined(text, start, escape);
    let word = original.split_whitespace().next().unwrap_or_default().to_uppercase();
    if is_mixed_array(&rest_of(&original)) {
        return format!("{UNREAD}{MIXED}");
    }
    let why = if message.starts_with("unknown instruction") {
        format!("unknown instruction: {word}")
    } else if message.contains("at least two arguments") {
        format!("{word} requires at least two arguments, but only one was provided. Destination could not be determined")
    } else if word == "FROM" {
        "FROM requires either one or three arguments".to_owned()
    } else if message.contains("at least one argument") {
        format!("{word} requires at least one argument")
    } else if message.contains("exactly one argument") {
        format!("{word} requires exactly one argument")
    } else if word == "SHELL" {
        "SHELL requires the arguments to be in JSON form".to_owned()
    } else if word == "HEALTHCHECK" && message.starts_with("expected CMD") {
        let sort = without_flags(rest(&original)).split_whitespace().next().unwrap_or_default().to_uppercase();
        format!("Unknown type {sort:?} in HEALTHCHECK (try CMD)")
    } else if message.contains("ONBUILD ONBUILD") {
        "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()
    } else {
        message
    };
    format!("dockerfile parse error line {}: {why}", line.saturating_sub(lines_before))
}

/// What is said of an array that holds something else than texts.
const MIXED: &str = "when using JSON array syntax, arrays must be comprised of strings only";

fn rest_of(original: &str) -> String {
    without_flags(rest(original)).to_owned()
}

fn is_mixed_array(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Array(items)) if !items.iter().all(Value::is_string))
}

fn start_of(source: &Source<'_>) -> usize {
    let keyword = match source {
        Source::Add(it) => &it.add,
        Source::Arg(it) => &it.arg,
        Source::Cmd(it) => &it.cmd,
        Source::Copy(it) => &it.copy,
        Source::Entrypoint(it) => &it.entrypoint,
        Source::Env(it) => &it.env,
        Source::Expose(it) => &it.expose,
        Source::From(it) => &it.from,
        Source::Healthcheck(it) => &it.healthcheck,
        Source::Label(it) => &it.label,
        Source::Maintainer(it) => &it.maintainer,
        Source::Onbuild(it) => &it.onbuild,
        Source::Run(it) => &it.run,
        Source::Shell(it) => &it.shell,
        Source::Stopsignal(it) => &it.stopsignal,
        Source::User(it) => &it.user,
        Source::Volume(it) => &it.volume,
        Source::Workdir(it) => &it.workdir,
        _ => return 0,
    };
    keyword.span.start
}

/// Flags with their values; one that is not known, or is there twice, is an error.
fn flags(given: &[Flag<'_>], known: &[&str]) -> Result<Vec<(String, String)>, String> {
    let mut read: Vec<(String, String)> = Vec::new();
    for flag in given {
        let name = flag.name.value.to_string();
        if !known.contains(&name.as_str()) {
            return Err(format!("Unknown flag: {name}"));
        }
        if read.iter().any(|(other, _)| *other == name) {
            return Err(format!("Duplicate flag specified: {name}"));
        }
        let value = flag.value.as_ref().ok_or_else(|| format!("Missing a value on flag: {name}"))?;
        read.push((name, value.value.to_string()));
    }
    Ok(read)
}

fn flag(flags: &[(String, String)], name: &str) -> Option<String> {
    flags.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

fn kind(text: &str, source: &Source<'_>, original: &str, escape: char) -> Result<Kind, String> {
    let rest = rest(original);
    let takes_array = !matches!(
        source,
        Source::Env(_)
            | Source::Label(_)
            | Source::Arg(_)
            | Source::User(_)
            | Source::Workdir(_)
            | Source::Maintainer(_)
            | Source::Onbuild(_)
    );
    if takes_array && is_mixed_array(without_flags(rest)) {
        return Err(format!("{UNREAD}{MIXED}"));
    }
    let one = |word: &str, command: &str| match word.trim() {
        "" => Err(format!("{command} requires exactly one argument")),
        word => Ok(word.to_owned()),
    };
    Ok(match source {
        Source::From(from) => {
            let flags = flags(&from.options, &["platform"])?;
            let name = match &from.as_ {
                Some((_, name)) => Some(stage_name(&name.value)?),
                None => None,
            };
            Kind::From { image: from.image.value.to_string(), platform: flag(&flags, "platform"), name }
        }
        Source::Arg(_) => {
            let mut args = Vec::new();
            for word in words(rest, escape) {
                args.push(match word.split_once('=') {
                    Some(("", _)) => return Err("ARG names can not be blank".to_owned()),
                    Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                    None => (word, None),
                });
            }
            Kind::Arg(args)
        }
        Source::Env(_) => Kind::Env(pairs(rest, "ENV", escape)?),
        Source::Label(_) => Kind::Label(pairs(rest, "LABEL", escape)?),
        Source::Add(add) => Kind::Copy(copy(true, &add.options, &add.src, &add.dest.value)?),
        Source::Copy(it) => Kind::Copy(copy(false, &it.options, &it.src, &it.dest.value)?),
        Source::Run(run) => {
            let flags = flags(&run.options, &["mount", "network", "security"])?;
            if let Some(field) = flag(&flags, "mount")
                .and_then(|mount| mount.split(',').find(|field| !field.contains('=') && !is_mount_flag(field)).map(str::to_owned))
            {
                return Err(format!("invalid field '{field}' must be a key=value pair"));
            }
            let flag = flags.into_iter().next().map(|(name, _)| name);
            let command = match run.here_docs.first() {
                Some(document) => Command::Shell(document.value.to_string()),
                None => command(text, &run.arguments, escape),
            };
            Kind::Run { command, flag }
        }
        Source::Cmd(cmd) => Kind::Cmd(command(text, &cmd.arguments, escape)),
        Source::Entrypoint(it) => Kind::Entrypoint(command(text, &it.arguments, escape)),
        Source::Healthcheck(check) => healthcheck(text, &check.options, &check.arguments, escape)?,
        Source::Shell(shell) => Kind::Shell(shell.arguments.iter().map(|word| word.value.to_string()).collect()),
        Source::Expose(_) => {
            let mut ports: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
            ports.sort();
            Kind::Expose(ports)
        }
        Source::Volume(volume) => {
            let paths: Vec<String> = match &volume.arguments {
                JsonOrStringArray::Json(paths) => paths.value.iter().map(|path| path.value.trim().to_owned()).collect(),
                JsonOrStringArray::String(_) => rest.split_whitespace().map(str::to_owned).collect(),
            };
            if paths.is_empty() || paths.iter().any(String::is_empty) {
                return Err("VOLUME specified can not be an empty string".to_owned());
            }
            Kind::Volume(paths)
        }
        Source::User(_) => Kind::User(one(rest, "USER")?),
        Source::Workdir(_) => Kind::Workdir(one(rest, "WORKDIR")?),
        Source::Stopsignal(_) => Kind::Stopsignal(one(rest, "STOPSIGNAL")?),
        Source::Maintainer(_) => Kind::Maintainer(one(rest, "MAINTAINER")?),
        Source::Onbuild(onbuild) => {
            match onbuild.instruction.as_ref() {
                Source::From(_) => return Err("FROM isn't allowed as an ONBUILD trigger".to_owned()),
                Source::Maintainer(_) => return Err("MAINTAINER isn't allowed as an ONBUILD trigger".to_owned()),
                inner => kind(text, inner, rest, escape)?,
            };
            Kind::Onbuild(rest.to_owned())
        }
        _ => return Err(format!("unknown instruction: {}", original.split_whitespace().next().unwrap_or_default().to_uppercase())),
    })
}

fn is_mount_flag(field: &str) -> bool {
    matches!(field, "readonly" | "ro" | "readwrite" | "rw" | "required")
}

fn stage_name(name: &str) -> Result<String, String> {
    let lower = name.to_lowercase();
    let fits = lower.starts_with(|char: char| char.is_ascii_lowercase())
        && lower.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '_' | '.'));
    if fits { Ok(lower) } else { Err(format!("invalid name for build stage: {name:?}, name can't start with a number or contain symbols")) }
}

fn command(text: &str, parsed: &Parsed<'_>, escape: char) -> Command {
    match parsed {
        Parsed::Exec(words) => Command::Exec(words.value.iter().map(|word| word.value.to_string()).collect()),
        Parsed::Shell(line) => Command::Shell(joined(text, line.span.start, escape)),
        _ => Command::Exec(Vec::new()),
    }
}

fn copy(add: bool, options: &[Flag<'_>], sources: &[CopySource<'_>], destination: &str) -> Result<Copy, String> {
    let flags = flags(options, if add { &["chown", "chmod"] } else { &["chown", "chmod", "from"] })?;
    let mut paths = Vec::new();
    for source in sources {
        match source {
            CopySource::Path(path) => paths.push(path.value.to_string()),
            _ => return Err("here-documents require BuildKit".to_owned()),
        }
    }
    Ok(Copy {
        add,
        from: flag(&flags, "from").filter(|from| !from.is_empty()),
        chown: flag(&flags, "chown").unwrap_or_default(),
        chmod: flag(&flags, "chmod").is_some_and(|mode| !mode.is_empty()),
        sources: paths,
        destination: destination.to_owned(),
    })
}

fn healthcheck(text: &str, options: &[Flag<'_>], arguments: &HealthcheckArguments<'_>, escape: char) -> Result<Kind, String> {
    let HealthcheckArguments::Cmd { arguments, .. } = arguments else {
        return Ok(Kind::Healthcheck(json!({ "Test": ["NONE"] })));
    };
    let flags = flags(options, &["interval", "timeout", "start-period", "start-interval", "retries"])?;
    let test: Vec<String> = match command(text, arguments, escape) {
        Command::Exec(words) => ["CMD".to_owned()].into_iter().chain(words).collect(),
        Command::Shell(line) => vec!["CMD-SHELL".to_owned(), without_flags(&line).to_owned()],
    };
    if test.len() < 2 {
        return Err("Missing command after HEALTHCHECK CMD".to_owned());
    }
    let mut check = json!({ "Test": test });
    for (name, member) in
        [("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod"), ("start-interval", "StartInterval")]
    {
        let Some(value) = flag(&flags, name).filter(|value| !value.is_empty()) else { continue };
        let duration = go_duration(&value).ok_or_else(|| duration_error(&value))?;
        if duration < 1_000_000 {
            return Err(format!("Interval {name:?} cannot be less than 1ms"));
        }
        check[member] = json!(duration);
    }
    if let Some(value) = flag(&flags, "retries").filter(|value| !value.is_empty()) {
        let retries: i32 = value.parse().map_err(|_| format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))?;
        if retries < 1 {
            return Err(format!("--retries must be at least 1 (not {retries})"));
        }
        check["Retries"] = json!(retries);
    }
    Ok(Kind::Healthcheck(check))
}

#[cfg(test)]
mod tests;
