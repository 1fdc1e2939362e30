//! The command line of `doctor`, and how its findings are shown.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use super::check::{Finding, Level, check};
use super::facts::Facts;
use crate::kubeconfig::{KubeArgs, parse_namespace};

/// Reports what is wrong with an installation in a cluster, and what to do about it.
///
/// Only reads: objects by GET and LIST, /ready and /metrics of the Pods through the API server. What it has no
/// permission to read is reported as `unknown`. The exit status is 0 when nothing is wrong, 1 when something is, 2 when the cluster cannot be asked.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    kube: KubeArgs,
    /// The namespace of the installation.
    #[arg(long, value_name = "NAME", default_value = "tracestamp", value_parser = parse_namespace)]
    namespace: String,
    /// One JSON object a finding instead of text.
    #[arg(long)]
    json: bool,
}

/// Asks the cluster and prints the findings.
pub fn run(args: &Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unreachable(&error),
    };
    match runtime.block_on(facts(args)) {
        Ok(facts) => {
            let findings: Vec<_> = check(&facts).into_iter().map(shown).collect();
            let text = if args.json { as_json(&findings) } else { as_text(&findings) };
            let printed = std::io::stdout().write_all(text.as_bytes());
            let healthy = findings.iter().all(|finding| finding.level != Level::Fail);
            if healthy && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => unreachable(&format!("{error:#}")),
    }
}

fn unreachable(error: &dyn std::fmt::Display) -> ExitCode {
    crate::say(&format!("the cluster cannot be asked: {error}"));
    ExitCode::from(2)
}

async fn facts(args: &Args) -> anyhow::Result<Facts> {
    Facts::gather(&args.kube.client().await?, &args.namespace).await
}

/// What was found quotes the cluster: names, labels, errors.
fn shown(finding: Finding) -> Finding {
    let text = |text: String| tracestamp_runtime::shown::cut(&text, crate::MAX_MESSAGE).into_owned();
    Finding { what: text(finding.what), advice: finding.advice.map(text), ..finding }
}

/// One line a finding, with what to do below.
fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { topic, level, what, advice } in findings {
        let _ = writeln!(text, "{:<7} {topic:<13} {what}", level.as_str());
        if let Some(advice) = advice {
            let _ = writeln!(text, "{:>21} → {advice}", "");
        }
    }
    text
}

fn as_json(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let Finding { topic, level, what, advice } = finding;
        let object = serde_json::json!({"topic": topic, "level": level.as_str(), "finding": what, "advice": advice});
        format!("{object}\n")
    };
    findings.iter().map(line).collect()
}
