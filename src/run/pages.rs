//! `plimsoll completions` and `plimsoll man`: what is made of the definition of the command line.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::{Error, Exit};

/// Prints the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut text);
    super::print(&String::from_utf8_lossy(&text))
}

/// Prints the main page, or writes all of them.
pub(super) fn man(args: &ManArgs) -> Result<Exit, Error> {
    // `help` is in no need of a page.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = &args.dir else { return super::print(&page(&command)) };
    std::fs::create_dir_all(dir).map_err(|why| Error::environment(format!("cannot make the folder {}: {why}", dir.display())))?;
    write(dir, &command)?;
    Ok(Exit::Compliant)
}

/// A command's page, and those of its subcommands: `plimsoll.1`, `plimsoll-report-merge.1`.
fn write(dir: &Path, command: &Command) -> Result<(), Error> {
    for inner in command.get_subcommands() {
        write(dir, inner)?;
    }
    let path = dir.join(format!("{}.1", command.get_display_name().unwrap_or(command.get_name())));
    std::fs::write(&path, page(command)).map_err(|why| Error::environment(format!("cannot write {}: {why}", path.display())))
}

fn page(command: &Command) -> String {
    let man = Man::new(command.clone()).source(concat!("plimsoll ", env!("CARGO_PKG_VERSION"))).manual("plimsoll");
    let mut text = Vec::new();
    let sections = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for section in sections {
        section(&man, &mut text).expect("a vector takes everything");
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text).expect("a vector takes everything");
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if let Some(after) = command.get_after_help() {
        text.push_str(&as_typed(&after.to_string()));
    }
    text
}

/// What stands behind the help, "Heading:" and lines that are not to be filled, as a section.
fn as_typed(text: &str) -> String {
    let (heading, rest) = text.split_once(":\n").unwrap_or(("Notes", text));
    let mut section = format!(".SH \"{}\"\n.nf\n", heading.to_uppercase());
    for line in rest.lines() {
        // In front of what could be taken for a command of the formatter; a bare hyphen may become another character.
        section.push_str("\\&");
        section.push_str(&line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"));
        section.push('\n');
    }
    section.push_str(".fi\n");
    section
}
