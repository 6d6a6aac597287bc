//! V2 in JSON.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder, write::ZlibEncoder};
use serde_json::json;
use trimtab_events::Scan;
use trimtab_types::{Scope, Time};

use crate::world::{FLIGHTS, World};

#[tokio::test]
async fn a_server_and_its_models_describe_themselves() {
    let world = World::new().await;
    for (path, expected) in [
        ("/v2/health/live", json!({"live": true})),
        ("/v2/health/ready", json!({"ready": true})),
        (
            "/v2/models/flights/ready",
            json!({"name": "flights", "ready": true}),
        ),
        (
            "/v2/models/flights/versions/2/ready",
            json!({"name": "flights", "ready": true}),
        ),
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    }
    let server = world.get("/v2").await.json();
    assert_eq!(server["name"], "trimtab");
    assert_eq!(server["extensions"][0], "binary_tensor_data");
    let expected = json!({
        "name": "flights",
        "versions": ["1", "2"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "origin", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "distance", "datatype": "FP32", "shape": [-1, 1]},
            {"name": "temp", "datatype": "FP32", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
    });
    for path in [
        "/v2/models/flights",
        "/v2/models/fli%67hts",
        "/v2/models/flights/versions/2",
    ] {
        assert_eq!(world.get(path).await.json(), expected, "{path}");
    }
    let config = world.get("/v2/models/flights/config").await.json();
    assert_eq!(config["input"][0]["data_type"], "TYPE_STRING");
    assert_eq!(config["input"][2]["data_type"], "TYPE_FP32");
    assert_eq!(config["max_batch_size"], 0);
    assert_eq!(world.get("/v2/models/empty/ready").await.status, 400);
    for path in [
        "/v2/models/none",
        "/v2/models/none/ready",
        "/v2/models/a%20b",
        "/v2/models/flights/versions/9",
        "/v2/models/flights/versions/new",
        "/v2/repository/nothing",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.error().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn an_answer_carries_its_ids_and_leaves_an_event() {
    let world = World::new().await;
    let body = FLIGHTS.replace(
        r#""id":"mine","#,
        r#""id":"mine","parameters":{"row_keys":["f1","f2"]},"#,
    );
    let answer = world
        .call(
            "POST",
            "/v2/models/flights/infer",
            &[
                ("x-trimtab-key", "unit-7"),
                ("x-trimtab-event-time", "2013-02-03T00:00:00Z"),
            ],
            body,
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    assert_eq!(json["model_name"], "flights");
    assert_eq!(json["model_version"], "1");
    assert_eq!(json["id"], "mine");
    assert_eq!(json["outputs"][0]["data"], json!([1, 0]));
    assert_eq!(json["outputs"][1]["shape"], json!([2, 2]));
    let probability = json["outputs"][1]["data"][1].as_f64().unwrap();
    assert!((probability - 0.740_475_83).abs() < 1e-6);
    let id = answer.headers["x-trimtab-prediction-id"].to_str().unwrap();
    world.serving.drain().await.unwrap();
    let events = world
        .events
        .predictions(&Scan {
            workspace: Scope::local().workspace,
            endpoint: "flights".parse().unwrap(),
            from: "2013-02-03".parse().unwrap(),
            to: Time::MAX,
            served_as: None,
            columns: Some(
                [
                    "prediction_id",
                    "row_key",
                    "assignment_key",
                    "client_request_id",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
        })
        .await
        .unwrap();
    let text = format!("{events:?}");
    for expected in [id, "f1", "f2", "unit-7", "mine"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn a_version_is_asked_by_its_number() {
    let world = World::new().await;
    let score = async |path: &str| {
        let answer = world.post(path, FLIGHTS).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["outputs"][1]["data"][0].as_f64().unwrap()
    };
    let first = score("/v2/models/flights/versions/1/infer").await;
    let second = score("/v2/models/flights/versions/2/infer").await;
    assert_eq!(first, score("/v2/models/flights/infer").await);
    assert!((first - second).abs() > 1e-3);
}

#[tokio::test]
async fn outputs_are_chosen_and_numbers_that_json_lacks_are_texts() {
    let world = World::new().await;
    let body = r#"{"inputs":[{"name":"x","shape":[4,1],"datatype":"FP32","data":[0,-1,"Infinity",1]}],"outputs":[{"name":"y"}]}"#;
    let answer = world.post("/v2/models/logarithm/infer", body).await;
    assert_eq!(
        answer.json()["outputs"][0]["data"],
        json!(["-Infinity", "NaN", "Infinity", 0.0])
    );
    let body = FLIGHTS.replace(
        "\"inputs\"",
        "\"outputs\":[{\"name\":\"probabilities\"}],\"inputs\"",
    );
    let json = world.post("/v2/models/flights/infer", body).await.json();
    assert_eq!(json["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(json["outputs"][0]["name"], "probabilities");
}

#[tokio::test]
async fn bodies_may_be_packed_both_ways() {
    let world = World::new().await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FLIGHTS.as_bytes()).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(FLIGHTS.as_bytes()).unwrap();
    for (encoding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
    ] {
        let answer = world
            .call(
                "POST",
                "/v2/models/flights/infer",
                &[("content-encoding", encoding)],
                body,
            )
            .await;
        assert_eq!(answer.status, 200, "{encoding}");
    }
    let many: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let body = format!(
        r#"{{"inputs":[{{"name":"x","shape":[2000,1],"datatype":"FP32","data":[{}]}}]}}"#,
        many.join(",")
    );
    let answer = world
        .call(
            "POST",
            "/v2/models/logarithm/infer",
            &[("accept-encoding", "br, gzip;q=0.5")],
            body.clone(),
        )
        .await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(&*answer.body)
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.starts_with("{\"model_name\":\"logarithm\""));
    let plain = world
        .call(
            "POST",
            "/v2/models/logarithm/infer",
            &[("accept-encoding", "gzip;q=0")],
            body,
        )
        .await;
    assert!(!plain.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let world = World::new().await;
    world.stopping.cancel();
    assert_eq!(world.get("/v2/health/ready").await.status, 400);
    assert_eq!(world.get("/v2/health/live").await.status, 200);
}
