//! Requests as no HTTP client writes them.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracestamp_runtime::server::Limits;

use crate::harness::{Authority, Running, args, drain, mount, start};

/// What is answered: the status of each answer, in order, until the server closes or has answered the last request,
/// which asks it to close.
async fn statuses(authority: &Authority, running: &Running, request: &[u8]) -> Vec<u16> {
    let stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    let mut stream = authority.handshake(stream).await.unwrap();
    // It may be refused before all of it was written.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_mins(1), read).await.expect("the connection is closed");
    let text = String::from_utf8_lossy(&answer);
    text.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
}

#[tokio::test]
async fn each_shape_of_a_request_has_its_answer_and_harms_nobody() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { idle_timeout: Duration::from_secs(2), ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 1000)).await;
    let post = |headers: &str, body: &str| {
        format!("POST /body HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n{body}")
    };
    let kept = "POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";
    let many = |number: usize| (0..number).map(|number| format!("x{number}: y\r\n")).collect::<Vec<_>>().concat();
    let table: &[(&str, String, &[u16])] = &[
        ("a body of known length", post("content-length: 2\r\n", "hi"), &[200]),
        ("no body", post("content-length: 0\r\n", ""), &[200]),
        ("three at once", format!("{kept}{kept}{}", post("content-length: 2\r\n", "hi")), &[200, 200, 200]),
        ("chunks", post("transfer-encoding: chunked\r\n", "1\r\nh\r\n1;a=b\r\ni\r\n0\r\nx: y\r\n\r\n"), &[200]),
        ("a chunk longer than any", post("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nhi"), &[400]),
        ("a chunk of no number", post("transfer-encoding: chunked\r\n", "zz\r\nhi\r\n0\r\n\r\n"), &[400]),
        ("chunks that end early", post("transfer-encoding: chunked\r\n", "2\r\nhix0\r\n\r\n"), &[400]),
        ("an unknown coding", post("transfer-encoding: gzip\r\n", "hi"), &[400]),
        ("chunks that are not last", post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"), &[400]),
        ("two lengths", post("content-length: 2\r\ncontent-length: 3\r\n", "hi!"), &[400]),
        ("a length below zero", post("content-length: -1\r\n", ""), &[400]),
        ("a length of no number", post("content-length: 0x2\r\n", "hi"), &[400]),
        ("a length above any", post("content-length: 99999999999999999999\r\n", "hi"), &[400]),
        ("100 headers", post(&many(97), ""), &[200]),
        ("more than 100 headers", post(&many(120), ""), &[431]),
        ("a header of 64 KiB", post(&format!("x: {}\r\n", "y".repeat(64 << 10)), ""), &[431]),
        ("a folded header", post("x: y\r\n z\r\n", ""), &[400]),
        ("a NUL in a header", post("x: \0\r\n", ""), &[400]),
        ("a blank before the colon", post("x : y\r\n", ""), &[400]),
        ("a path of 64 KiB", format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(64 << 10)), &[431]),
        ("100-continue", post("expect: 100-continue\r\ncontent-length: 2\r\n", "hi"), &[100, 200]),
        ("an upgrade to h2c", post("upgrade: h2c\r\ncontent-length: 2\r\n", "hi"), &[200]),
        ("the whole URL", post("content-length: 2\r\n", "hi").replace("/body", "https://elsewhere/body"), &[200]),
        ("another path", post("", "").replace("/body", "//body"), &[404]),
        ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), &[404]),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), &[404]),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
        ("HTTP/1.0", post("content-length: 2\r\n", "hi").replace("1.1", "1.0"), &[200]),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), &[400]),
        ("a TLS handshake in TLS", "\x16\x03\x01\x02\0\x01".to_owned(), &[400]),
        ("a header without an end", "GET / HTTP/1.1\r\nhost: a\r\nx: ".to_owned(), &[]),
        ("nothing", String::new(), &[]),
    ];
    let mut wrong = Vec::new();
    for (what, request, expected) in table {
        let found = statuses(&authority, &running, request.as_bytes()).await;
        if found != *expected {
            wrong.push(format!("{what}: {found:?}, not {expected:?}"));
        }
        assert_eq!(
            statuses(&authority, &running, post("content-length: 2\r\n", "hi").as_bytes()).await,
            [200],
            "{what}"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_cut_after_the_idle_timeout_however_steady() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { idle_timeout: Duration::from_secs(1), ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 1000)).await;
    let stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    let mut stream = authority.handshake(stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    // A byte every 50 ms: it would last for minutes.
    let bytes = async {
        for _ in 0..6000 {
            if stream.write_all(b"y").await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    assert!(bytes.await, "the connection is cut");
}
