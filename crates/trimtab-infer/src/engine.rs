//! What every engine can do.

use std::{fmt::Debug, future::Future, path::Path, pin::Pin, sync::Arc};

use crate::{InferError, Signature, Tensor};

/// A loaded model. Calls block: run them on a blocking thread, or inline where they take microseconds.
pub trait Engine: Send + Sync + Debug {
    /// The V2 protocol's platform string, such as `onnxruntime_onnx`.
    fn platform(&self) -> &'static str;

    /// What the model takes and gives.
    fn signature(&self) -> &Signature;

    /// Runs the model once; inputs may come in any order, outputs come in the signature's.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, InferError>;

    /// Asks a model that runs in another process, so that no thread waits for it. `None` where it runs in this one, by
    /// [`Engine::run`]. Who drops the future takes the request back, unless the model has it in its hands.
    fn ask(&self, _inputs: &Arc<Vec<Tensor>>) -> Option<Asked> {
        None
    }
}

/// An answer that is waited for.
pub type Asked = Pin<Box<dyn Future<Output = Result<Answer, InferError>> + Send>>;

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The outputs, in the signature's order.
    pub outputs: Vec<Tensor>,
    /// What they were in the model's own language.
    pub form: AnswerForm,
}

/// What an answer was before it became tensors: protocols that carry more than tensors give it back as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerForm {
    /// Named outputs, and nothing else is known.
    #[default]
    Named,
    /// One array or list without a name.
    Array,
    /// The columns of a data frame.
    Frame,
    /// A dictionary of arrays.
    Dictionary,
    /// Anything else, as one text of JSON.
    Json,
}

/// Opens models: what a service holds, so that its tests can serve models without a runtime.
pub trait Engines: Send + Sync + Debug {
    /// Loads the model in a file. Blocks.
    fn open(&self, model: &Path) -> Result<Arc<dyn Engine>, InferError>;

    /// Loads a model by MLflow's Python function in a folder. Blocks, for minutes where its environment is not there
    /// yet.
    fn open_python(&self, folder: &Path) -> Result<Arc<dyn Engine>, InferError> {
        Err(InferError::Unsupported {
            path: folder.to_owned(),
            reason: "it is a Python function, and this process runs none".to_owned(),
            hint: "log the model with mlflow.onnx.log_model".to_owned(),
        })
    }
}
