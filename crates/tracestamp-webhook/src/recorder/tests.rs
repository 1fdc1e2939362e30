use std::sync::{Arc, Mutex, mpsc};

use tokio::time::Instant;
use tracestamp_core::Timestamp;
use tracestamp_core::context::Traceparent;
use tracestamp_core::span::Status;
use tracestamp_runtime::metrics::Registry;

use super::*;

/// Takes its time: waits for a permit before each write, then keeps what it was given.
struct Slow {
    permits: mpsc::Receiver<Result<(), AppendError>>,
    written: Arc<Mutex<usize>>,
}

impl Append for Slow {
    fn append(&mut self, payloads: &[Vec<u8>]) -> Result<(), AppendError> {
        self.permits.recv().unwrap()?;
        *self.written.lock().unwrap() += payloads.len();
        Ok(())
    }
}

struct Fixture {
    recorder: Recorder,
    ended: Recorded,
    permits: mpsc::Sender<Result<(), AppendError>>,
    written: Arc<Mutex<usize>>,
    registry: Registry,
}

fn start(timeout: Duration) -> Fixture {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let (permits, receiver) = mpsc::channel();
    let written = Arc::default();
    let slow = Slow { permits: receiver, written: Arc::clone(&written) };
    let (recorder, ended) = Recorder::start(slow, timeout, metrics).unwrap();
    Fixture { recorder, ended, permits, written, registry }
}

fn spans(metrics: &Metrics, number: usize) -> Spans {
    spans_named("compile", metrics, number)
}

fn spans_named(name: &str, metrics: &Metrics, number: usize) -> Spans {
    let record = SpanRecord {
        span_type: SpanType::Step.name().into(),
        kind: SpanType::Step.kind(),
        context: Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").unwrap(),
        parent: None,
        parent_is_remote: false,
        tracestate: "".into(),
        name: name.into(),
        start: Timestamp::from_nanos(1),
        end: Timestamp::from_nanos(2),
        status: Status::Unset,
        resource: Vec::new(),
        attributes: Vec::new(),
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
    };
    Spans::encode(&vec![record; number], metrics)
}

fn far() -> Deadline {
    Deadline::of(Some("timeout=30s"), Instant::now())
}

impl Fixture {
    async fn record(&self, number: usize, deadline: Deadline) -> bool {
        self.recorder.record(spans(&self.recorder.metrics, number), deadline).await
    }

    /// Lets the thread finish, then gives what was written and all the counts.
    async fn end(self) -> (usize, String) {
        let Self { recorder, ended, permits, written, registry } = self;
        drop(recorder);
        // Kept until the thread has ended: it may still be waiting for a permit.
        ended.0.await.unwrap_err();
        drop(permits);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let counts = text
            .lines()
            .filter(|line| line.starts_with("spans_") && !line.ends_with(" 0"))
            .collect::<Vec<_>>()
            .join("\n");
        let written = *written.lock().unwrap();
        (written, counts)
    }
}

