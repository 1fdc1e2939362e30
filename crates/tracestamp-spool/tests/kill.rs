//! Writers that are killed, and writers whose disk refuses them: processes of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tracestamp_spool::{Limits, Reader, Writer};

const DIRECTORY: &str = "SPOOL_OF_THE_CHILD";

/// The child: says the number of each record once its append has returned.
fn append_and_say(count: usize, segment_bytes: u64) {
    let dir = std::env::var(DIRECTORY).unwrap();
    let mut writer = Writer::open(dir, Limits { max_bytes: 1 << 30, segment_bytes }).unwrap();
    let mut out = std::io::stdout();
    for n in 0..count {
        if writer.append(&[format!("{n:0width$}", width = 20 + n % 500)]).is_ok() {
            writeln!(out, "appended {n}").unwrap();
        }
    }
}

#[test]
#[ignore = "started below, in a process of its own"]
fn child_without_end() {
    append_and_say(usize::MAX, 4096);
}

#[test]
#[ignore = "started below, in a process of its own"]
fn child_of_300() {
    append_and_say(300, 1 << 20);
}

/// Runs a child by way of `sh`, which first runs `before`.
fn command(before: &str, child: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    let this = std::env::current_exe().unwrap();
    command.args(["-c", &format!("{before} exec \"$@\"")]).arg("sh").arg(this);
    command.args(["--exact", child, "--ignored", "--nocapture"]).env(DIRECTORY, dir).stdout(Stdio::piped());
    command
}

fn said(line: &str) -> Option<usize> {
    line.split_once("appended ")?.1.parse().ok()
}

/// The numbers of all records in the spool, which must then be empty and without an owner.
fn take_all(reader: &mut Reader) -> Vec<usize> {
    let batch = reader.next_batch(usize::MAX, usize::MAX).unwrap();
    let mut read: Vec<usize> =
        batch.records.iter().map(|record| str::from_utf8(record).unwrap().parse().unwrap()).collect();
    read.sort_unstable();
    reader.commit(batch).unwrap();
    let stats = reader.stats().unwrap();
    assert_eq!((stats.bytes, stats.owned_segments), (0, 0));
    read
}

#[test]
fn a_killed_writer_loses_nothing_for_which_append_returned() {
    for lines in [1, 2, 50, 333] {
        let dir = TempDir::new().unwrap();
        let mut child = command("", "child_without_end", dir.path()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        output.by_ref().filter_map(|line| said(&line)).nth(lines).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said between our last look and its end counts as well.
        let said = output.filter_map(|line| said(&line)).last().unwrap_or(lines) + 1;
        let read = take_all(&mut Reader::open(dir.path()).unwrap());
        assert!(read.len() >= said, "{} read, {said} said", read.len());
        assert_eq!(read, (0..read.len()).collect::<Vec<_>>());
    }
}

#[test]
fn after_a_refused_write_a_writer_goes_on_in_a_new_segment() {
    let dir = TempDir::new().unwrap();
    // A file may have 8 blocks; without the trap the signal would end the process.
    let output = command("trap '' XFSZ; ulimit -f 8;", "child_of_300", dir.path()).output().unwrap();
    let said: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().filter_map(said).collect();
    assert!(said.len() < 300, "some were refused");
    assert!(said.len() > 200, "most were not");
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(take_all(&mut reader), said);
    let counts = reader.stats().unwrap().counts;
    assert!(counts.torn > 0);
    assert_eq!(counts.corrupt_bytes, 0);
}
