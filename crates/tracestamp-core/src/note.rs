//! Things met in a decision that an operator may want counted. None of them stops anything.

/// What was met; the text is the metric's label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A creator's carrier is longer than is read.
    CarrierTooLong,
    /// A creator's carrier does not parse.
    CarrierMalformed,
    /// A creator's tracestate was left out.
    TracestateDropped,
    /// More links than are kept, or links that do not parse.
    LinksDropped,
    /// The traceparent on the object is neither its own nor its owner's: a stamp was missed, or it is copied or forged.
    ForeignContext,
    /// The traceparent on the object does not parse.
    ContextMalformed,
    /// A rerun or saved manifest: the new trace links to the old one.
    Copied,
    /// A time in a termination message lies outside the container's and is not used.
    StepTimeRefused,
    /// More spans at once than are recorded.
    SpansDropped,
    /// A span has more events than it carries.
    EventsDropped,
    /// Lists that are longer than is read: nothing is concluded from them.
    ListsCut,
    /// A time was moved to lie within its object's.
    Clamped,
}

impl Note {
    /// The metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CarrierTooLong => "carrier_too_long",
            Self::CarrierMalformed => "carrier_malformed",
            Self::TracestateDropped => "tracestate_dropped",
            Self::LinksDropped => "links_dropped",
            Self::ForeignContext => "foreign_context",
            Self::ContextMalformed => "context_malformed",
            Self::Copied => "copied",
            Self::StepTimeRefused => "step_time_refused",
            Self::SpansDropped => "spans_dropped",
            Self::EventsDropped => "events_dropped",
            Self::ListsCut => "lists_cut",
            Self::Clamped => "clamped",
        }
    }
}
