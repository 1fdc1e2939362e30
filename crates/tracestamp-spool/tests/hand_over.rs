//! What two processes that share a directory may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracestamp_spool::{AppendError, Limits, Reader, Writer, frame};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 };

fn writer(dir: &TempDir) -> Writer {
    Writer::open(dir.path(), LIMITS).unwrap()
}

fn all(reader: &mut Reader) -> Vec<String> {
    texts(&reader.next_batch(usize::MAX, usize::MAX).unwrap().records)
}

fn texts(records: &[Vec<u8>]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect()
}

fn commit_all(reader: &mut Reader) {
    let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    reader.commit(batch).unwrap();
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    found.sort();
    found
}

fn occupied(dir: &Path) -> u64 {
    segments(dir).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn records_are_read_in_the_order_they_were_appended() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir);
    writer.append(&["a", "b"]).unwrap();
    writer.append(&[""]).unwrap();
    writer.append(&["c"]).unwrap();
    assert_eq!(all(&mut Reader::open(dir.path()).unwrap()), ["a", "b", "", "c"]);
}

#[test]
fn a_batch_is_bounded_and_what_is_over_comes_after_its_commit() {
    let dir = TempDir::new().unwrap();
    writer(&dir).append(&["one", "two", "three", "four"]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let by_records = reader.next_batch(1, usize::MAX).unwrap();
    assert_eq!(texts(&by_records.records), ["one"]);
    reader.commit(by_records).unwrap();
    let by_bytes = reader.next_batch(usize::MAX, 8).unwrap();
    assert_eq!(texts(&by_bytes.records), ["two", "three"]);
    reader.commit(by_bytes).unwrap();
    // A record longer than the bound still comes.
    assert_eq!(texts(&reader.next_batch(usize::MAX, 1).unwrap().records), ["four"]);
}

#[test]
fn a_record_comes_again_until_it_is_committed_and_never_after() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir);
    writer.append(&["a"]).unwrap();
    assert_eq!(all(&mut Reader::open(dir.path()).unwrap()), ["a"]);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(all(&mut reader), ["a"]);
    commit_all(&mut reader);
    writer.append(&["b"]).unwrap();
    assert_eq!(all(&mut reader), ["b"]);
    assert_eq!(all(&mut Reader::open(dir.path()).unwrap()), ["b"]);
}

#[test]
fn a_process_that_records_nothing_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir);
    writer.append(&[""; 0]).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_segment_is_unlinked_once_it_is_used_up_and_its_writer_is_gone() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir);
    writer.append(&["a"]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    commit_all(&mut reader);
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!(reader.stats().unwrap().owned_segments, 1);
    drop(writer);
    commit_all(&mut reader);
    assert!(segments(dir.path()).is_empty());
    assert_eq!(reader.stats().unwrap().owned_segments, 0);
}

#[test]
fn two_writers_have_segments_of_their_own() {
    let dir = TempDir::new().unwrap();
    let threads: Vec<_> = ["x", "y"]
        .map(|name| {
            let mut writer = writer(&dir);
            std::thread::spawn(move || {
                (0..500).for_each(|n| writer.append(&[format!("{name}{n}")]).unwrap());
                writer
            })
        })
        .into();
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut read = Vec::new();
    // Reading while they write: nothing is torn or given twice.
    while read.len() < 1000 {
        let batch = reader.next_batch(7, usize::MAX).unwrap();
        read.extend(texts(&batch.records));
        reader.commit(batch).unwrap();
    }
    let _writers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for name in ["x", "y"] {
        let own: Vec<_> = read.iter().filter(|text| text.starts_with(name)).cloned().collect();
        assert_eq!(own, (0..500).map(|n| format!("{name}{n}")).collect::<Vec<_>>());
    }
    assert_eq!(reader.stats().unwrap().counts, tracestamp_spool::Counts::default());
}

