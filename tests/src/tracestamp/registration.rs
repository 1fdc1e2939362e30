//! The two webhook configurations of `manifests/base`, led to a process on this machine.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::LABEL;
use crate::installation::Tree;
use crate::kubectl::Kubectl;
use crate::machine;
use crate::shared::Shared;

/// Both kinds of a registration.
pub(super) const ALL: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
/// The kind that never changes anything.
pub(super) const OBSERVING: [&str; 1] = ["ValidatingWebhookConfiguration"];

/// How the API server reaches a path of a webhook on this machine.
pub(crate) fn url(port: u16, ca: &[u8]) -> impl Fn(&str) -> Value {
    let ca = STANDARD.encode(ca);
    move |path| json!({"url": format!("https://127.0.0.1:{port}{path}"), "caBundle": ca})
}

/// How it reaches one behind a Service.
pub(super) fn service(namespace: &str, name: &str, ca: &[u8]) -> impl Fn(&str) -> Value {
    let ca = STANDARD.encode(ca);
    move |path| json!({"service": {"namespace": namespace, "name": name, "path": path}, "caBundle": ca})
}

/// An overlay with Events and nothing else.
const EVENTS: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
components: [../../components/events]
";

/// The mutating and the validating configuration of the base.
pub(crate) fn of_base(kubectl: &Kubectl) -> Result<Vec<Value>> {
    let base = machine::project().join("manifests/base");
    let mut objects = read(kubectl, &base.join("mutating.yaml"))?;
    objects.extend(read(kubectl, &base.join("validating.yaml"))?);
    Ok(objects)
}

/// The same with the component that sends Events.
pub(super) fn with_events(shared: &Shared) -> Result<Vec<Value>> {
    let tree = Tree::copy(shared)?;
    let rendered = tree.add("with-events", EVENTS)?.join("rendered.yaml");
    fs::write(&rendered, tree.render("with-events")?)?;
    let mut objects = read(&shared.kubectl, &rendered)?;
    objects.retain(|object| ALL.iter().any(|&kind| object["kind"] == kind));
    Ok(objects)
}

/// The objects in a file.
fn read(kubectl: &Kubectl, file: &Path) -> Result<Vec<Value>> {
    let file = file.display().to_string();
    kubectl.objects(&["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", &file])
}

/// Those configurations, called `name`, for the namespaces of `instance`.
pub(crate) fn configurations(
    mut configurations: Vec<Value>,
    name: &str,
    instance: &str,
    client: impl Fn(&str) -> Value,
) -> Result<Vec<Value>> {
    for configuration in &mut configurations {
        put(configuration, "/metadata", json!({"name": name}))?;
        let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
        for webhook in webhooks.context("a registration without webhooks")? {
            let path = webhook.pointer("/clientConfig/service/path").and_then(Value::as_str);
            let client = client(path.context("a webhook without a path")?);
            put(webhook, "/clientConfig", client)?;
            let selector = webhook.pointer_mut("/namespaceSelector").and_then(Value::as_object_mut);
            let selector = selector.context("a webhook for all namespaces")?;
            selector.insert("matchLabels".to_owned(), json!({LABEL: instance}));
        }
    }
    Ok(configurations)
}

fn put(object: &mut Value, path: &str, value: Value) -> Result<()> {
    *object.pointer_mut(path).with_context(|| format!("no {path}"))? = value;
    Ok(())
}
