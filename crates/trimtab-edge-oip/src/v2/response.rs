//! An inference answer as bytes.

use std::io::Write as _;

use serde_json::json;
use trimtab_edge::Failure;
use trimtab_infer::{Tensor, TensorData};
use trimtab_serving::Prediction;
use trimtab_types::Name;

use crate::{
    binary,
    infer::{Chosen, Form, Outputs},
};

/// An encoded answer.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// How long its JSON is, where tensors follow it.
    pub(super) json_length: Option<usize>,
}

/// Encodes the outputs that the caller wants, in the caller's order.
pub(super) fn encode(
    model: &Name,
    id: Option<&str>,
    prediction: &Prediction,
    wanted: &Outputs,
) -> Result<Encoded, Failure> {
    let chosen = wanted.choose(&prediction.outputs)?;
    let mut bytes = Vec::with_capacity(256);
    let mut tail = Vec::new();
    let mut head = json!({
        "model_name": model,
        "model_version": prediction.version.to_string(),
    });
    if let Some(id) = id {
        head["id"] = id.into();
    }
    // The head without its closing brace; the outputs are written by hand, straight from their vectors.
    let head = head.to_string();
    bytes.extend_from_slice(head.trim_end_matches('}').as_bytes());
    bytes.extend_from_slice(b",\"outputs\":[");
    let is_any_binary = chosen.iter().any(|output| output.form == Form::Binary);
    for (at, Chosen { tensor, form }) in chosen.iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        let spec = json!({
            "name": tensor.name(),
            "datatype": tensor.data_type().as_str(),
            "shape": tensor.shape(),
        })
        .to_string();
        bytes.extend_from_slice(spec.trim_end_matches('}').as_bytes());
        match form {
            Form::Binary => {
                let before = tail.len();
                binary::encode(tensor.data(), &mut tail);
                let size = tail.len() - before;
                // Writing to a vector cannot fail.
                let _ = write!(bytes, ",\"parameters\":{{\"binary_data_size\":{size}}}}}");
            }
            Form::Text => {
                bytes.extend_from_slice(b",\"data\":[");
                elements(tensor, &mut bytes)?;
                bytes.extend_from_slice(b"]}");
            }
            Form::Shared(place) => {
                let parameters = json!({
                    "shared_memory_region": place.region,
                    "shared_memory_byte_size": binary::length(tensor.data()),
                });
                let _ = write!(bytes, ",\"parameters\":{parameters}}}");
            }
        }
    }
    bytes.extend_from_slice(b"]}");
    let json_length = is_any_binary.then_some(bytes.len());
    bytes.append(&mut tail);
    Ok(Encoded { bytes, json_length })
}

fn elements(tensor: &Tensor, out: &mut Vec<u8>) -> Result<(), Failure> {
    macro_rules! written {
        ($values:expr) => {
            for (at, value) in $values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                // Writing to a vector cannot fail.
                let _ = write!(out, "{value}");
            }
        };
    }
    macro_rules! floats {
        ($values:expr, $convert:expr) => {
            for (at, value) in $values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                float($convert(*value), out);
            }
        };
    }
    match tensor.data() {
        TensorData::Bool(values) => written!(values),
        TensorData::Uint8(values) => written!(values),
        TensorData::Uint16(values) => written!(values),
        TensorData::Uint32(values) => written!(values),
        TensorData::Uint64(values) => written!(values),
        TensorData::Int8(values) => written!(values),
        TensorData::Int16(values) => written!(values),
        TensorData::Int32(values) => written!(values),
        TensorData::Int64(values) => written!(values),
        TensorData::Fp16(values) => floats!(values, half::f16::to_f32),
        TensorData::Bf16(values) => floats!(values, half::bf16::to_f32),
        TensorData::Fp32(values) => floats!(values, |value: f32| value),
        TensorData::Fp64(values) => floats!(values, |value: f64| value),
        TensorData::Bytes(values) => {
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let text = std::str::from_utf8(value).map_err(|_| {
                    Failure::invalid(
                        format!("outputs.{}", tensor.name()),
                        format!(
                            "output `{}` holds bytes that are no text: ask for it with `binary_data: true`",
                            tensor.name()
                        ),
                    )
                })?;
                let _ = serde_json::to_writer(&mut *out, text);
            }
        }
    }
    Ok(())
}

/// A floating-point number in the fewest digits that read back as it is; what JSON has no number for as a text.
fn float<T: serde::Serialize + Into<f64> + Copy>(value: T, out: &mut Vec<u8>) {
    let wide: f64 = value.into();
    if wide.is_finite() {
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut *out, &value);
    } else if wide.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if wide > 0.0 {
        out.extend_from_slice(b"\"Infinity\"");
    } else {
        out.extend_from_slice(b"\"-Infinity\"");
    }
}

#[cfg(test)]
mod tests {
    use trimtab_types::{PredictionId, RevisionId};

    use super::*;
    use crate::infer::Output;

    fn prediction() -> Prediction {
        Prediction {
            prediction_id: PredictionId::new(),
            revision: RevisionId::new(),
            version: 3,
            rows: 2,
            form: trimtab_infer::AnswerForm::Named,
            spent: trimtab_serving::Spent::default(),
            outputs: vec![
                Tensor::new(
                    "p",
                    vec![2, 2],
                    vec![0.1_f32, f32::NAN, f32::INFINITY, -2.0],
                )
                .unwrap(),
                Tensor::new(
                    "label",
                    vec![2],
                    TensorData::Bytes(vec!["a\"".into(), "é".into()]),
                )
                .unwrap(),
            ],
        }
    }

    #[test]
    fn json_is_valid_whatever_the_numbers() {
        let name = "m".parse().unwrap();
        let encoded = encode(&name, Some("7"), &prediction(), &Outputs::default()).unwrap();
        assert_eq!(encoded.json_length, None);
        assert_eq!(
            String::from_utf8(encoded.bytes).unwrap(),
            r#"{"model_name":"m","model_version":"3","id":"7","outputs":[{"name":"p","datatype":"FP32","shape":[2,2],"data":[0.1,"NaN","Infinity",-2.0]},{"name":"label","datatype":"BYTES","shape":[2],"data":["a\"","é"]}]}"#
        );
    }

    #[test]
    fn outputs_come_in_the_order_and_form_asked_for() {
        let name = "m".parse().unwrap();
        let output = |name: &str, is_binary| Output {
            name: name.to_owned(),
            is_binary,
            ..Output::default()
        };
        let wanted = Outputs {
            named: vec![output("label", Some(true)), output("p", None)],
            is_binary: false,
        };
        let encoded = encode(&name, None, &prediction(), &wanted).unwrap();
        let length = encoded.json_length.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&encoded.bytes[..length]).unwrap();
        assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 12);
        assert_eq!(encoded.bytes.len(), length + 12);
        assert_eq!(json["outputs"][1]["name"], "p");
        let wanted = Outputs {
            named: vec![output("q", None)],
            is_binary: false,
        };
        let error = encode(&name, None, &prediction(), &wanted).unwrap_err();
        assert_eq!(
            error.message,
            "the model has no output `q`; it has p, label"
        );
    }
}
