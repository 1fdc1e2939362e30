//! The command people type: what it does, apart from `main`.
//!
//! ```text
//! recording ─┬─▶ replay: the decision alone ───────────────▶ OTLP/JSON, patched objects
//!            └─▶ demo: the real processes, over the network ─▶ OTLP ─▶ trace ─▶ terminal, html
//! ```

use std::fmt::Display;
use std::io::Write as _;

pub mod backfill;
pub mod cli;
pub mod demo;
pub mod doctor;
pub mod html;
mod kubeconfig;
pub mod recording;
pub mod replay;
pub mod spool;
pub mod terminal;
pub mod trace;

/// A message for the person at the terminal; standard output is for results.
fn say(message: &dyn Display) {
    // With nobody to read messages there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "tracestamp: {message}");
}
