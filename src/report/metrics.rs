//! The counts of a run while it lasts, for Prometheus.
//!
//! Labels are ids of the catalogue and of rules, never anything that a peer sent: nobody can make the series grow.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Reporter, Tally};
use crate::model::{Event, Verdict};

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// Counts events. Clones count together: one is the reporter, one is asked.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    exchanges: Family<Labels, Counter>,
    violations: Family<Labels, Counter>,
    unjudged: Family<Labels, Counter>,
}

/// What is known beside the events, at the moment of asking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passing {
    /// Client connections that were accepted.
    pub accepted: u64,
    /// Client connections that are open.
    pub open: u64,
    /// Bytes that clients have sent.
    pub from_clients: u64,
    /// Bytes that the daemon has sent.
    pub from_daemons: u64,
    /// Time that the judge has worked, in seconds.
    pub judging: f64,
}

/// Asks for what passes whenever it is asked itself.
struct Passed<F>(F);

impl<F> std::fmt::Debug for Passed<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passed")
    }
}

impl<F: Fn() -> Passing + Send + Sync + 'static> Collector for Passed<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Passing { accepted, open, from_clients, from_daemons, judging } = (self.0)();
        let connections = ConstCounter::new(accepted);
        let of = encoder.encode_descriptor("plimsoll_connections", "Client connections accepted", None, connections.metric_type())?;
        connections.encode(of)?;
        let gauge = ConstGauge::new(i64::try_from(open).unwrap_or(i64::MAX));
        let of = encoder.encode_descriptor("plimsoll_open_connections", "Client connections open", None, gauge.metric_type())?;
        gauge.encode(of)?;
        let bytes = ConstCounter::new(from_clients);
        let mut family = encoder.encode_descriptor("plimsoll", "Bytes read of either side", Some(&Unit::Bytes), bytes.metric_type())?;
        bytes.encode(family.encode_family(&[("side", "client")])?)?;
        ConstCounter::new(from_daemons).encode(family.encode_family(&[("side", "daemon")])?)?;
        let judged = ConstCounter::new(judging);
        let of =
            encoder.encode_descriptor("plimsoll_judging", "Time that the judge has worked", Some(&Unit::Seconds), judged.metric_type())?;
        judged.encode(of)
    }
}

impl Metrics {
    /// Counts from nothing; `passing` is asked for what no event says.
    pub fn new(passing: impl Fn() -> Passing + Send + Sync + 'static) -> Self {
        let mut registry = Registry::default();
        let (exchanges, violations, unjudged) = (Family::default(), Family::default(), Family::default());
        registry.register(
            "plimsoll_exchanges",
            "Exchanges that are over, by operation, API version and verdict",
            Family::clone(&exchanges),
        );
        registry.register("plimsoll_violations", "Violations, by rule, severity and side", Family::clone(&violations));
        registry.register("plimsoll_not_inspected", "Parts of exchanges that could not be judged", Family::clone(&unjudged));
        registry.register_collector(Box::new(Passed(passing)));
        Self { registry: Arc::new(Mutex::new(registry)), exchanges, violations, unjudged }
    }

    /// Everything, in the text format of `OpenMetrics` 1.0.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a text cannot fail.
        let _ = encode(&mut out, &registry);
        out
    }
}

impl Reporter for Metrics {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let unknown = || "unknown".to_owned();
        match event {
            Event::Exchange(summary) => {
                let call = &summary.call;
                let verdict = match summary.verdict {
                    Verdict::Pass => "pass",
                    Verdict::Violated => "violated",
                    Verdict::NotInspected => "not-inspected",
                };
                let known = call.api_version.filter(|version| version.is_known());
                let labels = vec![
                    ("operation", call.operation.as_deref().map_or_else(unknown, str::to_owned)),
                    ("api_version", known.map_or_else(unknown, |version| version.to_string())),
                    ("verdict", verdict.to_owned()),
                ];
                self.exchanges.get_or_create(&labels).inc();
            }
            Event::Violation(violation) => {
                let labels = vec![
                    ("rule", violation.rule.to_string()),
                    ("severity", violation.severity().to_string()),
                    ("side", violation.side.to_string()),
                    ("waived", violation.waived.is_some().to_string()),
                ];
                self.violations.get_or_create(&labels).inc();
            }
            Event::NotInspected(unjudged) => {
                self.unjudged.get_or_create(&vec![("part", unjudged.part.to_string())]).inc();
            }
            Event::RunStarted(_)
            | Event::ProbeCase(_)
            | Event::Scenario(_)
            | Event::Coverage(_)
            | Event::StaleWaiver(_)
            | Event::RunFinished(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        Ok(())
    }
}
