//! Trace context: W3C Trace Context level 2 identifiers, `traceparent` and `tracestate`, and the carriers that
//! creators put them in.

mod carrier;
mod id;
mod sampling;
mod traceparent;
pub mod tracestate;

pub use carrier::{CARRIER_LIMIT, Carried};
pub use id::{SpanId, TraceId};
pub use sampling::Sampler;
pub(crate) use traceparent::LENGTH as TRACEPARENT_LENGTH;
pub use traceparent::{ParseError, TraceFlags, Traceparent};
