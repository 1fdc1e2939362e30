//! The recorder's server, and the file that it fills.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

/// A line of a recording.
#[derive(Serialize)]
struct Line<'a> {
    received_unix_nano: i128,
    phase: &'a str,
    review: &'a RawValue,
}

/// One call, or the end.
type Call = Option<(String, Timestamp, Bytes)>;

/// What comes in is written by a thread, so that the API server waits for no disk.
pub(super) struct Calls {
    server: Server,
    writer: JoinHandle<Result<usize>>,
}

#[derive(Clone)]
struct Server {
    calls: Sender<Call>,
    /// The name of an object that only asks whether anybody listens.
    probe: Arc<str>,
    arrived: Arc<AtomicBool>,
}

impl Calls {
    /// Writes to `out`, but no calls about an object called `probe`.
    pub(super) fn write_to(out: &Path, probe: &str) -> Result<Self> {
        let lines = create(out)?;
        let (sender, calls) = mpsc::channel::<Call>();
        let writer = thread::spawn(move || write(&calls, lines));
        Ok(Self { server: Server { calls: sender, probe: probe.into(), arrived: Arc::default() }, writer })
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/{phase}", post(answer))
            // What the API server accepts, twice: as object and as oldObject.
            .layer(DefaultBodyLimit::max(7 << 20))
            .with_state(self.server.clone())
    }

    /// Whether the probe has come.
    pub(super) fn has_arrived(&self) -> bool {
        self.server.arrived.load(Ordering::Relaxed)
    }

    /// Whether nothing can be written any more.
    pub(super) fn has_failed(&self) -> bool {
        self.writer.is_finished()
    }

    /// Writes what has come, and gives its number.
    pub(super) fn finish(self) -> Result<usize> {
        // Without a receiver the writer has failed, and says why.
        let _ = self.server.calls.send(None);
        self.writer.join().map_err(|_| anyhow!("the writer panicked"))?
    }
}

fn write(calls: &Receiver<Call>, mut lines: Box<dyn Write>) -> Result<usize> {
    let mut count = 0;
    while let Ok(Some((phase, received, body))) = calls.recv() {
        let review = serde_json::from_slice(&body)?;
        let received_unix_nano = received.as_nanosecond();
        serde_json::to_writer(&mut lines, &Line { received_unix_nano, phase: &phase, review })?;
        lines.write_all(b"\n")?;
        count += 1;
    }
    lines.flush()?;
    Ok(count)
}

fn create(out: &Path) -> Result<Box<dyn Write + Send>> {
    let file = File::create(out).with_context(|| out.display().to_string())?;
    if out.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(zstd::Encoder::new(file, 19)?.auto_finish()));
    }
    Ok(Box::new(BufWriter::new(file)))
}

async fn answer(State(server): State<Server>, UrlPath(phase): UrlPath<String>, body: Bytes) -> Response {
    #[derive(Deserialize)]
    struct Review {
        request: Request,
    }
    #[derive(Deserialize)]
    struct Request {
        uid: String,
        #[serde(default)]
        name: String,
    }
    let received = Timestamp::now();
    let Ok(Review { request }) = serde_json::from_slice::<Review>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if request.name == *server.probe {
        server.arrived.store(true, Ordering::Relaxed);
    } else {
        let _ = server.calls.send(Some((phase, received, body)));
    }
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": request.uid, "allowed": true},
    });
    ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
