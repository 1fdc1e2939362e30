//! What the webhook counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tracestamp_admission::Endpoint;
use tracestamp_core::Note;
use tracestamp_core::span::SpanType;
use tracestamp_runtime::metrics::{LATENCY_BUCKETS, Registry, register};

use crate::pod_events::Fate;

/// Why spans did not get into the spool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DropReason {
    /// They cannot be encoded.
    Encoding,
    /// Past what one review may record.
    Large,
    /// Too many wait for the thread that writes.
    Busy,
    /// That thread has ended.
    Gone,
    /// The spool is full.
    Full,
    /// The disk refuses them.
    Disk,
}

impl DropReason {
    const ALL: [Self; 6] = [Self::Encoding, Self::Large, Self::Busy, Self::Gone, Self::Full, Self::Disk];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Large => "large",
            Self::Busy => "busy",
            Self::Gone => "gone",
            Self::Full => "full",
            Self::Disk => "disk",
        }
    }
}

/// How the lookup of a Pod ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LookupOutcome {
    /// The API server has the Pod.
    Found,
    /// It has none of that uid.
    Gone,
    /// It gave no answer; the lookup is repeated.
    Error,
}

impl LookupOutcome {
    const ALL: [Self; 3] = [Self::Found, Self::Gone, Self::Error];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Gone => "gone",
            Self::Error => "error",
        }
    }
}

/// The webhook's metrics; clones share their values.
#[derive(Clone)]
pub(crate) struct Metrics {
    reviews: Family<ReviewLabels, Counter>,
    durations: Family<At, Histogram, fn() -> Histogram>,
    patches: Counter,
    spans_recorded: Family<Span, Counter>,
    spans_late: Counter,
    spans_dropped: Family<Reason, Counter>,
    notes: Family<NoteLabel, Counter>,
    bad_requests: Family<Reason, Counter>,
    panics: Counter,
    pod_events: Family<OutcomeLabel, Counter>,
    pod_events_waiting: Gauge,
    pod_lookups: Family<OutcomeLabel, Counter>,
    pub(crate) tracing_enabled: Gauge,
    pub(crate) spool_max_bytes: Gauge,
}

/// Labels of one review that was answered.
///
/// The path is called `webhook`, as controller-runtime calls it, and not `endpoint`: the Prometheus operator sets that on
/// every target, and the label of ours would arrive as `exported_endpoint`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub(crate) struct ReviewLabels {
    pub(crate) webhook: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct At {
    webhook: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Span {
    span: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct NoteLabel {
    note: &'static str,
}

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let durations: Family<At, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS));
        registry.register(
            "review_duration_seconds",
            "From the head of a review's request to its answer, the body's arrival included",
            durations.clone(),
        );
        let spans_dropped: Family<Reason, Counter> =
            register(registry, "spans_dropped", "Spans that did not get into the spool");
        // Shown from the start: of a counter that begins with its first event a rate shows nothing.
        for reason in DropReason::ALL {
            drop(spans_dropped.get_or_create(&Reason { reason: reason.as_str() }));
        }
        let pod_events: Family<OutcomeLabel, Counter> =
            register(registry, "pod_events", "Events about Pods, by what became of them");
        for fate in Fate::ALL {
            drop(pod_events.get_or_create(&OutcomeLabel { outcome: fate.as_str() }));
        }
        let pod_lookups: Family<OutcomeLabel, Counter> =
            register(registry, "pod_lookups", "Pods asked of the API server for Events that waited in vain");
        for outcome in LookupOutcome::ALL {
            drop(pod_lookups.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }));
        }
        Self {
            reviews: register(registry, "reviews", "Reviews answered with HTTP 200"),
            durations,
            patches: register(registry, "patches", "Reviews answered with a patch"),
            spans_recorded: register(registry, "spans_recorded", "Spans written to the spool"),
            spans_late: register(registry, "spans_late", "Spans whose review was answered before they were written"),
            spans_dropped,
            notes: register(registry, "notes", "Oddities met in reviews"),
            bad_requests: register(registry, "bad_requests", "Requests answered with HTTP 4xx"),
            panics: register(registry, "panics", "Decisions that panicked; each is a fault of tracestamp"),
            pod_events,
            pod_events_waiting: register(registry, "pod_events_waiting", "Events that wait for a review of their Pod"),
            pod_lookups,
            spool_max_bytes: register(
                registry,
                "spool_max_bytes",
                "How much may wait in the spool; past it spans are dropped",
            ),
            tracing_enabled: register(registry, "tracing_enabled", "1 when an OTLP endpoint is configured, else 0"),
        }
    }

    pub(crate) fn review(&self, labels: &ReviewLabels) {
        self.reviews.get_or_create(labels).inc();
    }

    pub(crate) fn duration(&self, endpoint: Endpoint, duration: Duration) {
        self.durations.get_or_create(&At { webhook: endpoint_label(endpoint) }).observe(duration.as_secs_f64());
    }

    pub(crate) fn patch(&self) {
        self.patches.inc();
    }

    pub(crate) fn recorded(&self, spans: &[SpanType]) {
        for span_type in spans {
            self.spans_recorded.get_or_create(&Span { span: span_type.name() }).inc();
        }
    }

    pub(crate) fn late(&self, spans: usize) {
        self.spans_late.inc_by(as_count(spans));
    }

    pub(crate) fn dropped(&self, reason: DropReason, spans: usize) {
        self.spans_dropped.get_or_create(&Reason { reason: reason.as_str() }).inc_by(as_count(spans));
    }

    pub(crate) fn note(&self, note: Note) {
        self.notes.get_or_create(&NoteLabel { note: note.as_str() }).inc();
    }

    pub(crate) fn bad_request(&self, reason: &'static str) {
        self.bad_requests.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn pod_events(&self, fates: &[Fate], waiting: usize) {
        for fate in fates {
            self.pod_events.get_or_create(&OutcomeLabel { outcome: fate.as_str() }).inc();
        }
        self.pod_events_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn pod_lookup(&self, outcome: LookupOutcome) {
        self.pod_lookups.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
    }

    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }
}

fn as_count(spans: usize) -> u64 {
    u64::try_from(spans).unwrap_or(u64::MAX)
}

/// The endpoint as a metric label.
pub(crate) fn endpoint_label(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Stamp => "stamp",
        Endpoint::Observe => "observe",
    }
}
