//! The Pods, and what their processes tell.

use std::path::Path;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tracestamp_runtime::shown;

use super::{Finding, known};
use crate::doctor::Facts;
use crate::doctor::facts::PodFacts;

/// A span that waits longer is late for whoever looks for it.
const LATE: f64 = 60.0;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![endpoints(facts)];
    let pods = match known("Pods", &facts.pods) {
        Ok(pods) => pods,
        Err(unknown) => return vec![unknown],
    };
    findings.push(ready(pods, &facts.namespace));
    findings.push(version(pods));
    findings.push(endpoint(facts));
    findings.extend(pods.iter().flat_map(told));
    findings
}

fn endpoints(facts: &Facts) -> Finding {
    let topic = "Service";
    let slices = match known(topic, &facts.endpoints) {
        Ok(slices) => slices,
        Err(unknown) => return unknown,
    };
    let endpoints = slices.iter().flat_map(|slice| &slice.endpoints);
    let ready = endpoints
        .filter(|endpoint| endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready.unwrap_or(true)));
    match ready.count() {
        0 => Finding::fail(
            topic,
            "tracestamp-webhook leads nowhere: every call fails open",
            format!("kubectl get pods -n {}: a Pod that is not ready says why below", facts.namespace),
        ),
        1 => Finding::warn(
            topic,
            "tracestamp-webhook leads to one Pod",
            "two or more replicas, or what happens while it is replaced leaves no trace",
        ),
        number => Finding::ok(topic, format!("tracestamp-webhook leads to {number} Pods")),
    }
}

fn status(facts: &PodFacts) -> Option<&PodStatus> {
    facts.pod.status.as_ref()
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

fn ready(pods: &[PodFacts], namespace: &str) -> Finding {
    let topic = "Pods";
    if pods.is_empty() {
        let advice = "is it installed, and in another namespace (--namespace)?";
        return Finding::fail(topic, format!("there are none in namespace {namespace}"), advice);
    }
    for facts in pods {
        let containers = status(facts)
            .into_iter()
            .flat_map(|status| status.container_statuses.iter().chain(status.init_container_statuses.iter()).flatten());
        for container in containers {
            let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
            let why = waiting.and_then(|waiting| waiting.reason.as_deref());
            if !container.ready || why.is_some() {
                return Finding::fail(
                    topic,
                    format!("{}/{} is not ready: {}", name(&facts.pod), container.name, why.unwrap_or("see its log")),
                    format!("kubectl logs -n {namespace} {} -c {}", name(&facts.pod), container.name),
                );
            }
            if container.restart_count > 2 {
                return Finding::warn(
                    topic,
                    format!("{}/{} was restarted {} times", name(&facts.pod), container.name, container.restart_count),
                    format!("kubectl logs -n {namespace} {} -c {} --previous", name(&facts.pod), container.name),
                );
            }
        }
    }
    Finding::ok(topic, format!("{} of {} are ready", pods.len(), pods.len()))
}

fn version(pods: &[PodFacts]) -> Finding {
    let (topic, ours) = ("version", env!("CARGO_PKG_VERSION"));
    let mut theirs: Vec<_> = pods
        .iter()
        .filter_map(|facts| facts.webhook.as_ref().ok())
        .filter_map(|metrics| metrics.lines().find(|line| line.starts_with("tracestamp_build_info")))
        .filter_map(|line| Some(line.split_once("version=\"")?.1.split_once('"')?.0))
        .collect();
    theirs.sort_unstable();
    theirs.dedup();
    match theirs.as_slice() {
        [] => Finding::unknown(topic, "no Pod reports its version"),
        [theirs] if *theirs == ours => Finding::ok(topic, ours),
        theirs => Finding::warn(
            topic,
            format!("the Pods are {}, this command is {ours}", theirs.join(" and ")),
            "wait for the roll-out, or use the command of the same version",
        ),
    }
}

/// Whether there is anywhere to send spans to.
fn endpoint(facts: &Facts) -> Finding {
    let topic = "endpoint";
    let told = facts.pods.iter().flatten().filter_map(|pod| pod.webhook.as_ref().ok());
    let enabled: Vec<_> = told.map(|metrics| sum(metrics, "tracestamp_tracing_enabled", "") > 0.0).collect();
    let settings = facts.settings.as_ref().ok();
    let keys = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "TRACESTAMP_ENDPOINT_FILE"];
    let set = keys.iter().find_map(|key| settings?.get(*key)).filter(|endpoint| !endpoint.is_empty());
    let shown = |set: &str| if set.starts_with('/') { shown::path(Path::new(set)) } else { shown::url(set) };
    match (set, enabled.as_slice()) {
        (_, enabled) if enabled.contains(&false) => Finding::fail(
            topic,
            "tracing is off: nothing is stamped or recorded",
            "set OTEL_EXPORTER_OTLP_ENDPOINT in the overlay's configMapGenerator",
        ),
        (None, []) => Finding::unknown(topic, "no Pod reports whether tracing is on"),
        (Some(endpoint), _) => Finding::ok(topic, shown(endpoint)),
        (None, _) => Finding::ok(topic, "set by other means than the ConfigMap"),
    }
}

