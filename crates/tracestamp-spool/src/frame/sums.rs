//! CRCs of ranges that overlap, without summing a byte once for each of them.

use std::ops::Range;

use crc32fast::Hasher;

/// How far the kept sums lie apart, in bytes: as close as two headers are that overlap.
const STEP: usize = 16;

/// The sums of the beginnings of some bytes. A CRC is linear, so two of them give the CRC of what lies between.
#[derive(Clone, Debug)]
pub(super) struct Sums<'a> {
    bytes: &'a [u8],
    /// At `n` that of the first `n * STEP` bytes; as many as were needed so far.
    prefixes: Vec<u32>,
    /// How many bytes were summed.
    pub(super) summed: usize,
}

impl<'a> Sums<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, prefixes: vec![0], summed: 0 }
    }

    /// The CRC of bytes whose own is `head`, followed by this range.
    pub(super) fn after(&mut self, head: u32, range: &Range<usize>) -> u32 {
        if range.is_empty() {
            return head;
        }
        let (before, through) = (self.prefix(range.start), self.prefix(range.end));
        // `through` is `before` shifted by the range, and the range's own; `head` has to take the place of `before`.
        let mut hasher = Hasher::new_with_initial(head ^ before);
        hasher.combine(&Hasher::new_with_initial_len(through, range.len() as u64));
        hasher.finalize()
    }

    fn prefix(&mut self, end: usize) -> u32 {
        let step = end / STEP;
        while self.prefixes.len() <= step {
            let next = self.prefixes.len() * STEP;
            let crc = self.go_on(self.prefixes.last().copied().unwrap_or_default(), next - STEP..next);
            self.prefixes.push(crc);
        }
        self.go_on(self.prefixes.get(step).copied().unwrap_or_default(), step * STEP..end)
    }

    fn go_on(&mut self, crc: u32, range: Range<usize>) -> u32 {
        self.summed += range.len();
        let mut hasher = Hasher::new_with_initial(crc);
        hasher.update(self.bytes.get(range).unwrap_or_default());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sum_of_a_range_is_what_summing_it_gives(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            head in prop::collection::vec(any::<u8>(), 0..8),
            ranges in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..20),
        ) {
            let mut sums = Sums::new(&bytes);
            for (one, other) in ranges {
                let (one, other) = (one.index(bytes.len() + 1), other.index(bytes.len() + 1));
                let range = one.min(other)..one.max(other);
                let expected = crc32fast::hash(&[&head, &bytes[range.clone()]].concat());
                prop_assert_eq!(sums.after(crc32fast::hash(&head), &range), expected);
            }
        }
    }
}
