//! Models by MLflow's Python function, each in supervised worker processes of its own.

mod environment;
mod frame;
mod pool;
mod process;
mod signature;
mod suspects;

use std::{path::Path, sync::Arc, time::Duration};

pub use self::environment::PythonEnvironments;
use self::pool::Pool;
use crate::{Engine, Engines, InferError, OnnxEngines};

/// The input of a model that takes no tensors: a document of MLflow's scoring protocol, JSON or CSV.
pub const SCORING_REQUEST: &str = "scoring_request";

/// How far workers may go.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Workers of each model.
    pub instances: usize,
    /// How long a request may take, the wait for a worker included.
    pub deadline: Duration,
    /// How long a model may take to load.
    pub start: Duration,
    /// The memory in bytes at which a worker is replaced between two requests; at twice as much a request is ended.
    pub memory: Option<u64>,
    /// After how many requests a worker is replaced.
    pub requests: Option<u64>,
    /// How many requests may wait for the workers of one model; more are refused.
    pub waiting: usize,
    /// Whether models may reach the network.
    pub network: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 1,
            deadline: Duration::from_mins(1),
            start: Duration::from_mins(5),
            memory: None,
            requests: None,
            waiting: 256,
            network: false,
        }
    }
}

/// Opens models by MLflow's Python function.
#[derive(Debug, Clone)]
pub struct PythonModels {
    environments: PythonEnvironments,
    limits: Limits,
}

impl PythonModels {
    /// Models in these environments, within these limits.
    pub fn new(environments: PythonEnvironments, limits: Limits) -> Self {
        Self {
            environments,
            limits,
        }
    }

    /// Makes the model's environment where it is not there yet, starts its workers and waits until one has loaded it.
    pub fn open(&self, folder: &Path) -> Result<Arc<dyn Engine>, InferError> {
        let folder = std::path::absolute(folder).map_err(|error| InferError::Worker {
            model: folder.to_owned(),
            reason: error.to_string(),
            hint: String::new(),
        })?;
        let python = self.environments.python_of(&folder)?;
        Ok(Arc::new(Pool::start(python, folder, self.limits.clone())?))
    }
}

/// Every engine of this machine: ONNX in this process, Python functions in workers.
#[derive(Debug, Clone)]
pub struct LocalEngines {
    onnx: OnnxEngines,
    python: PythonModels,
}

impl LocalEngines {
    /// Both engines.
    pub fn new(onnx: OnnxEngines, python: PythonModels) -> Self {
        Self { onnx, python }
    }
}

impl Engines for LocalEngines {
    fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError> {
        self.onnx.open(model)
    }

    fn open_python(&self, folder: &Path) -> Result<Arc<dyn Engine>, InferError> {
        self.python.open(folder)
    }
}
