//! Tensors of ours to values of ONNX Runtime, and back.

use bytes::Bytes;
use ort::{
    session::SessionInputValue,
    value::{
        DynMapValueType, DynValue, PrimitiveTensorElementType, Tensor as OrtTensor,
        TensorElementType, TensorRef, ValueType,
    },
};

use crate::{DataType, InferError, Tensor, TensorData, TensorSpec};

/// Our type for one of the runtime's.
pub(super) fn data_type(ty: TensorElementType) -> Option<DataType> {
    // The runtime's list is open; the packed and complex types have no place in V2.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list is open in the runtime"
    )]
    Some(match ty {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Bfloat16 => DataType::Bf16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}

/// How an input or output of the model is declared; the error says what it is.
pub(super) fn spec(name: &str, ty: &ValueType) -> Result<TensorSpec, String> {
    match ty {
        ValueType::Tensor { ty, shape, .. } => Ok(TensorSpec {
            name: name.to_owned(),
            datatype: data_type(*ty)
                .ok_or_else(|| format!("`{name}` has the element type {ty}"))?,
            shape: shape.to_vec(),
        }),
        // What skl2onnx makes of class probabilities unless `zipmap` is off: one map per row.
        ValueType::Sequence(element) if zipmap_key(element).is_some() => Ok(TensorSpec {
            name: name.to_owned(),
            datatype: DataType::Fp32,
            shape: vec![-1, -1],
        }),
        ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => {
            Err(format!("`{name}` is no tensor but {ty}"))
        }
    }
}

/// The key type of a zipmap's rows.
fn zipmap_key(element: &ValueType) -> Option<TensorElementType> {
    match element {
        ValueType::Map {
            key: key @ (TensorElementType::Int64 | TensorElementType::String),
            value: TensorElementType::Float32,
        } => Some(*key),
        ValueType::Map { .. }
        | ValueType::Tensor { .. }
        | ValueType::Sequence(_)
        | ValueType::Optional(_) => None,
    }
}

/// A view of an input; numbers are not copied.
pub(super) fn input(tensor: &Tensor) -> Result<SessionInputValue<'_>, InferError> {
    match tensor.data() {
        TensorData::Bool(values) => view(tensor, values),
        TensorData::Uint8(values) => view(tensor, values),
        TensorData::Uint16(values) => view(tensor, values),
        TensorData::Uint32(values) => view(tensor, values),
        TensorData::Uint64(values) => view(tensor, values),
        TensorData::Int8(values) => view(tensor, values),
        TensorData::Int16(values) => view(tensor, values),
        TensorData::Int32(values) => view(tensor, values),
        TensorData::Int64(values) => view(tensor, values),
        TensorData::Fp16(values) => view(tensor, values),
        TensorData::Bf16(values) => view(tensor, values),
        TensorData::Fp32(values) => view(tensor, values),
        TensorData::Fp64(values) => view(tensor, values),
        TensorData::Bytes(values) => {
            let texts = values
                .iter()
                .map(|value| text(tensor, value).map(str::to_owned))
                .collect::<Result<Vec<String>, _>>()?;
            OrtTensor::from_string_array((tensor.shape(), texts.as_slice()))
                .map(Into::into)
                .map_err(|source| refused(tensor, &source))
        }
    }
}

fn text<'a>(tensor: &Tensor, value: &'a Bytes) -> Result<&'a str, InferError> {
    let reason = match std::str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => return Ok(text),
        Ok(_) => "a text with a NUL character cannot be given to ONNX Runtime",
        Err(_) => "a text is not UTF-8",
    };
    Err(InferError::InputValue {
        name: tensor.name().to_owned(),
        reason: reason.to_owned(),
    })
}

fn view<'a, T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
    tensor: &'a Tensor,
    values: &'a [T],
) -> Result<SessionInputValue<'a>, InferError> {
    TensorRef::from_array_view((tensor.shape(), values))
        .map(Into::into)
        .map_err(|source| refused(tensor, &source))
}

