//! The receiver in use, and its exchange when the settings change.

use std::time::Duration;

use tokio::time::Instant;

use crate::own_traces::OwnTraces;
use crate::settings::{InvalidSetting, OtlpArgs, Target};
use crate::transport::Transport;

/// A target that was checked, and the way there.
#[derive(Debug)]
pub(crate) struct Receiver {
    target: Target,
    pub(crate) transport: Transport,
    pub(crate) own_traces: Option<OwnTraces>,
}

/// Compares the settings' files with what is in use. Polled, never watched: a mounted Secret changes by the swap of a
/// symlink, which a watch on the file does not see.
#[derive(Debug)]
pub(crate) struct Receivers {
    settings: OtlpArgs,
    own_traces: bool,
    interval: Duration,
    looked: Instant,
    /// `None`: tracing is off.
    pub(crate) current: Option<Receiver>,
    /// What was last found wrong, said once.
    problem: Option<InvalidSetting>,
}

/// What a look at the settings gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Same,
    Changed,
    /// What is there cannot be used; what was in use stays.
    Unusable,
}

impl Receiver {
    /// Sends the last own traces, on a thread that nothing else needs.
    pub(crate) async fn close(self) {
        if let Some(own_traces) = self.own_traces {
            let _ = tokio::task::spawn_blocking(move || own_traces.shutdown()).await;
        }
    }
}

impl Receivers {
    pub(crate) fn new(settings: OtlpArgs, own_traces: bool, interval: Duration) -> Result<Self, InvalidSetting> {
        let current = settings.target()?.map(|target| connect(target, own_traces)).transpose()?;
        log(current.as_ref());
        Ok(Self { settings, own_traces, interval, looked: Instant::now(), current, problem: None })
    }

    /// Looks again when the interval is over.
    pub(crate) fn look(&mut self) -> Look {
        if self.looked.elapsed() < self.interval {
            return Look::Same;
        }
        self.looked = Instant::now();
        let target = match self.settings.target() {
            Ok(target) if target.as_ref() == self.current.as_ref().map(|current| &current.target) => {
                self.problem = None;
                return Look::Same;
            }
            target => target,
        };
        match target.and_then(|target| target.map(|target| connect(target, self.own_traces)).transpose()) {
            Ok(receiver) => {
                log(receiver.as_ref());
                if let Some(last) = std::mem::replace(&mut self.current, receiver) {
                    tokio::spawn(last.close());
                }
                self.problem = None;
                Look::Changed
            }
            // A Secret may be written one key after another: certificate and key fit only at the next look.
            Err(problem) if self.problem.as_ref() != Some(&problem) => {
                tracing::warn!(%problem, "The changed settings cannot be used, the last ones stay in use.");
                self.problem = Some(problem);
                Look::Unusable
            }
            Err(_) => Look::Same,
        }
    }
}

fn connect(target: Target, own_traces: bool) -> Result<Receiver, InvalidSetting> {
    let transport = Transport::new(&target)?;
    let own_traces = own_traces.then(|| OwnTraces::new(&target, &transport)).transpose()?;
    Ok(Receiver { target, transport, own_traces })
}

fn log(receiver: Option<&Receiver>) {
    if let Some(Receiver { target, .. }) = receiver {
        tracing::info!(endpoint = target.shown_url(), protocol = ?target.protocol, "Delivering.");
    } else {
        tracing::info!("No endpoint is configured (OTEL_EXPORTER_OTLP_ENDPOINT): tracing is off.");
    }
}
