//! Findings: plain functions of what the cluster said.

mod certificate;
mod pods;
mod registration;
#[cfg(test)]
mod tests;
mod traffic;

use super::facts::{Asked, Facts};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Could not be looked at.
    Unknown,
    /// Works, but not as well as it should, or not for long.
    Warn,
    /// Traces are lost or incomplete because of it.
    Fail,
}

impl Level {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is about, one word or two.
    pub topic: &'static str,
    pub level: Level,
    pub what: String,
    /// What to do, when something is to be done.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, level: Level::Ok, what: what.into(), advice: None }
    }

    fn warn(topic: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { topic, level: Level::Warn, what: what.into(), advice: Some(advice.into()) }
    }

    fn fail(topic: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { topic, level: Level::Fail, what: what.into(), advice: Some(advice.into()) }
    }

    fn unknown(topic: &'static str, why: &str) -> Self {
        Self { topic, level: Level::Unknown, what: why.to_owned(), advice: None }
    }
}

/// All findings, in the order in which a review passes what they are about.
pub fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![api_server(facts), tekton(facts), clock(facts)];
    findings.extend(registration::check(facts));
    findings.extend(certificate::check(facts));
    findings.extend(pods::check(facts));
    findings.extend(traffic::check(facts));
    findings
}

/// The value, or a finding that says why it could not be asked for.
fn known<'f, T>(topic: &'static str, asked: &'f Asked<T>) -> Result<&'f T, Finding> {
    asked.as_ref().map_err(|why| Finding::unknown(topic, why))
}

fn api_server(facts: &Facts) -> Finding {
    let topic = "API server";
    let version = &facts.version;
    let number = |text: &str| text.trim_end_matches('+').parse::<u32>().unwrap_or(0);
    let shown = format!("Kubernetes {}", version.git_version);
    // matchConditions are GA since 1.30 (KEP-3716), native sidecars on since 1.29 (KEP-753).
    if (number(&version.major), number(&version.minor)) >= (1, 30) {
        Finding::ok(topic, shown)
    } else {
        Finding::fail(topic, shown, "tracestamp's registration needs matchConditions: Kubernetes 1.30 or later")
    }
}

fn tekton(facts: &Facts) -> Finding {
    let topic = "Tekton";
    match known(topic, &facts.tekton) {
        Err(finding) => finding,
        Ok(versions) if versions.is_empty() => {
            Finding::fail(topic, "tekton.dev is not served here", "install Tekton Pipelines: there is nothing to trace")
        }
        Ok(versions) => Finding::ok(topic, format!("tekton.dev {}", versions.join(", "))),
    }
}

fn clock(facts: &Facts) -> Finding {
    let topic = "clock";
    let Some(ahead) = facts.clock else { return Finding::unknown(topic, "the API server sends no Date") };
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let found = format!("the API server's clock is {} s {direction} this machine's", ahead.unsigned_abs());
    if ahead.unsigned_abs() <= 2 {
        Finding::ok(topic, found)
    } else {
        Finding::warn(
            topic,
            found,
            "synchronise the clocks of the nodes: times in a trace are those of the kubelet and of Tekton's controller",
        )
    }
}
