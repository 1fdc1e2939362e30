//! Where a run's source comes from, as Pipelines-as-Code says (`openshift-pipelines/pipelines-as-code`
//! `pkg/kubeinteraction/labels.go`, `pkg/apis/pipelinesascode/keys/keys.go`): labels are cleaned to be selectors, the
//! actual values are in the annotations of the same keys.

use std::borrow::Cow;

use crate::span::Attribute;
use crate::subject::Subject;

const PREFIX: &str = "pipelinesascode.tekton.dev/";

/// Key without prefix, attribute of the semantic conventions.
const KEYS: [(&str, &str); 5] = [
    ("sha", "vcs.ref.head.revision"),
    ("url-repository", "vcs.repository.name"),
    ("url-org", "vcs.owner.name"),
    ("pull-request", "vcs.change.id"),
    ("git-provider", "vcs.provider.name"),
];

/// Values of `git-provider` and of `vcs.provider.name` (semantic conventions 1.44, `vcs` registry).
const PROVIDERS: [(&str, &str); 10] = [
    ("github", "github"),
    ("github-enterprise", "github"),
    ("gitlab", "gitlab"),
    ("gitea", "gitea"),
    ("forgejo", "gitea"),
    ("bitbucket", "bitbucket"),
    ("bitbucket-cloud", "bitbucket"),
    ("bitbucket-server", "bitbucket"),
    ("bitbucket-datacenter", "bitbucket"),
    ("bitbucket-data-center", "bitbucket"),
];

pub(super) fn attributes<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Attribute<'a>> {
    let value = |key: &str| {
        let key = format!("{PREFIX}{key}");
        subject.annotations.get_filled(&key).or_else(|| subject.labels.get_filled(&key))
    };
    KEYS.into_iter().filter_map(move |(key, attribute)| {
        let value = value(key)?;
        let value = if key == "git-provider" { Cow::Borrowed(provider(&value)?) } else { value };
        Some(Attribute::new(attribute, value))
    })
}

/// A provider that the conventions do not know is left out.
fn provider(name: &str) -> Option<&'static str> {
    PROVIDERS.iter().find(|(known, _)| *known == name).map(|(_, provider)| *provider)
}
