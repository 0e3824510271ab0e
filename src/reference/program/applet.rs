//! The programs of a busybox-like image, in small: a file a family, a function a program.
//!
//! They say what busybox says and exit as it does; options that nobody scripts with are left out. None of them reaches anything outside the
//! container's files and processes.

mod arguments;
mod compare;
mod digest;
mod edit;
mod launch;
mod lines;
mod manage;
mod network;
mod pack;
mod print;
mod search;
mod system;
mod text;
mod time;
mod tree;

use std::future::Future;
use std::pin::Pin;

pub(super) use compare::test;
pub(super) use print::unescape;

use super::pipe::Closed;
use super::process::Process;

/// A program: its code, or that nobody reads what it writes.
pub(super) type Run = for<'a> fn(&'a mut Process) -> Running<'a>;
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<u8, Closed>> + Send + 'a>>;

/// Programs by name.
type Table = &'static [(&'static str, Run)];

const TABLES: &[Table] = &[
    print::TABLE,
    compare::TABLE,
    digest::TABLE,
    edit::TABLE,
    launch::TABLE,
    lines::TABLE,
    manage::TABLE,
    network::TABLE,
    pack::TABLE,
    search::TABLE,
    system::TABLE,
    text::TABLE,
    time::TABLE,
    tree::TABLE,
];

/// The program of a name.
pub(super) fn named(name: &str) -> Option<Run> {
    TABLES.iter().flat_map(|table| table.iter()).find(|(known, _)| *known == name).map(|(_, run)| *run)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_program_of_the_images_is_there() {
        let missing: Vec<_> = crate::reference::files::applets()
            .iter()
            .filter(|name| !["sh", "ash"].contains(name) && super::named(name).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
