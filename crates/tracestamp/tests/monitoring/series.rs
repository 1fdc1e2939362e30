//! What a process tells, as Prometheus would read it.

use std::collections::BTreeMap;

use promql_parser::label::METRIC_NAME;
use promql_parser::parser::{Expr, VectorSelector};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Series {
    /// Those of one answer of `/metrics`.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        text.lines().filter(|line| !line.starts_with('#')).map(Self::of).collect()
    }

    /// A sample without its value is a selector of PromQL.
    fn of(line: &str) -> Self {
        let (series, _value) = line.rsplit_once(' ').unwrap();
        let Ok(Expr::VectorSelector(selector)) = promql_parser::parser::parse(series) else {
            panic!("no sample: {line}")
        };
        let labels = selector.matchers.matchers.into_iter().map(|label| (label.name, label.value));
        Self { name: selector.name.unwrap(), labels: labels.filter(|(name, _)| name != METRIC_NAME).collect() }
    }

    pub(crate) fn is_selected_by(&self, selector: &VectorSelector) -> bool {
        let empty = String::new();
        let fits = selector.matchers.matchers.iter().all(|matcher| {
            // To PromQL a label that is absent is an empty one.
            matcher.is_match(self.labels.get(&matcher.name).unwrap_or(&empty))
        });
        fits && selector.name.as_ref() == Some(&self.name)
    }
}
