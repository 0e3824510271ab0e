//! `plimsoll waivers`: writes and tidies waiver files; and reads the one of a run.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::cli::{AcceptArgs, PruneArgs, WaiversCommand};
use crate::error::{Error, Exit};
use crate::model::{Event, Violation};
use crate::report::waiver::{added, pruned};
use crate::report::{Classes, Waivers};

pub(super) fn run(command: &WaiversCommand) -> Result<Exit, Error> {
    match command {
        WaiversCommand::Init(args) => init(args),
        WaiversCommand::Update(args) => update(args),
        WaiversCommand::Prune(args) => prune(args),
    }
}

/// The waivers of a run; names of operations are those of its catalogue.
pub(super) fn open(path: Option<&Path>, catalog: &Catalog) -> Result<Option<Waivers>, Error> {
    path.map(|path| text(path).and_then(|text| parse(path, &text, catalog))).transpose()
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::environment(format!("cannot read the waivers {}: {error}", path.display())))
}

fn parse(path: &Path, text: &str, catalog: &Catalog) -> Result<Waivers, Error> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    Waivers::read(path.to_owned(), text, today, &|name| catalog.operation(name).is_some()).map_err(Error::usage)
}

fn init(args: &AcceptArgs) -> Result<Exit, Error> {
    let path = &args.waivers;
    // Read first: a report that cannot be read leaves no empty file behind.
    let (text, count) = additions(args, None)?;
    let mut file = fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::usage(format!("{} is there already; `plimsoll waivers update` adds to it", path.display()))
        }
        _ => unwritable(path, &error),
    })?;
    let head = "# Violations that are accepted. Each needs a reason; an expiry and a ticket do it good.\n";
    file.write_all(format!("{head}{text}").as_bytes()).map_err(|error| unwritable(path, &error))?;
    say(path, count, "written")
}

fn update(args: &AcceptArgs) -> Result<Exit, Error> {
    let path = &args.waivers;
    let old = text(path)?;
    let (new, count) = additions(args, Some(parse(path, &old, Catalog::builtin())?))?;
    replace(path, &format!("{}\n{new}", old.trim_end()))?;
    say(path, count, "added")
}

fn prune(args: &PruneArgs) -> Result<Exit, Error> {
    let path = &args.waivers;
    let old = text(path)?;
    let mut waivers = parse(path, &old, Catalog::builtin())?;
    for_each(&args.reports, &mut |violation| {
        waivers.accept(violation);
    })?;
    let (left, count) = pruned(&waivers, &old);
    replace(path, &left)?;
    say(path, count, "removed")
}

fn say(path: &Path, count: usize, done: &str) -> Result<Exit, Error> {
    super::print(&format!("{}: {count} waiver{} {done}\n", path.display(), if count == 1 { "" } else { "s" }))
}

/// The waivers that the reports need beside those that are there, in TOML, and how many they are.
fn additions(args: &AcceptArgs, mut waivers: Option<Waivers>) -> Result<(String, usize), Error> {
    let mut classes = Classes::default();
    for_each(&args.reports, &mut |violation| {
        let accepted = waivers.as_mut().and_then(|waivers| waivers.accept(violation));
        if accepted.is_none() {
            classes.add(&Violation { waived: None, ..violation.clone() });
        }
    })?;
    let added = added(&classes, &|violation| args.fail_on.fails(violation.severity()));
    let tables: Vec<_> = added.iter().map(|addition| addition.to_toml(&args.reason)).collect();
    Ok((["\n", &tables.join("\n")].concat(), added.len()))
}

fn for_each(reports: &[PathBuf], take: &mut dyn FnMut(&Violation)) -> Result<(), Error> {
    for path in reports {
        super::report::read_file(path, &mut |event| {
            if let Event::Violation(violation) = event {
                take(&violation);
            }
        })?;
    }
    Ok(())
}

/// Writes the file anew, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!("cannot write the waivers {}: {error}", path.display()))
}
