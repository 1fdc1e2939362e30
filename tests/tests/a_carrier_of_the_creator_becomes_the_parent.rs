//! A run whose creator has set Tekton's carrier, as Pipelines-as-Code does.

use serde_json::Value;
use tracestamp_tests::{Creator, expect_trace_with, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_hangs_under_the_span_of_its_creator() {
    let Some(shared) = shared() else { return };
    let creator = Creator::start(&shared, "push").await.unwrap();
    let trace = "
        foreign push
          pipeline_run RUN carrier
            task_run build
              pod pod
                init_container prepare
              step make
        ";

    let played = expect_trace_with("carrier", &[("carrier", &creator.carrier())], trace).await.unwrap();

    assert_eq!(played.trace_id, creator.trace_id);
    let run = &played.runs[0];
    assert_eq!(run["metadata"]["annotations"]["tracestamp.dev/parent"], creator.traceparent());
    let kubectl = &played.namespace.kubectl;
    let run = kubectl.get(&["pipelinerun", run["metadata"]["name"].as_str().unwrap()]).unwrap();
    let task_runs = kubectl.get(&["taskruns"]).unwrap();
    let task_run = &task_runs["items"][0];
    for (object, carrier) in [(&run, "tekton.dev/pipelinerunSpanContext"), (task_run, "tekton.dev/taskrunSpanContext")]
    {
        let annotations = &object["metadata"]["annotations"];
        let own = annotations["tracestamp.dev/traceparent"].as_str().unwrap();
        assert_ne!(own, creator.traceparent());
        let carried: Value = serde_json::from_str(annotations[carrier].as_str().unwrap()).unwrap();
        assert_eq!(carried["traceparent"], own, "{carrier}");
        // What Tekton goes on with.
        assert_eq!(object["status"]["spanContext"]["traceparent"], own);
    }
}
