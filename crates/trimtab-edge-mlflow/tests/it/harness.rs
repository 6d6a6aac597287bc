//! A server in this process, on each database, in its own temporary folder.

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use trimtab_access::{Access, AccessMode};
use trimtab_blob::BlobStore;
use trimtab_db::{Db, Migration, testing};
use trimtab_edge::{HostPolicy, Server, Shell};
use trimtab_registry::{Registry, WebhookPolicy, Webhooks};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_tracking::Tracking;
use trimtab_types::Clock;

const ALL: &[&[Migration]] = &[
    trimtab_access::MIGRATIONS,
    trimtab_blob::MIGRATIONS,
    trimtab_tracking::MIGRATIONS,
    trimtab_registry::MIGRATIONS,
];

pub(crate) struct Harness {
    pub(crate) router: Router,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

/// The same server on every database.
pub(crate) async fn all() -> Vec<Harness> {
    let mut harnesses = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        harnesses.push(Harness::on(db).await);
    }
    harnesses
}

impl Harness {
    async fn on(db: Db) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), clock.clone())
            .await
            .unwrap();
        let access = Access::open(db.clone(), clock.clone(), AccessMode::Tokens)
            .await
            .unwrap();
        let tracking = Tracking::new(db.clone(), clock.clone(), blobs);
        let tasks = Tasks::new();
        // The receivers of the tests are on this machine.
        let policy = WebhookPolicy {
            allow_private: true,
        };
        let webhooks = Webhooks::new(db.clone(), clock.clone(), policy);
        tasks.spawn("webhooks", webhooks.clone().run(tasks.clone()));
        let router = Shell::new(
            access,
            Metrics::default(),
            tasks.clone(),
            HostPolicy::default(),
        )
        .mount(trimtab_edge_mlflow::routes(
            tracking,
            Registry::new(db, clock),
        ))
        .mount(trimtab_edge_mlflow::webhook_routes(webhooks))
        .into_router()
        .unwrap();
        Self {
            router,
            tasks,
            _folder: folder,
        }
    }

    /// Serves on a port of the loopback; answers the server and its URL.
    pub(crate) async fn serve(&self) -> (Server, String) {
        let listeners = trimtab_edge::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listeners[0].address);
        (
            Server::start(listeners, self.router.clone(), &self.tasks),
            url,
        )
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec())
    }

    async fn json(&self, request: Request<Body>) -> (StatusCode, Value) {
        let (status, body) = self.send(request).await;
        let value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&body)));
        (status, value)
    }

    /// Sends JSON below `/api/2.0/mlflow/`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/2.0/mlflow/{path}"))
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.json(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call("POST", path, body).await
    }

    /// A POST that must succeed.
    pub(crate) async fn ok(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.post(path, body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{path} {body}: {value}");
        value
    }

    /// A POST that must be refused; answers the word and the message.
    pub(crate) async fn refused(&self, path: &str, body: Value) -> (u16, String, String) {
        let (status, value) = self.post(path, body).await;
        (
            status.as_u16(),
            value["error_code"].as_str().unwrap_or_default().to_owned(),
            value["message"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// GETs a whole path.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.json(get(path)).await
    }

    /// A new run in experiment 0.
    pub(crate) async fn run(&self) -> String {
        let made = self
            .ok(
                "runs/create",
                serde_json::json!({ "experiment_id": "0", "start_time": 1_000 }),
            )
            .await;
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::builder()
        .uri(path)
        .header(header::HOST, "127.0.0.1")
        .body(Body::empty())
        .unwrap()
}

pub(crate) fn put(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method("PUT")
        .uri(path)
        .header(header::HOST, "127.0.0.1")
        .body(body.into())
        .unwrap()
}
