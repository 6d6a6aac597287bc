//! MLflow's model signature as tensors.

use serde::Deserialize;
use serde_json::Value;

use super::SCORING_REQUEST;
use crate::{DataType, Signature, TensorSpec};

/// The name of a tensor that the model gives no name.
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// A signature as MLflow writes it: lists of columns or tensors, each a text of JSON.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    inputs: Option<String>,
    #[serde(default)]
    outputs: Option<String>,
}

/// What a model takes and gives. A model whose inputs are no tensors (no signature, or lists and objects in it) takes
/// a document of MLflow's scoring protocol; without a signature it takes any tensors too.
pub(super) fn read(written: Option<&Written>) -> Signature {
    let specs = |text: &Option<String>, unnamed, column: &[i64]| -> Option<Vec<TensorSpec>> {
        let specs: Vec<Value> = serde_json::from_str(text.as_deref()?).ok()?;
        let is_single = specs.len() == 1;
        specs
            .iter()
            .map(|spec| tensor(spec, is_single.then_some(unnamed), column))
            .collect()
    };
    let known = written.and_then(|written| specs(&written.inputs, INPUT, &[-1, 1]));
    let is_open = written.is_none_or(|written| written.inputs.is_none());
    let outputs = written.and_then(|written| specs(&written.outputs, OUTPUT, &[-1]));
    Signature {
        inputs: known
            .filter(|inputs| !inputs.is_empty())
            .unwrap_or_else(|| {
                vec![TensorSpec {
                    name: SCORING_REQUEST.to_owned(),
                    datatype: DataType::Bytes,
                    shape: vec![1],
                }]
            }),
        outputs: outputs.unwrap_or_default(),
        is_open,
    }
}

/// A tensor or a column, the latter of the shape `column`.
fn tensor(spec: &Value, unnamed: Option<&str>, column: &[i64]) -> Option<TensorSpec> {
    let name = spec.get("name").and_then(Value::as_str).or(unnamed)?;
    let kind = spec.get("type")?.as_str()?;
    let (datatype, shape) = if kind == "tensor" {
        let inner = spec.get("tensor-spec")?;
        let shape = inner.get("shape")?.as_array()?;
        let dims: Option<Vec<i64>> = shape.iter().map(Value::as_i64).collect();
        (numpy(inner.get("dtype")?.as_str()?)?, dims?)
    } else {
        // What JSON would give as base64 or as a list is read by MLflow's own rules.
        let datatype = match kind {
            "boolean" => DataType::Bool,
            "integer" => DataType::Int32,
            "long" => DataType::Int64,
            "float" => DataType::Fp32,
            "double" => DataType::Fp64,
            "string" | "datetime" => DataType::Bytes,
            _ => return None,
        };
        (datatype, column.to_vec())
    };
    Some(TensorSpec {
        name: name.to_owned(),
        datatype,
        shape,
    })
}

fn numpy(dtype: &str) -> Option<DataType> {
    Some(match dtype {
        "bool" => DataType::Bool,
        "uint8" => DataType::Uint8,
        "uint16" => DataType::Uint16,
        "uint32" => DataType::Uint32,
        "uint64" => DataType::Uint64,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "float16" => DataType::Fp16,
        "float32" => DataType::Fp32,
        "float64" => DataType::Fp64,
        "str" | "bytes" | "object" => DataType::Bytes,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inputs: Option<&str>, outputs: Option<&str>, expected: &str, is_open: bool) {
        let written = Written {
            inputs: inputs.map(ToOwned::to_owned),
            outputs: outputs.map(ToOwned::to_owned),
        };
        let signature = read(Some(&written));
        let show = |specs: &[TensorSpec]| -> Vec<String> {
            let one = |s: &TensorSpec| format!("{} {} {:?}", s.name, s.datatype, s.shape);
            specs.iter().map(one).collect()
        };
        let text = format!(
            "{} -> {}",
            show(&signature.inputs).join("; "),
            show(&signature.outputs).join("; ")
        );
        assert_eq!(text, expected);
        assert_eq!(signature.is_open, is_open);
    }

    #[test]
    fn columns_tensors_and_what_is_neither() {
        check(
            Some(
                r#"[{"type":"double","name":"a","required":true},{"type":"string","name":"b","required":true}]"#,
            ),
            Some(r#"[{"type":"long","required":true}]"#),
            "a FP64 [-1, 1]; b BYTES [-1, 1] -> output INT64 [-1]",
            false,
        );
        check(
            Some(r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,4]}}]"#),
            Some(r#"[{"type":"tensor","tensor-spec":{"dtype":"int64","shape":[-1]}}]"#),
            "input FP32 [-1, 4] -> output INT64 [-1]",
            false,
        );
        check(
            Some(r#"[{"type":"array","items":{"type":"string"},"name":"words","required":true}]"#),
            None,
            "scoring_request BYTES [1] -> ",
            false,
        );
        check(None, None, "scoring_request BYTES [1] -> ", true);
    }
}
