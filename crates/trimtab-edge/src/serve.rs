//! Serving: connections on every listener, HTTP/1.1 and HTTP/2 in clear text told apart by their first bytes;
//! on shutdown, requests in flight finish.

use std::{io, time::Duration};

use axum::{Router, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use trimtab_telemetry::Tasks;

use crate::{Listener, Peer};

/// How long a client may take over the head of its request.
const HEAD: Duration = Duration::from_secs(30);
/// How long accepting rests when the system has no file descriptor left.
const REST: Duration = Duration::from_millis(50);

/// A server that runs until it is told to stop.
#[derive(Debug)]
pub struct Server {
    stop: CancellationToken,
    ended: mpsc::Receiver<()>,
}

impl Server {
    /// Serves a router on listeners.
    pub fn start(listeners: Vec<Listener>, router: Router, tasks: &Tasks) -> Self {
        let stop = CancellationToken::new();
        // Nothing is ever sent: the channel closes when the last accept loop has ended.
        let (running, ended) = mpsc::channel(1);
        for listener in listeners {
            let (router, stop, running) = (router.clone(), stop.clone(), running.clone());
            let tasks_of_connections = tasks.clone();
            tasks.spawn("listener", async move {
                accept(listener, router, stop, &tasks_of_connections).await;
                drop(running);
            });
        }
        Self { stop, ended }
    }

    /// Stops accepting and waits until the requests in flight are answered, at most `within`; answers whether
    /// all were.
    pub async fn shutdown(mut self, within: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(within, self.ended.recv())
            .await
            .is_ok()
    }
}

async fn accept(listener: Listener, router: Router, stop: CancellationToken, tasks: &Tasks) {
    let connections = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .adaptive_window(true);
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest(&error).await;
                continue;
            }
        };
        let _ = TcpStream::set_nodelay(&stream, true);
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(Some(peer)));
            router.clone().oneshot(request)
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = connections.watch(connection);
        tasks.spawn("connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "connection ended");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn rest(error: &io::Error) {
    // A peer that gave up before it was accepted is its own business; no descriptors left is everybody's.
    let is_peers = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_peers {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(REST).await;
    }
}
