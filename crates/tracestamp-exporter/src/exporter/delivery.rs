//! One batch, until each of its spans was taken, refused for good or dropped.

use std::collections::HashSet;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::time::Instant;
use tracestamp_core::span::{self, DecodeError, SpanRecord};
use tracestamp_spool::Batch;

use super::Exporter;
use crate::metrics::DropReason;
use crate::transport::{Accepted, Failure, Verdict};
use crate::{otlp, own_traces};

/// What became of a request in the end.
enum Settled {
    Accepted(Accepted),
    TooLarge,
    Refused,
}

impl Exporter {
    pub(super) async fn deliver(&mut self, batch: &mut Batch) {
        let mut pieces = vec![self.fresh(batch)];
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let request = otlp::request(&piece, &self.options.resource);
            let settled = if request.encoded_len() > self.options.max_request_bytes {
                Settled::TooLarge
            } else {
                self.send_until_settled(&request, piece.len()).await
            };
            match settled {
                Settled::TooLarge if piece.len() > 1 => {
                    let second = piece.split_off(piece.len() / 2);
                    pieces.extend([second, piece]);
                    continue;
                }
                Settled::TooLarge => self.metrics.dropped(DropReason::TooLarge, piece.len()),
                Settled::Refused => self.metrics.dropped(DropReason::Refused, piece.len()),
                Settled::Accepted(accepted) => self.count(&accepted, piece.len()),
            }
            // Not before: a batch that was not settled is read again.
            for record in &piece {
                self.recent.insert(record.context);
            }
        }
    }

    /// The records that were not sent yet, each id once. What a newer build wrote is taken out of the batch: it stays on the
    /// spool.
    fn fresh(&self, batch: &mut Batch) -> Vec<SpanRecord<'static>> {
        let mut ids = HashSet::new();
        let mut records = Vec::with_capacity(batch.records.len());
        let mut unreadable = (0_u32, None);
        let mut next = 0;
        while let Some(payload) = batch.records.get(next) {
            match span::decode(payload) {
                Ok(record) => {
                    let context = record.context;
                    if self.recent.contains(context) || !ids.insert((context.trace_id, context.span_id)) {
                        self.metrics.duplicates.inc();
                    } else {
                        records.push(record);
                    }
                }
                Err(error @ DecodeError::Version(_)) => {
                    // The next segment's first record, if any, is now in its place.
                    let segment = batch.set_aside(next);
                    tracing::warn!(
                        %error,
                        segment,
                        "A newer tracestamp wrote to a segment: it is set aside once its writer has left it."
                    );
                    continue;
                }
                Err(error) => {
                    self.metrics.dropped(DropReason::Undecodable, 1);
                    unreadable.0 += 1;
                    unreadable.1.get_or_insert(error);
                }
            }
            next += 1;
        }
        // Once a batch: a spool full of empty records would otherwise fill the log.
        if let (records, Some(error)) = unreadable {
            tracing::warn!(%error, records, "Records in the spool cannot be read, they are dropped.");
        }
        records
    }

    async fn send_until_settled(&mut self, request: &ExportTraceServiceRequest, spans: usize) -> Settled {
        let mut failures = 0;
        loop {
            match self.attempt(request, spans).await {
                None => self.wait(self.options.reload_interval).await,
                Some(Ok(accepted)) => return Settled::Accepted(accepted),
                Some(Err(failure)) => match failure.verdict {
                    Verdict::TooLarge => return Settled::TooLarge,
                    Verdict::Final => return Settled::Refused,
                    Verdict::Retry(wait) => {
                        // An order to come back at once must not become a loop without a pause.
                        let backoff = self.options.backoff;
                        let wait = wait.map_or_else(|| backoff.wait(failures), |wait| wait.max(backoff.first));
                        failures = failures.saturating_add(1);
                        self.wait(wait).await;
                    }
                },
            }
        }
    }

    /// One attempt, counted and logged; `None` when tracing was switched off meanwhile.
    async fn attempt(&self, request: &ExportTraceServiceRequest, spans: usize) -> Option<Result<Accepted, Failure>> {
        let receiver = self.receivers.current.as_ref()?;
        let own = receiver.own_traces.as_ref().map(|own| own.attempt(spans));
        let outcome = receiver.transport.send(request).await;
        if let Some(own) = own {
            own_traces::end(own, outcome.as_ref().err().map(|failure| failure.code.as_str()));
        }
        match &outcome {
            Ok(accepted) if accepted.rejected > 0 => self.metrics.delivery("partial"),
            Ok(_) => self.metrics.delivery("ok"),
            Err(Failure { verdict, code, reason }) => {
                let result = match verdict {
                    Verdict::Retry(_) => "retry",
                    Verdict::TooLarge => "too_large",
                    Verdict::Final => "refused",
                };
                tracing::warn!(code, reason, result, spans, "A delivery failed.");
                self.metrics.delivery(result);
                self.metrics.backend_error(code);
            }
        }
        Some(outcome)
    }

    fn count(&self, accepted: &Accepted, spans: usize) {
        // Whatever the receiver says, no more than there were.
        let rejected = usize::try_from(accepted.rejected).unwrap_or(spans).min(spans);
        if rejected > 0 {
            tracing::warn!(
                rejected,
                spans,
                backend_message = accepted.backend_message,
                "The receiver threw spans away."
            );
            self.metrics.dropped(DropReason::Rejected, rejected);
        } else if !accepted.backend_message.is_empty() {
            tracing::warn!(backend_message = accepted.backend_message, "The receiver warns.");
        }
        self.metrics.delivered.inc_by((spans - rejected) as u64);
    }

    /// Waits, but not for a receiver that is replaced meanwhile.
    async fn wait(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(self.options.reload_interval)).await;
            self.look_at_spool();
            if self.look_at_settings() {
                return;
            }
        }
    }
}
