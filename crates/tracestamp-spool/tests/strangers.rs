//! What a stranger can do to a reader and a writer by what it puts into their directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tracestamp_spool::{Counts, Limits, Reader, Writer, peek};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 };
/// The oldest segment of all.
const SEGMENT: &str = "0000000000000-9f86d081.seg";
const SECRET: &[u8] = b"root's own file";

/// Fails when `work` does not end.
fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    outcome.recv_timeout(Duration::from_mins(1)).expect("it blocks")
}

/// All ways to have something under a name that is no regular file; each is given the name, and a file outside.
/// Puts something under a name in a directory.
type Plant = fn(&Path, &Path);

const PLANTS: [(&str, Plant); 6] = [
    ("a FIFO", |path, _| mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap()),
    ("a socket", |path, _| drop(UnixListener::bind(path).unwrap())),
    ("a link", |path, outside| symlink(outside, path).unwrap()),
    ("a link to a device", |path, _| symlink("/dev/zero", path).unwrap()),
    ("a link to nothing", |path, _| symlink("nowhere", path).unwrap()),
    ("a directory", |path, _| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("kept"), "").unwrap();
    }),
];

/// A spool with a record, and a file outside of it.
fn spool() -> (TempDir, TempDir) {
    let (dir, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    Writer::open(dir.path(), LIMITS).unwrap().append(&["ours"]).unwrap();
    fs::write(outside.path().join("secret"), SECRET).unwrap();
    (dir, outside)
}

/// Reads everything and commits it, by a reader that begins anew.
fn read(dir: &Path) -> (Vec<Vec<u8>>, Counts) {
    let dir = dir.to_owned();
    ends(move || {
        let (mut reader, mut records) = (Reader::open(dir).unwrap(), Vec::new());
        loop {
            let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
            if batch.is_empty() {
                return (records, reader.stats().unwrap().counts);
            }
            records.extend(batch.records.iter().cloned());
            reader.commit(batch).unwrap();
        }
    })
}

#[test]
fn whatever_has_the_cursors_name_is_not_opened_and_is_replaced() {
    for (what, plant) in PLANTS {
        let (dir, outside) = spool();
        let (cursor, secret) = (dir.path().join("cursor"), outside.path().join("secret"));
        plant(&cursor, &secret);
        let (records, counts) = read(dir.path());
        assert_eq!((records, counts.cursor), (vec![b"ours".to_vec()], 1), "{what}");
        assert!(fs::symlink_metadata(&cursor).unwrap().is_file(), "{what}");
        assert_eq!(fs::read(&secret).unwrap(), SECRET, "{what}");
        assert_eq!(read(dir.path()).1, Counts::default(), "{what}: there is a cursor now");
        assert_eq!(dir.path().join("cursor.quarantined/kept").exists(), what == "a directory");
    }
}

#[test]
fn a_cursor_is_written_to_a_file_that_was_not_there() {
    let hard_link: (&str, fn(&Path, &Path)) = ("a hard link", |path, outside| fs::hard_link(outside, path).unwrap());
    for (what, plant) in PLANTS.into_iter().chain([hard_link]) {
        let (dir, outside) = spool();
        let secret = outside.path().join("secret");
        plant(&dir.path().join("cursor.tmp"), &secret);
        assert_eq!(read(dir.path()), (vec![b"ours".to_vec()], Counts::default()), "{what}");
        assert!(fs::symlink_metadata(dir.path().join("cursor")).unwrap().is_file(), "{what}");
        assert_eq!(fs::read(&secret).unwrap(), SECRET, "{what}");
        assert!(!dir.path().join("nowhere").exists());
    }
}

#[test]
fn a_cursor_without_an_end_is_damaged() {
    let (dir, _) = spool();
    File::create(dir.path().join("cursor")).unwrap().set_len(1 << 40).unwrap();
    let (records, counts) = read(dir.path());
    assert_eq!((records, counts.cursor), (vec![b"ours".to_vec()], 1));
}

#[test]
fn what_has_a_segments_name_and_is_no_regular_file_is_left_alone() {
    for (what, plant) in PLANTS {
        for name in [SEGMENT, "0000000000000-9f86d081.tmp", "0000000000000-9f86d081.seg.quarantined"] {
            let (dir, outside) = spool();
            plant(&dir.path().join(name), &outside.path().join("secret"));
            assert_eq!(read(dir.path()), (vec![b"ours".to_vec()], Counts::default()), "{what} {name}");
            assert!(fs::symlink_metadata(dir.path().join(name)).is_ok(), "{what} {name}");
            let path = dir.path().to_owned();
            assert_eq!(ends(move || peek(&path).unwrap().count()), 0, "{what} {name}");
        }
    }
}

#[test]
fn what_takes_a_segments_place_after_it_was_listed_is_not_opened() {
    for (what, plant) in PLANTS {
        let (dir, outside) = spool();
        let (segment, secret) = (dir.path().join(SEGMENT), outside.path().join("secret"));
        fs::write(&segment, "TSSPOOL\x01").unwrap();
        let path = dir.path().to_owned();
        let seen: Vec<_> = ends(move || {
            let waiting = peek(&path).unwrap();
            fs::remove_file(&segment).unwrap();
            plant(&segment, &secret);
            waiting.map(|waiting| waiting.map(|waiting| waiting.map(Result::unwrap).collect::<Vec<_>>())).collect()
        });
        let [Err(error), Ok(ours)] = &seen[..] else { panic!("{what}: {seen:?}") };
        assert_eq!(error.to_string(), format!("{SEGMENT}: it is not a regular file"), "{what}");
        assert_eq!(*ours, [b"ours"], "{what}");
    }
}

#[test]
fn names_that_are_more_than_a_segments_are_left_alone() {
    let (dir, _) = spool();
    let names = [&b"0000000000000-9f86d081.\n.seg"[..], b"0000000000000-9f86d081.\x1b[31m.seg", b"\xff.seg", b".seg"];
    for name in names {
        fs::write(dir.path().join(OsStr::from_bytes(name)), b"TSSPOOL\x01\xffTSF").unwrap();
    }
    let segments: Vec<_> = peek(dir.path()).unwrap().map(|waiting| waiting.unwrap().segment).collect();
    assert!(segments.len() == 1 && segments[0].bytes().all(|byte| byte.is_ascii_graphic()), "{segments:?}");
    assert_eq!(read(dir.path()), (vec![b"ours".to_vec()], Counts::default()));
    assert_eq!(read(dir.path()), (vec![], Counts::default()), "nor do they damage the cursor");
    assert!(names.iter().all(|name| dir.path().join(OsStr::from_bytes(name)).exists()));
}

#[test]
fn damage_of_any_length_is_read_in_parts_and_hides_nothing_behind_it() {
    let (dir, _) = spool();
    let ours = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let frame = fs::read(&ours).unwrap().split_off(8);
    let mut segment = File::options().append(true).open(&ours).unwrap();
    segment.set_len(20 << 20).unwrap();
    segment.seek(SeekFrom::End(0)).unwrap();
    segment.write_all(&frame).unwrap();
    drop(segment);
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut batches = Vec::new();
    loop {
        let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
        if batch.is_empty() {
            break;
        }
        batches.push(batch.records.len());
        reader.commit(batch).unwrap();
    }
    assert_eq!(batches, [1, 1]);
    assert_eq!(reader.stats().unwrap().counts.corrupt_bytes, (20 << 20) - 8 - frame.len() as u64);
}

#[test]
fn a_batch_is_of_a_bounded_number_of_segments() {
    let (dir, _) = spool();
    for number in 0..2000 {
        fs::write(dir.path().join(format!("0000000000000-{number:08x}.seg")), "TSSPOOL\x01").unwrap();
    }
    let mut reader = Reader::open(dir.path()).unwrap();
    let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    reader.commit(batch).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2000 + 1 - 1024 + 1, "1024 less, and a cursor");
    assert_eq!(read(dir.path()), (vec![b"ours".to_vec()], Counts::default()));
}
