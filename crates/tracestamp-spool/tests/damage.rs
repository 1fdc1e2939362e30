//! What becomes of a spool after crashes, bit rot and files of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;
use tracestamp_spool::{Limits, Reader, Writer};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 };
const SEGMENT_HEADER: usize = 8;
const FRAME_HEADER: usize = 12;

/// A spool with one segment; the writer still holds it.
fn spool(records: &[&str]) -> (TempDir, Writer, PathBuf) {
    let dir = TempDir::new().unwrap();
    let mut writer = Writer::open(dir.path(), LIMITS).unwrap();
    writer.append(records).unwrap();
    let segment = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    (dir, writer, segment)
}

fn read(reader: &mut Reader) -> Vec<String> {
    let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    let texts = batch.records.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect();
    reader.commit(batch).unwrap();
    texts
}

fn append_raw(segment: &PathBuf, bytes: &[u8]) {
    OpenOptions::new().append(true).open(segment).unwrap().write_all(bytes).unwrap();
}

fn flip(segment: &PathBuf, at: usize) {
    let mut bytes = fs::read(segment).unwrap();
    bytes[at] ^= 0x40;
    fs::write(segment, bytes).unwrap();
}

#[test]
fn half_a_record_is_waited_for_while_its_writer_lives() {
    let (dir, writer, segment) = spool(&["one", "two"]);
    let whole = fs::read(&segment).unwrap();
    let half = whole.len() - 2;
    fs::write(&segment, &whole[..half]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["one"]);
    assert_eq!(read(&mut reader), [""; 0]);
    append_raw(&segment, &whole[half..]);
    assert_eq!(read(&mut reader), ["two"]);
    assert_eq!(reader.stats().unwrap().counts.torn, 0);
    drop(writer);
}

#[test]
fn half_a_record_whose_writer_is_gone_is_counted_and_left_behind() {
    let (dir, writer, segment) = spool(&["one", "two"]);
    drop(writer);
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 2]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["one"]);
    assert_eq!(reader.stats().unwrap().counts.torn, 1);
    assert!(!segment.exists());
}

#[test]
fn a_flipped_byte_costs_the_record_it_is_in_and_no_other() {
    let len = SEGMENT_HEADER + 3 * (FRAME_HEADER + 5);
    for at in 0..len {
        let (dir, writer, segment) = spool(&["one..", "two..", "three"]);
        drop(writer);
        flip(&segment, at);
        // The header's version is the one byte that makes a segment unreadable for this build.
        let expected: Vec<_> = match at {
            7 => vec![],
            0..SEGMENT_HEADER => vec!["one..", "two..", "three"],
            _ => {
                let hit = (at - SEGMENT_HEADER) / (FRAME_HEADER + 5);
                ["one..", "two..", "three"].into_iter().enumerate().filter(|&(n, _)| n != hit).map(|(_, t)| t).collect()
            }
        };
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(read(&mut reader), expected, "byte {at}");
        let counts = reader.stats().unwrap().counts;
        assert_ne!(counts, tracestamp_spool::Counts::default(), "byte {at} is counted");
        assert_eq!(reader.stats().unwrap().bytes, 0, "byte {at} leaves nothing waiting");
    }
}

#[test]
fn a_damaged_length_does_not_stop_a_segment_that_is_still_written_to() {
    let (dir, mut writer, segment) = spool(&["one", "two"]);
    flip(&segment, SEGMENT_HEADER + 4 + 2);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["two"]);
    writer.append(&["three"]).unwrap();
    assert_eq!(read(&mut reader), ["three"]);
}

#[test]
fn a_segment_of_a_newer_version_is_set_aside_and_the_rest_goes_on() {
    let (dir, writer, segment) = spool(&["newer"]);
    drop(writer);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[7] = 2;
    fs::write(&segment, &bytes).unwrap();
    Writer::open(dir.path(), LIMITS).unwrap().append(&["ours"]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["ours"]);
    assert_eq!(reader.stats().unwrap().counts.quarantined, 1);
    let aside = segment.with_extension("seg.quarantined");
    assert_eq!(fs::read(aside).unwrap(), bytes);
    assert_eq!(read(&mut reader), [""; 0]);
    assert_eq!(reader.stats().unwrap().counts.quarantined, 1);
}

