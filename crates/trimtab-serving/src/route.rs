//! The routing table: what a request needs to be answered, in memory, swapped whole.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use trimtab_infer::{
    Answer, AnswerForm, DataType, Engine, InferError, SCORING_REQUEST, Signature, Tensor,
    TensorData,
};
use trimtab_types::{Name, RevisionId, WorkspaceId};

use crate::{
    EndpointSpec, Layout, Revision, ServingError, Traffic, Waiting,
    folder::{EngineKind, ModelFolder},
    metrics::EndpointMetrics,
    score::ScoreRule,
    statistics::Statistics,
};

/// A run that is expected to take longer goes to a blocking thread.
const INLINE_US: u64 = 500;
/// The largest tensor that a warm-up makes.
const MAX_WARM_UP_ELEMENTS: usize = 1 << 24;

/// Where an endpoint is found.
pub(crate) type Key = (WorkspaceId, Name);

/// A revision with its engine.
pub(crate) struct Loaded {
    pub(crate) revision: Revision,
    pub(crate) signature: Arc<Signature>,
    pub(crate) layout: Option<Arc<Layout>>,
    pub(crate) statistics: Statistics,
    engine: Arc<dyn Engine>,
    /// How long a row takes, learned from runs.
    us_per_row: AtomicU64,
}

/// A revision as an endpoint sees it.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) score: Option<ScoreRule>,
}

/// An endpoint as requests see it.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) spec: Arc<EndpointSpec>,
    pub(crate) spec_generation: i64,
    pub(crate) traffic: Traffic,
    pub(crate) arms: Vec<Arm>,
    /// Why a revision could not be loaded when the process started.
    pub(crate) failures: Vec<(RevisionId, String)>,
    /// What the endpoint waits for while it has no champion.
    pub(crate) waiting: Waiting,
    pub(crate) metrics: EndpointMetrics,
}

/// All endpoints.
#[derive(Debug, Default)]
pub(crate) struct Table(ArcSwap<HashMap<Key, Arc<Route>>>);

impl Loaded {
    /// Opens a model folder and runs the model on made-up rows, so that no caller pays for the first run.
    pub(crate) fn open(revision: Revision, folder: &ModelFolder, engine: Arc<dyn Engine>) -> Self {
        let signature = Arc::new(engine.signature().clone());
        let layout = Layout::of(&signature, folder.columns.as_deref())
            .filter(|_| signature.input(SCORING_REQUEST).is_none())
            .map(Arc::new);
        let loaded = Self {
            revision,
            signature,
            layout,
            statistics: Statistics::default(),
            engine,
            us_per_row: AtomicU64::new(0),
        };
        // A worker has warmed its model up with the model's own example.
        if let EngineKind::Onnx(_) = folder.engine
            && let Some(inputs) = loaded.warm_up_inputs()
        {
            for _ in 0..2 {
                // A model may refuse made-up values (an unknown category); that says nothing about real ones.
                if let (Err(error), _) = loaded.run_here(&inputs) {
                    tracing::debug!(%error, "the warm-up of a revision failed");
                }
            }
        }
        loaded
    }

    pub(crate) fn platform(&self) -> &'static str {
        self.engine.platform()
    }

    /// Runs on this thread; says how long it took.
    pub(crate) fn run_here(
        &self,
        inputs: &[Tensor],
    ) -> (Result<Vec<Tensor>, InferError>, Duration) {
        let started = Instant::now();
        let outputs = self.engine.run(inputs);
        let took = started.elapsed();
        self.learn(inputs, took);
        (outputs, took)
    }

    fn learn(&self, inputs: &[Tensor], took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let rows = crate::columns::rows(inputs).max(1) as u64;
        // Half old, half new: the first run, which pays for lazy set-up, is soon forgotten.
        let learned = u64::midpoint(self.us_per_row.load(Ordering::Relaxed), us / rows);
        self.us_per_row.store(learned, Ordering::Relaxed);
    }

    /// Waits for an engine elsewhere; runs one of this process here when it is a matter of microseconds, on a blocking
    /// thread otherwise.
    pub(crate) async fn run(
        self: &Arc<Self>,
        inputs: &Arc<Vec<Tensor>>,
    ) -> (Result<Answer, InferError>, Duration) {
        let started = Instant::now();
        if let Some(asked) = self.engine.ask(inputs) {
            let answer = asked.await;
            return (answer, started.elapsed());
        }
        let (outputs, took) = self.run_in_process(inputs).await;
        let answer = outputs.map(|outputs| Answer {
            outputs,
            form: AnswerForm::Named,
        });
        (answer, took)
    }

    async fn run_in_process(
        self: &Arc<Self>,
        inputs: &Arc<Vec<Tensor>>,
    ) -> (Result<Vec<Tensor>, InferError>, Duration) {
        let rows = crate::columns::rows(inputs).max(1) as u64;
        let expected = self.us_per_row.load(Ordering::Relaxed).saturating_mul(rows);
        if expected <= INLINE_US {
            return self.run_here(inputs);
        }
        let (this, inputs) = (Arc::clone(self), Arc::clone(inputs));
        match tokio::task::spawn_blocking(move || this.run_here(&inputs)).await {
            Ok(answer) => answer,
            Err(error) => {
                let source = error.to_string().into();
                (Err(InferError::Run { source }), Duration::ZERO)
            }
        }
    }

    fn warm_up_inputs(&self) -> Option<Vec<Tensor>> {
        let tensor = |spec: &trimtab_infer::TensorSpec| {
            let shape: Vec<usize> = spec
                .shape
                .iter()
                .map(|dim| usize::try_from(*dim).unwrap_or(1))
                .collect();
            let elements = shape
                .iter()
                .try_fold(1_usize, |product, dim| product.checked_mul(*dim))
                .filter(|elements| *elements <= MAX_WARM_UP_ELEMENTS)?;
            Tensor::new(&spec.name, shape, zeros(spec.datatype, elements)).ok()
        };
        self.signature.inputs.iter().map(tensor).collect()
    }
}

