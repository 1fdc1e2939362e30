//! The status of runs and Pods, in one view.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::braced::{no_text, optional};
use super::container::ContainerStatus;
use super::list::List;
use super::text::{instant, raw_instant, string};
use super::{Braced, Text};
use crate::Timestamp;

/// The most attempts of a run that are read. The status of each is kept whole in that of the run, which etcd would not
/// take any more.
const ATTEMPTS_LIMIT: usize = 512;

/// The attempts of a run that failed and were tried again.
pub type Attempts<'a> = List<Attempt<'a>, 4, ATTEMPTS_LIMIT>;

/// The fields of the statuses of PipelineRun, TaskRun, CustomRun and Pod that are read; none of them means two things.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the Go types")]
pub struct Status<'a> {
    // A Pod has five, six when it is disrupted.
    #[serde(borrow)]
    conditions: Option<List<Condition<'a>, 6>>,
    #[serde(borrow)]
    start_time: Option<Text<'a>>,
    #[serde(borrow)]
    completion_time: Option<Text<'a>>,
    #[serde(borrow)]
    finally_start_time: Option<Text<'a>>,
    #[serde(borrow)]
    #[serde(rename = "retriesStatus")]
    retries: Option<&'a RawValue>,
    #[serde(borrow)]
    skipped_tasks: Option<&'a RawValue>,
    #[serde(borrow)]
    steps: Option<&'a RawValue>,
    #[serde(borrow)]
    pub phase: Option<Text<'a>>,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    #[serde(borrow, rename = "podIP")]
    pub pod_ip: Option<Text<'a>>,
    #[serde(borrow)]
    pub init_container_statuses: Option<List<ContainerStatus<'a>>>,
    #[serde(borrow)]
    pub container_statuses: Option<List<ContainerStatus<'a>>>,
}

impl<'a> Status<'a> {
    /// The condition of type `kind`.
    pub fn condition(&self, kind: &str) -> Option<&Condition<'a>> {
        self.conditions.as_deref()?.iter().find(|condition| &*condition.kind == kind)
    }

    /// The condition `Succeeded` when it is True or False: the run has ended.
    pub fn ended(&self) -> Option<&Condition<'a>> {
        self.condition("Succeeded").filter(|succeeded| matches!(&*succeeded.status, "True" | "False"))
    }

    /// When the condition `kind` became True, if it is.
    pub fn since(&self, kind: &str) -> Option<Timestamp> {
        let condition = self.condition(kind).filter(|condition| &*condition.status == "True")?;
        condition.changed()
    }

    /// `startTime`.
    pub fn started(&self) -> Option<Timestamp> {
        instant(self.start_time.as_ref())
    }

    /// `completionTime`.
    pub fn completed(&self) -> Option<Timestamp> {
        instant(self.completion_time.as_ref())
    }

    /// `finallyStartTime`.
    pub fn finally_started(&self) -> Option<Timestamp> {
        instant(self.finally_start_time.as_ref())
    }

    /// The attempts that failed and were tried again, oldest first.
    pub fn retries(&self) -> Attempts<'a> {
        list(self.retries)
    }

    /// Whether it lists more than is read of what decides which spans there are, and when they began and ended: nothing
    /// may be concluded from what is not there.
    pub fn is_cut(&self) -> bool {
        let [init, regular] = [&self.init_container_statuses, &self.container_statuses];
        let attempts = |raw: &RawValue| serde_json::from_str::<List<IgnoredAny, 0, ATTEMPTS_LIMIT>>(raw.get());
        self.conditions.as_ref().is_some_and(List::is_cut)
            || [init, regular].into_iter().flatten().any(List::is_cut)
            || self.retries.is_some_and(|raw| attempts(raw).is_ok_and(|attempts| attempts.is_cut()))
    }

    /// Whether both list the same failed attempts; cheaper than reading them.
    pub fn same_retries(&self, other: &Self) -> bool {
        self.retries.map(RawValue::get) == other.retries.map(RawValue::get)
    }

    /// The tasks of the Pipeline that were not run.
    pub fn skipped(&self) -> List<SkippedTask<'a>> {
        list(self.skipped_tasks)
    }

    /// The steps as the TaskRun tells them.
    pub fn steps(&self) -> List<StepState<'a>> {
        list(self.steps)
    }

    /// Init containers first, then the others.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerStatus<'a>> {
        self.init_container_statuses.iter().chain(&self.container_statuses).flatten()
    }

    /// The status of one container.
    pub fn container(&self, name: &str) -> Option<&ContainerStatus<'a>> {
        self.containers().find(|container| &*container.name == name)
    }
}

fn list<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A condition, of knative's or of core/v1's shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the Go types")]
pub struct Condition<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub status: Text<'a>,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    last_transition_time: Option<&'a RawValue>,
}

impl<'a> Condition<'a> {
    /// The reason, empty when there is none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// The message; it may quote users' values.
    pub fn message(&self) -> Cow<'a, str> {
        string(self.message).unwrap_or_default()
    }

    /// When the condition last changed in any way.
    pub fn changed(&self) -> Option<Timestamp> {
        raw_instant(self.last_transition_time)
    }
}

/// An entry of `retriesStatus`: the whole status of a failed attempt.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the Go types")]
pub struct Attempt<'a> {
    #[serde(borrow, default)]
    conditions: Succeeded<'a>,
    #[serde(borrow)]
    start_time: Option<Text<'a>>,
    #[serde(borrow)]
    completion_time: Option<Text<'a>>,
    #[serde(borrow)]
    steps: Option<&'a RawValue>,
}

impl<'a> Attempt<'a> {
    /// The attempt's condition `Succeeded`.
    pub fn succeeded(&self) -> Option<&Condition<'a>> {
        self.conditions.0.as_ref()
    }

    /// When it began.
    pub fn started(&self) -> Option<Timestamp> {
        instant(self.start_time.as_ref())
    }

    /// When it ended.
    pub fn completed(&self) -> Option<Timestamp> {
        instant(self.completion_time.as_ref())
    }

    /// The attempt's steps.
    pub fn steps(&self) -> List<StepState<'a>> {
        list(self.steps)
    }
}

/// Of a list of conditions the first that says whether the attempt succeeded; no other is kept.
#[derive(Debug, Default)]
struct Succeeded<'a>(Option<Condition<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Succeeded<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Conditions;

        impl<'de> Visitor<'de> for Conditions {
            type Value = Succeeded<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of conditions")
            }

            no_text!();

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Succeeded(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut succeeded = None;
                while let Some(condition) = access.next_element::<Braced<Condition<'de>>>()? {
                    let condition = condition.into_inner();
                    succeeded = succeeded.or_else(|| (&*condition.kind == "Succeeded").then_some(condition));
                }
                Ok(Succeeded(succeeded))
            }
        }

        deserializer.deserialize_any(Conditions)
    }
}

/// An entry of a PipelineRun's `skippedTasks`.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the Go types")]
pub struct SkippedTask<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub reason: Text<'a>,
}

/// An entry of a TaskRun's `steps`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the Go types")]
pub struct StepState<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub terminated: Option<super::Terminated<'a>>,
    #[serde(borrow)]
    pub termination_reason: Option<Text<'a>>,
}
