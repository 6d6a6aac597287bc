//! What runs models: ONNX Runtime in this process, Python functions in workers.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use trimtab_infer::{Engines, Limits, LocalEngines, OnnxEngines, PythonEnvironments, PythonModels};

use crate::config::Config;

/// How Python models run.
#[derive(Debug, Clone, Default)]
pub(crate) struct PythonSettings {
    /// In place of environments of the models' own.
    pub(crate) interpreter: Option<PathBuf>,
    /// What makes their environments, where it is not on the PATH.
    pub(crate) uv: Option<PathBuf>,
    /// How far their workers may go.
    pub(crate) limits: Limits,
}

impl PythonSettings {
    /// What the settings say.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            interpreter: config.model_python.value.clone(),
            uv: config.uv.value.clone(),
            limits: Limits {
                instances: config.model_workers.value,
                deadline: config.model_deadline.value.to_std(),
                memory: config.model_memory_mib.value.map(|mib| mib << 20),
                network: config.model_network.value,
                ..Limits::default()
            },
        }
    }
}

/// The engines; environments of models are kept in a folder.
pub(crate) fn engines(
    onnx_runtime: Option<PathBuf>,
    python: PythonSettings,
    environments: PathBuf,
) -> Arc<dyn Engines> {
    let environments = PythonEnvironments::new(environments, python.interpreter, python.uv);
    Arc::new(LocalEngines::new(
        OnnxEngines::new(onnx_runtime),
        PythonModels::new(environments, python.limits),
    ))
}

/// Where a command without a data folder of its own keeps environments: the user's cache, else below `otherwise`.
pub(crate) fn cached(otherwise: &Path) -> PathBuf {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let cache = named("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&named("HOME")?).join(".cache")));
    cache.map_or_else(
        || otherwise.join("environments"),
        |cache| cache.join("trimtab/environments"),
    )
}
