//! Engines that turn tensors into tensors: the [`Engine`] trait, checked [`Tensor`]s, ONNX Runtime, and
//! Python workers.
//!
//! It knows no endpoint, no revision, no protocol and no event: who asked and where the answer goes is the
//! business of `trimtab-serving` and of the edges.

mod engine;
mod error;
mod onnx;
mod python;
pub mod raw;
mod tensor;

pub use engine::{Answer, AnswerForm, Asked, Engine, Engines};
pub use error::InferError;
pub use onnx::{OnnxEngines, OnnxRuntime};
pub use python::{Limits, LocalEngines, PythonEnvironments, PythonModels, SCORING_REQUEST};
pub use tensor::{DataType, Signature, Tensor, TensorData, TensorSpec, UnknownDataType};
