//! One exchange while it is under way: what is known of it, and what was found.

mod lessons;
mod naming;
mod report;
mod route;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::connection::Request;
use super::content::json_limit;
use super::coverage::{BodyCoverage, Coverage};
use super::finding::Finding;
use super::state::{Stake, Wish};
use super::streams::Streams;
use super::{Context, Look, Stamp, request};
use crate::catalog::{BodyContract, Catalog, Contract, Operation};
use crate::model::{ApiVersion, Call, Enforcement, Place, Reason, Rule};
use crate::redact::{Aliases, Redactor};
use crate::wire::{BodyLength, Flaw, Head, PathVersion, Target};
pub(super) use naming::Names;
pub(super) use report::Noting;

/// What was found in a step, and how many bytes lie from its place to the end of the piece.
pub(super) type Found = Vec<(Rule, Place, usize)>;

/// One request and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    source: Option<Arc<str>>,
    line: Option<u64>,
    daemon: Option<Arc<str>>,
    coverage: Option<Arc<Coverage>>,
    aliases: Option<Arc<Aliases>>,
    catalog: &'static Catalog,
    connection: u64,
    number: u64,
    pub(super) look: Look,
    pub(super) head: Option<Head>,
    pub(super) target: Arc<Target>,
    pub(super) operation: Option<&'static Operation>,
    version: Option<ApiVersion>,
    /// Of both, once it was asked for: neither changes when both are known.
    contract: OnceCell<&'static Contract>,
    /// Set when nothing beyond HTTP can be judged.
    unjudged: Option<Reason>,
    /// Parts of it that were not, and why.
    spared: Vec<(&'static str, Reason)>,
    call: Option<Arc<Call>>,
    names: Option<Names>,
    /// Findings of the request, until the daemon has said what it makes of it.
    held: Vec<Finding>,
    pub(super) status: Option<u16>,
    pub(super) request: RequestState,
    pub(super) response_done: bool,
    violated: bool,
    /// Path, query and headers were judged, before the body came.
    head_judged: bool,
    /// Whether the answer's body may still refuse what the request's holds.
    late: Late,
    /// What enforce mode did.
    pub(super) enforced: Option<Enforcement>,
    /// Bytes from the place that is being judged to the end of the last piece.
    left: usize,
    /// In enforce mode, the same of what was found in the last step.
    pub(super) found: Option<Found>,
    pub(super) facts: Facts,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) frames: u64,
    pub(super) documents: u64,
    started: Option<Duration>,
    /// When the first byte of the request was seen, in ticks.
    begin: u64,
    /// When the request was complete.
    pub(super) asked: Option<Duration>,
    /// What it may change while it is under way.
    pub(super) stake: Option<Stake>,
    /// The daemon's clock: its Date header.
    pub(super) date: Option<i64>,
    pub(super) last: Option<Duration>,
}

/// A stream of messages says 200 before it is known whether the daemon takes what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// The head says it all, or the stream has ended well.
    No,
    /// Enforce mode waits for no refusal: nothing bad is to reach the daemon.
    Never,
    /// The stream is under way.
    Waits,
    /// It ended in an error.
    Refused,
}

/// How far the request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestState {
    /// Its body is still coming.
    Open,
    /// Complete; its body is not judged yet, since the version is not known.
    Complete,
    /// Judged.
    Judged,
}

/// What the request's body says that later answers are judged by.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The document of a JSON request, until it is judged.
    pub(super) body: Option<Bytes>,
    pub(super) tty: bool,
    pub(super) detach: bool,
    /// What a create asks for.
    pub(super) wish: Wish,
    /// What the body of exec create attaches.
    pub(super) streams: Option<Streams>,
}

impl Exchange {
    /// In a box, as it is handed on more often than it is looked into.
    pub(super) fn new(connection: u64, number: u64, head: Option<Head>, stamp: Stamp, context: &Context) -> Box<Self> {
        let target = Arc::new(Target::parse(head.as_ref().map_or(b"", |head| head.target())));
        let mut exchange = Box::new(Self::blank(connection, number, head, target, stamp, context));
        exchange.route(context);
        exchange
    }

    /// The same request as before on this connection, in whose head nothing was found.
    pub(super) fn again(connection: u64, number: u64, request: &Request, stamp: Stamp, context: &Context) -> Box<Self> {
        let (head, target) = (Some(request.head.clone()), Arc::clone(&request.target));
        let mut known = Box::new(Self::blank(connection, number, head, target, stamp, context));
        (known.operation, known.version) = (Some(request.operation), Some(request.version));
        known.names = Some(request.names.clone());
        known.head_judged = true;
        known
    }

    /// What is to be remembered of the request once it was judged: `None` where its head says too little, or something was found.
    pub(super) fn as_request(&self) -> Option<Request> {
        // Without a version in the path it depends on what the daemon has announced.
        let by_itself =
            self.head_judged && self.held.is_empty() && self.unjudged.is_none() && matches!(self.target.version, PathVersion::Is(_));
        let (operation, version) = self.operation.zip(self.version).filter(|_| by_itself)?;
        let head = self.head.clone()?;
        let (names, length) = (Names::of(Some(&head)), BodyLength::of_request(&head, &mut Vec::new()));
        Some(Request { head, target: Arc::clone(&self.target), operation, version, names, length })
    }

