//! Makes other formats of a JSON Lines report, also of one that was cut off.

use std::io::{self, BufRead};

use super::{Ending, Gate, ReportError, Reporter, Tally, missing, read};
use crate::catalog::Catalog;
use crate::model::{Event, RunFinished};

/// Gives the events of a report to `reporters`, with an end that says what is missing where it has none. `name` is what it is called in a
/// sentence. The inner error is one of writing.
pub fn render(
    report: impl BufRead,
    name: &str,
    catalog: &Catalog,
    reporters: &mut [Box<dyn Reporter>],
) -> Result<io::Result<()>, ReportError> {
    let mut tally = Tally::default();
    let mut gate = Gate::default();
    let mut written = Ok(());
    let mut tell = |event: &Event, tally: &mut Tally| {
        tally.event(event);
        for reporter in &mut *reporters {
            if written.is_ok() {
                written = reporter.event(event);
            }
        }
    };
    let ending = read(report, &mut |event| {
        if let Event::RunStarted(started) = &event {
            gate = Gate { fail_on: started.fail_on, allow_stale: started.allow_stale_waivers, ..gate };
        }
        tell(&event, &mut tally);
    })?;
    if let Ending::CutOff { .. } = ending {
        let finished = RunFinished { incomplete: missing(name, ending), ..tally.finished(catalog, gate) };
        tell(&Event::RunFinished(finished), &mut tally);
    }
    Ok(written.and_then(|()| reporters.iter_mut().try_for_each(|reporter| reporter.finish(&tally))))
}
