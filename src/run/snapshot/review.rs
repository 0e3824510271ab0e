//! `plimsoll snapshot review`, `accept` and `reject`: what becomes of what waits.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use similar::{ChangeTag, TextDiff};

use crate::cli::{ChosenArgs, ReviewArgs};
use crate::error::{Error, Exit};
use crate::report::Style;
use crate::snapshot::{Folder, Snapshot, compare};

/// Lines of text around a change.
const AROUND: usize = 3;

/// Shows what waits, one at a time, and asks.
pub(super) fn review(args: &ReviewArgs) -> Result<Exit, Error> {
    let folder = Folder::new(&args.dir);
    let pendings = folder.pendings()?;
    if pendings.is_empty() {
        return super::super::print("nothing waits to be accepted\n");
    }
    let style = super::super::session::style();
    let mut answers = io::stdin().lock();
    let say = |text: &str| -> Result<(), Error> {
        let mut out = io::stdout();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| Error::environment(format!("cannot write to standard output: {error}")))
    };
    let count = pendings.len();
    for (index, name) in pendings.iter().enumerate() {
        let shown = show(&folder, name, style)?;
        say(&format!("{} {}\n{shown}", style.strong(&format!("{}/{count}", index + 1)), style.strong(name)))?;
        loop {
            say(&format!("{}  a accept, r reject, s skip, d differences by pointer, q quit: ", style.strong("what now?")))?;
            let mut line = String::new();
            let read = answers.read_line(&mut line).map_err(|error| Error::environment(format!("cannot read standard input: {error}")))?;
            if !io::stdin().is_terminal() {
                say("\n")?;
            }
            match line.trim() {
                // Nobody answers any more: what waits goes on waiting.
                _ if read == 0 => return Ok(Exit::Compliant),
                "a" | "accept" => {
                    folder.accept(name)?;
                    say(&format!("accepted: {}\n\n", folder.snapshot(name).display()))?;
                }
                "r" | "reject" => {
                    Folder::remove(&folder.pending(name))?;
                    say(&format!("rejected: {} stays as it is\n\n", folder.snapshot(name).display()))?;
                }
                "s" | "skip" | "" => say("\n")?,
                "d" | "diff" => {
                    say(&pointers(&folder, name, style)?)?;
                    continue;
                }
                "q" | "quit" => return Ok(Exit::Compliant),
                _ => continue,
            }
            break;
        }
    }
    Ok(Exit::Compliant)
}

/// Accepts all, or those that are named.
pub(super) fn accept(args: &ChosenArgs) -> Result<Exit, Error> {
    let folder = Folder::new(&args.dir);
    let mut out = String::new();
    for name in chosen(&folder, args)? {
        folder.accept(&name)?;
        out.extend(["accepted ", &name, "\n"]);
    }
    super::super::print(if out.is_empty() { "nothing waits to be accepted\n" } else { &out })
}

/// Throws away all, or those that are named.
pub(super) fn reject(args: &ChosenArgs) -> Result<Exit, Error> {
    let folder = Folder::new(&args.dir);
    let mut out = String::new();
    for name in chosen(&folder, args)? {
        Folder::remove(&folder.pending(&name))?;
        out.extend(["rejected ", &name, "\n"]);
    }
    super::super::print(if out.is_empty() { "nothing waits to be accepted\n" } else { &out })
}

fn chosen(folder: &Folder, args: &ChosenArgs) -> Result<Vec<String>, Error> {
    let pendings = folder.pendings()?;
    if let Some(name) = args.names.iter().find(|name| !pendings.contains(name)) {
        return Err(Error::usage(format!("{name} does not wait: there is no {}", folder.pending(name).display())));
    }
    Ok(if args.names.is_empty() { pendings } else { args.names.clone() })
}

/// The changed lines, with some around.
fn show(folder: &Folder, name: &str, style: Style) -> Result<String, Error> {
    let read = |path: std::path::PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::environment(format!("cannot read {}: {error}", path.display()))),
    };
    let (old, new) = (read(folder.snapshot(name))?, read(folder.pending(name))?);
    let diff = TextDiff::from_lines(&old, &new);
    let mut out = String::new();
    for group in diff.grouped_ops(AROUND) {
        if !out.is_empty() {
            out.push_str(&style.dim("  …\n"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches('\n');
            let line = match change.tag() {
                ChangeTag::Delete => style.bad(&format!("- {line}")),
                ChangeTag::Insert => style.good(&format!("+ {line}")),
                ChangeTag::Equal => format!("  {line}"),
            };
            out.extend([&line, "\n"]);
        }
    }
    Ok(out)
}

/// The same by exchange and JSON pointer.
fn pointers(folder: &Folder, name: &str, style: Style) -> Result<String, Error> {
    let old = Snapshot::read(&folder.snapshot(name))?.map(|snapshot| snapshot.scenes).unwrap_or_default();
    let new = Snapshot::read(&folder.pending(name))?.map(|snapshot| snapshot.scenes).unwrap_or_default();
    let (mut out, mut last) = (Vec::new(), 0);
    for difference in compare::scenarios(&old, &new) {
        super::show_difference(&mut out, style, &difference, &mut last).expect("a vector takes all");
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}