    /// One of which nothing is known yet.
    fn blank(connection: u64, number: u64, head: Option<Head>, target: Arc<Target>, stamp: Stamp, context: &Context) -> Self {
        Self {
            source: context.settings.source.clone(),
            line: stamp.line,
            daemon: context.settings.daemon.clone(),
            coverage: context.coverage.clone(),
            aliases: context.settings.aliases.clone(),
            catalog: context.settings.catalog,
            connection,
            number,
            look: context.settings.look,
            head,
            target,
            operation: None,
            version: None,
            contract: OnceCell::new(),
            unjudged: None,
            spared: Vec::new(),
            call: None,
            names: None,
            held: Vec::new(),
            status: None,
            request: RequestState::Open,
            response_done: false,
            violated: false,
            head_judged: false,
            late: Late::No,
            enforced: None,
            left: 0,
            found: None,
            facts: Facts::default(),
            request_bytes: 0,
            response_bytes: 0,
            frames: 0,
            documents: 0,
            started: stamp.at,
            begin: context.state.now(),
            asked: None,
            stake: None,
            date: None,
            last: stamp.at,
        }
    }

    /// What masks secrets, where they are to be masked.
    pub(super) fn redactor(&self) -> Option<Redactor<'_>> {
        self.aliases.as_deref().map(|aliases| Redactor { aliases, names: self.catalog.secret_names() })
    }

    /// A flaw of the coding of a body: what stands at its place is shown unless the body may hold secrets.
    pub(super) fn body_flaw(&self, flaw: Flaw, body: Option<&BodyContract>) -> Flaw {
        let harmless = body.is_some_and(|body| body.schema.as_ref().is_none_or(|schema| !schema.secrets().is_marked()));
        match self.redactor() {
            Some(redactor) if !harmless => redactor.masked_body_flaw(flaw),
            _ => flaw,
        }
    }

    pub(super) fn version(&self) -> Option<ApiVersion> {
        self.version
    }

    /// What the operation asks at this version; `None` when it cannot be judged.
    pub(super) fn contract(&self) -> Option<&'static Contract> {
        if self.unjudged.is_some() {
            return None;
        }
        let (operation, version) = self.operation.zip(self.version)?;
        Some(self.contract.get_or_init(|| operation.contract(version)))
    }

    /// JSON beyond what is read is no finding: it is said at the end that it was not judged. Whether there was any.
    pub(super) fn spares(&mut self, part: &'static str, findings: &mut Vec<Finding>) -> bool {
        let beyond = |finding: &Finding| json_limit(&finding.actual).filter(|_| finding.rule == Rule::SchemaNotJson);
        let Some(reason) = findings.iter().find_map(beyond) else { return false };
        findings.retain(|finding| beyond(finding).is_none());
        self.spared.push((part, reason));
        true
    }

    /// Nothing beyond HTTP can be judged any more.
    pub(super) fn give_up(&mut self, reason: Reason) {
        self.unjudged.get_or_insert(reason);
    }

    /// Where the documents of the answer are counted, if they are.
    pub(super) fn body_coverage(&self) -> Option<Arc<BodyCoverage>> {
        let coverage = self.coverage.as_ref()?;
        self.contract()?;
        coverage.body(self.operation?, self.version?, self.status?)
    }

    /// Whether this is a call of the operation with this id.
    pub(super) fn is_call(&self, id: &str) -> bool {
        self.operation.is_some_and(|operation| operation.id() == id)
    }

    pub(super) fn method(&self) -> &[u8] {
        self.head.as_ref().map_or(b"", |head| head.method())
    }

    /// Whether the peers may talk on after the answer's head: by what the operation is, or by what the client asks.
    pub(super) fn may_hijack(&self) -> bool {
        let by_contract = match (self.version, self.operation, &self.unjudged) {
            (_, _, Some(_)) | (_, None, _) => false,
            (Some(_), Some(_), None) => self.contract().is_some_and(|contract| contract.hijacks),
            (None, Some(operation), None) => operation.contract(ApiVersion::NEWEST).hijacks,
        };
        by_contract || self.head.as_ref().is_some_and(|head| head.value("Upgrade").is_some())
    }

    /// A finding of the request: kept until the status is known.
    pub(super) fn hold(&mut self, finding: Finding) {
        self.held.push(finding);
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) fn expects_continue(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.has_token("Expect", "100-continue"))
    }

    /// Whether this answer is the HTTP layer's own: Go's server refuses what it cannot read with a plain text and closes, before any route is asked,
    /// and its router sends a client on from a path with empty steps (`//`) to the cleaned one.
    pub(super) fn refused_by_http(&self, head: &Head, status: u16) -> bool {
        if status == 301 && self.target.path.contains("//") && head.value("Location").is_some() {
            return true;
        }
        let expects =
            self.head.as_ref().and_then(|head| head.value("Expect")).is_some_and(|value| !value.eq_ignore_ascii_case(b"100-continue"));
        let unreadable = self.head.is_none() || self.target.bad_encoding.is_some() || expects;
        let flawed = unreadable || self.held.iter().any(|finding| finding.rule.area() == "http");
        let close = head.has_token("Connection", "close") || status == 417;
        flawed && close && matches!(status, 400 | 408 | 413 | 417 | 431 | 501 | 505) && head.value("Api-Version").is_none()
    }

    /// Judges the request once it is complete and the version is known.
    pub(super) fn judge_request(&mut self) {
        if self.request != RequestState::Complete {
            return;
        }
        let Some(contract) = self.contract() else { return };
        self.request = RequestState::Judged;
        self.judge_request_head();
        let mut findings = request::judge_body(self, contract);
        self.spares("request-body", &mut findings);
        self.held.extend(findings);
    }

    /// Judges what stands before the body: for those who cannot wait for it.
    pub(super) fn judge_request_head(&mut self) {
        let Some(contract) = self.contract().filter(|_| !self.head_judged) else { return };
        self.head_judged = true;
        let findings = request::judge_head(self, contract);
        self.held.extend(findings);
    }
}
