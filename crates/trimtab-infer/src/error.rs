//! What can go wrong between a model's file and its answer.

use std::path::PathBuf;

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
            Self::Run { .. } => ErrorCode::invalid("inputs"),
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
        }
    }
}
