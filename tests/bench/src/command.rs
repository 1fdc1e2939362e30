//! What is measured, in which order.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::report::Report;
use crate::{api_server, decision, export, footprint, growth, hang, reviews, scale, tekton};

/// Measures and writes bench.json, bench.md and pictures.
#[derive(Parser, Debug)]
struct Arguments {
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Seconds of load a round.
    #[arg(long, default_value_t = 1)]
    seconds: u32,
    /// Measures these parts alone.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Whether everything works, in little time: the figures are worth nothing.
    #[arg(long)]
    short: bool,
    /// Measures nothing and shows what an earlier run wrote into this bench.json.
    #[arg(long)]
    show: Option<PathBuf>,
    /// Where the results go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Does what the command line says.
pub(crate) fn run() -> Result<()> {
    let Arguments { rounds, seconds, only, short, show, out } = Arguments::parse();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| only == part);
    let (rounds, seconds) = if short { (1, 1) } else { (rounds, seconds) };
    if let Some(file) = show {
        return Report::read(&file)?.write(&out);
    }
    let mut report = Report::default();
    if wanted("decision") {
        decision::measure(&mut report, if short { 1 } else { 15 })?;
    }
    if wanted("growth") {
        growth::measure(&mut report, if short { 1 } else { 15 })?;
    }
    if wanted("reviews") {
        reviews::measure(&mut report, rounds, seconds, if short { &[25] } else { &[1, 25, 200] })?;
    }
    if wanted("footprint") {
        footprint::measure(&mut report, if short { 20_000 } else { 1_000_000 })?;
    }
    if wanted("export") {
        export::measure(&mut report, if short { 20_000 } else { 1_000_000 })?;
    }
    if wanted("scale") {
        scale::measure(&mut report, if short { 20 } else { 5000 })?;
    }
    let Some(shared) = tracestamp_tests::shared() else {
        println!("NOT MEASURED for want of a cluster: tekton, api-server, hang (`make bench` starts one)");
        return report.write(&out);
    };
    if wanted("tekton") {
        tekton::measure(&mut report, &shared, rounds, seconds)?;
    }
    if wanted("api-server") {
        api_server::measure(&mut report, &shared, rounds, if short { 20 } else { 200 })?;
    }
    if wanted("hang") {
        hang::measure(&mut report, &shared, rounds)?;
    }
    report.write(&out)
}
