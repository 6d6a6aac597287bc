//! What this server says of itself and of its models, in every protocol.

use trimtab_serving::ModelInfo;

pub(crate) const NAME: &str = "trimtab";
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The extensions of V2 that it speaks, in Triton's spelling.
pub(crate) const EXTENSIONS: &[&str] = &[
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
