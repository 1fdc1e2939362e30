//! A run made from the manifest of another, all annotations copied, as the Tekton dashboard does it.

use tokio::task::block_in_place;
use tracestamp_tests::{Jaeger, expect_trace, rerun, shared};

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_manifest_starts_a_new_trace_that_links_to_the_old() {
    let Some(shared) = shared() else { return };
    let first = expect_trace("taskrun", TASK_RUN).await.unwrap();
    let kubectl = &first.namespace.kubectl;
    let name = first.runs[0]["metadata"]["name"].as_str().unwrap();

    let rerun = block_in_place(|| rerun(kubectl, "taskrun", name)).unwrap();

    let traceparent = rerun["metadata"]["annotations"]["tracestamp.dev/traceparent"].as_str().unwrap();
    let id = traceparent.split('-').nth(1).unwrap();
    assert_ne!(id, first.trace_id);
    let trace = Jaeger::new(&shared).unwrap().expect(id, TASK_RUN).await.unwrap();
    let old = first.trace.of("task_run").next().unwrap();
    let new = trace.of("task_run").next().unwrap();
    assert_eq!(new.links, [(first.trace_id.clone(), old.id.clone())]);
    // The first trace is left as it was.
    Jaeger::new(&shared).unwrap().expect(&first.trace_id, TASK_RUN).await.unwrap();
}
