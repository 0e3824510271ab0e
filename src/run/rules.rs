//! `plimsoll rules`.

use include_dir::{Dir, include_dir};

use crate::cli::RulesCommand;
use crate::error::{Error, Exit};
use crate::model::Rule;

/// `<rule id>/fires-….wire` and `silent-….wire`.
static FIXTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/rules");

/// No line of an example is shown longer than this.
const LONGEST_LINE: usize = 400;

pub(super) fn run(command: &RulesCommand) -> Result<Exit, Error> {
    let text = match command {
        RulesCommand::List => list(),
        RulesCommand::Explain { rule } => explain(rule.parse().map_err(Error::usage)?),
    };
    super::print(&text)
}

fn list() -> String {
    let width = Rule::ALL.iter().map(|rule| rule.id().len()).max().unwrap_or_default();
    let line = |rule: &Rule| format!("{:<width$}  {:<7}  {}", rule.id(), rule.severity().to_string(), rule.title());
    Rule::ALL.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// What `rules explain` prints.
fn explain(rule: Rule) -> String {
    let mut text = format!("{}  ({})\n{}\n\n{}\n\nsource: {}\n", rule, rule.severity(), rule.title(), wrap(rule.why()), rule.source());
    if let Some(example) = example(rule) {
        text.push_str("\nAn example that breaks it:\n\n");
        for line in example.lines() {
            text.push_str("  ");
            text.extend(line.chars().take(LONGEST_LINE));
            text.push_str(if line.chars().count() > LONGEST_LINE { " …\n" } else { "\n" });
        }
    }
    text
}

fn example(rule: Rule) -> Option<&'static str> {
    let dir = FIXTURES.get_dir(rule.id())?;
    let mut files: Vec<_> =
        dir.files().filter(|file| file.path().file_name().is_some_and(|name| name.to_string_lossy().starts_with("fires"))).collect();
    files.sort_by_key(|file| file.path());
    files.first()?.contents_utf8()
}

/// Lines of at most 90 characters.
fn wrap(text: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + word.len() + 1 > 90 {
            out.push('\n');
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += word.len();
    }
    out
}
