//! The two webhook configurations: without them nothing is ever sent.

use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Finding, known};
use crate::doctor::Facts;

const TOPIC: &str = "registration";
const APPLY: &str = "apply the overlay again: kubectl apply -k manifests/overlays/<yours>";

/// What both kinds of webhook have in common, as far as it is looked at.
pub(super) struct Webhook<'f> {
    pub(super) name: &'f str,
    pub(super) client: &'f WebhookClientConfig,
    policy: Option<&'f str>,
    timeout: Option<i32>,
    namespaces: Option<&'f LabelSelector>,
}

pub(super) fn webhooks(facts: &Facts) -> Vec<Webhook<'_>> {
    let mutating = facts.mutating.iter().flatten().flat_map(|configuration| configuration.webhooks.iter().flatten());
    let mutating = mutating.filter(|webhook| is_ours(&webhook.name)).map(|webhook| Webhook {
        name: &webhook.name,
        client: &webhook.client_config,
        policy: webhook.failure_policy.as_deref(),
        timeout: webhook.timeout_seconds,
        namespaces: webhook.namespace_selector.as_ref(),
    });
    let validating =
        facts.validating.iter().flatten().flat_map(|configuration| configuration.webhooks.iter().flatten());
    let validating = validating.map(|webhook| Webhook {
        name: &webhook.name,
        client: &webhook.client_config,
        policy: webhook.failure_policy.as_deref(),
        timeout: webhook.timeout_seconds,
        namespaces: webhook.namespace_selector.as_ref(),
    });
    mutating.chain(validating).collect()
}

fn is_ours(name: &str) -> bool {
    name.ends_with(".tracestamp.dev")
}

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unknown = known(TOPIC, &facts.mutating).err().or(known(TOPIC, &facts.validating).err());
    if let Some(unknown) = unknown {
        return vec![unknown];
    }
    let webhooks = webhooks(facts);
    if webhooks.is_empty() {
        return vec![Finding::fail(TOPIC, "there is none: the API server sends nothing", APPLY)];
    }
    for (path, what) in [("stamp", "runs are not stamped"), ("observe", "nothing that ends is recorded")] {
        for objects in ["runs", "pods"] {
            let name = format!("{objects}.{path}.tracestamp.dev");
            if !webhooks.iter().any(|webhook| webhook.name == name) {
                findings.push(Finding::fail(TOPIC, format!("there is no webhook {name}: {what}"), APPLY));
            }
        }
    }
    for webhook in &webhooks {
        let limit = if webhook.name.contains(".stamp.") { 2 } else { 1 };
        if webhook.policy != Some("Ignore") {
            findings.push(Finding::fail(
                TOPIC,
                format!("{} has failurePolicy {}", webhook.name, webhook.policy.unwrap_or("Fail")),
                "set it to Ignore: with anything else users' requests fail when tracestamp does",
            ));
        }
        if webhook.timeout.unwrap_or(10) > limit {
            findings.push(Finding::warn(
                TOPIC,
                format!("{} has timeoutSeconds {}", webhook.name, webhook.timeout.unwrap_or(10)),
                format!("set it to {limit}: writes wait as long when no replica answers"),
            ));
        }
    }
    findings.extend(events(facts, &webhooks));
    findings.extend(selectors(facts, &webhooks));
    if findings.is_empty() {
        findings.push(Finding::ok(TOPIC, format!("{} webhooks, all with failurePolicy Ignore", webhooks.len())));
    }
    findings.extend(order(facts));
    findings
}

/// Whether what sends Events and what reads them fit each other, and the runs.
fn events(facts: &Facts, webhooks: &[Webhook<'_>]) -> Option<Finding> {
    let of = |name: &str| webhooks.iter().find(|webhook| webhook.name == name);
    let setting = |settings: &std::collections::BTreeMap<String, String>| {
        settings.get("TRACESTAMP_POD_EVENTS").is_some_and(|value| value == "true")
    };
    let read = facts.settings.as_ref().ok().map(setting);
    let what = match (of("events.observe.tracestamp.dev"), read) {
        (Some(_), Some(false)) => "Events are sent, but TRACESTAMP_POD_EVENTS is not true",
        (None, Some(true)) => "TRACESTAMP_POD_EVENTS is true, but there is no webhook events.observe.tracestamp.dev",
        (Some(events), _)
            if Some(events.namespaces) != of("runs.observe.tracestamp.dev").map(|runs| runs.namespaces) =>
        {
            "events.observe.tracestamp.dev sees other namespaces than runs.observe.tracestamp.dev"
        }
        _ => return None,
    };
    Some(Finding::warn("Events", what, "name the component `events` in the overlay, after the others"))
}

/// Whether any namespace is seen at all, and which are not.
fn selectors(facts: &Facts, webhooks: &[Webhook<'_>]) -> Vec<Finding> {
    let Ok(namespaces) = &facts.namespaces else { return Vec::new() };
    let label = |value: &str| {
        let has = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("tracestamp.dev/inject").is_some_and(|label| label == value)
        };
        let with = namespaces.iter().filter(|namespace| namespace.metadata.labels.as_ref().is_some_and(has));
        with.filter_map(|namespace| namespace.metadata.name.as_deref()).collect::<Vec<_>>()
    };
    let wants = |selector: &LabelSelector| {
        selector.match_labels.as_ref().is_some_and(|labels| labels.contains_key("tracestamp.dev/inject"))
    };
    let mut findings = Vec::new();
    if webhooks.iter().any(|webhook| webhook.namespaces.is_some_and(wants)) {
        match label("enabled").as_slice() {
            [] => findings.push(Finding::fail(
                "selectors",
                "only namespaces that ask for it are seen, and none does",
                "kubectl label namespace <yours> tracestamp.dev/inject=enabled",
            )),
            enabled => findings.push(Finding::ok("selectors", format!("seen are {}", enabled.join(", ")))),
        }
    }
    match label("disabled").as_slice() {
        [] => {}
        disabled => findings.push(Finding::ok("selectors", format!("left alone are {}", disabled.join(", ")))),
    }
    findings
}

/// Mutating webhooks are called in the order of their configurations' names: a later one may undo what was stamped.
fn order(facts: &Facts) -> Option<Finding> {
    let configurations = facts.mutating.as_ref().ok()?;
    let name = |configuration: &k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration| {
        configuration.metadata.name.clone().unwrap_or_default()
    };
    let ours = configurations
        .iter()
        .find(|configuration| configuration.webhooks.iter().flatten().any(|webhook| is_ours(&webhook.name)));
    let ours = name(ours?);
    let later: Vec<_> = configurations
        .iter()
        .filter(|configuration| name(configuration) > ours)
        .filter(|configuration| {
            let rules = configuration.webhooks.iter().flatten().flat_map(|webhook| webhook.rules.iter().flatten());
            let mut resources = rules.flat_map(|rule| rule.resources.iter().flatten());
            resources.any(|resource| matches!(&**resource, "pods" | "*" | "*/*"))
        })
        .map(name)
        .collect();
    (!later.is_empty()).then(|| Finding::ok("order", format!("called after us for Pods: {}", later.join(", "))))
}
