//! Any bytes as a segment: the pieces cover it in order, no damage before or behind a whole frame hides it, and no damage
//! costs more than its bytes do.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracestamp_spool::frame::{HEADER_LEN, MAX_PAYLOAD, Piece, scan};

/// A whole frame, `ab`.
const FRAME: &[u8] = b"\xffTSF\x02\x00\x00\x00\x3a\x5a\x50\x23ab";

fuzz_target!(|bytes: &[u8]| {
    covers(bytes);
    let followed = [bytes, FRAME].concat();
    covers(&followed);
    // A frame that begins in the bytes and fits by its CRC may hold the start of the one behind them.
    let reaches_over = |piece: &Piece<'_>| match *piece {
        Piece::Record { payload, end } => end > bytes.len() && end - payload.len() - HEADER_LEN < bytes.len(),
        Piece::Skipped { .. } | Piece::Incomplete { .. } => false,
    };
    let last = Piece::Record { payload: b"ab", end: followed.len() };
    assert!(scan(&followed).any(|piece| piece == last || reaches_over(&piece)), "damage hides the frame behind it");
});

fn covers(bytes: &[u8]) {
    let mut at = 0;
    let mut complete = true;
    let mut scan = scan(bytes);
    for piece in scan.by_ref() {
        assert!(complete, "an incomplete frame is the last piece");
        at = match piece {
            Piece::Record { payload, end } => {
                assert!(payload.len() <= MAX_PAYLOAD);
                assert_eq!(end, at + HEADER_LEN + payload.len());
                assert_eq!(bytes.get(at + HEADER_LEN..end), Some(payload));
                end
            }
            Piece::Skipped { bytes: skipped, end } => {
                assert!(skipped > 0);
                assert_eq!(end, at + skipped);
                end
            }
            Piece::Incomplete { bytes: rest } => {
                complete = false;
                at + rest
            }
        };
    }
    assert_eq!(at, bytes.len());
    assert!(scan.summed() <= 8 * bytes.len(), "{} of {} bytes are summed", scan.summed(), bytes.len());
}