#[tokio::test]
async fn spans_are_written_before_the_review_goes_on_and_counted_by_what_they_tell_of() {
    let fixture = start(Duration::from_mins(1));
    fixture.permits.send(Ok(())).unwrap();
    assert!(fixture.record(2, far()).await);
    assert_eq!(*fixture.written.lock().unwrap(), 2);
    assert_eq!(fixture.end().await.1, r#"spans_recorded_total{span="step"} 2"#);
}

#[tokio::test]
async fn a_full_spool_and_a_broken_disk_are_counted_apart() {
    let fixture = start(Duration::from_mins(1));
    fixture.permits.send(Err(AppendError::Full { needed: 2, max_bytes: 1 })).unwrap();
    assert!(!fixture.record(1, far()).await);
    fixture.permits.send(Err(io::Error::other("gone").into())).unwrap();
    assert!(!fixture.record(3, far()).await);
    let (written, counts) = fixture.end().await;
    assert_eq!(written, 0);
    assert!(counts.contains(r#"spans_dropped_total{reason="full"} 1"#), "{counts}");
    assert!(counts.contains(r#"spans_dropped_total{reason="disk"} 3"#), "{counts}");
}

#[tokio::test]
async fn spans_of_a_review_that_went_on_are_written_all_the_same_and_counted_as_late() {
    let fixture = start(Duration::from_millis(1));
    // Nobody has a permit: the first is being written when its review goes on, the second still waits.
    assert!(!fixture.record(1, far()).await);
    assert!(!fixture.record(4, far()).await);
    for _ in 0..2 {
        fixture.permits.send(Ok(())).unwrap();
    }
    let (written, counts) = fixture.end().await;
    assert_eq!(written, 5);
    assert_eq!(counts, "spans_recorded_total{span=\"step\"} 5\nspans_late_total 5");
}

#[tokio::test]
async fn a_review_waits_no_longer_than_its_own_deadline() {
    let fixture = start(Duration::from_hours(1));
    let passed = Deadline::of(Some("timeout=0s"), Instant::now());
    assert!(!fixture.record(1, passed).await);
    fixture.permits.send(Ok(())).unwrap();
    let (written, counts) = fixture.end().await;
    assert_eq!(written, 1);
    assert!(counts.contains("spans_late_total 1"), "{counts}");
}

#[tokio::test]
async fn past_the_queue_spans_are_dropped_at_once() {
    let fixture = start(Duration::from_millis(1));
    // One is taken out of the queue to be written, at most.
    for _ in 0..QUEUE + 2 {
        fixture.record(1, far()).await;
    }
    for _ in 0..=QUEUE {
        fixture.permits.send(Ok(())).unwrap();
    }
    let (written, counts) = fixture.end().await;
    assert!(written == QUEUE || written == QUEUE + 1, "{written}");
    let dropped = QUEUE + 2 - written;
    assert!(counts.contains(&format!("spans_dropped_total{{reason=\"busy\"}} {dropped}")), "{counts}");
}

#[tokio::test]
async fn one_review_records_no_more_bytes_than_it_may() {
    let fixture = start(Duration::from_millis(1));
    let long = spans_named(&"x".repeat(1000), &fixture.recorder.metrics, 3000);
    let bytes: usize = long.payloads.iter().map(Vec::len).sum();
    assert!((REVIEW_BYTES - 1100..=REVIEW_BYTES).contains(&bytes), "{bytes}");
    let dropped = 3000 - long.len();
    let (_, counts) = fixture.end().await;
    assert_eq!(counts, format!("spans_dropped_total{{reason=\"large\"}} {dropped}"));
}

#[tokio::test]
async fn past_the_bytes_of_the_queue_spans_are_dropped_at_once() {
    let fixture = start(Duration::from_millis(1));
    let mut all = 0;
    for _ in 0..QUEUE_BYTES / REVIEW_BYTES + 4 {
        let long = spans_named(&"x".repeat(1000), &fixture.recorder.metrics, 1000);
        all += long.len();
        fixture.recorder.record(long, far()).await;
    }
    for _ in 0..QUEUE {
        fixture.permits.send(Ok(())).unwrap();
    }
    let (written, counts) = fixture.end().await;
    assert!(written < all, "{written} of {all}");
    assert!(counts.contains(&format!("spans_dropped_total{{reason=\"busy\"}} {}", all - written)), "{counts}");
}

#[tokio::test]
async fn a_thread_that_died_is_counted_too() {
    let fixture = start(Duration::from_mins(1));
    drop(fixture.permits);
    let recorder = fixture.recorder;
    assert!(!recorder.record(spans(&recorder.metrics, 1), far()).await);
    fixture.ended.0.await.unwrap_err();
    assert!(!recorder.record(spans(&recorder.metrics, 1), far()).await);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &fixture.registry).unwrap();
    assert!(text.contains(r#"spans_dropped_total{reason="gone"} 2"#), "{text}");
}
