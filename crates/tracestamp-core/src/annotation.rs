//! The annotations and labels that tracestamp reads and writes.

/// This object's own context: its span id is the span of this object.
pub const TRACEPARENT: &str = "tracestamp.dev/traceparent";
/// `tracestate` of the trace; empty or absent when there is none.
pub const TRACESTATE: &str = "tracestamp.dev/tracestate";
/// The parent's traceparent; empty or absent on a root.
pub const PARENT: &str = "tracestamp.dev/parent";
/// Traceparents this object is linked to, comma-separated.
pub const LINKS: &str = "tracestamp.dev/links";
/// Part of the seal, because all else that is sealed can be equal for two objects of one trace.
pub const NONCE: &str = "tracestamp.dev/nonce";
/// Where people look at the trace; on a root, when a template for it is configured.
pub const TRACE_URL: &str = "tracestamp.dev/trace-url";
/// `always` or `never`, set by a user on a root: overrides the sampling ratio and the creator's decision.
pub const SAMPLE: &str = "tracestamp.dev/sample";
/// `override`, set by a user on a Pod or run: containers with `envFrom` get our variables too, which then win over
/// those of the same names in the sources.
pub const ENV_FROM: &str = "tracestamp.dev/env-from";
/// A label: `disabled` keeps the object untouched.
pub const INJECT: &str = "tracestamp.dev/inject";
/// What follows a container's name in the key of the container's own context on its Pod.
pub const CONTAINER_SUFFIX: &str = ".tracestamp.dev/traceparent";

/// The most links an object has.
pub const LINKS_LIMIT: usize = 8;