#[test]
fn what_cannot_be_set_aside_is_told_once_and_tried_again() {
    let (dir, writer, segment) = spool(&["newer"]);
    drop(writer);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[7] = 2;
    fs::write(&segment, &bytes).unwrap();
    let aside = segment.with_extension("seg.quarantined");
    fs::create_dir(&aside).unwrap();
    Writer::open(dir.path(), LIMITS).unwrap().append(&["ours"]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["ours"]);
    (0..100).for_each(|_| assert_eq!(read(&mut reader), [""; 0]));
    let counts = reader.stats().unwrap().counts;
    assert_eq!((counts.unreadable, counts.quarantined), (1, 0));
    fs::remove_dir(&aside).unwrap();
    assert_eq!(read(&mut reader), [""; 0]);
    let counts = reader.stats().unwrap().counts;
    assert_eq!((counts.unreadable, counts.quarantined), (1, 1));
    assert!(aside.is_file());
}

#[test]
fn files_of_others_are_left_alone() {
    let (dir, _writer, _) = spool(&["ours"]);
    for name in ["notes.txt", "notes.seg", "12.seg", "1763690000000-9f86d081.seg.bak"] {
        fs::write(dir.path().join(name), "theirs").unwrap();
    }
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    fs::create_dir(dir.path().join("1763690000000-9f86d081.seg")).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["ours"]);
    assert_eq!(fs::read(dir.path().join("notes.seg")).unwrap(), b"theirs");
    assert_eq!(reader.stats().unwrap().counts, tracestamp_spool::Counts::default());
}

#[test]
fn an_empty_segment_without_a_writer_is_removed() {
    let dir = TempDir::new().unwrap();
    let segment = dir.path().join("1763690000000-9f86d081.seg");
    for content in ["", "TSSP"] {
        fs::write(&segment, content).unwrap();
        assert_eq!(read(&mut Reader::open(dir.path()).unwrap()), [""; 0]);
        assert!(!segment.exists(), "{content:?}");
    }
}

#[test]
fn what_a_writer_left_unnamed_is_removed_when_it_is_old() {
    let dir = TempDir::new().unwrap();
    let old = dir.path().join("1763690000000-9f86d081.tmp");
    fs::write(&old, "").unwrap();
    read(&mut Reader::open(dir.path()).unwrap());
    assert!(!old.exists());
}

#[test]
fn a_damaged_cursor_gives_everything_again() {
    let (dir, _writer, _) = spool(&["one", "two"]);
    read(&mut Reader::open(dir.path()).unwrap());
    fs::write(dir.path().join("cursor"), b"\xff\x00 nonsense").unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["one", "two"]);
    assert_eq!(reader.stats().unwrap().counts.cursor, 1);
    assert_eq!(read(&mut Reader::open(dir.path()).unwrap()), [""; 0]);
}

#[test]
fn a_cursor_behind_the_end_gives_the_segment_again() {
    let (dir, _writer, segment) = spool(&["one", "two"]);
    let len = fs::metadata(&segment).unwrap().len();
    append_raw(&segment, b"lost with the node's memory");
    read(&mut Reader::open(dir.path()).unwrap());
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(len).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&mut reader), ["one", "two"]);
    assert_eq!(reader.stats().unwrap().counts.cursor, 1);
}

#[test]
fn a_writer_whose_segment_vanished_or_directory_was_removed_goes_on_in_a_new_one() {
    let (dir, mut writer, _) = spool(&["one"]);
    fs::remove_dir_all(dir.path()).unwrap();
    // The records of the removed segment are gone with it; rolling makes a new one.
    let rest = vec!["x".repeat(1 << 15); 2];
    writer.append(&rest).unwrap();
    assert_eq!(read(&mut Reader::open(dir.path()).unwrap()), rest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damage_never_panics_and_costs_nothing_before_it(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let dir = TempDir::new().unwrap();
        Writer::open(dir.path(), LIMITS).unwrap().append(&records).unwrap();
        let segment = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&segment).unwrap();
        let mut intact = bytes.len();
        if let Some(cut) = cut {
            intact = cut.index(bytes.len());
            bytes.truncate(intact);
        }
        for (at, value) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            intact = intact.min(at);
            bytes[at] = value;
        }
        fs::write(&segment, &bytes).unwrap();
        let mut end = SEGMENT_HEADER;
        let before: Vec<_> = records
            .iter()
            .take_while(|record| {
                end += FRAME_HEADER + record.len();
                end <= intact
            })
            .collect();

        let mut reader = Reader::open(dir.path()).unwrap();
        let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
        prop_assert!(batch.records.len() <= records.len());
        prop_assert_eq!(batch.records.iter().take(before.len()).collect::<Vec<_>>(), before);
        prop_assert!(batch.records.iter().all(|record| records.contains(record)));
        reader.commit(batch).unwrap();
        prop_assert_eq!(reader.stats().unwrap().bytes, 0);
    }
}
