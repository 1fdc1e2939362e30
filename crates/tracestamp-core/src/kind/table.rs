//! The one list of kinds.

use super::{ObjectKind, pod, tekton};
use crate::Config;

/// Every kind, in the order in which documents and metrics name them.
pub const KINDS: &[&dyn ObjectKind] = &[&tekton::PipelineRun, &tekton::TaskRun, &tekton::CustomRun, &pod::Pod];

/// The traced kind of a group and kind; `None` when it is none, or switched off.
pub fn find(group: &str, kind: &str, config: &Config) -> Option<&'static dyn ObjectKind> {
    let known = KINDS.iter().copied().find(|known| {
        let resource = known.resource();
        resource.kind == kind && resource.group == group
    })?;
    let off = !config.disabled_kinds.is_empty() && config.disabled_kinds.contains(&known.resource().name());
    (!off).then_some(known)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_kinds_have_the_same_resource() {
        let names: BTreeSet<_> = KINDS.iter().map(|kind| kind.resource().name()).collect();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn a_kind_that_is_switched_off_is_not_found() {
        for kind in KINDS {
            let resource = kind.resource();
            let off = Config { disabled_kinds: [resource.name()].into(), ..Config::default() };
            assert!(find(resource.group, resource.kind, &off).is_none());
            assert!(find(resource.group, resource.kind, &Config::default()).is_some());
        }
    }
}
