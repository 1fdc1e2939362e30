//! A PipelineRun cancelled while a step runs.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_tells_what_its_pod_did_last() {
    let trace = "
        pipeline_run RUN cancel [Cancelled, cancellation]
          task_run slow [TaskRunCancelled, cancellation]
            pod pod [deleted, cancellation]
              init_container place-scripts
              init_container prepare
            step never [deleted, cancellation]
            step wait [deleted, cancellation]
        ";
    let Some(played) = expect_trace("cancel", trace).await else { return };
    let never = played.trace.of("step").find(|step| step.name == "never").unwrap();
    assert_eq!(never.tag("tracestamp.step.started"), "false");
}
