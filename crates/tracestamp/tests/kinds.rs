//! The table of kinds is the only list: what stands in manifests and documents is held to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tracestamp_core::kind::KINDS;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every `plural.group` that rules with such groups and resources name, without subresources.
fn named(rules: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut names = BTreeSet::new();
    for rule in rules {
        for group in texts(&rule, "apiGroups") {
            for resource in texts(&rule, "resources").iter().filter(|resource| !resource.contains('/')) {
                names.insert(if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") });
            }
        }
    }
    names
}

fn kinds() -> BTreeSet<String> {
    KINDS.iter().map(|kind| kind.resource().name()).collect()
}

#[test]
fn the_registrations_ask_for_every_kind_and_no_other() {
    for path in ["manifests/base/mutating.yaml", "manifests/base/validating.yaml"] {
        let webhooks =
            documents(path).into_iter().flat_map(|one| one["webhooks"].as_array().cloned().unwrap_or_default());
        let rules = webhooks.flat_map(|webhook| webhook["rules"].as_array().cloned().unwrap_or_default());
        assert_eq!(named(rules), kinds(), "{path}");
    }
}

#[test]
fn backfill_may_list_every_kind() {
    let rules = documents("manifests/components/backfill/rbac.yaml");
    let rules = rules.into_iter().flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default());
    let listed = named(rules);
    assert!(kinds().is_subset(&listed), "{listed:?}");
}

#[test]
fn the_documents_name_every_kind_that_can_be_switched_off() {
    let configuration = file("docs/configuration.md");
    for kind in kinds() {
        assert!(configuration.contains(&format!("`{kind}`")), "{kind}");
    }
}

#[test]
fn every_kind_records_a_span_of_its_own_type() {
    let mut own = BTreeSet::new();
    for kind in KINDS {
        let first = kind.span_types().first().expect("a kind without spans").name();
        assert!(own.insert(first), "{first} is the first span type of two kinds");
    }
}
