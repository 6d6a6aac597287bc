//! What every test needs: databases, models, an event log, a clock that stands still.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use arrow::array::{AsArray as _, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use trimtab_db::{Db, Migration, testing};
use trimtab_events::{EventLog, Scan};
use trimtab_infer::{
    DataType, Engine, Engines, InferError, OnnxEngines, Signature, Tensor, TensorData, TensorSpec,
};
use trimtab_serving::{
    EndpointSpec, FetchError, ModelSource, PredictRequest, Revision, Serving, Traffic,
};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_types::{Clock, ErrorCode, Name, Scope, Time};

pub(crate) const MIGRATIONS: &[&[Migration]] =
    &[trimtab_events::MIGRATIONS, trimtab_serving::MIGRATIONS];

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn spec(endpoint: &str) -> EndpointSpec {
    EndpointSpec::new(name(endpoint), "flights", "delay")
}

/// Model folders by version, as the registry would bring them.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<HashMap<i64, PathBuf>>);

impl Models {
    pub(crate) fn put(&self, version: i64, folder: PathBuf) {
        self.0.lock().unwrap().insert(version, folder);
    }

    pub(crate) fn take(&self, version: i64) {
        self.0.lock().unwrap().remove(&version);
    }
}

#[async_trait]
impl ModelSource for Models {
    async fn fetch(&self, _: &Scope, model: &str, version: i64) -> Result<PathBuf, FetchError> {
        let folder = self.0.lock().unwrap().get(&version).cloned();
        folder.ok_or_else(|| FetchError {
            code: ErrorCode::NotFound,
            message: format!("model `{model}` has no version {version}"),
            hint: Some("register it".to_owned()),
        })
    }
}

/// Real models by file; `twice.fake` doubles its input, `picky.fake` fails on numbers below zero, `other.fake` takes
/// an input of another name.
#[derive(Debug)]
struct TestEngines(OnnxEngines);

impl Engines for TestEngines {
    fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError> {
        let file = model.file_name().unwrap().to_str().unwrap();
        match file.strip_suffix(".fake") {
            None => self.0.open(model),
            Some(kind) => Ok(Arc::new(Fake::new(kind))),
        }
    }
}

#[derive(Debug)]
struct Fake {
    kind: String,
    signature: Signature,
}

impl Fake {
    fn new(kind: &str) -> Self {
        let tensor = |name: &str| TensorSpec {
            name: name.to_owned(),
            datatype: DataType::Fp32,
            shape: vec![-1, 1],
        };
        let input = if kind == "other" { "z" } else { "x" };
        Self {
            kind: kind.to_owned(),
            signature: Signature {
                inputs: vec![tensor(input)],
                outputs: vec![tensor("y")],
                is_open: false,
            },
        }
    }
}

impl Engine for Fake {
    fn platform(&self) -> &'static str {
        "fake"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, InferError> {
        self.signature.check(inputs)?;
        let TensorData::Fp32(values) = inputs[0].data() else {
            unreachable!("checked")
        };
        if self.kind == "picky" && values.iter().any(|value| *value < 0.0) {
            return Err(InferError::Run {
                source: "negative".into(),
            });
        }
        let doubled: Vec<f32> = values.iter().map(|value| value * 2.0).collect();
        Ok(vec![Tensor::new("y", inputs[0].shape().to_vec(), doubled)?])
    }
}

/// A server's serving room.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) models: Arc<Models>,
    pub(crate) events: EventLog,
    pub(crate) serving: Serving,
    pub(crate) metrics: Metrics,
    pub(crate) scope: Scope,
    folder: tempfile::TempDir,
    tasks: Tasks,
}

