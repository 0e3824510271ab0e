//! The words of the tool: versions, rules, places, violations, events.
//!
//! Everything else imports from here; this floor imports nothing, reads no bytes and prints nothing.

pub mod enforcement;
pub mod event;
pub mod fail_on;
pub mod place;
pub mod rule;
pub mod scenario;
pub mod version;

pub use enforcement::Enforcement;
pub use event::{
    Call, CaseResult, Counts, Coverage, Event, NotInspected, OperationSeen, ProbeCase, Reason, RunFinished, RunStarted, RunVerdict,
    StaleWaiver, Summary, Verdict, Violation, Waived,
};
pub use fail_on::FailOn;
pub use place::{Part, Place, Side};
pub use rule::{Rule, RulePattern, Severity};
pub use scenario::{Difference, Scenario, ScenarioResult};
pub use version::{ApiVersion, VersionRange};
