//! One record on disk, and how a reader finds the next after damage.
//!
//! ```text
//! magic FF 54 53 46 │ length u32 LE │ CRC-32 u32 LE over length and payload │ payload
//! ```
//! The first byte of the magic occurs in no UTF-8 text, so no text that a payload carries can pose as a frame.

use crc32fast::Hasher;

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
        /// Its payload.
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
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    Scan { bytes, at: 0 }
}

/// The iterator of [`scan`].
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (piece, len) = match read(rest) {
            Read::Frame { payload, len } => (Piece::Record { payload, end: self.at + len }, len),
            Read::Prefix | Read::Damage => match resume(rest) {
                0 => (Piece::Incomplete { bytes: rest.len() }, rest.len()),
                bytes => (Piece::Skipped { bytes, end: self.at + bytes }, bytes),
            },
        };
        self.at += len;
        Some(piece)
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

/// Reads a frame at the start of `bytes`.
fn read(bytes: &[u8]) -> Read<'_> {
    let compared = bytes.len().min(MAGIC.len());
    if bytes.get(..compared) != MAGIC.get(..compared) {
        return Read::Damage;
    }
    let Some((&[_, _, _, _, l0, l1, l2, l3, c0, c1, c2, c3], rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Read::Prefix;
    };
    let length = [l0, l1, l2, l3];
    let Some(len) = usize::try_from(u32::from_le_bytes(length)).ok().filter(|&len| len <= MAX_PAYLOAD) else {
        return Read::Damage;
    };
    match rest.get(..len) {
        None => Read::Prefix,
        Some(payload) if checksum(length, payload) == u32::from_le_bytes([c0, c1, c2, c3]) => {
            Read::Frame { payload, len: HEADER_LEN + len }
        }
        Some(_) => Read::Damage,
    }
}

/// Where reading goes on when `bytes` begin with no whole frame: at the next whole frame, so that a damaged length
/// cannot make a reader wait for what will never come; else at the first place that may be the start of one.
fn resume(bytes: &[u8]) -> usize {
    let mut first_prefix = None;
    let starts = bytes.iter().enumerate().filter(|&(_, &byte)| byte == MAGIC[0]).map(|(at, _)| at);
    for at in starts {
        match bytes.get(at..).map(read) {
            Some(Read::Frame { .. }) => return at,
            Some(Read::Prefix) => first_prefix = first_prefix.or(Some(at)),
            _ => {}
        }
    }
    first_prefix.unwrap_or(bytes.len())
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            write(payload, &mut bytes);
        }
        bytes
    }

    fn records(bytes: &[u8]) -> Vec<&[u8]> {
        scan(bytes)
            .filter_map(|piece| if let Piece::Record { payload, .. } = piece { Some(payload) } else { None })
            .collect()
    }

    #[test]
    fn the_layout_is_fixed() {
        // A spool outlives an upgrade.
        assert_eq!(frames(&[b"ab"]), b"\xffTSF\x02\x00\x00\x00\x3a\x5a\x50\x23ab");
    }

    #[test]
    fn a_frame_cut_anywhere_is_incomplete_and_never_a_record() {
        let bytes = frames(&[b"one", b"two"]);
        let first = frames(&[b"one"]).len();
        for end in first + 1..bytes.len() {
            let pieces: Vec<_> = scan(&bytes[..end]).collect();
            assert_eq!(pieces.len(), 2, "{end}");
            assert_eq!(pieces[1], Piece::Incomplete { bytes: end - first });
        }
    }

    #[test]
    fn a_damaged_length_does_not_hide_the_frames_behind_it() {
        let mut bytes = frames(&[b"one", b"two", b"three"]);
        // One million bytes: plausible, and more than there are.
        bytes[5] = 0x42;
        bytes[6] = 0x0f;
        assert_eq!(records(&bytes), [b"two".as_slice(), b"three"]);
        // One byte: the rest of the payload is skipped.
        let mut bytes = frames(&[b"one", b"two", b"three"]);
        bytes[4] = 1;
        assert_eq!(records(&bytes), [b"two".as_slice(), b"three"]);
    }

    #[test]
    fn a_magic_within_a_payload_does_not_split_it() {
        let payload = frames(&[b"inner"]);
        assert_eq!(records(&frames(&[&payload, b"next"])), [payload.as_slice(), b"next"]);
    }

    #[test]
    fn bytes_that_are_no_frame_are_skipped_to_the_last_that_may_begin_one() {
        let pieces: Vec<_> = scan(b"garbage\xffTS").collect();
        assert_eq!(pieces, [Piece::Skipped { bytes: 7, end: 7 }, Piece::Incomplete { bytes: 3 }]);
    }
}
