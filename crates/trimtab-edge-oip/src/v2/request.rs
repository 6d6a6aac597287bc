//! An inference request from its bytes: JSON, JSON with binary tensors behind it, or one raw tensor.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use trimtab_edge::{Failure, json_reason};
use trimtab_infer::{DataType, Tensor, TensorData};
use trimtab_serving::ModelInfo;

use crate::{
    binary,
    context::{RowKeys, bounded, event_time},
    element::{Elements, Nulls},
    infer::{InferRequest, MAX_RANK, Output, Outputs},
    memory::{Place, Regions},
};

/// Requests in the bytes of an HTTP body.
impl InferRequest {
    /// A body that is JSON from end to end.
    pub(crate) fn json(body: &Bytes, regions: Regions<'_>) -> Result<Self, Failure> {
        Self::parts(body, Bytes::new(), regions)
    }

    /// A body of `length` bytes of JSON and the binary tensors.
    pub(crate) fn binary(
        body: &Bytes,
        length: usize,
        regions: Regions<'_>,
    ) -> Result<Self, Failure> {
        if length > body.len() {
            return Err(Failure::invalid(
                "inference-header-content-length",
                format!(
                    "Inference-Header-Content-Length says {length} bytes of JSON, the body has {}",
                    body.len()
                ),
            ));
        }
        Self::parts(&body.slice(..length), body.slice(length..), regions)
    }

    /// A body that is the bytes of the model's one input, one row.
    pub(crate) fn raw(info: &ModelInfo, body: &Bytes) -> Result<Self, Failure> {
        let [spec] = info.signature.inputs.as_slice() else {
            return Err(Failure::invalid(
                "",
                format!(
                    "a raw request needs a model with one input, this one has {}",
                    info.signature.inputs.len()
                ),
            ));
        };
        let data = match spec.datatype {
            DataType::Bytes => TensorData::Bytes(vec![body.clone()]),
            datatype => binary::decode(datatype, body).ok_or_else(|| {
                Failure::invalid(
                    "",
                    format!(
                        "{} bytes are no whole number of {datatype} elements",
                        body.len()
                    ),
                )
            })?,
        };
        let shape = raw_shape(&spec.shape, data.len());
        let tensor = Tensor::new(&spec.name, shape, data)?;
        Ok(Self {
            id: None,
            inputs: vec![tensor],
            row_keys: None,
            event_time: None,
            outputs: Outputs {
                named: Vec::new(),
                is_binary: true,
            },
        })
    }

    fn parts(json: &[u8], mut rest: Bytes, regions: Regions<'_>) -> Result<Self, Failure> {
        let head: Head<'_> = serde_json::from_slice(json).map_err(|error| {
            Failure::invalid(
                "",
                format!("the request is not valid: {}", json_reason(&error)),
            )
        })?;
        let inputs = head
            .inputs
            .into_iter()
            .map(|input| input.tensor(&mut rest, regions))
            .collect::<Result<Vec<Tensor>, Failure>>()?;
        if !rest.is_empty() {
            return Err(Failure::invalid(
                "",
                format!(
                    "{} bytes are left over behind the binary tensors",
                    rest.len()
                ),
            ));
        }
        let parameters = head.parameters.unwrap_or_default();
        let named = head.outputs.unwrap_or_default();
        let named = named
            .into_iter()
            .map(WireOutput::check)
            .collect::<Result<Vec<Output>, Failure>>()?;
        Ok(Self {
            id: head
                .id
                .filter(|id| !id.is_empty())
                .map(|id| bounded("id", id))
                .transpose()?,
            inputs,
            row_keys: parameters.row_keys.map(RowKeys::check).transpose()?,
            event_time: parameters
                .event_time
                .map(|text| event_time("parameters.event_time", &text))
                .transpose()?,
            outputs: Outputs {
                named,
                is_binary: parameters.binary_data_output.unwrap_or(false),
            },
        })
    }
}

/// One row: the first dimension is 1 where it is free and others follow, one other free dimension takes what
/// there is. What does not come out even is refused by the tensor.
fn raw_shape(spec: &[i64], elements: usize) -> Vec<usize> {
    let mut shape: Vec<Option<usize>> = spec.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    if let [first @ None, _, ..] = shape.as_mut_slice() {
        *first = Some(1);
    }
    let known = shape
        .iter()
        .flatten()
        .try_fold(1_usize, |product, dim| product.checked_mul(*dim));
    let mut free = known
        .and_then(|known| elements.checked_div(known))
        .unwrap_or(0);
    shape
        .into_iter()
        .map(|dim| dim.unwrap_or_else(|| std::mem::replace(&mut free, 1)))
        .collect()
}

#[derive(Deserialize)]
struct Head<'a> {
    id: Option<String>,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<WireInput<'a>>,
    outputs: Option<Vec<WireOutput>>,
}

#[derive(Deserialize, Default)]
struct Parameters {
    binary_data_output: Option<bool>,
    row_keys: Option<RowKeys>,
    event_time: Option<String>,
}

#[derive(Deserialize)]
struct WireOutput {
    name: String,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

#[derive(Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<usize>,
    shared_memory_region: Option<String>,
    shared_memory_byte_size: Option<u64>,
    shared_memory_offset: Option<u64>,
}

