//! Numbers that a seed decides.

/// SplitMix64 (Steele, Lea and Flood 2014): small, and each seed is a good one.
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn pick(&mut self, number: usize) -> usize {
        usize::try_from(self.below(number as u64)).unwrap()
    }

    /// Another source of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
