//! What this server says of itself and of its models, in every protocol.

use trimtab_serving::ModelInfo;

use crate::Inference;

pub(crate) const NAME: &str = "trimtab";
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The extensions of V2 that it speaks, in Triton's spelling.
pub(crate) fn extensions(state: &Inference) -> Vec<&'static str> {
    let memory = state.memory.is_on().then_some("system_shared_memory");
    EXTENSIONS.iter().copied().chain(memory).collect()
}

const EXTENSIONS: &[&str] = &[
    "binary_tensor_data",
    "classification",
    "logging",
    "model_configuration",
    "model_repository",
    "parameters",
    "statistics",
    "trace",
];

/// Triton's word for what runs a model: its platform up to the underscore.
pub(crate) fn backend(info: &ModelInfo) -> &str {
    info.platform
        .split_once('_')
        .map_or(info.platform, |(backend, _)| backend)
}
