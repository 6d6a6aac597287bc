//! `inputs` and `instances`: tensors as nested lists, by name or for the model's one input.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use trimtab_edge::Failure;
use trimtab_infer::{DataType, Tensor, TensorData, TensorSpec};
use trimtab_serving::{ModelInfo, PredictRequest};

use super::in_field;
use crate::element::{Nested, Shape};

/// `inputs`: `{"name": nested list, ...}`, or a nested list for the model's one input.
pub(super) fn inputs(
    info: &ModelInfo,
    row_key: Option<&str>,
    json: &RawValue,
) -> Result<PredictRequest, Failure> {
    if json.get().trim_start().starts_with('{') {
        let mut parts = Parts::new(info, row_key, 0);
        Named(&mut parts)
            .deserialize(&mut serde_json::Deserializer::from_str(json.get()))
            .map_err(|error| in_field("inputs", &error))?;
        return parts.finish(None);
    }
    one(info, "inputs", json)
}

/// `instances`: a list of `{"name": nested list, ...}`, one for each row, or a nested list for the one input.
pub(super) fn instances(
    info: &ModelInfo,
    row_key: Option<&str>,
    json: &RawValue,
) -> Result<PredictRequest, Failure> {
    let inside = json.get().trim_start().trim_start_matches('[').trim_start();
    if !inside.starts_with('{') {
        return one(info, "instances", json);
    }
    let mut parts = Parts::new(info, row_key, 1);
    let rows = Instances(&mut parts)
        .deserialize(&mut serde_json::Deserializer::from_str(json.get()))
        .map_err(|error| in_field("instances", &error))?;
    parts.finish(Some(rows))
}

fn one(info: &ModelInfo, field: &str, json: &RawValue) -> Result<PredictRequest, Failure> {
    let [spec] = info.signature.inputs.as_slice() else {
        let names: Vec<&str> = info
            .signature
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        return Err(Failure::invalid(
            field,
            format!(
                "the model has several inputs, give `{field}` by name: {}",
                names.join(", ")
            ),
        ));
    };
    let mut part = Part::new(spec);
    Nested {
        data: &mut part.data,
        shape: &mut part.shape,
        depth: 0,
    }
    .deserialize(&mut serde_json::Deserializer::from_str(json.get()))
    .map_err(|error| in_field(field, &error))?;
    Ok(PredictRequest {
        inputs: vec![part.tensor(spec, None)?],
        ..PredictRequest::default()
    })
}

/// One input that is being read.
#[derive(Debug)]
struct Part {
    data: TensorData,
    shape: Shape,
    /// How many rows gave it.
    times: usize,
}

impl Part {
    fn new(spec: &TensorSpec) -> Self {
        Self {
            data: TensorData::empty(spec.datatype),
            shape: Shape::default(),
            times: 0,
        }
    }

    /// The tensor; a list of scalars fits where the model takes one column.
    fn tensor(self, spec: &TensorSpec, rows: Option<usize>) -> Result<Tensor, Failure> {
        let mut shape = self.shape.into_dims();
        if let Some(rows) = rows {
            match shape.first_mut() {
                Some(first) => *first = rows,
                None => shape.push(rows),
            }
        }
        let is_column = spec.shape.len() == 2 && (spec.shape[1] == 1 || spec.shape[1] < 0);
        if is_column && shape.len() == 1 {
            shape.push(1);
        }
        Ok(Tensor::new(&spec.name, shape, self.data)?)
    }
}

/// The inputs that are being read, and those that the model does not have: they may be the row key.
#[derive(Debug)]
struct Parts<'m> {
    specs: &'m [TensorSpec],
    parts: Vec<Part>,
    others: Vec<(TensorSpec, Part)>,
    row_key: Option<&'m str>,
    depth: usize,
}

impl<'m> Parts<'m> {
    fn new(info: &'m ModelInfo, row_key: Option<&'m str>, depth: usize) -> Self {
        let specs = info.signature.inputs.as_slice();
        Self {
            specs,
            parts: specs.iter().map(Part::new).collect(),
            others: Vec::new(),
            row_key,
            depth,
        }
    }

    /// Where the values of an input go. What the model does not have is taken as text: only a row key passes.
    fn part(&mut self, name: &str) -> Result<&mut Part, String> {
        if let Some(at) = self.specs.iter().position(|spec| spec.name == name) {
            return Ok(&mut self.parts[at]);
        }
        if self.row_key != Some(name) {
            let known: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(format!(
                "the model has no input `{name}`; it takes {}",
                known.join(", ")
            ));
        }
        let at = match self.others.iter().position(|(spec, _)| spec.name == name) {
            Some(at) => at,
            None => {
                let spec = TensorSpec {
                    name: name.to_owned(),
                    datatype: DataType::Bytes,
                    shape: vec![-1],
                };
                let part = Part::new(&spec);
                self.others.push((spec, part));
                self.others.len() - 1
            }
        };
        Ok(&mut self.others[at].1)
    }

    fn finish(self, rows: Option<usize>) -> Result<PredictRequest, Failure> {
        let known = self.specs.iter().cloned().zip(self.parts);
        let inputs = known
            .chain(self.others)
            .filter(|(_, part)| part.times > 0)
            .map(|(spec, part)| {
                if let Some(rows) = rows
                    && part.times != rows
                {
                    return Err(Failure::invalid(
                        spec.name.clone(),
                        format!(
                            "input `{}` is given by {} of {rows} instances",
                            spec.name, part.times
                        ),
                    ));
                }
                part.tensor(&spec, rows)
            })
            .collect::<Result<Vec<Tensor>, Failure>>()?;
        Ok(PredictRequest {
            inputs,
            ..PredictRequest::default()
        })
    }
}

/// An object of names and nested lists.
struct Named<'a, 'm>(&'a mut Parts<'m>);

impl<'de> DeserializeSeed<'de> for Named<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of input names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.0.depth;
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format!("input `{name}` is given twice")));
            }
            let part = self.0.part(&name).map_err(A::Error::custom)?;
            part.times += 1;
            map.next_value_seed(Nested {
                data: &mut part.data,
                shape: &mut part.shape,
                depth,
            })
            .map_err(|error| A::Error::custom(format!("input `{name}`: {error}")))?;
            seen.push(name);
        }
        Ok(())
    }
}

/// A list of such objects; answers how many.
struct Instances<'a, 'm>(&'a mut Parts<'m>);

impl<'de> DeserializeSeed<'de> for Instances<'_, '_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Instances<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instances")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while seq.next_element_seed(Named(self.0))?.is_some() {
            rows += 1;
        }
        Ok(rows)
    }
}
