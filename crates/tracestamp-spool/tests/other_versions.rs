//! Segments with records that only a newer build can read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tracestamp_spool::{Batch, Limits, Reader, Writer};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 };

/// A spool with a segment for each list of records, all without a writer.
fn spool(segments: &[&[&str]]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for records in segments {
        Writer::open(dir.path(), LIMITS).unwrap().append(records).unwrap();
        // Names have the millisecond of their creation and are read in their order.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    dir
}

fn texts(batch: &Batch) -> Vec<&str> {
    batch.records.iter().map(|record| str::from_utf8(record).unwrap()).collect()
}

/// Reads everything, with records that begin with `new` taken for those of a newer build.
fn read(reader: &mut Reader) -> Vec<String> {
    let mut read = Vec::new();
    for _ in 0..100 {
        let mut batch = reader.next_batch(2, usize::MAX).unwrap();
        if batch.is_empty() {
            return read;
        }
        let mut next = 0;
        while let Some(record) = batch.records.get(next) {
            if record.starts_with(b"new") {
                batch.set_aside(next).unwrap();
            } else {
                next += 1;
            }
        }
        read.extend(texts(&batch).into_iter().map(str::to_owned));
        reader.commit(batch).unwrap();
    }
    panic!("it does not come to an end");
}

fn aside(dir: &TempDir) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "quarantined")).collect();
    files.sort();
    files
}

#[test]
fn what_is_left_of_a_segment_is_taken_out_of_the_batch_and_no_other_segment() {
    let dir = spool(&[&["a", "b", "c"], &["d"], &["e", "f"]]);
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    let first = batch.set_aside(1).unwrap().to_owned();
    assert_eq!(texts(&batch), ["a", "d", "e", "f"]);
    let last = batch.set_aside(2).unwrap().to_owned();
    assert_eq!(texts(&batch), ["a", "d"]);
    assert_eq!(batch.set_aside(2), None, "no such record");
    reader.commit(batch).unwrap();
    assert!(reader.next_batch(usize::MAX, usize::MAX).unwrap().is_empty());
    let names = [first, last].map(|name| dir.path().join(format!("{name}.quarantined")));
    assert_eq!(aside(&dir), names);
    assert_eq!(reader.stats().unwrap().counts.quarantined, 2);
    assert_eq!(reader.stats().unwrap().bytes, 0);
}

#[test]
fn a_segment_put_back_is_read_from_where_it_was_left_also_by_the_next_process() {
    let dir = spool(&[&["a", "b", "new c", "d"], &["e"]]);
    assert_eq!(read(&mut Reader::open(dir.path()).unwrap()), ["a", "b", "e"]);
    let mut reader = Reader::open(dir.path()).unwrap();
    for round in 1..=3 {
        let files = aside(&dir);
        assert_eq!(files.len(), 1, "round {round}");
        // Meanwhile others come and go, and the cursor is written.
        Writer::open(dir.path(), LIMITS).unwrap().append(&["more"]).unwrap();
        assert_eq!(read(&mut reader), ["more"]);
        fs::rename(&files[0], files[0].with_extension("")).unwrap();
        assert_eq!(read(&mut reader), [""; 0], "it is set aside again");
        assert_eq!(reader.stats().unwrap().counts.quarantined, round);
    }
    let files = aside(&dir);
    fs::rename(&files[0], files[0].with_extension("")).unwrap();
    let mut upgraded = Reader::open(dir.path()).unwrap();
    let batch = upgraded.next_batch(usize::MAX, usize::MAX).unwrap();
    assert_eq!(texts(&batch), ["new c", "d"]);
}

#[test]
fn a_batch_that_is_not_committed_sets_nothing_aside() {
    let dir = spool(&[&["a", "new b"]]);
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    batch.set_aside(1).unwrap();
    drop(batch);
    assert_eq!(texts(&reader.next_batch(usize::MAX, usize::MAX).unwrap()), ["a", "new b"]);
    assert!(aside(&dir).is_empty());
}
