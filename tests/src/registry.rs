//! A small read-only image registry, so that `Pulling` and `Pulled` events are real.
//!
//! containerd asks it for the images of every host, and says by `?ns=` which host it means. For other hosts than the
//! harness' own, whatever the name, it answers with busybox: what other people's manifests need of an image is mostly a
//! shell.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::sleep;

use crate::image::{self, Image};
use crate::serve;

/// How long each answer about the slow image takes.
const SLOWNESS: Duration = Duration::from_secs(2);

/// Everything it holds, by the path below `/v2/`.
type Contents = HashMap<String, Entry>;

struct Entry {
    media_type: &'static str,
    digest: String,
    bytes: Bytes,
}

/// Serves `images` on a free port of the loopback for as long as the runtime lives.
pub(crate) fn serve(images: Vec<Image>) -> Result<SocketAddr> {
    let mut contents = Contents::new();
    for image in images {
        let digest = image::digest(&image.manifest);
        for reference in [&digest, "1"] {
            let entry = Entry { media_type: image::MANIFEST, digest: digest.clone(), bytes: image.manifest.clone() };
            contents.insert(format!("{}/manifests/{reference}", image.repository), entry);
        }
        for (digest, bytes) in image.blobs {
            let path = format!("{}/blobs/{digest}", image.repository);
            contents.insert(path, Entry { media_type: "application/octet-stream", digest, bytes });
        }
    }
    serve::http(Router::new().fallback(answer).with_state(Arc::new(contents)))
}

async fn answer(State(contents): State<Arc<Contents>>, method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches("/v2/");
    if path.is_empty() {
        return StatusCode::OK.into_response();
    }
    let path = if is_foreign(&uri) { stand_in(path) } else { path.to_owned() };
    let Some(Entry { media_type, digest, bytes }) = contents.get(&path) else {
        return (StatusCode::NOT_FOUND, r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#).into_response();
    };
    if path.starts_with(&format!("{}/", image::SLOW)) {
        sleep(SLOWNESS).await;
    }
    let headers = [
        (header::CONTENT_TYPE, (*media_type).to_owned()),
        (header::CONTENT_LENGTH, bytes.len().to_string()),
        (header::HeaderName::from_static("docker-content-digest"), digest.clone()),
    ];
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(bytes.clone()) };
    (headers, body).into_response()
}

fn is_foreign(uri: &Uri) -> bool {
    let parameters = uri.query().unwrap_or_default().split('&');
    parameters.filter_map(|parameter| parameter.strip_prefix("ns=")).any(|host| host != image::HOST)
}

/// The same of busybox. A digest stays what it is: it promises a content.
fn stand_in(path: &str) -> String {
    match (path.rsplit_once("/manifests/"), path.rsplit_once("/blobs/")) {
        (Some((_, digest)), _) if digest.starts_with("sha256:") => format!("busybox/manifests/{digest}"),
        (Some(_), _) => "busybox/manifests/1".to_owned(),
        (None, Some((_, digest))) => format!("busybox/blobs/{digest}"),
        (None, None) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_foreign, stand_in};

    #[test]
    fn only_images_of_other_hosts_are_stood_in_for() {
        assert!(is_foreign(&"/v2/library/alpine/manifests/latest?ns=docker.io".parse().unwrap()));
        assert!(!is_foreign(&"/v2/no-such-image/manifests/1?ns=test.local".parse().unwrap()));
        assert!(!is_foreign(&"/v2/busybox/manifests/1".parse().unwrap()));
    }

    #[test]
    fn a_tag_is_busybox_and_a_digest_is_what_it_says() {
        assert_eq!(stand_in("alpine/git/manifests/v2"), "busybox/manifests/1");
        assert_eq!(stand_in("alpine/git/manifests/sha256:00"), "busybox/manifests/sha256:00");
        assert_eq!(stand_in("alpine/git/blobs/sha256:00"), "busybox/blobs/sha256:00");
    }
}