#[test]
fn a_full_segment_is_followed_by_a_new_one() {
    let dir = TempDir::new().unwrap();
    let mut writer = Writer::open(dir.path(), Limits { segment_bytes: 100, ..LIMITS }).unwrap();
    let records: Vec<_> = (0..20).map(|n| format!("record {n:02}")).collect();
    for record in &records {
        writer.append(&[record]).unwrap();
    }
    assert_eq!(segments(dir.path()).len(), 5);
    assert!(segments(dir.path()).iter().all(|path| fs::metadata(path).unwrap().len() <= 100));
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut read = all(&mut reader);
    // Segments of one millisecond have no order among each other.
    read.sort();
    assert_eq!(read, records);
    commit_all(&mut reader);
    assert_eq!(segments(dir.path()).len(), 1, "the one its writer holds");
}

#[test]
fn the_cap_holds_to_the_byte_and_what_the_reader_frees_is_used_again() {
    let dir = TempDir::new().unwrap();
    // Two segments with headers of 8 bytes, two frames of 12 and 38 bytes each.
    let mut writer = Writer::open(dir.path(), Limits { max_bytes: 216, segment_bytes: 108 }).unwrap();
    let record = [b'r'; 38];
    (0..4).for_each(|_| writer.append(&[record]).unwrap());
    assert_eq!(occupied(dir.path()), 216);
    assert!(matches!(writer.append(&[[0; 0]]), Err(AppendError::Full { needed: 20, max_bytes: 216 })));
    assert_eq!(occupied(dir.path()), 216);
    commit_all(&mut Reader::open(dir.path()).unwrap());
    while writer.append(&[record]).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    (0..3).for_each(|_| writer.append(&[record]).unwrap());
    assert_eq!(occupied(dir.path()), 216);
}

#[test]
fn a_cap_reached_in_an_earlier_life_holds_in_the_next() {
    let dir = TempDir::new().unwrap();
    let limits = Limits { max_bytes: 28, ..LIMITS };
    Writer::open(dir.path(), limits).unwrap().append(&["8 bytes."]).unwrap();
    let mut next = Writer::open(dir.path(), limits).unwrap();
    assert!(matches!(next.append(&["x"]), Err(AppendError::Full { .. })));
}

#[test]
fn a_record_too_long_to_be_read_back_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut writer = Writer::open(dir.path(), Limits { max_bytes: 8 << 20, segment_bytes: 8 << 20 }).unwrap();
    let longest = vec![b'l'; frame::MAX_PAYLOAD];
    let longer = vec![b'l'; frame::MAX_PAYLOAD + 1];
    assert!(matches!(writer.append(&[&longer]), Err(AppendError::TooLong(_))));
    (0..3).for_each(|_| writer.append(&[&longest]).unwrap());
    let records = Reader::open(dir.path()).unwrap().next_batch(9, usize::MAX).unwrap().records;
    assert_eq!(records, vec![longest; 3]);
}

#[test]
fn bytes_and_age_of_what_waits_are_told() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir);
    writer.append(&["a", "bc"]).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.stats().unwrap().bytes, 12 + 1 + 12 + 2);
    commit_all(&mut reader);
    let stats = reader.stats().unwrap();
    assert_eq!((stats.bytes, stats.oldest_age), (0, std::time::Duration::ZERO));
}

#[test]
fn a_long_record_is_read_whole_whatever_it_holds_and_wherever_it_lies() {
    let limits = Limits { max_bytes: 8 << 20, segment_bytes: 8 << 20 };
    let inner = TempDir::new().unwrap();
    writer(&inner).append(&["a frame within a frame"]).unwrap();
    let mut nested = fs::read(&segments(inner.path())[0]).unwrap();
    nested.resize(frame::MAX_PAYLOAD, b'n');
    let dir = TempDir::new().unwrap();
    // The reader holds some 2 MiB at once: the last record begins within and ends behind them.
    let records = [vec![b'a'; frame::MAX_PAYLOAD], vec![b'b'; 700_000], nested];
    Writer::open(dir.path(), limits).unwrap().append(&records).unwrap();
    assert_eq!(Reader::open(dir.path()).unwrap().next_batch(9, usize::MAX).unwrap().records, records);
}
