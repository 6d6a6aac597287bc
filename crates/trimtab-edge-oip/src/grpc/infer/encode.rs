//! An answer as its message. The tensors' bytes, which are most of it, are written once, straight from the tensors.

use std::collections::HashMap;

use bytes::{BufMut as _, Bytes};
use prost::{Message as _, encode_length_delimiter, length_delimiter_len};
use trimtab_edge::{Failure, grpc};

use super::{
    super::wire::{InferOutputTensor, InferParameter, ModelInferResponse, ParameterChoice},
    Answer,
};
use crate::{
    binary,
    infer::{Chosen, Form},
    memory::Place,
};

/// Keys of length-delimited fields: the number, then 2 for the kind.
const ERROR_MESSAGE: u8 = 1 << 3 | 2;
const INFER_RESPONSE: u8 = 2 << 3 | 2;
const RAW_OUTPUT_CONTENTS: u8 = 6 << 3 | 2;

/// The parameter that says that no other answer to the request follows.
const FINAL: &str = "triton_final_response";

/// ModelInfer's answer as a frame.
pub(super) fn unary(answer: &Answer) -> Result<Bytes, Failure> {
    let whole = Whole::of(answer, HashMap::new())?;
    grpc::frame(whole.length, |out| whole.write(out))
}

/// One answer of ModelStreamInfer as a frame.
pub(super) fn streamed(answer: &Answer) -> Result<Bytes, Failure> {
    let is_final = InferParameter {
        choice: Some(ParameterChoice::Bool(true)),
    };
    let whole = Whole::of(answer, HashMap::from([(FINAL.to_owned(), is_final)]))?;
    grpc::frame(field_length(whole.length), |out| {
        key(out, INFER_RESPONSE, whole.length);
        whole.write(out);
    })
}

/// A refusal as an answer of ModelStreamInfer: its text, and the id of the request that it is about.
pub(super) fn refusal(failure: &Failure, id: String) -> Result<Bytes, Failure> {
    let text = failure.told();
    let response = ModelInferResponse {
        id,
        ..ModelInferResponse::default()
    };
    let length = response.encoded_len();
    grpc::frame(field_length(text.len()) + field_length(length), |out| {
        key(out, ERROR_MESSAGE, text.len());
        out.put_slice(text.as_bytes());
        key(out, INFER_RESPONSE, length);
        response.encode_raw(out);
    })
}

/// A message, measured before it is written.
struct Whole<'a> {
    head: ModelInferResponse,
    outputs: Vec<Chosen<'a>>,
    length: usize,
}

impl<'a> Whole<'a> {
    fn of(
        answer: &'a Answer,
        parameters: HashMap<String, InferParameter>,
    ) -> Result<Self, Failure> {
        let outputs = answer.wanted.choose(&answer.prediction.outputs)?;
        let head = ModelInferResponse {
            model_name: answer.name.to_string(),
            model_version: answer.prediction.version.to_string(),
            id: answer.id.clone().unwrap_or_default(),
            parameters,
            outputs: outputs
                .iter()
                .map(|Chosen { tensor, form }| InferOutputTensor {
                    name: tensor.name().to_owned(),
                    datatype: tensor.data_type().as_str().to_owned(),
                    shape: tensor
                        .shape()
                        .iter()
                        .map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX))
                        .collect(),
                    parameters: match form {
                        Form::Text | Form::Binary => HashMap::new(),
                        Form::Shared(place) => shared(place, binary::length(tensor.data())),
                    },
                })
                .collect(),
        };
        let raw = outputs
            .iter()
            .map(|output| field_length(raw_length(output)));
        let length = head.encoded_len() + raw.sum::<usize>();
        Ok(Self {
            head,
            outputs,
            length,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.head.encode_raw(out);
        for output in &self.outputs {
            let length = raw_length(output);
            key(out, RAW_OUTPUT_CONTENTS, length);
            if length > 0 {
                binary::encode(output.tensor.data(), out);
            }
        }
    }
}

/// How many bytes of an output the message holds. Clients count: what lies in shared memory has an empty place.
fn raw_length(output: &Chosen<'_>) -> usize {
    match output.form {
        Form::Text | Form::Binary => binary::length(output.tensor.data()),
        Form::Shared(_) => 0,
    }
}

/// Says where an output lies in shared memory.
fn shared(place: &Place, length: usize) -> HashMap<String, InferParameter> {
    let parameter = |choice| InferParameter {
        choice: Some(choice),
    };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    HashMap::from([
        (
            "shared_memory_region".to_owned(),
            parameter(ParameterChoice::Text(place.region.clone())),
        ),
        (
            "shared_memory_byte_size".to_owned(),
            parameter(ParameterChoice::Int64(length)),
        ),
    ])
}

/// How long a field with so long a value is: its key, its length and its value.
fn field_length(length: usize) -> usize {
    1 + length_delimiter_len(length) + length
}

fn key(out: &mut Vec<u8>, key: u8, length: usize) {
    out.put_u8(key);
    // A vector has room for every length.
    let _ = encode_length_delimiter(length, out);
}
