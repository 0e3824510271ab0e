//! The table: operations by versions, or by daemons where several were asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::escaped;
use crate::model::ApiVersion;
use crate::report::words::{self, visible};
use crate::report::{Cell, CellKey, Mark};

/// What stands above the columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    /// Versions that read the same in every row, from the first to the last.
    Versions(Option<ApiVersion>, Option<ApiVersion>),
    Daemon(Option<Arc<str>>),
}

/// Marks by operation and column.
type Marks = BTreeMap<Option<Arc<str>>, BTreeMap<Column, Mark>>;

pub(super) fn render(cells: &BTreeMap<CellKey, Cell>) -> String {
    if cells.is_empty() {
        return String::new();
    }
    let daemons: BTreeSet<_> = cells.keys().map(|key| &key.daemon).collect();
    let by_daemon = daemons.len() > 1;
    let mut marks = Marks::new();
    let mut columns = BTreeSet::new();
    for (key, cell) in cells {
        let column = if by_daemon { Column::Daemon(key.daemon.clone()) } else { Column::Versions(key.version, key.version) };
        columns.insert(column.clone());
        let row = marks.entry(key.operation.clone()).or_default();
        // Of several versions of a daemon the worst is shown.
        row.entry(column).and_modify(|mark| *mark = mark.and(cell.mark())).or_insert_with(|| cell.mark());
    }
    write(&marks, &joined(columns.into_iter().collect(), &marks))
}

/// Each column with the one whose marks it shows; neighbours that read the same are one.
fn joined(columns: Vec<Column>, marks: &Marks) -> Vec<(Column, Column)> {
    let same = |one: &Column, other: &Column| marks.values().all(|row| row.get(one) == row.get(other));
    let mut joined: Vec<(Column, Column)> = Vec::new();
    for column in columns {
        match (joined.last_mut(), &column) {
            (Some((Column::Versions(Some(_), last), shown)), Column::Versions(Some(next), _)) if same(shown, &column) => {
                *last = Some(*next);
            }
            _ => joined.push((column.clone(), column)),
        }
    }
    joined
}

fn write(marks: &Marks, columns: &[(Column, Column)]) -> String {
    let mut out = "## Operations\n\n| operation |".to_owned();
    for (column, _) in columns {
        let _ = write!(out, " {} |", heading(column));
    }
    out += "\n|:--|";
    out += &":-:|".repeat(columns.len());
    out.push('\n');
    for (operation, row) in marks {
        let _ = write!(out, "| {} |", escaped(&visible(words::operation(operation.as_deref()))));
        for (_, shown) in columns {
            let sign = row.get(shown).map_or(' ', |mark| mark.sign());
            let _ = write!(out, " {sign} |");
        }
        out.push('\n');
    }
    let used: BTreeSet<Mark> = marks.values().flat_map(BTreeMap::values).copied().collect();
    let legend: Vec<String> = used.into_iter().map(|mark| format!("{} {}", mark.sign(), mark.legend())).collect();
    let _ = writeln!(out, "\n{}\n", escaped(&legend.join(", ")));
    out
}

fn heading(column: &Column) -> String {
    match column {
        Column::Versions(first, last) if first == last => words::version(*first),
        Column::Versions(first, last) => format!("{}–{}", words::version(*first), words::version(*last)),
        Column::Daemon(name) => escaped(&visible(name.as_deref().unwrap_or("unnamed daemon"))),
    }
}
