//! Hands span records to the spool, by one thread that owns it, without ever holding up a review for long.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracestamp_core::span::{SpanRecord, SpanType, encode};
use tracestamp_spool::{AppendError, Writer};

use crate::deadline::Deadline;
use crate::metrics::{DropReason, Metrics};

/// Jobs that may wait for the thread; past them spans are dropped, so a disk that hangs costs bounded memory.
const QUEUE: usize = 1024;
/// What they may hold of records, in bytes.
const QUEUE_BYTES: usize = 16 << 20;
/// What one review may record, in bytes. The largest of Tekton's runs need a tenth of it; what is past it is made up.
const REVIEW_BYTES: usize = 1 << 20;
/// How long the end of the process waits for a write that is under way.
const END: Duration = Duration::from_secs(1);

/// What takes the records: the spool, or in tests something slower.
pub(crate) trait Append: Send + 'static {
    /// Writes all payloads or none.
    fn append(&mut self, payloads: &[Vec<u8>]) -> Result<(), AppendError>;
}

impl Append for Writer {
    fn append(&mut self, payloads: &[Vec<u8>]) -> Result<(), AppendError> {
        Writer::append(self, payloads)
    }
}

/// The reviews' side of the thread.
#[derive(Clone)]
pub(crate) struct Recorder {
    jobs: SyncSender<Job>,
    room: Arc<Semaphore>,
    timeout: Duration,
    metrics: Metrics,
}

/// The spans of one review, encoded.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    types: Vec<SpanType>,
    payloads: Vec<Vec<u8>>,
    bytes: usize,
}

struct Job {
    spans: Spans,
    written: oneshot::Sender<bool>,
    _room: OwnedSemaphorePermit,
}

/// Spans that were handed over.
pub(crate) struct Handed {
    number: usize,
    /// `None` when they were dropped.
    written: Option<oneshot::Receiver<bool>>,
}

impl Spans {
    /// Encodes the records, up to what one review may record; the others, and those that cannot be encoded, are dropped
    /// and counted.
    pub(crate) fn encode(records: &[SpanRecord<'_>], metrics: &Metrics) -> Self {
        let mut spans = Self::default();
        for (at, record) in records.iter().enumerate() {
            match encode(record, Vec::new()) {
                Ok(payload) if spans.bytes + payload.len() > REVIEW_BYTES => {
                    metrics.dropped(DropReason::Large, records.len() - at);
                    break;
                }
                Ok(payload) => {
                    spans.bytes += payload.len();
                    spans.types.extend(SpanType::named(&record.span_type));
                    spans.payloads.push(payload);
                }
                Err(_) => metrics.dropped(DropReason::Encoding, 1),
            }
        }
        spans
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.payloads.len()
    }
}

/// Resolves when the thread has ended.
pub(crate) struct Recorded(oneshot::Receiver<()>);

impl Recorded {
    /// Waits for the write that is under way, if any; all recorders must be gone.
    pub(crate) async fn await_end(self) {
        let _ = tokio::time::timeout(END, self.0).await;
    }
}

impl Recorder {
    /// Starts the thread. A review waits for it at most `timeout`. Fails when there can be no more threads.
    pub(crate) fn start(spool: impl Append, timeout: Duration, metrics: Metrics) -> io::Result<(Self, Recorded)> {
        let (jobs, queue) = sync_channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let counts = metrics.clone();
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            write_all(&queue, spool, &counts);
            drop(end);
        })?;
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        Ok((Self { jobs, room, timeout, metrics }, Recorded(ended)))
    }

    /// Has the spans written, and says whether they are.
    pub(crate) async fn record(&self, spans: Spans, deadline: Deadline) -> bool {
        self.written(self.hand_over(spans), deadline).await
    }

    /// Puts the spans into the queue. They are written whether anybody waits or not.
    pub(crate) fn hand_over(&self, spans: Spans) -> Handed {
        let number = spans.len();
        let (written, outcome) = oneshot::channel();
        let room = u32::try_from(spans.bytes).ok();
        let room = room.and_then(|bytes| Arc::clone(&self.room).try_acquire_many_owned(bytes).ok());
        let refused = match room.map(|room| self.jobs.try_send(Job { spans, written, _room: room })) {
            Some(Ok(())) => return Handed { number, written: Some(outcome) },
            None | Some(Err(TrySendError::Full(_))) => DropReason::Busy,
            Some(Err(TrySendError::Disconnected(_))) => DropReason::Gone,
        };
        self.metrics.dropped(refused, number);
        Handed { number, written: None }
    }

    /// Whether the spans are written. Waits no longer than the timeout and the deadline: spans that are not written by
    /// then stay in the queue, for the review must go on and a busy machine is no reason to lose them. Only the end of
    /// the process can.
    pub(crate) async fn written(&self, Handed { number, written }: Handed, deadline: Deadline) -> bool {
        let Some(outcome) = written else { return false };
        match tokio::time::timeout(self.timeout.min(deadline.left()), outcome).await {
            Ok(Ok(written)) => return written,
            // The thread died with it.
            Ok(Err(_)) => self.metrics.dropped(DropReason::Gone, number),
            Err(_) => self.metrics.late(number),
        }
        false
    }
}

fn write_all(queue: &Receiver<Job>, mut spool: impl Append, metrics: &Metrics) {
    let mut failing = None;
    while let Ok(Job { spans, written, _room }) = queue.recv() {
        let outcome = spool.append(&spans.payloads);
        match &outcome {
            Ok(()) => metrics.recorded(&spans.types),
            Err(error) => metrics.dropped(reason(error), spans.len()),
        }
        // The review may have gone on by now.
        let _ = written.send(outcome.is_ok());
        log_change(&mut failing, outcome);
    }
}

/// Says when the spool begins to refuse and when it takes spans again: a full one would otherwise fill the log too.
fn log_change(failing: &mut Option<DropReason>, outcome: Result<(), AppendError>) {
    let before = std::mem::replace(failing, outcome.as_ref().err().map(reason));
    match outcome {
        Err(error) if *failing != before => tracing::error!(%error, "Dropping spans: the spool does not take them."),
        Ok(()) if before.is_some() => tracing::info!("The spool takes spans again."),
        _ => {}
    }
}

fn reason(error: &AppendError) -> DropReason {
    match error {
        AppendError::Full { .. } => DropReason::Full,
        _ => DropReason::Disk,
    }
}
