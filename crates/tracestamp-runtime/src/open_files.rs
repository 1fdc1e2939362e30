//! How many files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files to the most that is allowed, as Go's runtime does for every Go program: container
/// runtimes set it to 1024, for the sake of programs that use `select`, and allow more. Returns how many of those
/// `needed` are not allowed.
pub fn raise_open_files(needed: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let missing = needed.saturating_sub(limit);
    if missing > 0 {
        tracing::warn!(limit, needed, "Fewer files may be open than the settings need.");
    }
    missing
}
