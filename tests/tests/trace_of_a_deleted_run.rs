//! A PipelineRun deleted while a step runs.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_deleted_while_it_runs_is_closed() {
    let trace = "
        pipeline_run RUN deleted [deleted, cancellation]
          task_run slow [deleted, cancellation]
            pod pod [deleted, cancellation]
              init_container place-scripts
              init_container prepare
            step slow [deleted, cancellation]
        ";
    let Some(played) = expect_trace("deleted", trace).await else { return };

    for (what, result) in [("pipeline_run", "cicd.pipeline.result"), ("task_run", "cicd.pipeline.task.run.result")] {
        let span = played.trace.of(what).next().unwrap();
        assert_eq!(span.tag(result), "cancellation");
        assert_eq!(span.tag("tracestamp.end"), "received");
    }
    // The kubelet ends the containers and says how, and only then the Pod goes: it had an end of its own.
    let [pod, step] = ["pod", "step"].map(|what| played.trace.of(what).next().unwrap());
    assert_ne!(step.tag("process.exit.code"), "0");
    assert_eq!((pod.end, pod.tag("tracestamp.end")), (step.container_end(), ""));
    for span in [pod, step] {
        assert_eq!(span.tag("tracestamp.result"), "cancellation");
    }
}
