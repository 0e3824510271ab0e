//! What enforce mode objects to: which side, from which severity on, and what is allowed all the same.
//!
//! It only says so; the judge finds, and the proxy acts.

use std::str::FromStr;

use super::limits::Limits;
use crate::model::{Rule, RulePattern, Severity, Side};

/// Where peers are known to disagree on where a message ends, or plimsoll and the daemon might: refused whatever the severity.
const SMUGGLING: [Rule; 11] = [
    Rule::HttpTargetForm,
    Rule::HttpFieldSyntax,
    Rule::HttpObsoleteFolding,
    Rule::HttpBareLf,
    Rule::HttpLeadingBlankLine,
    Rule::HttpManyFields,
    Rule::HttpBadLength,
    Rule::HttpConflictingLength,
    Rule::HttpRepeatedLength,
    Rule::HttpLengthAndChunked,
    Rule::HttpTransferCoding,
];

/// What is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnforcePolicy {
    /// Bad requests are refused.
    pub requests: bool,
    /// Bad answers are replaced, bad streams cut.
    pub responses: bool,
    /// The severity from which on something is bad.
    pub level: Severity,
    /// What passes although it is bad. It is reported as ever.
    pub allow: Vec<Allowed>,
    /// Which operations may be asked for. Where any may not, requests are to be held to the rules, or a request could hide in another.
    pub limits: Limits,
}

impl Default for EnforcePolicy {
    fn default() -> Self {
        Self { requests: true, responses: true, level: Severity::Error, allow: Vec::new(), limits: Limits::default() }
    }
}

impl EnforcePolicy {
    /// Whether what this side sends is held to the rules.
    #[must_use]
    pub const fn watches(&self, side: Side) -> bool {
        match side {
            Side::Client => self.requests,
            Side::Daemon => self.responses,
        }
    }

    /// Whether a violation of this rule by this side is not to go on.
    #[must_use]
    pub fn objects(&self, rule: Rule, side: Side, operation: Option<&str>) -> bool {
        let smuggling = side == Side::Client && SMUGGLING.contains(&rule);
        // What is denied must not come in hidden in another request, whatever is allowed.
        let strict = smuggling && !self.limits.is_empty();
        let bad = rule.severity() >= self.level || smuggling;
        bad && self.watches(side) && (strict || !self.allow.iter().any(|allowed| allowed.covers(rule, operation)))
    }
}

/// An entry of the allow list: `RULE`, `AREA.*`, or either with `@OPERATION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    rule: RulePattern,
    /// Only in this operation.
    operation: Option<String>,
}

impl Allowed {
    /// The operation that it is limited to.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    fn covers(&self, rule: Rule, operation: Option<&str>) -> bool {
        self.rule.covers(rule) && self.operation.as_deref().is_none_or(|only| operation == Some(only))
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rule, operation) = text.split_once('@').map_or((text, None), |(rule, operation)| (rule, Some(operation)));
        let rule = rule.parse()?;
        if operation == Some("") {
            return Err("write RULE@OPERATION, as in schema.type@ContainerCreate".to_owned());
        }
        Ok(Self { rule, operation: operation.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_objected_to() {
        let plain = EnforcePolicy::default();
        for (rule, side, objects) in [
            (Rule::SchemaType, Side::Client, true),
            (Rule::SchemaType, Side::Daemon, true),
            (Rule::SchemaUnknownMember, Side::Client, false),
            (Rule::HttpBareLf, Side::Client, true),
            (Rule::HttpBareLf, Side::Daemon, false),
            (Rule::AuthUnpadded, Side::Client, false),
        ] {
            assert_eq!(plain.objects(rule, side, None), objects, "{rule} {side}");
        }
        let strict = EnforcePolicy { level: Severity::Warning, ..EnforcePolicy::default() };
        assert!(strict.objects(Rule::AuthUnpadded, Side::Client, None));
        let requests = EnforcePolicy { responses: false, ..EnforcePolicy::default() };
        assert!(requests.objects(Rule::SchemaType, Side::Client, None) && !requests.objects(Rule::SchemaType, Side::Daemon, None));
    }

    #[test]
    fn allow_lists() {
        let allow = |text: &str| EnforcePolicy { allow: vec![text.parse().expect("an entry")], ..EnforcePolicy::default() };
        let objects = |text: &str, operation| allow(text).objects(Rule::SchemaType, Side::Client, Some(operation));
        assert!(!objects("schema.type", "ContainerCreate"));
        assert!(!objects("schema.*", "ContainerCreate"));
        assert!(!objects("schema.type@ContainerCreate", "ContainerCreate"));
        assert!(objects("schema.type@ContainerCreate", "ExecCreate"));
        assert!(objects("schema.null", "ContainerCreate"));
        for text in ["", "schema", "schema.none", "nothing.*", "schema.type@"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
