//! Where a run's source comes from, as Pipelines-as-Code says: true values in annotations, cleaned ones in labels
//! (`openshift-pipelines/pipelines-as-code` `pkg/kubeinteraction/labels.go`).

use serde_json::json;

use crate::cluster::Cluster;
use crate::expect::expect;
use crate::objects::*;

/// The span of a run with that key in its labels and annotations.
fn check(key: &str, label: Option<&str>, annotation: Option<&str>, truth: &str) {
    let mut run = pipeline_run("on-push-");
    for (map, value) in [("labels", label), ("annotations", annotation)] {
        if let Some(value) = value {
            run["metadata"][map][format!("pipelinesascode.tekton.dev/{key}")] = json!(value);
        }
    }
    let mut cluster = Cluster::new();
    let mut run = cluster.create("10:00:00", run);
    cluster.update("10:00:20", &mut run, |run| succeeded(run, "True", "Succeeded", "", "10:00:05", "10:00:20"));
    expect(&format!("{key}: {label:?}, {annotation:?}"), &cluster.spans(), &[("pipeline_run", truth)]);
}

#[test]
fn the_annotation_counts_before_the_label() {
    for (key, attribute, cleaned, real) in [
        ("url-org", "vcs.owner.name", "tools-core", "tools/core"),
        ("url-repository", "vcs.repository.name", "fast-json", "Fast_JSON"),
        ("sha", "vcs.ref.head.revision", "7be1c07d2f5a4b93", "7be1c07d2f5a4b93e8d6a1c0f4b72e9d5a3c8f16"),
        ("pull-request", "vcs.change.id", "208", "!208"),
    ] {
        check(key, Some(cleaned), Some(real), &format!("{attribute}={real}"));
        check(key, None, Some(real), &format!("{attribute}={real}"));
        check(key, Some(cleaned), None, &format!("{attribute}={cleaned}"));
        check(key, Some(cleaned), Some(""), &format!("{attribute}={cleaned}"));
        check(key, None, None, &format!("{attribute}=-"));
    }
}

#[test]
fn a_provider_has_the_name_that_the_convention_gives_it() {
    for (provider, name) in [
        ("github", "github"),
        ("github-enterprise", "github"),
        ("gitlab", "gitlab"),
        ("gitea", "gitea"),
        ("forgejo", "gitea|forgejo"),
        ("bitbucket-cloud", "bitbucket"),
        ("bitbucket-datacenter", "bitbucket"),
        ("bitbucket-server", "bitbucket"),
    ] {
        let truth = format!("vcs.provider.name={name}");
        check("git-provider", None, Some(provider), &truth);
        // Releases before the value became an annotation.
        check("git-provider", Some(provider), None, &truth);
        check("git-provider", Some("github"), Some(provider), &truth);
    }
}
