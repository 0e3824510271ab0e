//! What is remembered across connections: the version that the daemon announced, and which containers and execs have a TTY.

use std::collections::HashMap;

use bytes::Bytes;

use super::finding::Finding;
use super::streams::Streams;
use crate::catalog::ResponseContract;
use crate::model::ApiVersion;

/// No more containers and execs than this are remembered. Beyond it, what is new stays unknown, and unknown is no violation.
const LIMIT: usize = 1 << 16;

/// Up to this size an answer is copied: there is one for each contract that is used, a few hundred at most.
const SMALL_ANSWER: usize = 16 << 10;
/// Larger answers are judged anew each time.
const ANSWER_LIMIT: usize = 2 << 20;
/// So much is kept of answers that are not small, with all that lies in memory around each: then none of them is.
const LARGE_ANSWERS: usize = 4 << 20;
/// A body that came in one read lies in a buffer of this size at most.
const BUFFER: usize = 256 << 10;
const ANSWER_FINDINGS: usize = 64;

/// Facts of a run.
#[derive(Debug)]
pub(crate) struct Memory {
    announced: Option<ApiVersion>,
    containers: HashMap<String, Container>,
    /// From name to id.
    names: HashMap<String, String>,
    /// By id: which streams an exec is attached to.
    execs: HashMap<String, Streams>,
    /// By the address of the response's contract, which lives as long as the program.
    answers: HashMap<usize, Answer>,
    /// Memory that the large ones of them take.
    large: usize,
}

/// A body that was judged last, and what was found. A client that polls gets the same bytes again and again.
#[derive(Debug)]
struct Answer {
    body: Bytes,
    findings: Vec<Finding>,
}

impl Answer {
    fn large(&self) -> usize {
        if self.body.len() > SMALL_ANSWER { self.body.len().max(BUFFER) } else { 0 }
    }
}

#[derive(Debug)]
struct Container {
    /// `None` where two answers contradict each other: it never changes.
    tty: Option<bool>,
    name: Option<String>,
}

impl Memory {
    pub(super) fn new(announced: Option<ApiVersion>) -> Self {
        Self { announced, containers: HashMap::new(), names: HashMap::new(), execs: HashMap::new(), answers: HashMap::new(), large: 0 }
    }

    /// The version that a path without prefix means.
    pub(super) fn announced(&self) -> Option<ApiVersion> {
        self.announced
    }

    pub(super) fn announce(&mut self, version: ApiVersion) {
        self.announced = Some(version);
    }

    /// What was found in these very bytes when they were the last answer under this contract.
    pub(super) fn findings_of(&self, contract: &'static ResponseContract, body: &[u8]) -> Option<&[Finding]> {
        let answer = self.answers.get(&std::ptr::from_ref(contract).addr())?;
        (*answer.body == *body).then_some(&answer.findings[..])
    }

    /// Remembers an answer, if it is not too large.
    pub(super) fn remember(&mut self, contract: &'static ResponseContract, body: &Bytes, findings: &[Finding]) {
        if body.len() > ANSWER_LIMIT || findings.len() > ANSWER_FINDINGS {
            return;
        }
        // A small one is not to hold on to the buffer that it was read into.
        let body = if body.len() > SMALL_ANSWER { body.clone() } else { Bytes::copy_from_slice(body) };
        let answer = Answer { body, findings: findings.to_vec() };
        self.large += answer.large();
        if let Some(before) = self.answers.insert(std::ptr::from_ref(contract).addr(), answer) {
            self.large -= before.large();
        }
        if self.large > LARGE_ANSWERS {
            self.answers.retain(|_, answer| answer.large() == 0);
            self.large = 0;
        }
    }

    /// A container with this full id has a TTY, or has none.
    pub(super) fn learn(&mut self, id: &str, name: Option<&str>, tty: bool) {
        if id.is_empty() || (self.containers.len() >= LIMIT && !self.containers.contains_key(id)) {
            return;
        }
        let name = name.map(|name| name.trim_start_matches('/')).filter(|name| !name.is_empty());
        let container = self.containers.entry(id.to_owned()).or_insert(Container { tty: Some(tty), name: None });
        container.tty = container.tty.filter(|known| *known == tty);
        if let Some(name) = name {
            container.name = Some(name.to_owned());
            self.names.insert(name.to_owned(), id.to_owned());
        }
    }

