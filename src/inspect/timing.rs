//! What comes too late. Never an error, and never said where the times are not known.

use std::time::Duration;

use super::exchange::Exchange;
use super::finding::Finding;
use crate::model::{ApiVersion, Part, Place, Rule, Side};

/// How long is too long. Generous: a machine under load is no violation.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// From the end of a request to the head of its answer, where the API has the head sent before anything happens.
    pub head: Duration,
    /// From the end of a process, as the daemon told it, to the end of its streams.
    pub close: Duration,
}

impl Default for Thresholds {
    /// 5 seconds for a head, 10 for an end.
    fn default() -> Self {
        Self { head: Duration::from_secs(5), close: Duration::from_secs(10) }
    }
}

/// The head of an answer that is to come at once: clients wait for it before they go on, `docker run` before it starts the container.
pub(super) fn late_head(exchange: &Exchange, thresholds: Thresholds, at: Option<Duration>) -> Option<Finding> {
    let late = waited(exchange, thresholds, at).filter(|_| exchange.status.is_some_and(|status| status < 400))?;
    Some(head_at_once(format!("after {:.1} s", late.as_secs_f64())))
}

/// The same, when the client has left before there was one.
pub(super) fn no_head(exchange: &Exchange, thresholds: Thresholds, at: Option<Duration>) -> Option<Finding> {
    let late = waited(exchange, thresholds, at)?;
    Some(head_at_once(format!("none when the client left after {:.1} s", late.as_secs_f64())))
}

/// How long a head is waited for, if it is too long and the API has it sent at once.
fn waited(exchange: &Exchange, thresholds: Thresholds, at: Option<Duration>) -> Option<Duration> {
    let (asked, now) = exchange.asked.zip(at)?;
    let version = exchange.version()?;
    let flag = |name: &str| matches!(exchange.target.parameter(name), Some("1" | "true" | "True"));
    let at_once = match exchange.operation?.id() {
        "ContainerAttach" | "SystemEvents" => true,
        // From 1.30 on the head of wait comes before the container ends (Docker Engine API 1.30, ContainerWait).
        "ContainerWait" => version >= ApiVersion::new(30),
        "ContainerLogs" => flag("follow"),
        _ => false,
    };
    Some(now.saturating_sub(asked)).filter(|late| at_once && *late > thresholds.head)
}

fn head_at_once(actual: String) -> Finding {
    Finding::new(Rule::TimingLateHead, Side::Daemon, Place::of(Part::StatusLine), "the head at once", actual)
}

/// A stream that goes on though its process was over: `over` is when the daemon said so.
pub(super) fn not_closed(rule: Rule, over: Duration, ended: Duration, thresholds: Thresholds) -> Option<Finding> {
    let late = ended.saturating_sub(over);
    (late > thresholds.close).then(|| {
        let place = Place::of(Part::Stream);
        let actual = format!("still open {:.1} s after the daemon said that the process was over", late.as_secs_f64());
        Finding::new(rule, Side::Daemon, place, "the end of the stream when the process has ended", actual)
    })
}
