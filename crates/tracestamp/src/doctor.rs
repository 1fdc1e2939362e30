//! `tracestamp doctor`: what is wrong with an installation, and what to do about it.
//!
//! ```text
//! cluster ──gather (GET and LIST alone)──▶ Facts ──check (pure)──▶ findings ──▶ one screen, or JSON
//! ```

mod check;
mod command;
mod facts;

pub use check::{Finding, Level, check};
pub use command::{Args, run};
pub use facts::{Facts, PodFacts};