impl WireOutput {
    fn check(self) -> Result<Output, Failure> {
        let Some(parameters) = self.parameters else {
            return Ok(Output {
                name: self.name,
                ..Output::default()
            });
        };
        let place = parameters.shared_memory_region.map(|region| Place {
            region,
            offset: parameters.shared_memory_offset.unwrap_or(0),
            byte_size: parameters.shared_memory_byte_size.unwrap_or(0),
        });
        let output = Output {
            name: self.name,
            is_binary: parameters.binary_data,
            classes: parameters.classification,
            place,
        };
        output.check()
    }
}

/// An input as it is written; its data is typed as soon as its type is known.
struct WireInput<'a> {
    name: String,
    datatype: DataType,
    shape: Vec<usize>,
    parameters: InputParameters,
    data: Option<Data<'a>>,
}

enum Data<'a> {
    Typed(TensorData),
    /// The data came before its type.
    Raw(&'a RawValue),
}

#[derive(Deserialize, Default)]
struct InputParameters {
    binary_data_size: Option<usize>,
    shared_memory_region: Option<String>,
    shared_memory_byte_size: Option<u64>,
    shared_memory_offset: Option<u64>,
}

impl WireInput<'_> {
    fn tensor(self, rest: &mut Bytes, regions: Regions<'_>) -> Result<Tensor, Failure> {
        let name = self.name;
        let refused = |reason: String| {
            Failure::invalid(
                format!("inputs.{name}"),
                format!("input `{name}`: {reason}"),
            )
        };
        if let Some(region) = self.parameters.shared_memory_region {
            if self.data.is_some() || self.parameters.binary_data_size.is_some() {
                return Err(refused(
                    "it is in shared memory and in the request".to_owned(),
                ));
            }
            let place = Place {
                region,
                offset: self.parameters.shared_memory_offset.unwrap_or(0),
                byte_size: self.parameters.shared_memory_byte_size.unwrap_or(0),
            };
            let bytes = regions.read(&place)?;
            let data = binary::decode(self.datatype, &bytes).ok_or_else(|| {
                refused(format!(
                    "its {} bytes are no whole number of {} elements",
                    bytes.len(),
                    self.datatype
                ))
            })?;
            return Ok(Tensor::new(name, self.shape, data)?);
        }
        let data = match (self.data, self.parameters.binary_data_size) {
            (Some(Data::Typed(data)), None) => data,
            (Some(Data::Raw(raw)), None) => {
                typed(raw, self.datatype).map_err(|error| refused(error.to_string()))?
            }
            (Some(_), Some(_)) => {
                return Err(refused("it has `data` and `binary_data_size`".to_owned()));
            }
            (None, None) => {
                return Err(refused(
                    "it has neither `data` nor `binary_data_size`".to_owned(),
                ));
            }
            (None, Some(size)) if size > rest.len() => {
                return Err(refused(format!(
                    "`binary_data_size` is {size}, {} bytes are there",
                    rest.len()
                )));
            }
            (None, Some(size)) => {
                let bytes = rest.split_to(size);
                binary::decode(self.datatype, &bytes).ok_or_else(|| {
                    refused(format!(
                        "its {size} bytes are no whole number of {} elements",
                        self.datatype
                    ))
                })?
            }
        };
        Ok(Tensor::new(name, self.shape, data)?)
    }
}

fn typed(raw: &RawValue, datatype: DataType) -> Result<TensorData, serde_json::Error> {
    let mut data = TensorData::empty(datatype);
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    Elements {
        data: &mut data,
        nulls: Nulls::Refuse,
    }
    .deserialize(&mut deserializer)?;
    Ok(data)
}

impl<'de: 'a, 'a> Deserialize<'de> for WireInput<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InputVisitor)
    }
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = WireInput<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an input with name, shape, datatype and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WireInput<'de>, A::Error> {
        let mut name: Option<String> = None;
        let mut datatype: Option<DataType> = None;
        let (mut shape, mut parameters, mut data) = (None, None, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "name" => name = Some(map.next_value()?),
                "datatype" => {
                    let text: Cow<'de, str> = map.next_value()?;
                    datatype = Some(text.parse().map_err(A::Error::custom)?);
                }
                "shape" => {
                    let dims: Vec<usize> = map
                        .next_value()
                        .map_err(|error| in_input(name.as_deref(), "shape", error))?;
                    if dims.len() > MAX_RANK {
                        return Err(A::Error::custom(format!(
                            "a shape has at most {MAX_RANK} dimensions"
                        )));
                    }
                    shape = Some(dims);
                }
                "parameters" => {
                    parameters = map
                        .next_value::<Option<InputParameters>>()
                        .map_err(|error| in_input(name.as_deref(), "parameters", error))?;
                }
                "data" => {
                    data = Some(match datatype {
                        Some(datatype) => {
                            let mut values = TensorData::empty(datatype);
                            map.next_value_seed(Elements {
                                data: &mut values,
                                nulls: Nulls::Refuse,
                            })
                            .map_err(|error| in_input(name.as_deref(), "data", error))?;
                            Data::Typed(values)
                        }
                        None => Data::Raw(map.next_value()?),
                    });
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(WireInput {
            name: name.ok_or_else(|| A::Error::missing_field("name"))?,
            datatype: datatype.ok_or_else(|| A::Error::missing_field("datatype"))?,
            shape: shape.ok_or_else(|| A::Error::missing_field("shape"))?,
            parameters: parameters.unwrap_or_default(),
            data,
        })
    }
}

/// Says in which input an error lies. serde_json keeps its place in the text.
fn in_input<E: Error>(name: Option<&str>, part: &str, error: E) -> E {
    match name {
        Some(name) => E::custom(format!("{part} of input `{name}`: {error}")),
        None => error,
    }
}
