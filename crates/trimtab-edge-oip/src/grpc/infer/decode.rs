//! A request from its message. Tensors come as raw bytes beside the inputs, or as typed values inside them, never both.

use bytes::Bytes;
use prost::{DecodeError, Message as _};
use trimtab_edge::Failure;
use trimtab_infer::{DataType, Tensor, TensorData};

use super::super::wire::{
    InferInputTensor, InferRequestedOutputTensor, InferTensorContents, ModelInferRequest,
    ParameterChoice, Parameters,
};
use crate::{
    binary,
    context::{RowKeys, bounded, event_time},
    infer::{self, InferRequest, Output, Outputs},
    memory::{Place, Regions},
};

/// The parameter that names a region of shared memory.
const REGION: &str = "shared_memory_region";

/// The request in a message.
pub(super) fn message(message: Bytes) -> Result<ModelInferRequest, Failure> {
    ModelInferRequest::decode(message).map_err(|error| broken(&error))
}

/// The refusal of a message that is none.
pub(super) fn broken(error: &DecodeError) -> Failure {
    Failure::invalid("", format!("the message is no ModelInferRequest: {error}"))
}

/// What the request asks for.
pub(super) fn request(
    request: ModelInferRequest,
    regions: Regions<'_>,
) -> Result<InferRequest, Failure> {
    let mut raw = Raw::of(&request)?;
    let inputs = request
        .inputs
        .into_iter()
        .map(|input| tensor(input, &mut raw, regions))
        .collect::<Result<Vec<Tensor>, Failure>>()?;
    let text = |name: &str| match choice(&request.parameters, name) {
        None => Ok(None),
        Some(ParameterChoice::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Failure::invalid(
            format!("parameters.{name}"),
            format!("parameter `{name}` must be a text"),
        )),
    };
    let row_keys = text("row_keys")?
        .map(|keys| RowKeys::Text(keys).check())
        .transpose()?;
    let event_time = text("event_time")?
        .map(|time| event_time("parameters.event_time", &time))
        .transpose()?;
    Ok(InferRequest {
        id: Some(request.id)
            .filter(|id| !id.is_empty())
            .map(|id| bounded("id", id))
            .transpose()?,
        inputs,
        row_keys,
        event_time,
        outputs: Outputs {
            named: request
                .outputs
                .into_iter()
                .map(output)
                .collect::<Result<Vec<Output>, Failure>>()?,
            is_binary: true,
        },
    })
}

/// The raw tensors of a request, in the order of its inputs.
enum Raw {
    None,
    Some(std::vec::IntoIter<Bytes>),
}

impl Raw {
    fn of(request: &ModelInferRequest) -> Result<Self, Failure> {
        if request.raw_input_contents.is_empty() {
            return Ok(Self::None);
        }
        let typed = request.inputs.iter().find(|input| input.contents.is_some());
        if let Some(input) = typed {
            return Err(refused(
                &input.name,
                "it has typed contents, and the request has raw_input_contents: use one form for all inputs",
            ));
        }
        // What lies in shared memory has no raw contents.
        let here = request
            .inputs
            .iter()
            .filter(|input| choice(&input.parameters, REGION).is_none());
        let (raw, inputs) = (request.raw_input_contents.len(), here.count());
        if raw != inputs {
            return Err(Failure::invalid(
                "raw_input_contents",
                format!("the request has {inputs} inputs and {raw} raw_input_contents"),
            ));
        }
        // Views of the same bytes.
        Ok(Self::Some(request.raw_input_contents.clone().into_iter()))
    }
}

fn tensor(input: InferInputTensor, raw: &mut Raw, regions: Regions<'_>) -> Result<Tensor, Failure> {
    let name = input.name;
    let datatype: DataType = input
        .datatype
        .parse()
        .map_err(|error| refused(&name, &format!("{error}")))?;
    let shape = infer::shape(&name, &input.shape)?;
    let raw = match (place(&input.parameters)?, raw) {
        (Some(_), _) if input.contents.is_some() => {
            return Err(refused(&name, "it is in shared memory and in the request"));
        }
        (Some(place), _) => Some(regions.read(&place)?),
        (None, Raw::Some(raw)) => Some(raw.next().unwrap_or_default()),
        (None, Raw::None) => None,
    };
    let data = match raw {
        Some(bytes) => binary::decode(datatype, &bytes).ok_or_else(|| {
            refused(
                &name,
                &format!(
                    "its {} bytes are no whole number of {datatype} elements",
                    bytes.len()
                ),
            )
        })?,
        None => typed(&name, datatype, input.contents.unwrap_or_default())?,
    };
    Ok(Tensor::new(name, shape, data)?)
}

