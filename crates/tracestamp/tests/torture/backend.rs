//! An OTLP/HTTP receiver that misbehaves now and then, and remembers everything it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::chance::Chance;

#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) endpoint: String,
    state: Arc<Mutex<Seen>>,
}

struct Seen {
    chance: Option<Chance>,
    /// The contents under each id, as often as they came.
    spans: BTreeMap<String, Vec<Vec<u8>>>,
    misbehaved: u64,
}

/// What there is to say in the end.
pub(crate) struct Told {
    pub(crate) spans: usize,
    pub(crate) repeated: usize,
    pub(crate) different: Vec<String>,
    pub(crate) misbehaved: u64,
}

impl Backend {
    /// Without a chance it never misbehaves.
    pub(crate) async fn start(chance: impl Into<Option<Chance>>) -> Self {
        let state = Seen { chance: chance.into(), spans: BTreeMap::new(), misbehaved: 0 };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let backend = Self { endpoint, state: Arc::new(Mutex::new(state)) };
        let router = Router::new().route("/v1/traces", post(receive)).with_state(backend.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        backend
    }

    /// From now on it takes everything and says so.
    pub(crate) fn behave(&self) {
        self.state.lock().unwrap().chance = None;
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.state.lock().unwrap().spans.contains_key(id)
    }

    /// How often each id came.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().spans.iter().map(|(id, sent)| (id.clone(), sent.len())).collect()
    }

    pub(crate) fn told(&self) -> Told {
        let state = self.state.lock().unwrap();
        let different = state.spans.iter().filter(|(_, sent)| sent.iter().any(|one| *one != sent[0]));
        Told {
            spans: state.spans.len(),
            repeated: state.spans.values().filter(|sent| sent.len() > 1).count(),
            different: different.map(|(id, _)| id.clone()).collect(),
            misbehaved: state.misbehaved,
        }
    }
}

/// What becomes of one request.
#[derive(Clone, Copy)]
enum Mood {
    Good,
    /// Not taken, to be tried again.
    Refuses,
    /// Taken, but the sender never learns of it.
    Forgets,
    /// Taken, after a while.
    Slow,
}

async fn receive(State(backend): State<Backend>, body: Bytes) -> Response {
    let mood = {
        let mut state = backend.state.lock().unwrap();
        let drawn = state.chance.as_mut().map_or(0, |chance| chance.below(100));
        let mood = match drawn {
            95.. => Mood::Refuses,
            90..95 => Mood::Forgets,
            80..90 => Mood::Slow,
            _ => Mood::Good,
        };
        state.misbehaved += u64::from(matches!(mood, Mood::Refuses | Mood::Forgets));
        mood
    };
    if matches!(mood, Mood::Refuses) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    {
        let mut state = backend.state.lock().unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|group| group.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let id = const_hex::encode([&*span.trace_id, &*span.span_id].concat());
            state.spans.entry(id).or_default().push(span.encode_to_vec());
        }
    }
    match mood {
        Mood::Forgets => return StatusCode::BAD_GATEWAY.into_response(),
        Mood::Slow => sleep(Duration::from_millis(40)).await,
        Mood::Good | Mood::Refuses => {}
    }
    // No bytes are an answer that refuses nothing.
    ([("content-type", "application/x-protobuf")], Bytes::new()).into_response()
}
