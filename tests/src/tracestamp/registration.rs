//! The two webhook configurations of design section 2, for a process on this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::LABEL;

/// What can be a transition of a run. Each comparison is guarded, because an error in a condition is a failed call.
const RUN_CHANGED: &str = "request.operation == 'DELETE'
|| has(object.status) != has(oldObject.status)
|| (has(object.status) && object.status != oldObject.status)
|| object.metadata.generation != oldObject.metadata.generation
|| has(object.metadata.deletionTimestamp) != has(oldObject.metadata.deletionTimestamp)
|| has(object.metadata.finalizers) != has(oldObject.metadata.finalizers)";

/// What can be a transition of a Pod. The kubelet writes all statuses of a node in one goroutine, so that every call
/// less is a gain there.
fn pod_changed() -> String {
    let of_containers = |list: &str, field: &str| {
        let values = |object: &str| {
            format!("(has({object}.status.{list}) ? {object}.status.{list}.map(c, has(c.{field}), c.{field}) : [])")
        };
        format!("{} != {}", values("object"), values("oldObject"))
    };
    let phase = |object: &str| format!("(has({object}.status.phase) ? {object}.status.phase : '')");
    let ready = |object: &str| {
        format!(
            "(has({object}.status.conditions) && {object}.status.conditions.exists(c, c.type == \
             'PodReadyToStartContainers' && c.status == 'True'))"
        )
    };
    [
        "request.operation == 'DELETE'".to_owned(),
        "has(object.metadata.deletionTimestamp) != has(oldObject.metadata.deletionTimestamp)".to_owned(),
        format!("{} != {}", phase("object"), phase("oldObject")),
        format!("{} != {}", ready("object"), ready("oldObject")),
        of_containers("containerStatuses", "state"),
        of_containers("containerStatuses", "restartCount"),
        of_containers("initContainerStatuses", "state"),
        of_containers("initContainerStatuses", "restartCount"),
    ]
    .join("\n|| ")
}

/// Both kinds of a registration.
pub(super) const ALL: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
/// The kind that never changes anything.
pub(super) const OBSERVING: [&str; 1] = ["ValidatingWebhookConfiguration"];

/// How the API server reaches a path of a webhook on this machine.
pub(super) fn url(port: u16, ca: &[u8]) -> impl Fn(&str) -> Value {
    let ca = STANDARD.encode(ca);
    move |path| json!({"url": format!("https://127.0.0.1:{port}{path}"), "caBundle": ca})
}

/// How it reaches one behind a Service.
pub(super) fn service(namespace: &str, name: &str, ca: &[u8]) -> impl Fn(&str) -> Value {
    let ca = STANDARD.encode(ca);
    move |path| json!({"service": {"namespace": namespace, "name": name, "path": path}, "caBundle": ca})
}

/// The mutating and the validating configuration called `name`, for the namespaces of `instance`.
pub(super) fn configurations(name: &str, instance: &str, client: impl Fn(&str) -> Value) -> Vec<Value> {
    let webhook = |webhook: &str, path: &str, rules: Value, more: Value| {
        let mut webhook = json!({
            "name": format!("{webhook}.tracestamp.dev"),
            "clientConfig": client(path),
            "rules": rules,
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore",
            "namespaceSelector": {
                "matchLabels": {LABEL: instance},
                "matchExpressions": [{"key": "tracestamp.dev/inject", "operator": "NotIn", "values": ["disabled"]}],
            },
        });
        if let (Some(webhook), Value::Object(more)) = (webhook.as_object_mut(), more) {
            webhook.extend(more);
        }
        webhook
    };
    let runs = |operations: &[&str], suffix: &str| {
        let resources: Vec<_> =
            ["pipelineruns", "taskruns", "customruns"].iter().map(|run| format!("{run}{suffix}")).collect();
        json!({"apiGroups": ["tekton.dev"], "apiVersions": ["*"], "resources": resources, "operations": operations})
    };
    let pods = |operations: &[&str], resource: &str| json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": operations});
    let enabled = json!({"key": "tracestamp.dev/inject", "operator": "NotIn", "values": ["disabled"]});
    let any = json!({"matchExpressions": [enabled]});
    let of_task_runs = json!({"matchExpressions": [enabled, {"key": "tekton.dev/taskRun", "operator": "Exists"}]});
    let changed = |expression: &str| json!([{"name": "transition", "expression": expression}]);
    let stamp = |selector: &Value, reinvocation: &str| {
        json!({
            "objectSelector": selector, "timeoutSeconds": 2, "sideEffects": "None", "reinvocationPolicy": reinvocation,
        })
    };
    let observe = |selector: &Value, expression: &str| {
        json!({
            "objectSelector": selector, "timeoutSeconds": 1, "sideEffects": "NoneOnDryRun",
            "matchConditions": changed(expression),
        })
    };
    let watched = ["UPDATE", "DELETE"];
    let mutating = json!([
        webhook("runs.stamp", "/stamp", json!([runs(&["CREATE"], "")]), stamp(&any, "Never")),
        webhook("pods.stamp", "/stamp", json!([pods(&["CREATE"], "pods")]), stamp(&of_task_runs, "IfNeeded")),
    ]);
    let validating = json!([
        webhook(
            "runs.observe",
            "/observe",
            json!([runs(&watched, ""), runs(&["UPDATE"], "/status")]),
            observe(&any, RUN_CHANGED)
        ),
        webhook(
            "pods.observe",
            "/observe",
            json!([pods(&watched, "pods"), pods(&["UPDATE"], "pods/status")]),
            observe(&of_task_runs, &pod_changed())
        ),
    ]);
    let configuration = |(kind, webhooks): (&str, Value)| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": name}, "webhooks": webhooks,
        })
    };
    ALL.into_iter().zip([mutating, validating]).map(configuration).collect()
}
