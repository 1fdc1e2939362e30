//! What is said about an example, and about all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

/// Prints the numbers and what went wrong; fails unless at least `expected` succeed and none differs.
pub(super) fn summarize(results: &BTreeMap<String, Comparison>, took: Duration, expected: usize) -> Result<()> {
    let count = |test: fn(&Comparison) -> bool| results.values().filter(|result| test(result)).count();
    let without = count(|result| !matches!(result, Comparison::FailsWithout(_)));
    let with = count(|result| matches!(result, Comparison::Same { .. }));
    let complete = count(Comparison::is_proof);
    let spans: usize = results.values().map(Comparison::spans).sum();
    println!(
        "\n{} examples in {} s: {without} succeed without tracestamp, {with} of these with it, {complete} of these \
         leave a complete trace ({spans} spans)",
        results.len(),
        took.as_secs(),
    );
    for (name, result) in results {
        if let Some(details) = result.details() {
            println!("\n{name}:\n  {}", details.join("\n  "));
        }
    }
    ensure!(without >= expected, "only {without} examples succeed, which says something about the cluster");
    ensure!(complete == without, "{} of {without} are not as they were", without - complete);
    Ok(())
}

/// What became of an example.
pub(super) enum Comparison {
    /// It does not succeed here anyway; why.
    FailsWithout(String),
    /// It succeeds without tracestamp only; why.
    FailsWith(String),
    /// It succeeds with it too.
    Same { spans: usize, missing: Vec<String> },
}

impl Comparison {
    fn is_proof(&self) -> bool {
        matches!(self, Self::Same { missing, .. } if missing.is_empty())
    }

    fn spans(&self) -> usize {
        if let Self::Same { spans, .. } = self { *spans } else { 0 }
    }

    fn details(&self) -> Option<&[String]> {
        match self {
            Self::FailsWithout(reason) | Self::FailsWith(reason) => Some(std::slice::from_ref(reason)),
            Self::Same { missing, .. } if !missing.is_empty() => Some(missing),
            Self::Same { .. } => None,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::FailsWithout(_) => "without: no    -".to_owned(),
            Self::FailsWith(_) => "without: yes   WITH: NO".to_owned(),
            Self::Same { spans, missing } if missing.is_empty() => {
                format!("without: yes   with: yes   trace: {spans} spans")
            }
            Self::Same { missing, .. } => format!("without: yes   with: yes   TRACE: {} FAULTS", missing.len()),
        };
        formatter.pad(&text)
    }
}
