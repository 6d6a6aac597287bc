//! The services as the server composes them, with ports that tests turn.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    pin::Pin,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration as StdDuration,
};

use arrow::{
    array::{
        ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::Float64Type,
};
use async_trait::async_trait;
use trimtab_blob::BlobStore;
use trimtab_data::{Data, DatasetSource, DatasetVersion};
use trimtab_db::{Db, Migration, testing};
use trimtab_events::{EventLog, Feedback, FeedbackAddress, FeedbackValue};
use trimtab_exec::LocalExecutor;
use trimtab_infer::{OnnxEngines, Tensor};
use trimtab_loop::{
    Autonomy, Decision, Loop, LoopError, LoopServices, Plan, RolloutPolicy, StepKind, StepName,
    StepSpec, StepState, TriggerSpec,
};
use trimtab_monitor::{
    CheckSource, EndpointReference, MonitorSpec, Monitors, PortError, ReferenceSource, Severity,
    WindowCheck, WindowChecks,
};
use trimtab_pipeline::{PipelineDirs, Pipelines, Project};
use trimtab_registry::{CreateVersion, Registry};
use trimtab_serving::{
    EndpointSpec, EventTimeSource, FetchError, ModelSource, PredictRequest, Serving,
};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_tracking::Tracking;
use trimtab_types::{
    Clock, DatasetVersionId, Duration, ErrorCode, Name, PlanId, RunId, Scope, Time, WorkspaceId,
};

use crate::curve;

pub(crate) const MIGRATIONS: &[&[Migration]] = &[
    trimtab_blob::MIGRATIONS,
    trimtab_events::MIGRATIONS,
    trimtab_tracking::MIGRATIONS,
    trimtab_registry::MIGRATIONS,
    trimtab_data::MIGRATIONS,
    trimtab_pipeline::MIGRATIONS,
    trimtab_serving::MIGRATIONS,
    trimtab_monitor::MIGRATIONS,
    trimtab_loop::MIGRATIONS,
];

pub(crate) const DAY: Duration = Duration::from_days(1);
/// Rows of a day and of a request.
const ROWS: i64 = 240;
const BATCH: usize = 4;
/// The world before and after it changes: (a, b) of its curve.
pub(crate) const OLD: (f32, f32) = (-2.0, 1.5);
pub(crate) const NEW: (f32, f32) = (2.0, 1.5);
/// The training stage: waits until the test says what it "learned".
const STAGE: &str = "stages:
  train:
    cmd: cat \"$TRAINING\" > model.txt
    deps: [data/train.csv]
    outs: [model.txt]
";

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The begin of a day; the first model learns from the five before day 0.
pub(crate) fn day(number: i64) -> Time {
    "2024-02-01".parse::<Time>().unwrap() + Duration::from_days(number)
}

pub(crate) fn policy(autonomy: Autonomy) -> RolloutPolicy {
    let hold = Duration::from_hours(12);
    RolloutPolicy {
        autonomy,
        min_labelled: 100,
        steps: [
            StepKind::Shadow,
            StepKind::Canary { weight: 5_000 },
            StepKind::Bake,
        ]
        .map(|kind| StepSpec { kind, hold })
        .into(),
        ..RolloutPolicy::default()
    }
}

pub(crate) fn trigger(monitor: Option<&str>) -> TriggerSpec {
    TriggerSpec {
        name: name("retrain"),
        project: name("curve"),
        endpoint: name("curve"),
        monitor: monitor.map(name),
        stages: vec!["train".to_owned()],
        dataset: "data/train.csv".to_owned(),
        cooldown: Some(Duration::from_days(2)),
    }
}

/// One row of the made-up world.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    id: String,
    at: Time,
    x: f64,
    label: f64,
}

/// A day's rows under a curve; `lean` moves `x` to the right end without leaving its range.
pub(crate) fn rows(number: i64, (a, b): (f32, f32), lean: bool) -> Vec<Row> {
    let mut state = u64::from_ne_bytes((number + 1_000).to_ne_bytes());
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    draw();
    (0..ROWS)
        .map(|i| {
            let u = draw();
            let x = ((if lean { u.sqrt() } else { u }) * 4.0 - 2.0).clamp(-1.99, 1.99);
            let p = 1.0 / (1.0 + (-(f64::from(a) + f64::from(b) * x)).exp());
            Row {
                id: format!("{number}-{i}"),
                at: day(number) + Duration::from_micros(DAY.as_micros() / ROWS * i),
                x,
                label: f64::from(u8::from(draw() < p)),
            }
        })
        .collect()
}

