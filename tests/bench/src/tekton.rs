//! Tekton's own webhook, in Go, which stands in front of the same writes.

use std::fs;

use anyhow::{Result, bail};
use tempfile::TempDir;
use tracestamp_tests::Shared;

use crate::bodies;
use crate::report::{Budget, Report};
use crate::target::{Target, cpu_of};
use crate::wrk::{Load, Run};

const CONNECTIONS: usize = 25;

pub(crate) fn measure(report: &mut Report, shared: &Shared, rounds: usize, seconds: u32) -> Result<()> {
    let column = "jsonpath={.ports[0].port}";
    let slice = ["get", "endpointslice", "-n", "tekton-pipelines", "tekton-pipelines-webhook", "-o", column];
    let (url, process) = (format!("https://localhost:{}", shared.kubectl.run(&slice)?), process("webhook")?);
    let webhook = Target::webhook("webhook", &["--spool-max-bytes=1Gi"])?;
    let (own, theirs) = (TempDir::new()?, TempDir::new()?);
    let sorts = bodies::all()?;
    for bodies in sorts.iter().filter(|bodies| bodies.name.contains("Run ")) {
        let update = bodies.name.ends_with("update");
        let (throughput, cpu) = if update { (15.0, 1.0 / 20.0) } else { (6.0, 1.0 / 8.0) };
        let own = Load::prepare(own.path(), bodies)?;
        let theirs = Load::prepare_for(theirs.path(), bodies, |_| "/defaulting?timeout=10s")?;
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            let (before, run) = (webhook.cpu()?, own.post(&webhook.url, CONNECTIONS, seconds)?);
            let ours = (run.per_second(), per_review(webhook.cpu()?.saturating_sub(before), run));
            let (before, run) = (cpu_of(process)?, theirs.post(&url, CONNECTIONS, seconds)?);
            pairs.push((ours, (run.per_second(), per_review(cpu_of(process)?.saturating_sub(before), run))));
        }
        let case = format!("{}, {CONNECTIONS} connections", bodies.name);
        report.ratio(
            "tekton",
            &case,
            "throughput / Tekton's webhook",
            Budget::AtLeast(throughput),
            pairs.iter().map(|(ours, theirs)| ours.0 / theirs.0),
        );
        report.ratio(
            "tekton",
            &case,
            "processor time a review / Tekton's webhook",
            Budget::AtMost(cpu),
            pairs.iter().map(|(ours, theirs)| ours.1 / theirs.1),
        );
    }
    Ok(())
}

fn per_review(cpu: std::time::Duration, run: Run) -> f64 {
    cpu.as_secs_f64() / run.requests as f64
}

/// The process of one of Tekton's programs.
pub(crate) fn process(name: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let of_tekton = program.parent().and_then(|parent| parent.file_name()?.to_str()).unwrap_or_default();
        if program.ends_with(name) && of_tekton.starts_with("tekton-") {
            return Ok(process);
        }
    }
    bail!("Tekton's {name} does not run")
}
