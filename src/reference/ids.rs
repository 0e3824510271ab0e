//! Ids, names and ports: random, or the same again for the same seed.

use std::fmt::Write as _;

use fastrand::Rng;

/// Makes ids.
#[derive(Debug)]
pub(super) struct Ids {
    rng: Rng,
}

impl Ids {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self { rng: seed.map_or_else(Rng::new, Rng::with_seed) }
    }

    /// 64 hex digits that are not all decimal, as dockerd's ids: a short id must not be taken for a number.
    pub(super) fn hex64(&mut self) -> String {
        loop {
            let mut id = String::with_capacity(64);
            for _ in 0..4 {
                let _ = write!(id, "{:016x}", self.rng.u64(..));
            }
            if id[..12].bytes().any(|byte| byte.is_ascii_alphabetic()) {
                return id;
            }
        }
    }

    /// 25 letters and digits, as swarm's ids.
    pub(super) fn base36(&mut self) -> String {
        (0..25).map(|_| char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[self.rng.usize(..36)])).collect()
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end.max(1))
    }

    /// A port of the ephemeral range.
    pub(super) fn port(&mut self) -> u16 {
        self.rng.u16(32768..61000)
    }

    /// A name as dockerd gives it: an adjective and a noun. Ours are of the sea.
    pub(super) fn name(&mut self) -> String {
        const LEFT: [&str; 24] = [
            "able", "amber", "brave", "brisk", "calm", "clear", "coastal", "deep", "eager", "fair", "gentle", "hardy", "keen", "laden",
            "misty", "nimble", "quiet", "ready", "salty", "steady", "sunny", "swift", "trim", "windy",
        ];
        const RIGHT: [&str; 24] = [
            "anchor", "bollard", "brig", "buoy", "cutter", "dinghy", "ferry", "gull", "harbor", "hull", "keel", "ketch", "lagoon", "mast",
            "mooring", "pilot", "pier", "reef", "rudder", "schooner", "sextant", "sloop", "tide", "yawl",
        ];
        format!("{}_{}", LEFT[self.below(LEFT.len())], RIGHT[self.below(RIGHT.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats() {
        let (mut one, mut two) = (Ids::new(Some(7)), Ids::new(Some(7)));
        assert_eq!((one.hex64(), one.base36(), one.name(), one.port()), (two.hex64(), two.base36(), two.name(), two.port()));
        assert_ne!(one.hex64(), Ids::new(Some(8)).hex64());
        assert_eq!(one.hex64().len(), 64);
    }
}
