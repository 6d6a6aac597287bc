//! What autologging of PyTorch Lightning asked of MLflow's own server (`tests/mlflow/lightning/record.py`), asked of
//! ours: the same answers, and at the end the same run.

use std::{collections::BTreeMap, path::Path};

use axum::body::Body;
use http::{Request, header};
use serde_json::{Map, Value, json};

use crate::{
    harness::{self, get},
    recorded::{Replay, difference},
};

/// Where each server keeps files, and who it is, is its own.
const OWN: &[&str] = &[
    "artifact_uri",
    "artifact_location",
    "start_time",
    "end_time",
];

/// An answer without what is each server's own, and without what is empty: a client takes that for absent.
fn common(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(common).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !OWN.contains(&name.as_str()))
            .map(|(name, item)| (name.clone(), common(item)))
            .filter(|(_, item)| item.as_object().is_none_or(|fields| !fields.is_empty()))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn learn(replay: &mut Replay<'_>, path: &str, answer: &Value) {
    let made = [
        ("/experiments/create", "experiment", "/experiment_id"),
        ("/runs/create", "run", "/run/info/run_id"),
        ("/logged-models", "model", "/model/info/model_id"),
    ];
    for (end, name, pointer) in made {
        if path.ends_with(end)
            && let Some(Value::String(id)) = answer.pointer(pointer)
        {
            replay.names.insert(name.to_owned(), id.clone());
        }
    }
}

async fn step(replay: &mut Replay<'_>, step: &Value) {
    let filled = |field: &str| match replay.fill(&step[field]) {
        Value::String(text) => text,
        _ => String::new(),
    };
    let mut uri = filled("path");
    let path = uri.clone();
    if !filled("query").is_empty() {
        uri = format!("{uri}?{}", filled("query"));
    }
    let body = match (&step["size"], &step["body"]) {
        (Value::Number(size), _) => vec![b'x'; usize::try_from(size.as_u64().unwrap()).unwrap()],
        (_, Value::Null) => Vec::new(),
        (_, body) => replay.fill(body).to_string().into_bytes(),
    };
    let request = Request::builder()
        .method(step["method"].as_str().unwrap())
        .uri(&uri)
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    let (status, bytes) = replay.server.send(request).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(status.as_u16(), step["status"], "{uri}: {text}");
    if let Value::Number(size) = &step["answer_size"] {
        assert_eq!(bytes.len() as u64, size.as_u64().unwrap(), "{uri}");
        return;
    }
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    learn(replay, &path, &answer);
    let expected = replay.empty(&replay.fill(&common(&step["answer"])), "");
    let answer = replay.empty(&common(&answer), "");
    // What a server can do is its own.
    if status.is_success() && !path.ends_with("/server-info") {
        if let Some(place) = difference("", &answer, &expected) {
            panic!("{} {uri}\n{}\n{place}", step["method"], step["body"]);
        }
    } else {
        assert_eq!(
            answer["error_code"], expected["error_code"],
            "{uri}: {text}"
        );
    }
}

/// What the client read back, of the run alone.
async fn outcome(replay: &Replay<'_>, expected: &Value) -> Value {
    let run = &replay.names["run"];
    let (_, found) = replay
        .server
        .get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"))
        .await;
    let mut metrics = Map::new();
    for key in expected["metrics"].as_object().unwrap().keys() {
        let (_, history) = replay
            .server
            .get(&format!(
                "/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}"
            ))
            .await;
        let steps = history["metrics"].as_array().unwrap().iter();
        metrics.insert(
            key.clone(),
            steps.map(|point| point["step"].clone()).collect(),
        );
    }
    let params: Map<String, Value> = found["run"]["data"]["params"]
        .as_array()
        .unwrap()
        .iter()
        .map(|param| {
            (
                param["key"].as_str().unwrap().to_owned(),
                param["value"].clone(),
            )
        })
        .collect();
    for file in expected["files"].as_array().unwrap() {
        let file = file.as_str().unwrap();
        let path = format!("/get-artifact?run_id={run}&path={file}");
        let (status, _) = replay.server.send(get(&path)).await;
        assert!(status.is_success(), "{path}: {status}");
    }
    json!({ "status": found["run"]["info"]["status"], "params": params, "metrics": metrics })
}

#[tokio::test(flavor = "multi_thread")]
async fn lightning_autologging_is_answered_as_mlflow_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mlflow/lightning");
    let text = std::fs::read_to_string(folder.join("lightning.json")).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let steps = recorded["steps"].as_array().unwrap();
    assert!(steps.len() > 20, "{} requests recorded", steps.len());
    for server in harness::all().await {
        let mut replay = Replay {
            server: &server,
            names: BTreeMap::new(),
        };
        for one in steps {
            step(&mut replay, one).await;
        }
        let expected = &recorded["outcome"];
        let outcome = outcome(&replay, expected).await;
        for part in ["status", "params", "metrics"] {
            assert_eq!(difference(part, &outcome[part], &expected[part]), None);
        }
    }
}
