//! V2 with binary tensors.

use serde_json::{Value, json};

use crate::world::World;

fn split(answer: &crate::world::Answer) -> (Value, Vec<u8>) {
    let length: usize = answer.headers["inference-header-content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let json = serde_json::from_slice(&answer.body[..length]).unwrap();
    (json, answer.body[length..].to_vec())
}

/// A body with binary tensors, and the length of its JSON.
pub(crate) fn body(head: &Value, tail: &[u8]) -> (Vec<u8>, String) {
    let mut body = head.to_string().into_bytes();
    let length = body.len().to_string();
    body.extend_from_slice(tail);
    (body, length)
}

#[tokio::test]
async fn tensors_go_in_and_out_in_binary_form() {
    let world = World::new().await;
    let mut tail = Vec::new();
    for text in ["UA", "ZZ"] {
        tail.extend_from_slice(&2_u32.to_le_bytes());
        tail.extend_from_slice(text.as_bytes());
    }
    for value in [500.0_f32, 1000.0, 10.0, f32::NAN] {
        tail.extend_from_slice(&value.to_le_bytes());
    }
    let head = json!({
        "inputs": [
            {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 12}},
            {"name": "origin", "shape": [2, 1], "datatype": "BYTES", "data": ["EWR", "JFK"]},
            {"name": "distance", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
            {"name": "temp", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        ],
        "outputs": [
            {"name": "probabilities", "parameters": {"binary_data": true}},
            {"name": "label"},
        ],
    });
    let (request, length) = body(&head, &tail);
    let answer = world
        .call(
            "POST",
            "/v2/models/flights/infer",
            &[("inference-header-content-length", &length)],
            request,
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    let (json, tail) = split(&answer);
    assert_eq!(
        json["outputs"][0],
        json!({"name": "probabilities", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}})
    );
    assert_eq!(json["outputs"][1]["data"], json!([1, 0]));
    let first = f32::from_le_bytes(tail[4..8].try_into().unwrap());
    assert!((first - 0.740_475_83).abs() < 1e-6);
    assert_eq!(tail.len(), 16);
}

#[tokio::test]
async fn a_raw_request_is_one_row() {
    let world = World::new().await;
    let values: Vec<u8> = [1.0_f32, 1.0, 0.0, 0.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let raw = async |path: &str, bytes: Vec<u8>| {
        world
            .call(
                "POST",
                path,
                &[("inference-header-content-length", "0")],
                bytes,
            )
            .await
    };
    let answer = raw("/v2/models/matrix/infer", values.clone()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (json, tail) = split(&answer);
    assert_eq!(json["outputs"][0]["shape"], json!([1]));
    assert_eq!(&tail[..7], b"\x03\0\0\0yes");
    for (path, bytes) in [
        ("/v2/models/matrix/infer", values[..15].to_vec()),
        ("/v2/models/matrix/infer", values[..12].to_vec()),
        ("/v2/models/matrix/infer", Vec::new()),
        ("/v2/models/flights/infer", values),
    ] {
        let answer = raw(path, bytes).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}