    /// Whether a container has a TTY: by full id, name, or the beginning of an id that fits one only.
    pub(super) fn tty(&self, reference: &str) -> Option<bool> {
        self.resolve(reference).and_then(|id| self.containers.get(id))?.tty
    }

    /// An exec with this id is attached to these streams.
    pub(super) fn learn_exec(&mut self, id: &str, streams: Streams) {
        if self.execs.len() < LIMIT || self.execs.contains_key(id) {
            self.execs.insert(id.to_owned(), streams);
        }
    }

    /// An exec was started: that works but once.
    pub(super) fn forget_exec(&mut self, id: &str) {
        self.execs.remove(id);
    }

    /// The streams of an exec, by its full id.
    pub(super) fn exec(&self, id: &str) -> Option<Streams> {
        self.execs.get(id).copied()
    }

    pub(super) fn rename(&mut self, reference: &str, name: &str) {
        let Some(id) = self.resolve(reference).map(str::to_owned) else { return };
        if let Some(old) = self.containers.get_mut(&id).and_then(|container| container.name.replace(name.to_owned())) {
            self.names.remove(&old);
        }
        self.names.insert(name.trim_start_matches('/').to_owned(), id);
    }

    pub(super) fn forget(&mut self, reference: &str) {
        let Some(id) = self.resolve(reference).map(str::to_owned) else { return };
        if let Some(name) = self.containers.remove(&id).and_then(|container| container.name) {
            self.names.remove(&name);
        }
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> Option<&'a str> {
        let reference = reference.trim_start_matches('/');
        if self.containers.contains_key(reference) {
            return Some(reference);
        }
        if let Some(id) = self.names.get(reference) {
            return Some(id);
        }
        let mut fitting = self.containers.keys().filter(|id| id.starts_with(reference));
        fitting.next().filter(|_| fitting.next().is_none()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn containers_are_found_as_dockerd_finds_them() {
        let mut memory = Memory::new(None);
        memory.learn("4fa6e0f0", Some("/web"), true);
        memory.learn("4fb00000", None, false);
        assert_eq!(
            [memory.tty("4fa6e0f0"), memory.tty("web"), memory.tty("4fa"), memory.tty("4f"), memory.tty("x")],
            [Some(true), Some(true), Some(true), None, None]
        );
        memory.rename("web", "db");
        assert_eq!([memory.tty("web"), memory.tty("db")], [None, Some(true)]);
        memory.learn("4fb00000", None, true);
        assert_eq!(memory.tty("4fb00000"), None);
        memory.forget("db");
        assert_eq!([memory.tty("db"), memory.tty("4f")], [None, None]);
    }

    #[test]
    fn answers_are_known_again_and_take_little_memory() {
        let mut memory = Memory::new(None);
        let list = Catalog::builtin().operation("ContainerList").expect("it is there");
        let contracts: Vec<_> = ["1.24", "1.30", "1.35", "1.41", "1.52"]
            .map(|version| &list.contract(version.parse().expect("a version")).responses[&200])
            .to_vec();
        let body = |size: usize| Bytes::from(vec![b' '; size]);
        memory.remember(contracts[0], &body(1000), &[]);
        for contract in &contracts[1..] {
            for size in [SMALL_ANSWER, SMALL_ANSWER + 1, ANSWER_LIMIT] {
                memory.remember(contract, &body(size), &[]);
                assert!(memory.findings_of(contract, &body(size + 1)).is_none());
                let held: usize = memory.answers.values().map(Answer::large).sum();
                assert!(held == memory.large && held <= LARGE_ANSWERS, "{held} and {}", memory.large);
            }
        }
        assert!(memory.findings_of(contracts[0], &body(1000)).is_some(), "small ones stay");
        memory.remember(contracts[1], &body(SMALL_ANSWER + 1), &[]);
        assert!(memory.findings_of(contracts[1], &body(SMALL_ANSWER + 1)).is_some());
        memory.remember(contracts[1], &body(ANSWER_LIMIT + 1), &[]);
        assert!(memory.findings_of(contracts[1], &body(ANSWER_LIMIT + 1)).is_none());
    }
}
