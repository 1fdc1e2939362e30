//! `tracestamp spool`, beside a writer that is alive and a reader that has read some.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tracestamp::backfill::Backfill;
use tracestamp_core::kind::KINDS;
use tracestamp_core::{Config, Timestamp};
use tracestamp_spool::{Limits, Reader, Writer};

fn spool(action: &str, directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracestamp"))
        .args(["spool", action, "--spool-dir"])
        .arg(directory)
        .output()
        .unwrap()
}

/// The two spans of a TaskRun.
fn records(name: &str) -> Vec<Vec<u8>> {
    let run = json!({
        "metadata": {"name": name, "namespace": "ci", "uid": name, "creationTimestamp": "2026-11-21T00:00:00Z"},
        "status": {"startTime": "2026-11-21T00:00:02Z", "completionTime": "2026-11-21T00:00:07Z",
            "conditions": [{"type": "Succeeded", "status": "True"}]},
    });
    let backfill = Backfill { config: Config::default(), since: Timestamp::from_nanos(0) };
    backfill.records(KINDS[1].resource(), &run, Timestamp::from_nanos(1))
}

#[test]
fn what_waits_is_listed_and_told_and_nothing_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
    let mut writer = Writer::open(directory.path(), limits).unwrap();
    writer.append(&records("sent")).unwrap();
    let mut reader = Reader::open(directory.path()).unwrap();
    let batch = reader.next_batch(100, 1 << 20).unwrap();
    reader.commit(batch).unwrap();
    writer.append(&records("waits")).unwrap();

    for _ in 0..2 {
        let listed = String::from_utf8(spool("ls", directory.path()).stdout).unwrap();
        assert!(listed.contains("being written") && listed.contains(" 2 spans"), "{listed}");
        let told = String::from_utf8(spool("cat", directory.path()).stdout).unwrap();
        let spans: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let name = |span: &Value| span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"].clone();
        assert_eq!(spans.iter().map(name).collect::<Vec<_>>(), ["pending", "RUN"]);
    }
    assert_eq!(reader.next_batch(100, 1 << 20).unwrap().records, records("waits"));

    drop(writer);
    let listed = String::from_utf8(spool("ls", directory.path()).stdout).unwrap();
    assert!(listed.contains("closed"), "{listed}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let output = spool("ls", Path::new("/nowhere/spool"));
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("--spool-dir /nowhere/spool"));
}

#[test]
fn what_a_stranger_put_into_the_directory_is_neither_waited_for_nor_printed() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
    Writer::open(directory.path(), limits).unwrap().append(&records("ours")).unwrap();
    let fifos = ["cursor", "0000000000000-00000001.seg"].map(|name| directory.path().join(name));
    assert!(Command::new("mkfifo").args(&fifos).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", directory.path().join("0000000000000-00000002.seg")).unwrap();
    std::fs::write(directory.path().join("0000000000000-00000003.\x1b[31m\n.seg"), "TSSPOOL\x01").unwrap();

    for action in ["ls", "cat"] {
        // Ended by coreutils when it does not end.
        let program = env!("CARGO_BIN_EXE_tracestamp");
        let mut command = Command::new("timeout");
        let command = command.args(["60", program, "spool", action, "--spool-dir"]).arg(directory.path());
        let output = command.output().unwrap();
        let [told, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{said}");
        assert_eq!(told.lines().count(), if action == "ls" { 1 } else { 2 }, "{told}");
        assert!(said.contains("2 spans wait") && !told.contains('\x1b'), "{said}");
    }
}
