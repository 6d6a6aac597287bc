//! ONNX Runtime, loaded from a library found on the machine.

mod convert;
mod locate;
mod session;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

use crate::{Engine, Engines, InferError};

/// The process's ONNX Runtime; cheap to clone. The library is loaded once per process and stays.
#[derive(Debug, Clone)]
pub struct OnnxRuntime {
    library: PathBuf,
    environment: Environment,
}

/// ONNX Runtime allows one environment per process, and a library once loaded cannot be replaced.
static LOADED: Mutex<Option<OnnxRuntime>> = Mutex::new(None);

impl OnnxRuntime {
    /// Finds and loads the library: the configured file (or folder), `ORT_DYLIB_PATH`, then the `onnxruntime`
    /// wheel of the Python environments in sight. What a process loaded first stays, whatever is asked later.
    pub fn locate(configured: Option<&Path>) -> Result<Self, InferError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            return Ok(runtime.clone());
        }
        let runtime = match locate::named(configured) {
            Some(path) => Self::load(&path)?,
            None => Self::search()?,
        };
        tracing::debug!(library = %runtime.library.display(), "ONNX Runtime is loaded");
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Loads a model. The file may be broken or no ONNX at all: that is an error, never a panic.
    pub fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError> {
        Ok(Arc::new(session::OnnxEngine::open(
            &self.environment,
            model,
        )?))
    }

    /// The library that was loaded.
    pub fn library(&self) -> &Path {
        &self.library
    }

    fn search() -> Result<Self, InferError> {
        let candidates = locate::candidates();
        let mut searched = candidates.looked_at;
        for path in candidates.libraries {
            match Self::load(&path) {
                Ok(runtime) => return Ok(runtime),
                Err(error) => {
                    let reason = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    searched.push(format!("{} ({reason})", path.display()));
                }
            }
        }
        Err(InferError::LibraryMissing {
            searched: searched.join(", "),
        })
    }

    fn load(path: &Path) -> Result<Self, InferError> {
        let broken = |source| InferError::LibraryBroken {
            path: path.to_owned(),
            source,
        };
        // A relative path would be looked up beside the binary.
        let library = std::path::absolute(path).map_err(|source| broken(source.into()))?;
        if !library.is_file() {
            return Err(broken("no such file".into()));
        }
        let builder = ort::init_from(&library).map_err(|source| broken(source.into()))?;
        let environment = builder
            .with_name("trimtab")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|source| broken(source.to_string().into()))?;
        environment.set_log_level(LogLevel::Warning);
        Ok(Self {
            library,
            environment,
        })
    }
}

/// Opens ONNX models, and looks for the library only when the first one is opened: a server without models starts
/// without it.
#[derive(Debug, Clone, Default)]
pub struct OnnxEngines {
    library: Option<PathBuf>,
}

impl OnnxEngines {
    /// With the configured library, if any.
    pub fn new(library: Option<PathBuf>) -> Self {
        Self { library }
    }
}

impl Engines for OnnxEngines {
    fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError> {
        OnnxRuntime::locate(self.library.as_deref())?.open(model)
    }
}

fn log(level: LogLevel, _category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => {
            tracing::trace!(target: "onnxruntime", location, "{message}");
        }
        // The runtime warns of its own optimisations; a model that fails answers with its error.
        LogLevel::Warning => tracing::debug!(target: "onnxruntime", location, "{message}"),
        LogLevel::Error | LogLevel::Fatal => {
            tracing::debug!(target: "onnxruntime", location, "{message}");
        }
    }
}
