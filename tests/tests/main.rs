//! One binary, so that behaviours that mostly wait are proven side by side. Each file is one behaviour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod a_dry_run_leaves_no_span;
mod a_rerun_gets_a_trace_of_its_own;
mod one_trace_although_the_webhook_was_away;
mod only_transitions_are_sent;
mod runs_go_on_without_the_webhook;
mod steps_find_their_own_span_in_traceparent;
mod trace_of_a_cancelled_run;
mod trace_of_a_customrun;
mod trace_of_a_deleted_run;
mod trace_of_a_failure_with_a_retry;
mod trace_of_a_matrix;
mod trace_of_a_pending_run;
mod trace_of_a_pipelinerun_timeout;
mod trace_of_a_pod_deleted_by_hand;
mod trace_of_a_pod_evicted_by_api;
mod trace_of_a_sidecar;
mod trace_of_a_skipped_task;
mod trace_of_a_step_out_of_memory;
mod trace_of_a_taskrun_of_its_own;
mod trace_of_a_taskrun_timeout;
mod trace_of_a_workspace;
mod trace_of_an_image_that_cannot_be_pulled;
mod trace_of_finally;
mod trace_of_init_containers;
mod trace_of_on_error_continue;
mod trace_of_success;
