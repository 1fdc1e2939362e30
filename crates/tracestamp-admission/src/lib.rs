//! AdmissionReview v1 in, decision out.
//!
//! ```text
//! bytes ──▶ Review (borrowed views) ──▶ Decision { patch, spans } ──▶ answer
//! ```
//!
//! **Invariant: the answer always allows.** Only a body that is no AdmissionReview v1 is an error; an object that cannot
//! be read, is too large or is none of ours is allowed without a patch, and the outcome says which it was.

mod answer;
mod decision;
mod patch;
mod review;

pub use decision::{Decision, Endpoint, Outcome};
pub use review::{NotAReview, Review, allow};
pub use tracestamp_core::kind::PodPlace;
pub use tracestamp_core::pod_event::PodEvent;
pub use tracestamp_core::stamp::Entropy;
