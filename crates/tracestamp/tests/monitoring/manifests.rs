//! The files of the component.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// The part of a PrometheusRule that is looked at.
#[derive(Deserialize)]
struct PrometheusRule {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expr: String,
    pub(crate) annotations: Annotations,
}

#[derive(Deserialize)]
pub(crate) struct Annotations {
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) runbook: String,
}

#[derive(Deserialize)]
struct Dashboard {
    panels: Vec<Panel>,
}

#[derive(Deserialize)]
struct Panel {
    title: String,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    expr: String,
}

pub(crate) fn alerts() -> Vec<Rule> {
    let rule: PrometheusRule = serde_saphyr::from_str(&read("manifests/components/monitoring/alerts.yaml")).unwrap();
    rule.spec.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// The dashboard's queries, each with its panel's title.
pub(crate) fn panels() -> Vec<(String, String)> {
    let dashboard: Dashboard = serde_json::from_str(&read("manifests/components/monitoring/dashboard.json")).unwrap();
    let queries = |panel: Panel| panel.targets.into_iter().map(move |target| (panel.title.clone(), target.expr));
    dashboard.panels.into_iter().flat_map(queries).collect()
}

/// The sections of a document by the anchors that forges give their headings, which here have letters and spaces only.
pub(crate) fn sections(document: &str) -> BTreeMap<String, &str> {
    let sections = document.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    sections.map(|(heading, text)| (heading.to_lowercase().replace(' ', "-"), text)).collect()
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