/// Model folders by version.
#[derive(Debug, Default)]
struct Models(Mutex<HashMap<i64, PathBuf>>);

#[async_trait]
impl ModelSource for Models {
    async fn fetch(&self, _: &Scope, model: &str, version: i64) -> Result<PathBuf, FetchError> {
        let folder = self.0.lock().unwrap().get(&version).cloned();
        folder.ok_or_else(|| FetchError {
            code: ErrorCode::NotFound,
            message: format!("model `{model}` has no version {version}"),
            hint: None,
        })
    }
}

/// What monitors compare with; nothing until a test says so.
#[derive(Debug, Default)]
pub(crate) struct References(Mutex<Option<EndpointReference>>);

#[async_trait]
impl ReferenceSource for References {
    async fn reference(
        &self,
        _: &WorkspaceId,
        _: &Name,
    ) -> Result<Option<EndpointReference>, PortError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Fails a window whose `x` lies beyond what any day has.
#[derive(Debug)]
struct Checks;

#[async_trait]
impl CheckSource for Checks {
    async fn check(
        &self,
        _: &WorkspaceId,
        _: &Name,
        _: DatasetVersionId,
        batches: &[RecordBatch],
    ) -> Result<WindowChecks, PortError> {
        let is_beyond = batches.iter().any(|batch| {
            let x = arrow::compute::cast(
                batch.column_by_name("in.x").unwrap(),
                &arrow::datatypes::DataType::Float64,
            )
            .unwrap();
            x.as_primitive::<Float64Type>()
                .iter()
                .flatten()
                .any(|x| x > 50.0)
        });
        Ok(WindowChecks {
            results: vec![WindowCheck {
                check: "range".to_owned(),
                column: Some("x".to_owned()),
                severity: Severity::Error,
                passed: !is_beyond,
                observed: String::new(),
                expected: String::new(),
                message: "`x` lies beyond its range".to_owned(),
            }],
        })
    }
}

/// A house of services over one database.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) scope: Scope,
    pub(crate) services: LoopServices,
    pub(crate) controller: Loop,
    models: Arc<Models>,
    references: Arc<References>,
    folder: tempfile::TempDir,
    _tasks: Tasks,
}

