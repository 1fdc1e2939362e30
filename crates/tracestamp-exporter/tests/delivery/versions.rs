//! Records of other versions than the exporter's own.

use std::fs;
use std::path::PathBuf;

use tracestamp_core::span::{SpanKind, SpanRecord, VERSION, encode};
use tracestamp_spool::{Limits, Writer};

use crate::bench::{Bench, grpc, record};
use crate::receiver::Receiver;

const SEGMENT_HEADER: usize = 8;
/// The metric that counts segments that were set aside.
const SET_ASIDE: &str = r#"tracestamp_spool_damage_total{reason="quarantined"}"#;

fn payload(name: &str) -> Vec<u8> {
    encode(&record(name), Vec::new()).unwrap()
}

/// The same record as a build would have written it that is newer than this one.
fn newer(name: &str) -> Vec<u8> {
    [&[VERSION + 1], &payload(name)[1..]].concat()
}

/// How the payload lies on disk.
fn frame(payload: Vec<u8>) -> Vec<u8> {
    let bench = Bench::new();
    bench.append(&[payload]);
    fs::read(&bench.files(".seg")[0]).unwrap().split_off(SEGMENT_HEADER)
}

impl Bench {
    /// The files in the spool whose names end so.
    fn files(&self, end: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.to_str().unwrap().ends_with(end)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_span_and_a_kind_that_only_a_newer_webhook_knows_are_delivered() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let unknown = SpanRecord { span_type: "wave".into(), kind: SpanKind::Internal, ..record("a") };
    let mut payload = encode(&unknown, Vec::new()).unwrap();
    let kind = payload.windows(9).position(|bytes| bytes == b"\x08internal").unwrap();
    payload.splice(kind..kind + 9, *b"\x08callback");
    bench.append(&[payload]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    let span = &receiver.spans()[0];
    assert_eq!((span.name.as_str(), span.kind), ("a", 1));
    assert!(format!("{:?}", span.attributes[0]).contains("wave"), "{span:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_version_1_is_delivered() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    // Version 1 had neither kind nor number of events left out, and the index 0 for the name.
    let current = payload("a");
    let context = current.windows(4).position(|bytes| bytes == [0x4b, 0xf9, 0x2f, 0x35]).unwrap();
    let (links, events) = (current.len() - 1, current.len() - 2);
    bench.append(&[[&[1, 0], &current[context..events], &current[links..]].concat()]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    let span = &receiver.spans()[0];
    assert_eq!((span.name.as_str(), span.kind, span.dropped_events_count), ("a", 2, 0));
    assert!(format!("{:?}", span.attributes[0]).contains("pipeline_run"), "{span:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_build_wrote_is_set_aside_and_delivered_once_an_exporter_can_read_it() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let address = receiver.serve_grpc().await;
    bench.append(&[payload("a"), newer("b"), payload("c")]);
    bench.append(&[payload("d")]);
    bench.append(&[newer("e")]);
    bench.deliver(grpc(address)).await;
    let mut names = receiver.names();
    names.sort();
    assert_eq!(names, ["a", "d"]);
    assert_eq!(bench.metric(SET_ASIDE), 2);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="undecodable"}"#), 0);
    assert_eq!((bench.files(".seg").len(), bench.files(".seg.quarantined").len()), (0, 2));

    // The upgrade: what was newer is of this build's version now, and the operator renames the files.
    for aside in bench.files(".seg.quarantined") {
        let mut bytes = fs::read(&aside).unwrap();
        for name in ["b", "e"] {
            let (old, new) = (frame(newer(name)), frame(payload(name)));
            if let Some(at) = bytes.windows(old.len()).position(|bytes| bytes == old) {
                bytes.splice(at..at + old.len(), new);
            }
        }
        fs::write(&aside, bytes).unwrap();
        fs::rename(&aside, aside.with_extension("")).unwrap();
    }
    bench.deliver(grpc(address)).await;
    let mut names = receiver.names();
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d", "e"], "each once, by an exporter that remembers no ids");
    assert_eq!(bench.files("").len(), 1, "the cursor is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_a_newer_webhook_still_writes_holds_up_no_other() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
    let mut writer = Writer::open(bench.dir.path(), limits).unwrap();
    writer.append(&[payload("a"), newer("b")]).unwrap();
    let running = bench.start(grpc(receiver.serve_grpc().await));
    bench.until("tracestamp_spans_delivered_total", 1).await;
    bench.record(&["c"]);
    bench.until("tracestamp_spans_delivered_total", 2).await;
    writer.append(&[newer("d")]).unwrap();
    assert_eq!((bench.metric(SET_ASIDE), bench.files(".seg.quarantined").len()), (0, 0), "its writer is alive");
    drop(writer);
    running.drain().await;
    assert_eq!(receiver.names(), ["a", "c"]);
    assert_eq!(bench.metric(SET_ASIDE), 1);
    let aside = fs::read(&bench.files(".seg.quarantined")[0]).unwrap();
    assert!(aside.ends_with(&[frame(newer("b")), frame(newer("d"))].concat()), "nothing of it is lost");
}
