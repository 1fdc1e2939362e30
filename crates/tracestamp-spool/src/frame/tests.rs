use proptest::prelude::*;

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
/// What a scan sums at most for each byte: it is part of one prefix and of what was summed before the first damage, and
/// headers, every twelve bytes and each looked at twice, ask for up to thirty bytes more.
const SUMMED_PER_BYTE: usize = 8;

fn header(length: u32) -> [u8; 12] {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header
}

#[test]
fn headers_that_overlap_cost_what_their_bytes_cost() {
    let long = u32::try_from(MAX_PAYLOAD).unwrap();
    // The CRC of each is the magic and the length of the next.
    let dense = header(long)[..8].repeat(MAX_PAYLOAD / 4);
    let apart = header(long).repeat(MAX_PAYLOAD / 6);
    // Lengths that all end at one place.
    let nested: Vec<u8> =
        (0..long / 12).flat_map(|n| header(long - 12 * (n + 1))).chain(vec![0; MAX_PAYLOAD]).collect();
    // A whole frame behind each that is none.
    let mixed: Vec<u8> = [&header(long)[..], &frames(&[b"whole"])].concat().repeat(MAX_PAYLOAD / 14);
    let tight = [&header(long)[..], &frames(&[b""])].concat().repeat(MAX_PAYLOAD / 12);
    for (shape, mut bytes) in
        [("dense", dense), ("apart", apart), ("nested", nested), ("mixed", mixed), ("tight", tight)]
    {
        write(b"the last", &mut bytes);
        let mut scan = scan(&bytes);
        let last = scan.by_ref().last();
        assert_eq!(last, Some(Piece::Record { payload: b"the last", end: bytes.len() }), "{shape}");
        let bound = SUMMED_PER_BYTE * bytes.len();
        assert!(scan.summed() <= bound, "{shape}: {} of {} bytes", scan.summed(), bytes.len());
    }
}

#[test]
fn every_frame_between_damage_is_found() {
    let bytes = [&header(500)[..], &frames(&[b"one"]), b"\xff\xffTSF", &frames(&[b"", b"two"]), &header(0)].concat();
    assert_eq!(records(&bytes), [b"one".as_slice(), b"", b"two"]);
}

/// What a whole scan finds that sums every payload that a header asks for.
fn found_by_summing_all(bytes: &[u8]) -> Vec<Piece<'_>> {
    let whole = |at: usize| {
        let (header, rest) = bytes.get(at..)?.split_first_chunk::<HEADER_LEN>()?;
        let length = header[4..8].try_into().unwrap();
        let payload = rest.get(..usize::try_from(u32::from_le_bytes(length)).unwrap())?;
        (header[..4] == MAGIC && checksum(length, payload).to_le_bytes() == header[8..]).then_some(payload)
    };
    let cut = |at: usize| {
        let rest = &bytes[at..];
        let begins = rest.len().min(MAGIC.len());
        let length = |rest: &[u8]| u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let is_cut = |rest: &[u8]| length(rest) <= MAX_PAYLOAD && rest.len() < HEADER_LEN + length(rest);
        rest[..begins] == MAGIC[..begins] && (rest.len() < HEADER_LEN || is_cut(rest))
    };
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if let Some(payload) = whole(at) {
            at += HEADER_LEN + payload.len();
            pieces.push(Piece::Record { payload, end: at });
            continue;
        }
        let next = (at + 1..bytes.len()).find(|&next| whole(next).is_some());
        let end = next.or_else(|| (at..bytes.len()).find(|&next| cut(next))).unwrap_or(bytes.len());
        if end == at {
            pieces.push(Piece::Incomplete { bytes: bytes.len() - at });
            break;
        }
        pieces.push(Piece::Skipped { bytes: end - at, end });
        at = end;
    }
    pieces
}

proptest! {
    #[test]
    fn a_scan_finds_what_summing_every_payload_finds(
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60).prop_map(|payload| frames(&[&payload])),
                (0..80_u32).prop_map(|length| header(length)[..8].to_vec()),
                (0..2000_u32).prop_map(|length| header(length).to_vec()),
                prop::collection::vec(prop_oneof![Just(0xff), Just(b'T'), any::<u8>()], 0..20),
            ],
            0..12,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = parts.concat();
        bytes.truncate(cut.index(bytes.len() + 1));
        prop_assert_eq!(scan(&bytes).collect::<Vec<_>>(), found_by_summing_all(&bytes));
    }
}