impl World {
    /// One for each database, with a project, an endpoint and no model.
    pub(crate) async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for db in testing::databases(MIGRATIONS).await.unwrap() {
            worlds.push(Self::over(db).await);
        }
        worlds
    }

    async fn over(db: Db) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let clock = Clock::replay(day(0));
        let tasks = Tasks::new();
        let blobs = BlobStore::open(&inside("blobs"), db.clone(), clock.clone())
            .await
            .unwrap();
        let events = EventLog::open(&inside("events"), db.clone(), clock.clone(), &tasks)
            .await
            .unwrap();
        let data = Data::new(db.clone(), clock.clone(), blobs.clone(), events.clone());
        let dirs = PipelineDirs {
            worktrees: inside("worktrees"),
            dvc_cache: inside("dvc-cache"),
        };
        let executor = Arc::new(LocalExecutor::default());
        let models = Arc::new(Models::default());
        let references = Arc::new(References::default());
        let serving = Serving::new(
            db.clone(),
            clock.clone(),
            events.clone(),
            Arc::<Models>::clone(&models),
            Arc::new(OnnxEngines::default()),
            &Metrics::default(),
            &tasks,
        );
        let monitors = Monitors::new(
            db.clone(),
            clock.clone(),
            events.clone(),
            Arc::<References>::clone(&references),
            Arc::new(Checks),
        );
        let services = LoopServices {
            tracking: Tracking::new(db.clone(), clock.clone(), blobs),
            registry: Registry::new(db.clone(), clock.clone()),
            pipelines: Pipelines::new(db.clone(), clock.clone(), dirs, executor),
            events,
            data,
            serving,
            monitors,
        };
        let controller = Loop::new(
            db.clone(),
            clock.clone(),
            services.clone(),
            inside("inputs"),
        );
        let world = Self {
            scope: Scope::local(),
            db,
            clock,
            services,
            controller,
            models,
            references,
            folder,
            _tasks: tasks,
        };
        world.set_up().await;
        world
    }

    async fn set_up(&self) {
        let project = self.folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::write(project.join("dvc.yaml"), STAGE).unwrap();
        for arguments in [
            &["init", "-q"][..],
            &["add", "."],
            &["commit", "-q", "-m", "a stage"],
        ] {
            git(&project, arguments);
        }
        let project = Project {
            name: name("curve"),
            git: project.display().to_string(),
            subfolder: String::new(),
            commit: "HEAD".to_owned(),
        };
        self.services
            .pipelines
            .register(&self.scope, project)
            .await
            .unwrap();
        let spec = EndpointSpec {
            event_time: EventTimeSource::Caller,
            ..EndpointSpec::new(name("curve"), "curve", "curve")
        };
        self.services
            .serving
            .apply(&self.scope, "curve", vec![spec])
            .await
            .unwrap();
        self.services
            .registry
            .create_model(&self.scope, "curve", None, &[])
            .await
            .unwrap();
        let pipe = self.pipe();
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let env = vec![("TRAINING".to_owned(), pipe.display().to_string())];
        self.controller.set_training_env(env).await;
        self.apply(trigger(None), policy(Autonomy::Act)).await;
    }

    fn pipe(&self) -> PathBuf {
        self.folder.path().join("training")
    }

    pub(crate) async fn apply(&self, trigger: TriggerSpec, policy: RolloutPolicy) {
        self.controller
            .apply(
                &self.scope,
                &name("curve"),
                vec![trigger],
                vec![(name("curve"), policy)],
            )
            .await
            .unwrap();
    }

    /// A loop of another process over the same database.
    pub(crate) fn other_process(&self) -> Loop {
        let inputs = self.folder.path().join("other");
        std::fs::create_dir_all(&inputs).unwrap();
        Loop::new(
            self.db.clone(),
            self.clock.clone(),
            self.services.clone(),
            inputs,
        )
    }

    /// Registers a curve as the model's next version.
    pub(crate) async fn register(&self, (a, b): (f32, f32), run: Option<RunId>) -> i64 {
        let version = CreateVersion {
            model: "curve".to_owned(),
            source: "mlflow-artifacts:/made/by/hand".to_owned(),
            run_id: run,
            ..CreateVersion::default()
        };
        let version = self
            .services
            .registry
            .create_version(&self.scope, version)
            .await
            .unwrap()
            .version;
        let folder = self.folder.path().join(format!("models/{version}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.onnx"), curve::onnx(a, b)).unwrap();
        std::fs::write(
            folder.join("MLmodel"),
            "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\n  python_function:\n    loader_module: mlflow.onnx\n",
        )
        .unwrap();
        self.models.0.lock().unwrap().insert(version, folder);
        version
    }

    /// A version's files are gone, until they are found again.
    pub(crate) fn lose_model(&self, version: i64) {
        self.models.0.lock().unwrap().remove(&version);
    }

    pub(crate) fn find_model(&self, version: i64) {
        let folder = self.folder.path().join(format!("models/{version}"));
        self.models.0.lock().unwrap().insert(version, folder);
    }

    /// A dataset version of the five days before day 0.
    pub(crate) async fn first_dataset(&self) -> DatasetVersion {
        let rows: Vec<Row> = (-5..0)
            .flat_map(|number| rows(number, OLD, false))
            .collect();
        let batch = table(&rows);
        let source = DatasetSource::Table {
            path: "train.csv".to_owned(),
        };
        self.services
            .data
            .create_version(
                &self.scope,
                "curve-training",
                vec![batch],
                source,
                Some("event_time"),
            )
            .await
            .unwrap()
    }

    /// Monitors the endpoint against this dataset version.
    pub(crate) async fn monitor(&self, dataset: &DatasetVersion) {
        let batches = self
            .services
            .data
            .read(&self.scope, dataset.id)
            .await
            .unwrap();
        *self.references.0.lock().unwrap() = Some(EndpointReference {
            model_version: 1,
            dataset: dataset.id,
            batches: Arc::new(batches),
            label: Some("label".to_owned()),
            baseline: None,
            importances: None,
        });
        let spec = MonitorSpec {
            name: name("curve"),
            endpoint: name("curve"),
            window: None,
        };
        self.services
            .monitors
            .apply(&self.scope, "curve", vec![spec])
            .await
            .unwrap();
    }

    /// Version 1, the old world's curve, as the champion.
    pub(crate) async fn with_champion(&self) -> DatasetVersion {
        let dataset = self.first_dataset().await;
        let plan = self
            .controller
            .fire(&self.scope, &name("retrain"), Some(dataset.id))
            .await
            .unwrap();
        self.training(OLD, self.controller.tick()).await.unwrap();
        assert_eq!(
            self.plan(plan).await.state.as_str(),
            "promoted",
            "{:#?}",
            self.plan(plan).await
        );
        dataset
    }

    /// Runs `work` (a tick, or the clock) and lets the training that it comes to learn this curve.
    pub(crate) fn training<'a, T: 'a>(
        &'a self,
        curve: (f32, f32),
        work: impl Future<Output = Result<T, LoopError>> + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<T, LoopError>> + 'a>> {
        let learned = async move {
            let plan = self.plan_in_training().await;
            self.register(curve, Some(plan.ids.run)).await;
            self.let_training_end().await;
        };
        Box::pin(async move {
            let (done, ()) = tokio::join!(work, learned);
            done
        })
    }

    pub(crate) async fn plan_in_training(&self) -> Plan {
        loop {
            let plans = self.controller.plans(&self.scope, None, 1).await.unwrap();
            let is_training = |plan: &&Plan| {
                plan.steps
                    .iter()
                    .any(|step| step.name == StepName::Train && step.state == StepState::Running)
            };
            if let Some(plan) = plans.iter().find(is_training) {
                return plan.clone();
            }
            tokio::time::timeout(StdDuration::from_millis(2), std::future::pending::<()>())
                .await
                .ok();
        }
    }

    /// Opening the pipe waits for the stage to read from it.
    pub(crate) async fn let_training_end(&self) {
        tokio::fs::write(self.pipe(), "learned").await.unwrap();
    }

    /// A day's traffic and, at its end, its outcomes.
    pub(crate) async fn live(&self, rows: &[Row]) {
        for batch in rows.chunks(BATCH) {
            let x: Vec<f32> = batch.iter().map(|row| row.x as f32).collect();
            let request = PredictRequest {
                inputs: vec![Tensor::new("x", vec![x.len(), 1], x).unwrap()],
                row_keys: Some(batch.iter().map(|row| row.id.clone()).collect()),
                assignment_key: Some(batch[0].id.clone()),
                event_time: Some(batch[0].at),
                ..PredictRequest::default()
            };
            self.services
                .serving
                .predict(&self.scope, &name("curve"), request)
                .await
                .unwrap();
        }
        self.services.events.flush().await.unwrap();
        let items = rows
            .iter()
            .map(|row| Feedback {
                event_id: None,
                endpoint: name("curve"),
                address: FeedbackAddress::RowKey(row.id.clone()),
                event_time: row.at + Duration::from_hours(1),
                value: FeedbackValue::Number(row.label),
            })
            .collect();
        self.services
            .events
            .post_feedback(&self.scope, items)
            .await
            .unwrap();
    }

    /// A day whose `x` came in another unit.
    pub(crate) async fn live_broken(&self, number: i64) {
        let mut rows = rows(number, OLD, false);
        for row in &mut rows {
            row.x *= 100.0;
        }
        self.live(&rows).await;
    }

    pub(crate) async fn plan(&self, id: PlanId) -> Plan {
        self.controller.plan(&self.scope, id).await.unwrap()
    }

    pub(crate) async fn plans(&self) -> Vec<Plan> {
        self.controller.plans(&self.scope, None, 100).await.unwrap()
    }

    pub(crate) async fn told(&self) -> Vec<Decision> {
        self.controller
            .decisions(&self.scope, None, 0, 1_000)
            .await
            .unwrap()
    }

    pub(crate) async fn told_of(&self, kind: &str) -> Vec<String> {
        let told = self.told().await;
        told.into_iter()
            .filter(|one| one.kind == kind)
            .map(|one| one.text)
            .collect()
    }

    pub(crate) async fn champion(&self) -> Option<i64> {
        let serving = &self.services.serving;
        let traffic = serving.traffic(&self.scope, &name("curve")).await.unwrap();
        let revisions = serving
            .revisions(&self.scope, &name("curve"))
            .await
            .unwrap();
        revisions
            .iter()
            .find(|one| Some(one.id) == traffic.champion)
            .map(|one| one.version)
    }

    pub(crate) async fn alias(&self) -> Option<i64> {
        let registry = &self.services.registry;
        let version = registry
            .version_by_alias(&self.scope, "curve", "champion")
            .await
            .unwrap();
        version.map(|version| version.version)
    }
}

fn table(rows: &[Row]) -> RecordBatch {
    let times: Vec<i64> = rows.iter().map(|row| row.at.as_micros()).collect();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let numbers = |value: fn(&Row) -> f64| {
        Arc::new(Float64Array::from(
            rows.iter().map(value).collect::<Vec<_>>(),
        )) as ArrayRef
    };
    RecordBatch::try_from_iter([
        (
            "event_time",
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as ArrayRef,
        ),
        ("id", Arc::new(StringArray::from(ids)) as ArrayRef),
        ("x", numbers(|row| row.x)),
        ("label", numbers(|row| row.label)),
    ])
    .unwrap()
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
