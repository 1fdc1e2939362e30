//! The traces of scenarios that more than one behaviour plays.

/// Of `success`.
pub(crate) const SUCCESS: &str = "
    pipeline_run RUN success
      task_run build
        pod pod
          init_container place-scripts
          init_container prepare
        step check
        step compile
      task_run report
        pod pod
          init_container place-scripts
          init_container prepare
        step check
        step compile
      task_run test
        pod pod
          init_container place-scripts
          init_container prepare
        step check
        step compile
      finally finally
    ";

/// Of `matrix`.
pub(crate) const MATRIX: &str = "
    pipeline_run RUN matrix
      task_run after
        pod pod
          init_container place-scripts
          init_container prepare
        step show
      task_run platforms
        pod pod
          init_container place-scripts
          init_container prepare
        step show
      task_run platforms
        pod pod
          init_container place-scripts
          init_container prepare
        step show
    ";

/// Of `taskrun`.
pub(crate) const TASK_RUN: &str = "
    task_run taskrun
      pod pod
        init_container place-scripts
        init_container prepare
      step one
      step two
    ";
