//! Measures tracestamp beside what it is compared with, on one machine and interleaved in one run. Machines differ and
//! are shared, so every figure that is compared is a ratio of two that were taken one after the other.
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::print_stdout, reason = "a command says what it found")]

mod api_server;
mod bodies;
mod command;
mod decision;
mod export;
mod footprint;
mod growth;
mod hang;
mod report;
mod reviews;
mod scale;
mod statistics;
mod target;
mod tekton;
mod wrk;

fn main() -> anyhow::Result<()> {
    command::run()
}