/// What one Pod's metrics tell that somebody should know.
fn told(facts: &PodFacts) -> Vec<Finding> {
    let name = name(&facts.pod);
    let mut findings = Vec::new();
    for (process, metrics) in [("webhook", &facts.webhook), ("exporter", &facts.exporter)] {
        let metrics = match metrics {
            Ok(metrics) => metrics,
            Err(why) => {
                findings.push(Finding::unknown("metrics", &format!("{name}/{process}: {why}")));
                continue;
            }
        };
        let dropped = sum(metrics, "tracestamp_spans_dropped_total", "");
        if dropped > 0.0 {
            let reasons = labels(metrics, "tracestamp_spans_dropped_total", "reason").join(", ");
            findings.push(Finding::fail(
                "spans",
                format!("{name}/{process} lost {dropped} since its start ({reasons})"),
                "see docs/operations.md#spans-are-missing",
            ));
        }
        if sum(metrics, "tracestamp_certificate_reloads_total", r#"result="failure""#) > 0.0 {
            findings.push(Finding::warn(
                "certificate",
                format!("{name} was given one that it could not use, and kept the old"),
                "kubectl describe secret tracestamp-webhook-tls: certificate and key must be a pair",
            ));
        }
        let age = sum(metrics, "tracestamp_spool_oldest_age_seconds", "");
        if age > LATE {
            let codes = labels(metrics, "tracestamp_backend_errors_total", "code").join(", ");
            findings.push(Finding::warn(
                "backend",
                format!("a span waits for {age:.0} s on {name}; errors so far: {codes}"),
                "see docs/operations.md#traces-come-late",
            ));
        }
    }
    findings
}

fn samples<'m>(metrics: &'m str, metric: &'m str) -> impl Iterator<Item = (&'m str, f64)> {
    let lines = metrics.lines().filter_map(move |line| line.strip_prefix(metric)?.rsplit_once(' '));
    let lines = lines.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
    lines.filter_map(|(labels, value)| Some((labels, value.parse().ok()?)))
}

/// Of all samples whose labels contain `label`.
fn sum(metrics: &str, metric: &str, label: &str) -> f64 {
    samples(metrics, metric).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
}

/// The values of `label` of all samples that are not 0.
fn labels<'m>(metrics: &'m str, metric: &'m str, label: &str) -> Vec<&'m str> {
    let key = format!("{label}=\"");
    let counted = samples(metrics, metric).filter(|(_, value)| *value > 0.0);
    counted.filter_map(|(labels, _)| Some(labels.split_once(&key)?.1.split_once('"')?.0)).collect()
}
