//! The pure core of tracestamp: what a trace context is, what is stamped on an object, and which spans the
//! difference between two states of an object gives.
//!
//! ```text
//! object view ──▶ identity (own, inherited, derived) ──▶ stamp: annotations and environment to add   (CREATE)
//!                                                    └─▶ kind: span records                          (UPDATE, DELETE)
//! Event ──▶ pod_event ──▶ with what is known of its Pod (kind::PodPlace): a span record
//! ```
//!
//! **Invariant: nothing here does I/O, reads a clock, draws a random number or keeps anything between calls.** The
//! instant of receipt and the entropy are arguments, so tables, properties, fuzzing, recordings and production run
//! the same code, and any replica may be asked any review. What Events need of their Pod is a
//! value that the caller keeps.

#![warn(missing_docs)]

pub mod annotation;
mod builder;
pub mod change;
mod config;
pub mod context;
pub mod dns;
mod identity;
mod image;
pub mod kind;
mod note;
pub mod object;
mod outcome;
pub mod pod_event;
mod reason;
mod seal;
pub mod span;
pub mod stamp;
mod subject;
mod text;
mod time;
mod trace_url;

pub use config::{Carrier, CarrierFormat, CarrierMode, Config, Environment, SealKey};
pub use identity::Identity;
pub use note::Note;
pub use subject::Subject;
pub use time::Timestamp;
pub use trace_url::TraceUrl;
