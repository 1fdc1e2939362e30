//! Reviews over kept-alive TLS connections: the webhook beside servers that do less, and beside what most are made of.

use anyhow::Result;
use tempfile::TempDir;

use crate::bodies::{self, Bodies};
use crate::report::{Budget, Report};
use crate::target::Target;
use crate::wrk::Load;

/// One round of one server.
struct Figures {
    per_second: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

pub(crate) fn measure(report: &mut Report, rounds: usize, seconds: u32, connections: &[usize]) -> Result<()> {
    let directory = TempDir::new()?;
    let webhook = Target::webhook("webhook", &["--spool-max-bytes=1Gi"])?;
    // What must not slow an answer down: no room for a single record.
    let full = Target::webhook("webhook, spool full", &["--spool-max-bytes=1"])?;
    let others = [Target::floor("scan")?, Target::floor("bare")?, Target::floor("kube")?, full];
    for bodies in bodies::all()? {
        let load = Load::prepare(directory.path(), &bodies)?;
        for &connections in connections {
            let rounds = (0..rounds).map(|_| {
                let run = |target: &Target| round(target, &load, connections, seconds);
                Ok((run(&webhook)?, others.iter().map(run).collect::<Result<Vec<_>>>()?))
            });
            let rounds = rounds.collect::<Result<Vec<_>>>()?;
            tell(report, &bodies, connections, &others, &rounds);
        }
    }
    Ok(())
}

fn round(target: &Target, load: &Load, connections: usize, seconds: u32) -> Result<Figures> {
    let before = target.cpu()?;
    let run = load.post(&target.url, connections, seconds)?;
    let cpu = target.cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / run.requests as f64;
    Ok(Figures { per_second: run.per_second(), cpu, p50: run.p50, p99: run.p99 })
}

fn tell(
    report: &mut Report,
    bodies: &Bodies,
    connections: usize,
    others: &[Target],
    rounds: &[(Figures, Vec<Figures>)],
) {
    let case = format!("{}, {connections} connections", bodies.name);
    report.value("reviews", &case, "webhook: processor time a review, µs", rounds.iter().map(|(own, _)| own.cpu));
    report.value("reviews", &case, "webhook: reviews a second", rounds.iter().map(|(own, _)| own.per_second));
    report.value("reviews", &case, "webhook: median latency, µs", rounds.iter().map(|(own, _)| own.p50));
    let mix = bodies.name == "mix";
    for (place, other) in others.iter().enumerate() {
        let pairs = || rounds.iter().filter_map(|(own, others)| Some((own, others.get(place)?)));
        let floor = other.name == "scan";
        let budget = |when: bool, budget: Budget| if when { budget } else { Budget::None };
        let name = other.name;
        report.ratio(
            "reviews",
            &case,
            &format!("processor time a review / {name}"),
            budget(floor && mix && connections == 25, Budget::AtMost(1.4)),
            pairs().map(|(own, other)| own.cpu / other.cpu),
        );
        report.ratio(
            "reviews",
            &case,
            &format!("throughput / {name}"),
            budget(floor && mix && connections == 25, Budget::AtLeast(0.75)),
            pairs().map(|(own, other)| own.per_second / other.per_second),
        );
        report.ratio(
            "reviews",
            &case,
            &format!("p99 latency / {name}"),
            budget(floor && connections == 25, Budget::AtMost(1.5)),
            pairs().map(|(own, other)| own.p99 / other.p99),
        );
    }
}
