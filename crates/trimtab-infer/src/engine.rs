//! What every engine can do.

use std::{fmt::Debug, path::Path, sync::Arc};

use crate::{InferError, Signature, Tensor};

/// A loaded model. Calls block on the CPU: run them on a blocking thread, or inline where they take microseconds.
pub trait Engine: Send + Sync + Debug {
    /// The V2 protocol's platform string, such as `onnxruntime_onnx`.
    fn platform(&self) -> &'static str;

    /// What the model takes and gives.
    fn signature(&self) -> &Signature;

    /// Runs the model once; inputs may come in any order, outputs come in the signature's.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, InferError>;
}

/// Opens models: what a service holds, so that its tests can serve models without a runtime.
pub trait Engines: Send + Sync + Debug {
    /// Loads the model in a file. Blocks.
    fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError>;
}
