//! One record on disk, and how a reader finds the next after damage.
//!
//! ```text
//! magic FF 54 53 46 │ length u32 LE │ CRC-32 u32 LE over length and payload │ payload
//! ```
//! The first byte of the magic occurs in no UTF-8 text, so no text that a payload carries can pose as a frame.

mod sums;
#[cfg(test)]
mod tests;

use crc32fast::Hasher;
use sums::Sums;

/// What every frame begins with.
pub const MAGIC: [u8; 4] = [0xff, b'T', b'S', b'F'];
/// Bytes before the payload.
pub const HEADER_LEN: usize = 12;
/// The longest payload, 1 MiB; a length above it is damage.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// What [`scan`] finds, in the order of the bytes; together the pieces cover them all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// A whole frame with a CRC that fits.
    Record {
        payload: &'a [u8],
        /// Where the next frame begins, counted from the start of the bytes scanned.
        end: usize,
    },
    /// Bytes that are no frame.
    Skipped {
        /// How many.
        bytes: usize,
        /// Where they end.
        end: usize,
    },
    /// The rest begins like a frame and ends before it does. Always the last piece.
    Incomplete {
        /// How many bytes there are of it.
        bytes: usize,
    },
}

/// Takes bytes apart into frames. After damage it goes on at the next magic; a length is believed only with its CRC.
/// Takes time in proportion to the bytes, whatever is in them.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    Scan { bytes, at: 0, sums: None, summed: 0 }
}

/// The iterator of [`scan`].
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// From the first damage on: frames that are none may overlap.
    sums: Option<Sums<'a>>,
    /// How many bytes were summed before.
    summed: usize,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let left = self.bytes.len().checked_sub(self.at).filter(|&left| left > 0)?;
        let (piece, len) = match self.read(self.at) {
            Read::Frame { payload, len } => (Piece::Record { payload, end: self.at + len }, len),
            Read::Prefix | Read::Damage => match self.resume() {
                0 => (Piece::Incomplete { bytes: left }, left),
                bytes => (Piece::Skipped { bytes, end: self.at + bytes }, bytes),
            },
        };
        self.at += len;
        Some(piece)
    }
}

impl<'a> Scan<'a> {
    /// How many bytes went into checksums so far, a byte that went into several as often as that. At most a small multiple
    /// of the bytes scanned: this is what the time of a scan grows with.
    pub fn summed(&self) -> usize {
        self.summed + self.sums.as_ref().map_or(0, |sums| sums.summed)
    }

    /// Reads a frame that begins at `at`.
    fn read(&mut self, at: usize) -> Read<'a> {
        let bytes = self.bytes.get(at..).unwrap_or_default();
        let compared = bytes.len().min(MAGIC.len());
        if bytes.get(..compared) != MAGIC.get(..compared) {
            return Read::Damage;
        }
        let Some((&[_, _, _, _, l0, l1, l2, l3, c0, c1, c2, c3], rest)) = bytes.split_first_chunk::<HEADER_LEN>()
        else {
            return Read::Prefix;
        };
        let length = [l0, l1, l2, l3];
        let Some(len) = usize::try_from(u32::from_le_bytes(length)).ok().filter(|&len| len <= MAX_PAYLOAD) else {
            return Read::Damage;
        };
        let Some(payload) = rest.get(..len) else { return Read::Prefix };
        if self.checksum(length, payload, at + HEADER_LEN) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Read::Damage;
        }
        Read::Frame { payload, len: HEADER_LEN + len }
    }

    fn checksum(&mut self, length: [u8; 4], payload: &[u8], start: usize) -> u32 {
        if let Some(sums) = &mut self.sums {
            return sums.after(crc32fast::hash(&length), &(start..start + payload.len()));
        }
        self.summed += payload.len();
        checksum(length, payload)
    }

    /// How far away reading goes on when no whole frame begins here: at the next whole frame, so that a damaged length
    /// cannot make a reader wait for what will never come; else at the first place that may be the start of one.
    fn resume(&mut self) -> usize {
        self.sums.get_or_insert_with(|| Sums::new(self.bytes));
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut first_prefix = None;
        for (distance, _) in rest.iter().enumerate().filter(|&(_, &byte)| byte == MAGIC[0]) {
            match self.read(self.at + distance) {
                Read::Frame { .. } => return distance,
                Read::Prefix => first_prefix = first_prefix.or(Some(distance)),
                Read::Damage => {}
            }
        }
        first_prefix.unwrap_or(rest.len())
    }
}

/// Appends the frame of `payload`. A payload above [`MAX_PAYLOAD`] is the caller's mistake: it would not be read back.
pub(crate) fn write(payload: &[u8], to: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    to.extend_from_slice(&MAGIC);
    to.extend_from_slice(&length);
    to.extend_from_slice(&checksum(length, payload).to_le_bytes());
    to.extend_from_slice(payload);
}

enum Read<'a> {
    Frame { payload: &'a [u8], len: usize },
    Prefix,
    Damage,
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}
