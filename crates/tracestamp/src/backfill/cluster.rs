//! What is asked of the API server: LIST alone, page by page.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::core::{DynamicObject, Selector};
use kube::{Api, Client};
use serde_json::Value;
use tracestamp_core::dns::is_label;
use tracestamp_core::kind::KINDS;
use tracestamp_core::object::Resource;

use crate::kubeconfig::api_resource;

/// Objects in one answer.
const PAGE: u32 = 250;

/// The namespaces that the registration lets the webhook see.
pub(super) async fn namespaces(client: &Client) -> anyhow::Result<Vec<String>> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let params = ListParams::default().labels("app.kubernetes.io/name=tracestamp");
    let found = api.list(&params).await.context("the registration cannot be read; name namespaces by --namespace")?;
    let webhook = found.items.into_iter().flat_map(|found| found.webhooks.unwrap_or_default()).next();
    let webhook = webhook.context("there is no registration of tracestamp; name namespaces by --namespace")?;
    let selector = Selector::try_from(webhook.namespace_selector.unwrap_or_default())?;
    let api: Api<Namespace> = Api::all(client.clone());
    let seen = api.list(&ListParams::default().labels_from(&selector)).await.context("namespaces cannot be listed")?;
    let names: Vec<_> = seen.items.into_iter().filter_map(|namespace| namespace.metadata.name).collect();
    // Each becomes part of a path.
    ensure!(names.iter().all(|name| is_label(name)), "the API server lists a namespace whose name is no DNS label");
    Ok(names)
}

/// Gives each object of a namespace to `take`. Fails when the pages lead back to one that was there before.
pub(super) async fn each(
    client: &Client,
    namespace: &str,
    mut take: impl FnMut(&'static Resource, Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for kind in KINDS.iter().map(|kind| kind.resource()) {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &api_resource(kind));
        let of_kind = kind.label.map(|label| format!("{label},")).unwrap_or_default();
        let labels = format!("{of_kind}tracestamp.dev/inject!=disabled");
        let mut params = ListParams::default().labels(&labels).limit(PAGE);
        // Of the tokens, which may be of any length, their hashes.
        let (mut tokens, hasher) = (HashSet::new(), RandomState::new());
        loop {
            let page = match api.list(&params).await {
                Ok(page) => page,
                // An operator's older version does not have the kind.
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(error) => return Err(error).with_context(|| format!("{} of {namespace}", kind.plural)),
            };
            for object in page.items {
                take(kind, serde_json::to_value(object)?)?;
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) if tokens.insert(hasher.hash_one(&token)) => params = params.continue_token(&token),
                Some(_) => bail!("the API server gave a continue token twice for {} of {namespace}", kind.plural),
                None => break,
            }
        }
    }
    Ok(())
}