fn refused(tensor: &Tensor, source: &ort::Error) -> InferError {
    InferError::InputValue {
        name: tensor.name().to_owned(),
        reason: source.to_string(),
    }
}

/// An output, copied out of the runtime's memory.
pub(super) fn output(name: &str, value: &DynValue) -> Result<Tensor, InferError> {
    match value.dtype() {
        ValueType::Tensor { ty, .. } => tensor(name, *ty, value),
        ValueType::Sequence(element) => match zipmap_key(element) {
            Some(TensorElementType::Int64) => zipmap::<i64>(name, value),
            Some(_) => zipmap::<String>(name, value),
            None => Err(failed(format!("output `{name}` is a sequence"))),
        },
        ValueType::Map { .. } | ValueType::Optional(_) => {
            Err(failed(format!("output `{name}` is no tensor")))
        }
    }
}

fn tensor(name: &str, ty: TensorElementType, value: &DynValue) -> Result<Tensor, InferError> {
    match data_type(ty) {
        Some(DataType::Bool) => copy::<bool>(name, value),
        Some(DataType::Uint8) => copy::<u8>(name, value),
        Some(DataType::Uint16) => copy::<u16>(name, value),
        Some(DataType::Uint32) => copy::<u32>(name, value),
        Some(DataType::Uint64) => copy::<u64>(name, value),
        Some(DataType::Int8) => copy::<i8>(name, value),
        Some(DataType::Int16) => copy::<i16>(name, value),
        Some(DataType::Int32) => copy::<i32>(name, value),
        Some(DataType::Int64) => copy::<i64>(name, value),
        Some(DataType::Fp16) => copy::<half::f16>(name, value),
        Some(DataType::Bf16) => copy::<half::bf16>(name, value),
        Some(DataType::Fp32) => copy::<f32>(name, value),
        Some(DataType::Fp64) => copy::<f64>(name, value),
        Some(DataType::Bytes) => {
            let (shape, texts) = value.try_extract_strings().map_err(run)?;
            let texts: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
            Tensor::new(name, dims(shape)?, texts)
        }
        None => Err(failed(format!("output `{name}` has the element type {ty}"))),
    }
}

fn copy<T>(name: &str, value: &DynValue) -> Result<Tensor, InferError>
where
    T: PrimitiveTensorElementType + Clone,
    TensorData: From<Vec<T>>,
{
    let (shape, values) = value.try_extract_tensor::<T>().map_err(run)?;
    Tensor::new(name, dims(shape)?, values.to_vec())
}

/// Class probabilities as maps, one per row, as a matrix: columns by class in ascending order.
fn zipmap<K>(name: &str, value: &DynValue) -> Result<Tensor, InferError>
where
    K: ort::value::IntoTensorElementType + Clone + std::hash::Hash + Ord,
{
    let sequence = value
        .view()
        .downcast::<ort::value::DynSequenceValueType>()
        .map_err(run)?;
    let maps = sequence
        .try_extract_sequence::<DynMapValueType>()
        .map_err(run)?;
    let (rows, mut width, mut values) = (maps.len(), 0, Vec::new());
    for map in &maps {
        let mut pairs = map.try_extract_key_values::<K, f32>().map_err(run)?;
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        width = pairs.len();
        values.extend(pairs.into_iter().map(|(_, value)| value));
    }
    Tensor::new(name, vec![rows, width], values)
}

fn dims(shape: &[i64]) -> Result<Vec<usize>, InferError> {
    shape
        .iter()
        .map(|dim| usize::try_from(*dim))
        .collect::<Result<_, _>>()
        .map_err(|source| InferError::Run {
            source: source.into(),
        })
}

fn failed(reason: String) -> InferError {
    InferError::Run {
        source: reason.into(),
    }
}

pub(super) fn run(source: ort::Error) -> InferError {
    failed(source.to_string())
}
