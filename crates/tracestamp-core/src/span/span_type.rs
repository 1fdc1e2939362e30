//! The types of span, and how spans of each are shown.

use super::SpanKind;

const RUN: &str = "cicd.pipeline.result";
const TASK: &str = "cicd.pipeline.task.run.result";
const OWN: &str = "tracestamp.result";

/// The attributes of which one has a span's result: those of the semantic conventions (1.44, "CICD spans") for runs and
/// task runs, and our own below them.
pub const RESULT_KEYS: [&str; 3] = [RUN, TASK, OWN];

/// How the bar of a span is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Something of the user's ran.
    Work,
    /// Nothing of the user's ran yet.
    Wait,
    /// It stands for the spans below it.
    Encloses,
}

macro_rules! span_types {
    ($($variant:ident: $name:literal, $kind:ident, $look:ident, $label:literal, $result:ident, $alias:expr;)*) => {
        /// A type of span. Its name is the value of the attribute `tracestamp.span`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "the names are Tekton's and Kubernetes' own")]
        pub enum SpanType {
            $($variant,)*
        }

        impl SpanType {
            /// All of them, in the order in which spans are shown that begin at the same time.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The value of `tracestamp.span`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind that spans of this type have in OTLP.
            pub const fn kind(self) -> SpanKind {
                match self {
                    $(Self::$variant => SpanKind::$kind,)*
                }
            }

            /// The attribute that has the result: one of [`RESULT_KEYS`].
            pub const fn result_key(self) -> &'static str {
                match self {
                    $(Self::$variant => $result,)*
                }
            }

            /// How spans of this type are shown.
            pub const fn presentation(self) -> Presentation {
                let rank = self as usize;
                match self {
                    $(Self::$variant => Presentation { rank, label: $label, look: Look::$look, alias: $alias },)*
                }
            }
        }
    };
}

// What encloses is shown before what it encloses. A pipeline run is a SERVER span (semantic conventions, "CICD spans").
span_types! {
    PipelineRun: "pipeline_run", Server, Encloses, "", RUN, None;
    Pending: "pending", Internal, Wait, "", OWN, None;
    TaskRun: "task_run", Internal, Encloses, "task", TASK, Some("taskrun");
    CustomRun: "custom_run", Internal, Encloses, "custom", TASK, None;
    Attempt: "attempt", Internal, Encloses, "", TASK, None;
    Pod: "pod", Internal, Encloses, "", OWN, None;
    Schedule: "schedule", Internal, Wait, "", OWN, None;
    Sandbox: "sandbox", Internal, Wait, "", OWN, None;
    Pull: "pull", Internal, Wait, "", OWN, None;
    PodEvent: "pod_event", Internal, Work, "", OWN, None;
    InitContainer: "init_container", Internal, Work, "init", OWN, None;
    Step: "step", Internal, Work, "step", OWN, None;
    Sidecar: "sidecar", Internal, Work, "sidecar", OWN, None;
    Finally: "finally", Internal, Encloses, "", OWN, None;
}

impl SpanType {
    /// The type with this name; `None` when only another build knows it, or no build of ours.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|span_type| span_type.name() == name)
    }

    /// The type of a container's span in a Tekton Pod: neither step nor init means sidecar, because injected containers
    /// have any name.
    pub fn of_container(name: &str, init: bool, restarts: bool) -> Self {
        match (init, restarts) {
            (true, false) => Self::InitContainer,
            (false, _) if name.starts_with("step-") => Self::Step,
            _ => Self::Sidecar,
        }
    }
}

/// How spans of a type are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presentation {
    /// The order of spans that begin at the same time.
    pub rank: usize,
    /// What stands before names that do not say the type themselves; may be empty.
    pub label: &'static str,
    /// How the bar is drawn.
    pub look: Look,
    /// The attribute that distinguishes siblings with the same name, as the task runs of a matrix have.
    pub alias: Option<&'static str>,
}

impl Presentation {
    /// That of the type with this name. Spans of other types come after ours, without a label, as work.
    pub fn of(name: &str) -> Self {
        let unknown = Self { rank: SpanType::ALL.len(), label: "", look: Look::Work, alias: None };
        SpanType::named(name).map_or(unknown, SpanType::presentation)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names in the first column of the table of types in the public document.
    fn documented() -> Vec<&'static str> {
        let document = include_str!("../../../../docs/spans.md");
        let table = document.lines().skip_while(|line| !line.starts_with("| `tracestamp.span` |")).skip(2);
        let rows = table.map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
        rows.flat_map(|names| names.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn every_type_has_a_name_of_its_own_which_the_documents_list_and_no_other() {
        let names: BTreeSet<_> = SpanType::ALL.iter().map(|span_type| span_type.name()).collect();
        assert_eq!(names.len(), SpanType::ALL.len());
        assert_eq!(documented().len(), names.len());
        assert_eq!(documented().into_iter().collect::<BTreeSet<_>>(), names);
    }

    #[test]
    fn every_type_is_found_by_its_name_and_shown_in_the_order_of_the_table() {
        for (rank, &span_type) in SpanType::ALL.iter().enumerate() {
            assert_eq!(SpanType::named(span_type.name()), Some(span_type));
            assert_eq!(Presentation::of(span_type.name()), span_type.presentation());
            assert_eq!(span_type.presentation().rank, rank);
            assert!(RESULT_KEYS.contains(&span_type.result_key()));
        }
    }

    #[test]
    fn a_type_that_is_not_known_comes_last_and_looks_like_work() {
        let shown = Presentation::of("job");
        assert_eq!((SpanType::named("job"), shown.label, shown.look), (None, "", Look::Work));
        assert!(SpanType::ALL.iter().all(|span_type| span_type.presentation().rank < shown.rank));
    }
}
