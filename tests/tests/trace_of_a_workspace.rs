//! Two tasks with a PersistentVolumeClaim between them.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_on_a_claim_changes_nothing() {
    let trace = "
        pipeline_run RUN workspace-pvc
          task_run read
            pod pod
              init_container place-scripts
              init_container prepare
            step read
          task_run write
            pod pod
              init_container place-scripts
              init_container prepare
            step write
        ";
    expect_trace("workspace-pvc", trace).await;
}
