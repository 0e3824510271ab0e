//! Which members of a schema were met: a bit for each, so that many documents are merged at the cost of one.

/// The members that documents had, by their number in [`super::Checker::members`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    words: Vec<u64>,
}

impl Met {
    /// Whether this member was met.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// How many were met.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds what another document of the same schema had.
    pub fn merge(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Takes a member's number; `u32::MAX` is none.
    pub(super) fn add(&mut self, number: u32) {
        if number == u32::MAX {
            return;
        }
        let at = number as usize / 64;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << (number % 64);
    }
}
