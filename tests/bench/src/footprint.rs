//! What the webhook occupies: memory over very many reviews, programs on disk, the time until it serves.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::bodies;
use crate::report::{Budget, Report};
use crate::target::{Target, beside};
use crate::wrk::Load;

/// Looks at the memory on the way.
const LOOKS: u64 = 10;

pub(crate) fn measure(report: &mut Report, reviews: u64) -> Result<()> {
    memory(report, reviews)?;
    for program in ["tracestamp-webhook", "tracestamp-exporter", "tracestamp"] {
        report.value("footprint", program, "size, stripped, MB", [stripped(program)? as f64 / 1e6]);
    }
    let starts = (0..5).map(|_| {
        let began = Instant::now();
        Target::webhook("webhook", &[]).map(|_| began.elapsed().as_secs_f64() * 1e3)
    });
    report.value("footprint", "start", "from exec until the port is open, ms", starts.collect::<Result<Vec<_>>>()?);
    Ok(())
}

fn memory(report: &mut Report, reviews: u64) -> Result<()> {
    let directory = TempDir::new()?;
    let load = Load::prepare(directory.path(), &bodies::mix()?)?;
    // A dead backend and no exporter: the spool fills up on the way.
    let webhook = Target::webhook("webhook", &["--spool-max-bytes=64Mi"])?;
    let (mut done, mut looks) = (0, Vec::new());
    while done < reviews {
        done += load.post(&webhook.url, 25, 1)?.requests;
        if done * LOOKS >= reviews * (looks.len() as u64 + 1) {
            looks.push(webhook.memory()? as f64 / f64::from(1 << 20));
        }
    }
    let (first, last) = (looks.first().context("no look")?, looks.last().context("no look")?);
    let case = format!("{done} reviews over 25 connections, spool full");
    report.ratio("footprint", &case, "memory at the end / after a tenth", Budget::AtMost(1.1), [last / first]);
    report.budgeted("footprint", &case, "resident memory, MiB", Budget::AtMost(16.0), looks);
    Ok(())
}

fn stripped(program: &str) -> Result<u64> {
    let directory = TempDir::new()?;
    let to = directory.path().join(program);
    let status = Command::new("strip").arg("-o").arg(&to).arg(beside(program)?).status().context("strip")?;
    ensure!(status.success(), "strip failed");
    Ok(to.metadata()?.len())
}
