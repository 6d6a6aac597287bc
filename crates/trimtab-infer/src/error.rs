//! What can go wrong between a model's file and its answer.

use std::{path::PathBuf, time::Duration};

use trimtab_types::{Coded, ErrorCode};

/// What the library said, kept as a source.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error of an engine or of a tensor.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// No ONNX Runtime library is on this machine, or none of those found can be used.
    #[error("no usable ONNX Runtime library was found; looked at {searched}")]
    LibraryMissing {
        /// Where it was looked for, and why each place did not do.
        searched: String,
    },
    /// The library that was named cannot be used.
    #[error("cannot use {path} as the ONNX Runtime library", path = path.display())]
    LibraryBroken {
        /// The file that was named.
        path: PathBuf,
        /// What the loader said.
        #[source]
        source: Source,
    },
    /// The model's file is not there, is not ONNX, or uses what this ONNX Runtime does not know.
    #[error("cannot load the model {path}", path = path.display())]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What the runtime said.
        #[source]
        source: Source,
    },
    /// The model is sound, but has an input or an output that is not a tensor we can carry.
    #[error("the model {path} cannot be served: {reason}", path = path.display())]
    Unsupported {
        /// The model's file.
        path: PathBuf,
        /// Which input or output, and what it is.
        reason: String,
        /// How the model can be exported so that it can be served.
        hint: String,
    },
    /// A tensor's shape and its data do not fit each other.
    #[error("tensor `{name}`: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// The model needs an input that was not given.
    #[error("input `{name}` is missing")]
    InputMissing {
        /// The input.
        name: String,
    },
    /// The model has no such input.
    #[error("the model has no input `{name}`; it takes {known}")]
    InputUnknown {
        /// The input that was given.
        name: String,
        /// The inputs that the model has.
        known: String,
    },
    /// The same input was given twice.
    #[error("input `{name}` was given twice")]
    InputTwice {
        /// The input.
        name: String,
    },
    /// An input has another type than the model takes.
    #[error("input `{name}` has type {found}, the model takes {expected}")]
    InputType {
        /// The input.
        name: String,
        /// The type that the model takes.
        expected: &'static str,
        /// The type that was given.
        found: &'static str,
    },
    /// An input has another shape than the model takes.
    #[error("input `{name}` has shape {found}, the model takes {expected} (-1 = any)")]
    InputShape {
        /// The input.
        name: String,
        /// The shape that the model takes.
        expected: String,
        /// The shape that was given.
        found: String,
    },
    /// An input's values cannot be given to the engine.
    #[error("input `{name}`: {reason}")]
    InputValue {
        /// The input.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The engine failed on inputs of the right types and shapes.
    #[error("the model failed on this input")]
    Run {
        /// What the runtime said.
        #[source]
        source: Source,
    },
    /// The model's Python environment cannot be made.
    #[error("no Python environment can be made for the model {model}: {reason}", model = model.display())]
    Environment {
        /// The model's folder.
        model: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The model cannot be loaded in a worker.
    #[error("the model {model} cannot be served: {reason}", model = model.display())]
    Worker {
        /// The model's folder.
        model: PathBuf,
        /// What went wrong, with the end of Python's traceback.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// The model raised an exception.
    #[error("the model raised {exception}")]
    Raised {
        /// Its type and text.
        exception: String,
        /// The end of its traceback.
        trace: String,
    },
    /// The worker ended while it had the request.
    #[error("the model's worker ended while it answered this request: {how}")]
    WorkerDied {
        /// How it ended.
        how: String,
    },
    /// No worker of the model can be kept alive.
    #[error("the model {model} has no worker just now: {reason}", model = model.display())]
    WorkerDown {
        /// The model's folder.
        model: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The model did not answer in time.
    #[error("the model did not answer within {deadline:?}")]
    Late {
        /// How long it had.
        deadline: Duration,
    },
    /// Too many requests wait for the model.
    #[error("{waiting} requests wait for this model already")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The request ended workers and is asked no more.
    #[error("this request ended the model's worker {times} times and is not tried again")]
    Quarantined {
        /// How many workers it ended.
        times: u8,
    },
}

impl Coded for InferError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::LibraryMissing { .. } | Self::LibraryBroken { .. } => ErrorCode::Unavailable,
            Self::Model { .. } => ErrorCode::invalid("model"),
            Self::Unsupported { .. } => ErrorCode::Unsupported,
            Self::Tensor { name, .. }
            | Self::InputMissing { name }
            | Self::InputUnknown { name, .. }
            | Self::InputTwice { name }
            | Self::InputType { name, .. }
            | Self::InputShape { name, .. }
            | Self::InputValue { name, .. } => ErrorCode::Invalid {
                field: format!("inputs.{name}"),
            },
            Self::Run { .. } | Self::Raised { .. } | Self::Quarantined { .. } => {
                ErrorCode::invalid("inputs")
            }
            Self::Environment { .. } | Self::WorkerDied { .. } | Self::WorkerDown { .. } => {
                ErrorCode::Unavailable
            }
            Self::Worker { .. } => ErrorCode::invalid("model"),
            Self::Late { .. } => ErrorCode::DeadlineExceeded,
            Self::Busy { .. } => ErrorCode::Limited {
                retry_after: Some(Duration::from_secs(1)),
            },
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::LibraryMissing { .. } => Some(
                "run `pip install onnxruntime` (1.24 or newer) in the Python environment beside this server, or name the library with `ORT_DYLIB_PATH=/path/to/libonnxruntime.so`"
                    .to_owned(),
            ),
            Self::LibraryBroken { .. } => Some(
                "name a libonnxruntime of version 1.24 or newer for this machine; `pip install onnxruntime` brings one under site-packages/onnxruntime/capi"
                    .to_owned(),
            ),
            Self::Model { .. } => Some(
                "check the file with `python -c \"import onnxruntime; onnxruntime.InferenceSession('model.onnx')\"`"
                    .to_owned(),
            ),
            Self::Unsupported { hint, .. } => Some(hint.clone()),
            Self::Tensor { .. }
            | Self::InputMissing { .. }
            | Self::InputUnknown { .. }
            | Self::InputTwice { .. }
            | Self::InputType { .. }
            | Self::InputShape { .. }
            | Self::InputValue { .. }
            | Self::Run { .. } => None,
            Self::Environment { .. } => Some(
                "put `uv` on the server's PATH, and see that the package index can be reached; or name an interpreter that has the model's packages with `model_python`"
                    .to_owned(),
            ),
            Self::Worker { hint, .. } => Some(hint.clone()).filter(|hint| !hint.is_empty()),
            Self::Raised { trace, .. } => Some(trace.clone()).filter(|trace| !trace.is_empty()),
            Self::WorkerDied { .. } => Some(
                "send it again; the server's log (target `model`) has what the model printed"
                    .to_owned(),
            ),
            Self::WorkerDown { .. } => Some(
                "it is tried again after a pause of at most 30 s; the server's log (target `model`) says why it ends"
                    .to_owned(),
            ),
            Self::Late { .. } => {
                Some("ask for fewer rows at once, or raise `model_deadline`".to_owned())
            }
            Self::Busy { .. } => {
                Some("send fewer at once, or raise `model_workers`".to_owned())
            }
            Self::Quarantined { .. } => Some(
                "the server's log (target `model`) says how the worker ended; mend the model or the request"
                    .to_owned(),
            ),
        }
    }
}