impl World {
    /// One for each database.
    pub(crate) async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for db in testing::databases(MIGRATIONS).await.unwrap() {
            worlds.push(Self::over(db).await);
        }
        worlds
    }

    async fn over(db: Db) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::replay("2013-02-01".parse().unwrap());
        let tasks = Tasks::new();
        let events = EventLog::open(
            &folder.path().join("events"),
            db.clone(),
            clock.clone(),
            &tasks,
        )
        .await
        .unwrap();
        let models = Arc::new(Models::default());
        let metrics = Metrics::default();
        let this = Self {
            serving: serving(&db, &clock, &events, &models, &metrics, &tasks),
            db,
            clock,
            models,
            events,
            metrics,
            scope: Scope::local(),
            folder,
            tasks,
        };
        for (version, file) in [(1, "flights_1.onnx"), (2, "flights_2.onnx")] {
            this.models.put(version, this.mlflow_folder(version, file));
        }
        this
    }

    /// The service as a process that starts again would have it.
    pub(crate) fn restarted(&self) -> Serving {
        serving(
            &self.db,
            &self.clock,
            &self.events,
            &self.models,
            &Metrics::default(),
            &self.tasks,
        )
    }

    /// A model folder as `mlflow.onnx.log_model` leaves it, with a committed model or a fake one.
    pub(crate) fn mlflow_folder(&self, version: i64, file: &str) -> PathBuf {
        let folder = self.folder.path().join(format!("models/{version}"));
        fs::create_dir_all(&folder).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../trimtab-infer/tests/fixtures")
            .join(file);
        if fixture.is_file() {
            fs::copy(fixture, folder.join(file)).unwrap();
        } else {
            fs::write(folder.join(file), b"").unwrap();
        }
        fs::write(
            folder.join("MLmodel"),
            format!("flavors:\n  onnx:\n    data: {file}\n    onnx_version: 1.19.0\n  python_function:\n    loader_module: mlflow.onnx\n"),
        )
        .unwrap();
        folder
    }

    /// An endpoint with its first revision as champion.
    pub(crate) async fn endpoint(&self, spec: EndpointSpec, version: i64) -> Revision {
        let endpoint = spec.name.clone();
        self.serving
            .apply(&self.scope, "flights", vec![spec])
            .await
            .unwrap();
        let revision = self
            .serving
            .add_revision(&self.scope, &endpoint, version)
            .await
            .unwrap();
        let traffic = Traffic {
            champion: Some(revision.id),
            ..Traffic::default()
        };
        self.serving
            .set_traffic(&self.scope, &endpoint, traffic)
            .await
            .unwrap();
        revision
    }

    /// All events of an endpoint, as one batch of each kind of row.
    pub(crate) async fn events(&self, endpoint: &str) -> Vec<RecordBatch> {
        self.serving.drain().await.unwrap();
        let scan = Scan {
            workspace: self.scope.workspace.clone(),
            endpoint: name(endpoint),
            from: Time::MIN,
            to: Time::MAX,
            served_as: None,
            columns: None,
        };
        self.events.predictions(&scan).await.unwrap()
    }
}

fn serving(
    db: &Db,
    clock: &Clock,
    events: &EventLog,
    models: &Arc<Models>,
    metrics: &Metrics,
    tasks: &Tasks,
) -> Serving {
    let models: Arc<dyn ModelSource> = Arc::<Models>::clone(models);
    Serving::new(
        db.clone(),
        clock.clone(),
        events.clone(),
        models,
        Arc::new(TestEngines(OnnxEngines::default())),
        metrics,
        tasks,
    )
}

/// A column of texts.
pub(crate) fn column(batches: &[RecordBatch], name: &str) -> Vec<Option<String>> {
    batches
        .iter()
        .flat_map(|batch| {
            let array = batch.column_by_name(name).unwrap();
            let texts = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8).unwrap();
            let texts: &arrow::array::StringArray = texts.as_string();
            texts
                .iter()
                .map(|text| text.map(str::to_owned))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A column of texts that has no nulls.
pub(crate) fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    column(batches, name)
        .into_iter()
        .map(Option::unwrap)
        .collect()
}

/// A column of numbers.
pub(crate) fn numbers(batches: &[RecordBatch], name: &str) -> Vec<Option<f64>> {
    column(batches, name)
        .into_iter()
        .map(|text| text.map(|text| text.parse().unwrap()))
        .collect()
}

/// Two flights; the second has an unknown carrier and no temperature.
pub(crate) fn flights() -> PredictRequest {
    let texts = |name: &str, texts: [&'static str; 2]| {
        let values = texts.into_iter().map(Bytes::from).collect();
        Tensor::new(name, vec![2, 1], TensorData::Bytes(values)).unwrap()
    };
    let floats =
        |name: &str, values: [f32; 2]| Tensor::new(name, vec![2, 1], values.to_vec()).unwrap();
    PredictRequest {
        inputs: vec![
            texts("carrier", ["UA", "ZZ"]),
            texts("origin", ["EWR", "JFK"]),
            floats("distance", [500.0, 1000.0]),
            floats("temp", [10.0, f32::NAN]),
        ],
        ..PredictRequest::default()
    }
}

/// One row for a fake model.
pub(crate) fn number(value: f32, key: &str) -> PredictRequest {
    PredictRequest {
        inputs: vec![Tensor::new("x", vec![1, 1], vec![value]).unwrap()],
        assignment_key: Some(key.to_owned()),
        ..PredictRequest::default()
    }
}
