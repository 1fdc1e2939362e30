//! `manifests/components/monitoring` against what the two processes really tell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod manifests;
mod processes;
mod series;

use std::collections::BTreeSet;

use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use manifests::{alerts, panels, read, sections};
use processes::Processes;
use series::Series;

/// What the Prometheus operator makes of a PodMonitor sets these on every target (`pkg/prometheus/promcfg.go` of v0.85);
/// a label of ours with such a name would arrive as `exported_…`.
const TARGET_LABELS: [&str; 6] = ["job", "instance", "namespace", "pod", "container", "endpoint"];
/// The one metric of somebody else that is asked for, with its label.
const API_SERVER: (&str, &str) = ("apiserver_admission_webhook_fail_open_count", "name");

/// Where operators read what to do.
const OPERATIONS: &str = "docs/operations.md";

/// What one query asks for.
#[derive(Default)]
struct Asked {
    selectors: Vec<VectorSelector>,
    grouped_by: Vec<String>,
}

impl Asked {
    fn by(query: &str) -> Result<Self, String> {
        // Grafana's own variable, which is a duration when the query is made.
        let expression = promql_parser::parser::parse(&query.replace("$__rate_interval", "5m"))?;
        let mut asked = Self::default();
        walk_expr(&mut asked, &expression)?;
        Ok(asked)
    }

    /// What is wrong with the query, if anything, when these series are all there are.
    fn fault(&self, told: &[Series]) -> Option<String> {
        let mut labels: BTreeSet<&str> = TARGET_LABELS.into();
        for selector in &self.selectors {
            let name = selector.name.as_deref().unwrap_or_default();
            if name == API_SERVER.0 {
                labels.insert(API_SERVER.1);
                continue;
            }
            let selected = told.iter().filter(|series| series.is_selected_by(selector)).collect::<Vec<_>>();
            if selected.is_empty() {
                return Some(format!("{selector} selects nothing"));
            }
            labels.extend(selected.iter().flat_map(|series| series.labels.keys()).map(String::as_str));
        }
        let unknown = self.grouped_by.iter().find(|label| !labels.contains(label.as_str()));
        unknown.map(|label| format!("nothing has the label {label}"))
    }
}

impl ExprVisitor for Asked {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(selector) => self.selectors.push(selector.clone()),
            Expr::MatrixSelector(matrix) => self.selectors.push(matrix.vs.clone()),
            Expr::Aggregate(aggregate) => {
                let labels = aggregate.modifier.as_ref().map(LabelModifier::labels);
                self.grouped_by.extend(labels.into_iter().flat_map(|labels| labels.labels.iter().cloned()));
            }
            _ => {}
        }
        Ok(true)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_panels_ask_for_series_that_the_processes_tell() {
    let told = Processes::tell_everything().await;
    let told = [told.webhook, told.exporter].concat();
    let alerts = alerts().into_iter().map(|alert| (alert.alert, alert.expr));
    let queries: Vec<_> = alerts.chain(panels()).collect();
    assert!(queries.len() > 30, "{queries:?}");
    for (of, query) in queries {
        let asked = Asked::by(&query).unwrap_or_else(|error| panic!("{of}: {query}: {error}"));
        assert!(!asked.selectors.is_empty(), "{of}: {query}");
        if let Some(fault) = asked.fault(&told) {
            let names: BTreeSet<_> = told.iter().map(|series| &series.name).collect();
            panic!("{of}: {query}: {fault} of {names:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_of_one_pod_are_told_apart_and_keep_their_labels_when_scraped() {
    let told = Processes::tell_everything().await;
    for series in &told.webhook {
        assert!(!told.exporter.contains(series), "both processes tell {series:?}");
    }
    for series in told.webhook.iter().chain(&told.exporter) {
        let hidden = TARGET_LABELS.into_iter().find(|label| series.labels.contains_key(*label));
        assert_eq!(hidden, None, "a label of the target hides that of {series:?}");
    }
}

#[test]
fn a_misspelt_name_a_wrong_value_and_what_is_no_promql_are_found() {
    let told = Series::all(
        "# TYPE tracestamp_reviews counter\n\
         tracestamp_reviews_total{webhook=\"stamp\",outcome=\"panic\"} 1\n\
         # EOF\n",
    );
    let fault = |query| Asked::by(query).unwrap().fault(&told);
    assert_eq!(fault(r#"sum by (pod, webhook) (rate(tracestamp_reviews_total{outcome="panic"}[5m])) > 0"#), None);
    for wrong in [
        "rate(tracestamp_reveiws_total[5m])",
        "tracestamp_reviews",
        r#"tracestamp_reviews_total{outcome="panicked"}"#,
        r#"tracestamp_reviews_total{result=~"panic|late"}"#,
        "sum by (kind) (tracestamp_reviews_total)",
        "apiserver_admission_webhook_fail_open_total",
    ] {
        assert!(fault(wrong).is_some(), "{wrong}");
    }
    assert!(Asked::by("rate(tracestamp_reviews_total)").is_err());
    assert!(Asked::by("sum by (pod (tracestamp_reviews_total)").is_err());
}

#[test]
fn every_alert_says_what_happened_and_names_the_section_that_says_what_to_do() {
    let document = read(OPERATIONS);
    let sections = sections(&document);
    for alert in alerts() {
        let name = &alert.alert;
        assert!(name.starts_with("Tracestamp"), "{name}");
        assert!(!alert.annotations.summary.is_empty() && !alert.annotations.description.is_empty(), "{name}");
        let section = alert.annotations.runbook.strip_prefix(OPERATIONS).and_then(|rest| rest.strip_prefix('#'));
        let section = section.and_then(|section| sections.get(section));
        assert!(section.is_some(), "{name}: `{}` is not one of {:?}", alert.annotations.runbook, sections.keys());
        assert!(document.contains(&format!("`{name}`")), "{name} is not in {OPERATIONS}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_document_lists_every_metric_and_no_other() {
    let told = Processes::tell_everything().await;
    let names = [told.webhook, told.exporter].concat().into_iter().map(|series| series.name);
    let of_histograms = ["_bucket", "_count", "_sum"];
    let base =
        |name: String| of_histograms.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name).to_owned();
    let served: BTreeSet<_> = names.map(base).collect();
    let document = read(OPERATIONS);
    let metrics = sections(&document)["metrics"];
    let first_cells = metrics.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<_> = first_cells.map(str::to_owned).collect();
    assert_eq!(listed, served);
}
