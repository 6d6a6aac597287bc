//! A server with models behind its endpoints.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use trimtab_access::{Access, AccessMode};
use trimtab_db::{Migration, testing};
use trimtab_edge::{HostPolicy, Routes, Shell};
use trimtab_edge_oip::Inference;
use trimtab_events::EventLog;
use trimtab_registry::{CreateVersion, Registry};
use trimtab_serving::{EndpointSpec, EventTimeSource, FetchError, ModelSource, Serving, Traffic};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_types::{Clock, ErrorCode, Name, Scope};

const MIGRATIONS: &[&[Migration]] = &[
    trimtab_access::MIGRATIONS,
    trimtab_events::MIGRATIONS,
    trimtab_registry::MIGRATIONS,
    trimtab_serving::MIGRATIONS,
];

/// Every endpoint of the tests, and the model files of its versions.
const ENDPOINTS: &[(&str, &[&str])] = &[
    ("flights", &["flights_1.onnx", "flights_2.onnx"]),
    ("types", &["types.onnx"]),
    ("logarithm", &["logarithm.onnx"]),
    ("matrix", &["zipmap_text.onnx"]),
    ("reshape", &["reshape.onnx"]),
];

#[derive(Debug)]
struct Models(PathBuf);

#[async_trait]
impl ModelSource for Models {
    async fn fetch(&self, _: &Scope, model: &str, version: i64) -> Result<PathBuf, FetchError> {
        let folder = self.0.join(model).join(version.to_string());
        if folder.is_dir() {
            Ok(folder)
        } else {
            Err(FetchError {
                code: ErrorCode::NotFound,
                message: "no such version".to_owned(),
                hint: None,
            })
        }
    }

    async fn registered_by(
        &self,
        _: &Scope,
        model: &str,
        _: i64,
    ) -> Result<Option<String>, FetchError> {
        Ok((model != "nobodys").then(|| "tests".to_owned()))
    }
}

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) serving: Serving,
    pub(crate) events: EventLog,
    pub(crate) tasks: Tasks,
    pub(crate) inference: Inference,
    pub(crate) stopping: CancellationToken,
    pub(crate) registry: Registry,
    pub(crate) folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|inference| {
            [
                trimtab_edge_oip::routes(inference.clone()),
                trimtab_edge_oip::grpc_routes(inference),
            ]
        })
        .await
    }

    pub(crate) async fn with<const N: usize>(
        routes: impl FnOnce(Inference) -> [Routes; N],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = testing::sqlite(MIGRATIONS).await.unwrap();
        let (clock, tasks, metrics) = (Clock::system(), Tasks::new(), Metrics::default());
        let events = EventLog::open(
            &folder.path().join("events"),
            db.clone(),
            clock.clone(),
            &tasks,
        )
        .await
        .unwrap();
        let serving = Serving::new(
            db.clone(),
            clock.clone(),
            events.clone(),
            Arc::new(Models(folder.path().join("models"))),
            Arc::new(crate::pyfunc::engines(folder.path())),
            &metrics,
            &tasks,
        );
        for (name, files) in ENDPOINTS {
            endpoint(&serving, folder.path(), name, files).await;
        }
        let empty = EndpointSpec::new("empty".parse().unwrap(), "tests", "none");
        serving
            .apply(&Scope::local(), "tests", vec![empty])
            .await
            .unwrap();
        let access = Access::open(db.clone(), clock.clone(), AccessMode::Tokens)
            .await
            .unwrap();
        let registry = Registry::new(db.clone(), clock.clone());
        for model in ["spare", "other"] {
            register(&registry, folder.path(), model, "flights_1.onnx").await;
        }
        // What the clients load; the other model has no alias.
        registry
            .set_alias(&Scope::local(), "other", "champion", 1)
            .await
            .unwrap();
        let stopping = CancellationToken::new();
        let inference = Inference::new(serving.clone(), Some(registry.clone()), stopping.clone());
        let shell = Shell::new(access, metrics, tasks.clone(), HostPolicy::default());
        let router = routes(inference.clone())
            .into_iter()
            .fold(shell, Shell::mount)
            .into_router()
            .unwrap();
        Self {
            router,
            serving,
            events,
            tasks,
            inference,
            stopping,
            registry,
            folder,
        }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, json: impl Into<Body>) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], json)
            .await
    }
}

/// A registered model with one version, which no endpoint serves.
async fn register(registry: &Registry, folder: &Path, name: &str, file: &str) {
    let scope = Scope::local();
    registry
        .create_model(&scope, name, None, &[])
        .await
        .unwrap();
    let version = CreateVersion {
        model: name.to_owned(),
        source: format!("mlflow-artifacts:/{name}"),
        ..CreateVersion::default()
    };
    registry.create_version(&scope, version).await.unwrap();
    put(folder, name, 1, file);
}

/// Puts a model's file where its version is fetched from.
fn put(folder: &Path, model: &str, version: i64, file: &str) {
    let place = folder.join("models").join(model).join(version.to_string());
    fs::create_dir_all(&place).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../trimtab-infer/tests/fixtures")
        .join(file);
    fs::copy(fixture, place.join("model.onnx")).unwrap();
}

async fn endpoint(serving: &Serving, folder: &Path, name: &str, files: &[&str]) {
    let scope = Scope::local();
    let endpoint: Name = name.parse().unwrap();
    let spec = EndpointSpec {
        row_key: Some("flight_id".to_owned()),
        event_time: EventTimeSource::Caller,
        ..EndpointSpec::new(endpoint.clone(), "tests", name)
    };
    serving.apply(&scope, "tests", vec![spec]).await.unwrap();
    for (at, file) in files.iter().enumerate() {
        let version = i64::try_from(at).unwrap() + 1;
        put(folder, name, version, file);
        let revision = serving
            .add_revision(&scope, &endpoint, version)
            .await
            .unwrap();
        if version == 1 {
            let traffic = Traffic {
                champion: Some(revision.id),
                ..Traffic::default()
            };
            serving
                .set_traffic(&scope, &endpoint, traffic)
                .await
                .unwrap();
        }
    }
}

/// Two flights in V2 JSON; the second has an unknown carrier and no temperature.
pub(crate) const FLIGHTS: &str = r#"{"id":"mine","inputs":[
    {"name":"carrier","shape":[2,1],"datatype":"BYTES","data":["UA","ZZ"]},
    {"name":"origin","shape":[2,1],"datatype":"BYTES","data":[["EWR"],["JFK"]]},
    {"name":"distance","shape":[2,1],"datatype":"FP32","data":[500,1000.0]},
    {"data":[10.0,"NaN"],"shape":[2,1],"name":"temp","datatype":"FP32"}]}"#;
