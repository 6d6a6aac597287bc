//! The messages of inference, by their field numbers in the protocol.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Oneof};

/// A parameter of a request, an input or an output.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InferParameter {
    #[prost(oneof = "ParameterChoice", tags = "1, 2, 3, 4, 5")]
    pub(super) choice: Option<ParameterChoice>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ParameterChoice {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(int64, tag = "2")]
    Int64(i64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(uint64, tag = "5")]
    Uint64(u64),
}

pub(super) type Parameters = HashMap<String, InferParameter>;

#[derive(Clone, PartialEq, Message)]
pub(super) struct InferTensorContents {
    #[prost(bool, repeated, tag = "1")]
    pub(super) bool_contents: Vec<bool>,
    #[prost(int32, repeated, tag = "2")]
    pub(super) int_contents: Vec<i32>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) int64_contents: Vec<i64>,
    #[prost(uint32, repeated, tag = "4")]
    pub(super) uint_contents: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    pub(super) uint64_contents: Vec<u64>,
    #[prost(float, repeated, tag = "6")]
    pub(super) fp32_contents: Vec<f32>,
    #[prost(double, repeated, tag = "7")]
    pub(super) fp64_contents: Vec<f64>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(super) bytes_contents: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InferInputTensor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) datatype: String,
    #[prost(int64, repeated, tag = "3")]
    pub(super) shape: Vec<i64>,
    #[prost(map = "string, message", tag = "4")]
    pub(super) parameters: Parameters,
    #[prost(message, optional, tag = "5")]
    pub(super) contents: Option<InferTensorContents>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InferRequestedOutputTensor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(map = "string, message", tag = "2")]
    pub(super) parameters: Parameters,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelInferRequest {
    #[prost(string, tag = "1")]
    pub(super) model_name: String,
    #[prost(string, tag = "2")]
    pub(super) model_version: String,
    #[prost(string, tag = "3")]
    pub(super) id: String,
    #[prost(map = "string, message", tag = "4")]
    pub(super) parameters: Parameters,
    #[prost(message, repeated, tag = "5")]
    pub(super) inputs: Vec<InferInputTensor>,
    #[prost(message, repeated, tag = "6")]
    pub(super) outputs: Vec<InferRequestedOutputTensor>,
    /// Views into the message: nothing is copied.
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub(super) raw_input_contents: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InferOutputTensor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) datatype: String,
    #[prost(int64, repeated, tag = "3")]
    pub(super) shape: Vec<i64>,
    #[prost(map = "string, message", tag = "4")]
    pub(super) parameters: Parameters,
}

/// An answer without its tensors' bytes (field 6), which are written straight from the tensors.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelInferResponse {
    #[prost(string, tag = "1")]
    pub(super) model_name: String,
    #[prost(string, tag = "2")]
    pub(super) model_version: String,
    #[prost(string, tag = "3")]
    pub(super) id: String,
    #[prost(map = "string, message", tag = "4")]
    pub(super) parameters: Parameters,
    #[prost(message, repeated, tag = "5")]
    pub(super) outputs: Vec<InferOutputTensor>,
}
