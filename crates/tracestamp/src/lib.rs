//! The command people type: what it does, apart from `main`.
//!
//! ```text
//! recording ─┬─▶ replay: the decision alone ───────────────▶ OTLP/JSON, patched objects
//!            └─▶ demo: the real processes, over the network ─▶ OTLP ─▶ trace ─▶ terminal, html
//! ```

use std::fmt::Display;
use std::io::Write as _;

use tracestamp_runtime::shown;

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

/// The longest message, in bytes: parsers' errors quote what they read, however long it is.
const MAX_MESSAGE: usize = 1024;

/// A message for the person at the terminal, on one line; standard output is for results.
fn say(message: &dyn Display) {
    let message = message.to_string();
    // With nobody to read messages there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "tracestamp: {}", shown::cut(&message, MAX_MESSAGE));
}
