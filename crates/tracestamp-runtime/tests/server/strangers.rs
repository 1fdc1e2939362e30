//! Connections of strangers from the same address as those of the API server, more than there are slots.

use std::io;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tracestamp_runtime::server::Limits;

use crate::harness::{Authority, Running, args, drain, mount, start};

const SLOTS: usize = 48;
/// Connections that are opened while a call is at one stage, less than a sixth of the slots.
const MEANWHILE: usize = 6;

const HEADER: &[u8] = b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";

struct Network {
    running: Running,
    authority: Authority,
    held: Vec<Box<dyn Send>>,
}

impl Network {
    async fn start() -> Self {
        let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
        mount(directory.path(), "..1", &authority.issue());
        let limits = Limits { max_connections: SLOTS, ..Limits::default() };
        let running = start(args(&directory), limits, drain(0, 1000)).await;
        Self { running, authority, held: Vec::new() }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.running.port)).await.unwrap()
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.authority.handshake(stream).await
    }

    async fn bare(&mut self) {
        for _ in 0..MEANWHILE {
            self.held.push(Box::new(self.tcp().await));
        }
    }

    /// A call on a connection of its own, with strangers between any two steps.
    async fn call(&mut self) -> io::Result<()> {
        let stream = self.tcp().await;
        self.bare().await;
        let mut stream = self.handshake(stream).await?;
        self.bare().await;
        stream.write_all(HEADER).await?;
        self.bare().await;
        answer(&mut stream).await
    }
}

async fn call(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    stream.write_all(HEADER).await?;
    answer(stream).await
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    stream.write_all(b"hi").await?;
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\nhi") {
        if stream.read_buf(&mut text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    assert!(text.starts_with(b"HTTP/1.1 200 "));
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Filled {
    Silent,
    HalfHello,
    Handshake,
    Body,
    Answered,
}

#[tokio::test]
async fn however_strangers_fill_the_slots_every_new_connection_is_answered_and_a_pooled_one_kept() {
    for filled in [Filled::Silent, Filled::HalfHello, Filled::Handshake, Filled::Body, Filled::Answered] {
        let mut network = Network::start().await;
        let pooled = network.tcp().await;
        let mut pooled = network.handshake(pooled).await.unwrap();
        call(&mut pooled).await.unwrap();
        for number in 0..SLOTS + MEANWHILE {
            let mut stream = network.tcp().await;
            if filled == Filled::HalfHello {
                stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
            }
            if matches!(filled, Filled::Silent | Filled::HalfHello) {
                network.held.push(Box::new(stream));
                continue;
            }
            let mut stream = network.handshake(stream).await.unwrap();
            match filled {
                Filled::Body => stream.write_all(HEADER).await.unwrap(),
                Filled::Answered => call(&mut stream).await.unwrap(),
                _ => {}
            }
            network.held.push(Box::new(stream));
            if number % MEANWHILE == 0 {
                // Idle connections are not evicted right after an answer, while there are others.
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        }
        for call in 0..10 {
            network.call().await.unwrap_or_else(|error| panic!("{filled:?}, call {call}: {error}"));
        }
        call(&mut pooled).await.unwrap_or_else(|error| panic!("{filled:?}, the pooled connection: {error}"));
    }
}