fn zeros(datatype: DataType, elements: usize) -> TensorData {
    match datatype {
        DataType::Bool => vec![false; elements].into(),
        DataType::Uint8 => vec![0_u8; elements].into(),
        DataType::Uint16 => vec![0_u16; elements].into(),
        DataType::Uint32 => vec![0_u32; elements].into(),
        DataType::Uint64 => vec![0_u64; elements].into(),
        DataType::Int8 => vec![0_i8; elements].into(),
        DataType::Int16 => vec![0_i16; elements].into(),
        DataType::Int32 => vec![0_i32; elements].into(),
        DataType::Int64 => vec![0_i64; elements].into(),
        DataType::Fp16 => vec![half::f16::ZERO; elements].into(),
        DataType::Bf16 => vec![half::bf16::ZERO; elements].into(),
        DataType::Fp32 => vec![0_f32; elements].into(),
        DataType::Fp64 => vec![0_f64; elements].into(),
        DataType::Bytes => vec![Bytes::new(); elements].into(),
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Route {
    pub(crate) fn arm(&self, revision: RevisionId) -> Option<&Arm> {
        self.arms
            .iter()
            .find(|arm| arm.loaded.revision.id == revision)
    }

    /// The arm, or why there is none.
    pub(crate) fn require(&self, revision: RevisionId) -> Result<&Arm, ServingError> {
        self.arm(revision).ok_or_else(|| ServingError::NotLoaded {
            endpoint: self.spec.name.clone(),
            revision,
            reason: self
                .failures
                .iter()
                .find(|(failed, _)| *failed == revision)
                .map_or_else(|| "it is not ready".to_owned(), |(_, why)| why.clone()),
        })
    }

    pub(crate) fn no_champion(&self) -> ServingError {
        ServingError::NoChampion {
            endpoint: self.spec.name.clone(),
            waiting: self.waiting.clone(),
        }
    }

    /// The arm of a model version of the endpoint's model; with several, the newest.
    pub(crate) fn version(&self, version: i64) -> Result<&Arm, ServingError> {
        self.arms
            .iter()
            .filter(|arm| arm.loaded.revision.version == version)
            .max_by_key(|arm| arm.loaded.revision.id)
            .ok_or_else(|| ServingError::VersionNotServed {
                endpoint: self.spec.name.clone(),
                version: version.to_string(),
            })
    }

    /// Takes a newer spec; the arms' scores follow it.
    pub(crate) fn set_spec(&mut self, spec: EndpointSpec, generation: i64) {
        if generation < self.spec_generation {
            return;
        }
        for arm in &mut self.arms {
            arm.score = ScoreRule::of(&arm.loaded.signature, spec.score.as_deref()).unwrap_or(None);
        }
        self.spec = Arc::new(spec);
        self.spec_generation = generation;
    }

    /// Takes newer traffic.
    pub(crate) fn set_traffic(&mut self, traffic: Traffic) {
        if traffic.generation > self.traffic.generation {
            self.traffic = traffic;
        }
    }

    /// Takes a loaded revision in, in place of an older load of it.
    pub(crate) fn add(&mut self, loaded: Arc<Loaded>, score: Option<ScoreRule>) {
        self.remove(loaded.revision.id);
        self.arms.push(Arm { loaded, score });
    }

    pub(crate) fn remove(&mut self, revision: RevisionId) {
        self.arms.retain(|arm| arm.loaded.revision.id != revision);
        self.failures.retain(|(failed, _)| *failed != revision);
    }
}

impl Table {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Route>> {
        self.0.load().get(key).cloned()
    }

    /// The endpoints of a workspace, by name.
    pub(crate) fn of(&self, workspace: &WorkspaceId) -> Vec<Arc<Route>> {
        let table = self.0.load();
        let mut routes: Vec<Arc<Route>> = table
            .iter()
            .filter(|((of, _), _)| of == workspace)
            .map(|(_, route)| Arc::clone(route))
            .collect();
        routes.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        routes
    }

    /// Takes an endpoint out.
    pub(crate) fn remove(&self, key: &Key) {
        self.0.rcu(|table| {
            let mut table = HashMap::clone(table);
            table.remove(key);
            table
        });
    }

    /// Puts a new endpoint in, unless it is there.
    pub(crate) fn insert(&self, key: &Key, route: &Route) {
        self.0.rcu(|table| {
            let mut table = HashMap::clone(table);
            table
                .entry(key.clone())
                .or_insert_with(|| Arc::new(route.clone()));
            table
        });
    }

    /// Changes an endpoint that is there. The closure may run more than once.
    pub(crate) fn update(&self, key: &Key, change: impl Fn(&mut Route)) {
        self.0.rcu(|table| {
            let mut table = HashMap::clone(table);
            if let Some(route) = table.get_mut(key) {
                change(Arc::make_mut(route));
            }
            table
        });
    }
}