/// Typed values; whole vectors are taken over, narrow integers checked one by one.
fn typed(
    name: &str,
    datatype: DataType,
    contents: InferTensorContents,
) -> Result<TensorData, Failure> {
    let InferTensorContents {
        bool_contents,
        int_contents,
        int64_contents,
        uint_contents,
        uint64_contents,
        fp32_contents,
        fp64_contents,
        bytes_contents,
    } = contents;
    let given: usize = [
        bool_contents.len(),
        int_contents.len(),
        int64_contents.len(),
        uint_contents.len(),
        uint64_contents.len(),
        fp32_contents.len(),
        fp64_contents.len(),
        bytes_contents.len(),
    ]
    .iter()
    .sum();
    let (field, data) = match datatype {
        DataType::Bool => ("bool_contents", TensorData::Bool(bool_contents)),
        DataType::Int8 => (
            "int_contents",
            narrow::<_, i8>(name, datatype, int_contents)?,
        ),
        DataType::Int16 => (
            "int_contents",
            narrow::<_, i16>(name, datatype, int_contents)?,
        ),
        DataType::Int32 => ("int_contents", TensorData::Int32(int_contents)),
        DataType::Int64 => ("int64_contents", TensorData::Int64(int64_contents)),
        DataType::Uint8 => (
            "uint_contents",
            narrow::<_, u8>(name, datatype, uint_contents)?,
        ),
        DataType::Uint16 => (
            "uint_contents",
            narrow::<_, u16>(name, datatype, uint_contents)?,
        ),
        DataType::Uint32 => ("uint_contents", TensorData::Uint32(uint_contents)),
        DataType::Uint64 => ("uint64_contents", TensorData::Uint64(uint64_contents)),
        DataType::Fp32 => ("fp32_contents", TensorData::Fp32(fp32_contents)),
        DataType::Fp64 => ("fp64_contents", TensorData::Fp64(fp64_contents)),
        DataType::Bytes => ("bytes_contents", TensorData::Bytes(bytes_contents)),
        DataType::Fp16 | DataType::Bf16 => {
            return Err(refused(
                name,
                &format!("there are no typed contents of {datatype}: use raw_input_contents"),
            ));
        }
    };
    if data.len() == given {
        Ok(data)
    } else {
        Err(refused(
            name,
            &format!("values of {datatype} belong into {field} alone"),
        ))
    }
}

/// Integers in fewer bits than they travel in.
fn narrow<W, N>(name: &str, datatype: DataType, values: Vec<W>) -> Result<TensorData, Failure>
where
    W: Copy + std::fmt::Display,
    N: TryFrom<W>,
    TensorData: From<Vec<N>>,
{
    let values: Vec<N> = values
        .into_iter()
        .map(|value| {
            N::try_from(value).map_err(|_| refused(name, &format!("{value} is no {datatype}")))
        })
        .collect::<Result<_, _>>()?;
    Ok(values.into())
}

fn output(output: InferRequestedOutputTensor) -> Result<Output, Failure> {
    let refused = |reason: &str| {
        Failure::invalid(
            format!("outputs.{}", output.name),
            format!("output `{}`: {reason}", output.name),
        )
    };
    let classes = match choice(&output.parameters, "classification") {
        None => None,
        Some(ParameterChoice::Int64(classes)) => Some(usize::try_from(*classes).ok()),
        Some(ParameterChoice::Uint64(classes)) => Some(usize::try_from(*classes).ok()),
        Some(_) => Some(None),
    };
    let classes = classes
        .map(|classes| classes.ok_or_else(|| refused("`classification` is no count of classes")))
        .transpose()?;
    let output = Output {
        place: place(&output.parameters)?,
        name: output.name,
        is_binary: None,
        classes,
    };
    output.check()
}

/// Where a tensor lies in shared memory, if it does.
fn place(parameters: &Parameters) -> Result<Option<Place>, Failure> {
    let size = |name: &str| {
        let value = match choice(parameters, name) {
            None => Some(0),
            Some(ParameterChoice::Int64(value)) => u64::try_from(*value).ok(),
            Some(ParameterChoice::Uint64(value)) => Some(*value),
            Some(
                ParameterChoice::Bool(_) | ParameterChoice::Text(_) | ParameterChoice::Double(_),
            ) => None,
        };
        value.ok_or_else(|| Failure::invalid(name, format!("`{name}` is no number of bytes")))
    };
    match choice(parameters, REGION) {
        None => Ok(None),
        Some(ParameterChoice::Text(region)) => Ok(Some(Place {
            region: region.clone(),
            offset: size("shared_memory_offset")?,
            byte_size: size("shared_memory_byte_size")?,
        })),
        Some(_) => Err(Failure::invalid(
            REGION,
            format!("`{REGION}` must be a text"),
        )),
    }
}

fn choice<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p ParameterChoice> {
    parameters.get(name)?.choice.as_ref()
}

fn refused(name: &str, reason: &str) -> Failure {
    Failure::invalid(
        format!("inputs.{name}"),
        format!("input `{name}`: {reason}"),
    )
}
