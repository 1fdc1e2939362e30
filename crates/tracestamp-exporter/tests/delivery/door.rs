//! A port that does as it was told with each connection, and in the end leads to a receiver.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What becomes of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Closed at once.
    Shut,
    /// Reset at once, with what was sent still unread.
    Reset,
    /// Read, and closed without a word.
    NoAnswer,
    /// Our side is closed at once and the other is read for a while: half closed.
    HalfClosed,
    /// Answered with these bytes and closed.
    Says(&'static [u8]),
    /// Neither read nor answered.
    Silent,
    /// Read a byte at a time.
    Dribble,
    /// Led to another place.
    To(SocketAddr),
}

pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    cut: Arc<Notify>,
}

impl Door {
    /// Cuts the connections that are led elsewhere.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}

/// Opens the port. Connections past the list are led to `at_last`.
pub(crate) async fn open(manners: impl IntoIterator<Item = Manner>, at_last: SocketAddr) -> Door {
    let cut = Arc::new(Notify::new());
    let door = Arc::clone(&cut);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut manners: VecDeque<_> = manners.into_iter().collect();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (manner, cut) = (manners.pop_front().unwrap_or(Manner::To(at_last)), Arc::clone(&cut));
            tokio::spawn(async move {
                tokio::select! {
                    () = serve(stream, manner) => {}
                    () = cut.notified() => {}
                }
            });
        }
    });
    Door { address, cut: door }
}

/// Errors are the other side's business.
async fn serve(mut stream: TcpStream, manner: Manner) {
    match manner {
        Manner::Shut => {}
        Manner::Reset => {
            stream.readable().await.unwrap();
            let _ = stream.set_zero_linger();
        }
        Manner::NoAnswer => {
            let _ = stream.read(&mut [0; 4096]).await;
        }
        Manner::HalfClosed => {
            let _ = stream.shutdown().await;
            let _ = tokio::time::timeout(Duration::from_millis(300), stream.read_to_end(&mut Vec::new())).await;
        }
        Manner::Says(bytes) => {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
        Manner::Silent => std::future::pending().await,
        Manner::Dribble => {
            while stream.read(&mut [0]).await.is_ok_and(|read| read > 0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::To(address) => {
            let mut inner = TcpStream::connect(address).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut inner).await;
        }
    }
}
