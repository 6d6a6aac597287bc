//! What V2 says of a model.

use serde_json::{Value, json};
use trimtab_infer::{DataType, TensorSpec};
use trimtab_serving::ModelInfo;
use trimtab_types::Name;

use crate::describe;

/// The model's metadata.
pub(super) fn metadata(name: &Name, info: &ModelInfo) -> Value {
    let tensors = |specs: &[TensorSpec]| -> Vec<Value> {
        specs
            .iter()
            .map(|spec| {
                json!({
                    "name": spec.name,
                    "datatype": spec.datatype.as_str(),
                    "shape": spec.shape,
                })
            })
            .collect()
    };
    json!({
        "name": name,
        "versions": info.versions.iter().map(i64::to_string).collect::<Vec<_>>(),
        "platform": info.platform,
        "inputs": tensors(&info.signature.inputs),
        "outputs": tensors(&info.signature.outputs),
    })
}

/// The model's configuration, as Triton's `ModelConfig` protobuf looks in JSON. No batch dimension is split off:
/// `max_batch_size` is 0 and `dims` are whole shapes.
pub(super) fn config(name: &Name, info: &ModelInfo) -> Value {
    let tensors = |specs: &[TensorSpec]| -> Vec<Value> {
        specs
            .iter()
            .map(|spec| {
                json!({
                    "name": spec.name,
                    "data_type": config_type(spec.datatype),
                    "dims": spec.shape,
                })
            })
            .collect()
    };
    json!({
        "name": name,
        "platform": info.platform,
        "backend": describe::backend(info),
        "version_policy": { "specific": { "versions": info.versions } },
        "max_batch_size": 0,
        "input": tensors(&info.signature.inputs),
        "output": tensors(&info.signature.outputs),
    })
}

fn config_type(datatype: DataType) -> String {
    match datatype {
        DataType::Bytes => "TYPE_STRING".to_owned(),
        DataType::Bool
        | DataType::Uint8
        | DataType::Uint16
        | DataType::Uint32
        | DataType::Uint64
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Fp16
        | DataType::Bf16
        | DataType::Fp32
        | DataType::Fp64 => format!("TYPE_{datatype}"),
    }
}
