//! Real connections.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::Notify};
use trimtab_edge::{BindError, Edge, HostPolicy, Listener, Route, Routes, Server, bind};
use trimtab_telemetry::Tasks;
use trimtab_types::Verb;

use super::{access, router, shell};

async fn http1(listener: std::net::SocketAddr, path: &str) -> (u16, Bytes) {
    let stream = TcpStream::connect(listener).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    let exchange = async {
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        drop(sender);
        (status, body)
    };
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

#[tokio::test]
async fn one_listener_speaks_http1_and_http2() {
    let tasks = Tasks::new();
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].address;
    let server = Server::start(listeners, router(&access().await), &tasks);
    assert_eq!(http1(address, "/livez").await, (200, Bytes::from("ok")));

    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tasks.spawn("client", async move {
        let _ = connection.await;
    });
    let request = Request::get(format!("http://{address}/livez"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.status(), 200);
    drop(sender);
    assert!(server.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn requests_in_flight_finish_at_shutdown() {
    let (arrived, go_on) = (
        std::sync::Arc::new(Notify::new()),
        std::sync::Arc::new(Notify::new()),
    );
    let slow = {
        let (arrived, go_on) = (arrived.clone(), go_on.clone());
        Routes::new(Edge::Api).route(
            Route::get("/api/v1/slow", Verb::Read, "thing"),
            move || async move {
                arrived.notify_one();
                go_on.notified().await;
                Body::from("done")
            },
        )
    };
    let tasks = Tasks::new();
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].address;
    let router = shell(&access().await, HostPolicy::default())
        .mount(slow)
        .into_router()
        .unwrap();
    let server = Server::start(listeners, router, &tasks);
    let stop = async {
        arrived.notified().await;
        let stopping = server.shutdown(Duration::from_secs(5));
        let mut stopping = std::pin::pin!(stopping);
        // Shutdown has begun and waits: it cannot be over while the request is not answered.
        assert!(futures::poll!(&mut stopping).is_pending());
        go_on.notify_one();
        stopping.await
    };
    let (answer, is_clean) = tokio::join!(http1(address, "/api/v1/slow"), stop);
    assert_eq!(answer, (200, Bytes::from("done")));
    assert!(is_clean);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let first: Vec<Listener> = bind("localhost:0").await.unwrap();
    let port = first[0].address.port();
    assert!(first.iter().all(|listener| listener.address.port() == port));
    let taken = bind(&format!("127.0.0.1:{port}")).await.unwrap_err();
    let BindError::Taken { holder, .. } = &taken else {
        panic!("{taken}");
    };
    let own = format!("(process {})", std::process::id());
    assert!(holder.as_ref().unwrap().ends_with(&own), "{taken}");
    for bad in ["5000", "localhost", "localhost:x", "example.com:80", ""] {
        assert!(
            matches!(bind(bad).await, Err(BindError::Address(_))),
            "{bad}"
        );
    }
}
