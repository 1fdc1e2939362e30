//! SIGTERM and SIGINT as a signal that every part can wait for.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Begins to listen for SIGTERM and SIGINT: the first cancels the token, a second ends the process at once with 128
/// plus the signal's number, as a shell would show it.
///
/// Fails when the handlers cannot be installed. Needs a Tokio runtime.
pub fn listen() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let shutdown = token.clone();
    tokio::spawn(async move {
        loop {
            let (name, number) = tokio::select! {
                _ = terminate.recv() => ("SIGTERM", 15),
                _ = interrupt.recv() => ("SIGINT", 2),
            };
            if shutdown.is_cancelled() {
                tracing::warn!(signal = name, "Signalled again, leaving at once.");
                std::process::exit(128 + number);
            }
            tracing::info!(signal = name, "Signalled, shutting down.");
            shutdown.cancel();
        }
    });
    Ok(token)
}
