//! The exchanges of one of two recordings that are looked at for the next pair: more of them while no pair is found, as long as memory stays bounded.

use std::collections::VecDeque;

use crate::snapshot::Scene;

/// So many exchanges are looked at in any case.
pub(super) const WINDOW: usize = 64;
/// No more of them, while no pair is found.
pub(super) const WIDEST: usize = 1024;
/// And no more bytes of bodies beyond the first [`WINDOW`] exchanges: a document in memory takes several times as many.
const BYTES: u64 = 16 << 20;

/// A recording from one exchange on, read ahead. The scenes come with the bytes of their bodies.
pub(super) struct Ahead<'s> {
    scenes: &'s mut dyn Iterator<Item = (Scene, u64)>,
    held: VecDeque<(Scene, u64)>,
    bytes: u64,
    is_over: bool,
}

impl<'s> Ahead<'s> {
    pub(super) const fn new(scenes: &'s mut dyn Iterator<Item = (Scene, u64)>) -> Self {
        Self { scenes, held: VecDeque::new(), bytes: 0, is_over: false }
    }

    /// Reads on until so many exchanges are held. Whether there were any more that may be held.
    pub(super) fn fill(&mut self, window: usize) -> bool {
        let before = self.held.len();
        while !self.is_over && self.held.len() < window && (self.held.len() < WINDOW || self.bytes < BYTES) {
            match self.scenes.next() {
                Some((scene, bytes)) => {
                    self.bytes += bytes;
                    self.held.push_back((scene, bytes));
                }
                None => self.is_over = true,
            }
        }
        self.held.len() > before
    }

    /// Nothing is left behind what is held.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn front(&self) -> Option<&Scene> {
        self.held.front().map(|(scene, _)| scene)
    }

    /// How far ahead the first exchange is that asks the same of the same object.
    pub(super) fn find(&self, asked: &Scene) -> Option<usize> {
        self.held.iter().position(|(scene, _)| is_same_call(scene, asked))
    }
}

impl Iterator for Ahead<'_> {
    type Item = Scene;

    fn next(&mut self) -> Option<Scene> {
        self.fill(1);
        let (scene, bytes) = self.held.pop_front()?;
        self.bytes -= bytes;
        Some(scene)
    }
}

fn is_same_call(left: &Scene, right: &Scene) -> bool {
    left.operation == right.operation && left.method == right.method && left.path == right.path
}
