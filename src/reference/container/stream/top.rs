//! `ContainerTop`: the processes of a container as `ps` on the host shows them.

mod columns;
mod options;

use std::sync::Arc;

use serde_json::{Value, json};

use super::needs_running;
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::container::{Container, tell};
use crate::reference::program::Listed;
use crate::reference::refusal::Refusal;

use columns::Row;
use options::Selected;

/// The parent of a container's first process, as the host sees it.
const SHIM: u32 = 990;

/// Lists the processes.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let selected = match call.query.text("ps_args") {
        _ if !call.since(4) => Selected::parse(""),
        "" => Selected::parse("-ef"),
        args => Selected::parse(args),
    };
    let selected = selected.map_err(Refusal::server_error)?;
    let mut state = engine.state();
    let container = state.containers.find(&call.name)?;
    needs_running(container)?;
    let id = container.id.clone();
    let rows = rows(container, &state.execs.pids(&id));
    let now = engine.now();
    let processes: Vec<Vec<String>> = rows.iter().filter(|row| selected.wants(row.pid)).map(|row| selected.row(row, now)).collect();
    tell(engine, &mut state, &id, "top", &[]);
    if !call.since(4) {
        let process = |row: &Vec<String>| json!({ "PID": row[0], "Tty": row[1], "Time": row[2], "Cmd": row[3] });
        return Ok(Answer::json(processes.iter().map(process).collect()));
    }
    // A list that nothing was added to is null in Go.
    let processes = if processes.is_empty() { Value::Null } else { json!(processes) };
    Ok(Answer::json(json!({ "Titles": selected.titles(), "Processes": processes })))
}

/// The processes with the numbers that they have on the host; those of execs are known.
fn rows(container: &Container, execs: &[(u32, u32)]) -> Vec<Row> {
    let Some(run) = container.life.run() else { return Vec::new() };
    let main = container.life.pid();
    let listed = run.process.processes().list();
    let first = listed.iter().map(|process| process.pid).min().unwrap_or_default();
    let host = |inner: u32| match execs.iter().find(|(known, _)| *known == inner) {
        Some((_, pid)) => *pid,
        None if inner == first => main,
        // Far from the numbers that are given to containers and execs.
        None => 1_000_000 + (main % 6_000) * 500 + inner % 500,
    };
    let tty = container.console.tty();
    let row = |process: Listed| Row {
        pid: host(process.pid),
        ppid: if process.ppid == 0 { SHIM } else { host(process.ppid) },
        is_first: process.pid == first,
        tty: tty && !execs.iter().any(|(known, _)| *known == process.pid),
        user: process.user,
        start: process.start,
        argv: process.argv,
    };
    listed.into_iter().map(row).collect()
}
