//! What is left of a review once it is decided about.

use tracestamp_admission::{Decision, Endpoint};
use tracestamp_core::Note;
use tracestamp_core::context::TraceId;
use tracestamp_runtime::shown;

use crate::metrics::endpoint_label;
use crate::recorder::Handed;

/// Nothing of the body: it may be large, and the record may have to be waited for.
pub(super) struct Reviewed {
    pub(super) answer: Vec<u8>,
    pub(super) patched: bool,
    pub(super) notes: Vec<Note>,
    pub(super) line: Line,
    /// `None` when there are no spans.
    pub(super) handed: Option<Handed>,
}

/// What the log says. Names and ids only, never contents.
pub(super) struct Line {
    pub(super) webhook: &'static str,
    pub(super) kind: &'static str,
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
    namespace: Box<str>,
    name: Box<str>,
    trace_id: Option<TraceId>,
    spans: usize,
}

impl Line {
    pub(super) fn of(endpoint: Endpoint, decision: &Decision<'_>, spans: usize) -> Self {
        let Decision { kind, operation, namespace, ref name, trace_id, outcome, .. } = *decision;
        let cut = |name: &str| shown::name(name).to_string().into();
        let (webhook, outcome) = (endpoint_label(endpoint), outcome.as_str());
        Self { webhook, kind, operation, outcome, namespace: cut(namespace), name: cut(name), trace_id, spans }
    }

    /// One line a review: at info when it gave spans, at debug otherwise.
    pub(super) fn log(&self, recorded: bool) {
        let Self { webhook: endpoint, kind, operation, outcome, namespace, name, spans, .. } = self;
        let trace_id = self.trace_id.map(tracing::field::display);
        if *spans > 0 {
            tracing::info!(endpoint, kind, operation, %namespace, %name, trace_id, outcome, spans, recorded, "Observed.");
        } else {
            tracing::debug!(endpoint, kind, operation, %namespace, %name, trace_id, outcome, "Reviewed.");
        }
    }
}
