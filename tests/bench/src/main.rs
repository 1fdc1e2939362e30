//! Measures tracestamp beside what it is compared with, on one machine and interleaved in one run. Machines differ and
//! are shared, so every figure that is compared is a ratio of two that were taken one after the other.
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::print_stdout, reason = "a command says what it found")]

mod api_server;
mod bodies;
mod decision;
mod export;
mod footprint;
mod growth;
mod report;
mod reviews;
mod statistics;
mod target;
mod tekton;
mod wrk;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use report::Report;

/// Measures and writes bench.json, bench.md and pictures.
#[derive(Parser, Debug)]
struct Arguments {
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Seconds of load a round.
    #[arg(long, default_value_t = 1)]
    seconds: u32,
    /// Whether everything works, in little time: the figures are worth nothing.
    #[arg(long)]
    short: bool,
    /// Where the results go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let Arguments { rounds, seconds, short, out } = Arguments::parse();
    let (rounds, seconds) = if short { (1, 1) } else { (rounds, seconds) };
    let mut report = Report::default();
    decision::measure(&mut report, if short { 1 } else { 15 })?;
    growth::measure(&mut report, if short { 1 } else { 15 })?;
    reviews::measure(&mut report, rounds, seconds, if short { &[25] } else { &[1, 25, 200] })?;
    footprint::measure(&mut report, if short { 20_000 } else { 1_000_000 })?;
    export::measure(&mut report, if short { 20_000 } else { 1_000_000 })?;
    match tracestamp_tests::shared() {
        Some(shared) => {
            tekton::measure(&mut report, &shared, rounds, seconds)?;
            api_server::measure(&mut report, &shared, rounds, if short { 20 } else { 200 })?;
        }
        None => println!(
            "NOT MEASURED: Tekton's webhook and the API server, for want of a cluster (`make bench` starts one)"
        ),
    }
    report.write(&out)
}
