//! Whatever comes in, the answer is a refusal in MLflow's words: no panic, no 5xx, nothing leaked.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use trimtab_edge::Gate;
use trimtab_types::Verb;

use crate::harness::{self, Harness, get, put};

/// Every POST of the table.
fn posts() -> Vec<&'static str> {
    vec![
        "experiments/create",
        "experiments/delete",
        "experiments/restore",
        "experiments/update",
        "experiments/search",
        "experiments/set-experiment-tag",
        "experiments/delete-experiment-tag",
        "runs/create",
        "runs/update",
        "runs/delete",
        "runs/restore",
        "runs/search",
        "runs/log-metric",
        "runs/log-parameter",
        "runs/set-tag",
        "runs/delete-tag",
        "runs/log-batch",
        "runs/log-inputs",
        "runs/outputs",
        "runs/log-model",
        "logged-models",
        "logged-models/search",
        "registered-models/create",
        "registered-models/rename",
        "registered-models/set-tag",
        "registered-models/alias",
        "model-versions/create",
        "model-versions/transition-stage",
        "model-versions/set-tag",
    ]
}

async fn raw(
    harness: &Harness,
    path: &str,
    kind: &str,
    body: impl Into<Body>,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method("POST")
        .uri(format!("/api/2.0/mlflow/{path}"))
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, kind)
        .body(body.into())
        .unwrap();
    let (status, body) = harness.send(request).await;
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_a_clean_400() {
    for harness in harness::all().await {
        for path in posts() {
            for body in [
                "{",
                "[]",
                "null",
                "\u{feff}{}",
                "{\"a\":NaN}",
                "\"x\"",
                "{\"name\":\"\\u0000\"}",
                "{\"a\":1}{",
            ] {
                let (status, answer) = raw(&harness, path, "application/json", body).await;
                assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
                assert_eq!(
                    answer["error_code"], "INVALID_PARAMETER_VALUE",
                    "{path} {body}"
                );
                let text = answer["message"].as_str().unwrap();
                assert!(
                    !text.contains("SELECT") && !text.contains("INSERT"),
                    "{text}"
                );
            }
            let (status, _) = raw(&harness, path, "application/json", vec![0xff, 0xfe, 0x00]).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            let (status, _) = raw(&harness, path, "text/plain", "{}").await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            let deep = format!("{{\"a\":{}", "[".repeat(50_000));
            let (status, _) = raw(&harness, path, "application/json", deep).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        }
    }
}

#[tokio::test]
async fn wrong_types_in_every_field_are_refused_or_ignored() {
    let fields = [
        "name",
        "experiment_id",
        "run_id",
        "run_uuid",
        "key",
        "value",
        "timestamp",
        "step",
        "metrics",
        "params",
        "tags",
        "filter",
        "order_by",
        "max_results",
        "page_token",
        "datasets",
        "models",
        "status",
        "start_time",
        "end_time",
        "experiment_ids",
        "run_view_type",
        "view_type",
        "source",
        "version",
        "alias",
        "stage",
        "model_json",
        "model_id",
        "new_name",
        "artifact_location",
    ];
    for harness in harness::all().await {
        let run = harness.run().await;
        harness
            .ok("registered-models/create", json!({ "name": "m" }))
            .await;
        for path in posts() {
            for field in fields {
                for value in [
                    json!(1.5),
                    json!(true),
                    json!([1]),
                    json!([[]]),
                    json!({ "a": [] }),
                    json!("\u{1}%\u{fffd}'\"`;--"),
                    json!([{}]),
                    json!(-1),
                    json!("9".repeat(40)),
                    json!(1e300),
                ] {
                    let mut body = json!({ "name": "m", "experiment_id": "0", "run_id": run, "key": "k", "value": "1", "timestamp": 1 });
                    body[field] = value.clone();
                    if path == "experiments/delete" || path == "runs/delete" {
                        continue;
                    }
                    let (status, answer) = harness.post(path, body).await;
                    assert!(
                        status.as_u16() < 500,
                        "{path} {field} {value}: {status} {answer}"
                    );
                    if status != StatusCode::OK {
                        assert!(
                            answer["error_code"].is_string(),
                            "{path} {field} {value}: {answer}"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn unknown_ids_are_not_found() {
    for harness in harness::all().await {
        let id = "0".repeat(31) + "1";
        for (path, body) in [
            ("runs/update", json!({ "run_id": id })),
            ("runs/delete", json!({ "run_id": id })),
            (
                "runs/log-metric",
                json!({ "run_id": id, "key": "k", "value": 1, "timestamp": 1 }),
            ),
            (
                "runs/log-batch",
                json!({ "run_id": id, "metrics": [{ "key": "k", "value": 1, "timestamp": 1 }] }),
            ),
            (
                "runs/set-tag",
                json!({ "run_id": "nonsense", "key": "k", "value": "v" }),
            ),
            ("experiments/delete", json!({ "experiment_id": "77" })),
            ("runs/create", json!({ "experiment_id": "78" })),
            ("logged-models", json!({ "experiment_id": "77" })),
        ] {
            let refused = harness.refused(path, body).await;
            assert_eq!(
                (refused.0, refused.1.as_str()),
                (404, "RESOURCE_DOES_NOT_EXIST"),
                "{path}: {}",
                refused.2
            );
        }
        for path in [
            "logged-models/m-1",
            &format!("logged-models/m-{id}"),
            "logged-models/x",
            "runs/get?run_id=a",
        ] {
            let (status, body) = harness.get(&format!("/api/2.0/mlflow/{path}")).await;
            assert_eq!(
                (status, &body["error_code"]),
                (StatusCode::NOT_FOUND, &json!("RESOURCE_DOES_NOT_EXIST")),
                "{path}"
            );
        }
        let (status, _) = harness.get("/api/2.0/mlflow/nothing/here").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        for run in ["a", &id] {
            let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=k");
            assert_eq!(
                harness.get(&path).await,
                (StatusCode::OK, json!({})),
                "{run}"
            );
        }
        let refused = harness
            .refused("runs/create", json!({ "experiment_id": "abc" }))
            .await;
        assert_eq!(
            refused,
            (
                400,
                "INVALID_PARAMETER_VALUE".to_owned(),
                "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.".to_owned()
            )
        );
    }
}

#[tokio::test]
async fn limits_are_limits() {
    for harness in harness::all().await {
        let run = harness.run().await;
        let metrics: Vec<Value> = (0..1_001)
            .map(|i| json!({ "key": "m", "value": 1, "timestamp": i }))
            .collect();
        let many: Vec<Value> = (0..101)
            .map(|i| json!({ "key": format!("k{i}"), "value": "v" }))
            .collect();
        for body in [
            json!({ "run_id": run, "metrics": metrics }),
            json!({ "run_id": run, "params": many }),
            json!({ "run_id": run, "tags": many }),
            json!({ "run_id": run, "metrics": metrics[..950], "params": many[..60] }),
        ] {
            assert!(
                harness
                    .refused("runs/log-batch", body)
                    .await
                    .2
                    .contains("at most")
            );
        }
        let long = "x".repeat(251);
        for (path, body) in [
            (
                "runs/log-metric",
                json!({ "run_id": run, "key": long, "value": 1, "timestamp": 1 }),
            ),
            (
                "runs/set-tag",
                json!({ "run_id": run, "key": long, "value": "v" }),
            ),
            ("experiments/create", json!({ "name": "x".repeat(501) })),
            ("experiments/create", json!({ "name": " " })),
            (
                "experiments/create",
                json!({ "name": "loc", "artifact_location": "s3://b?x" }),
            ),
            (
                "experiments/create",
                json!({ "name": "loc", "artifact_location": "s3://b/../x" }),
            ),
            (
                "experiments/create",
                json!({ "name": "loc", "artifact_location": "s3://b#x" }),
            ),
            (
                "runs/search",
                json!({ "experiment_ids": ["0"], "max_results": 50_001 }),
            ),
            (
                "runs/search",
                json!({ "experiment_ids": ["0"], "max_results": -1 }),
            ),
            (
                "runs/search",
                json!({ "experiment_ids": ["0"], "filter": vec!["metrics.a > 1"; 500].join(" AND ") }),
            ),
            (
                "runs/search",
                json!({ "experiment_ids": ["0"], "filter": format!("tags.a LIKE '{}'", "%a".repeat(20_000)) }),
            ),
            (
                "runs/search",
                json!({ "experiment_ids": ["0"], "page_token": "xx" }),
            ),
            (
                "runs/log-inputs",
                json!({ "run_id": run, "datasets": [{ "dataset": { "name": "n", "digest": "d".repeat(37), "source_type": "s", "source": "s" } }] }),
            ),
        ] {
            let refused = harness.refused(path, body.clone()).await;
            assert_eq!(
                (refused.0, refused.1.as_str()),
                (400, "INVALID_PARAMETER_VALUE"),
                "{path}: {}",
                refused.2
            );
        }
        let (status, _) = raw(
            &harness,
            "runs/log-batch",
            "application/json",
            vec![b' '; 17 << 20],
        )
        .await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn artifact_paths_cannot_climb() {
    for harness in harness::all().await {
        let run = harness.run().await;
        let root = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts");
        assert_eq!(
            harness.send(put(&format!("{root}/ok.txt"), "x")).await.0,
            StatusCode::OK
        );
        for bad in [
            "../x",
            "a/../../x",
            "%2e%2e/x",
            "%252e%252e/x",
            "%25252e%25252e/x",
            "a%5cb",
            "a%255cb",
            "a%00b",
            "a%2500b",
            "a//b",
            "a/./b",
            "a%23b",
            "..%2fx",
            "%2e%2e%2f%2e%2e%2fetc",
            "a%0ab",
            "%2fetc%2fpasswd",
            "c%3a/x%2f..",
        ] {
            for request in [
                put(&format!("{root}/{bad}"), "x"),
                get(&format!("{root}/{bad}")),
            ] {
                let method = request.method().clone();
                let (status, body) = harness.send(request).await;
                assert_eq!(
                    status,
                    StatusCode::BAD_REQUEST,
                    "{method} {bad}: {}",
                    String::from_utf8_lossy(&body)
                );
            }
            let (status, _) = harness
                .get(&format!(
                    "/api/2.0/mlflow-artifacts/artifacts?path=0/{run}/artifacts/{bad}"
                ))
                .await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "list {bad}");
            let (status, _) = harness
                .get(&format!(
                    "/api/2.0/mlflow/artifacts/list?run_id={run}&path={bad}"
                ))
                .await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "list of the run {bad}");
            let (status, _) = harness
                .get(&format!("/get-artifact?run_uuid={run}&path={bad}"))
                .await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "get-artifact {bad}");
        }
        let (status, _) = harness
            .send(put("/api/2.0/mlflow-artifacts/artifacts/", "x"))
            .await;
        assert!(status.is_client_error(), "{status}");
    }
}

#[tokio::test]
async fn every_route_that_changes_something_needs_more_than_reading() {
    let harness = harness::all().await.remove(0);
    drop(harness);
    let db = trimtab_db::testing::sqlite(&[trimtab_tracking::MIGRATIONS, trimtab_blob::MIGRATIONS])
        .await
        .unwrap();
    let clock = trimtab_types::Clock::system();
    let folder = tempfile::tempdir().unwrap();
    let blobs = trimtab_blob::BlobStore::open(folder.path(), db.clone(), clock.clone())
        .await
        .unwrap();
    let tracking = trimtab_tracking::Tracking::new(db.clone(), clock.clone(), blobs);
    let routes = trimtab_edge_mlflow::routes(tracking, trimtab_registry::Registry::new(db, clock));
    for route in routes.table() {
        let reads = ["search", "get-latest-versions"]
            .iter()
            .any(|word| route.path.ends_with(word));
        let expected = match route.method.as_str() {
            "GET" if route.gate == Gate::Public => Gate::Public,
            // The signed word in the path is the right to the one transfer.
            "PUT" if route.path.ends_with("/{ticket}") => Gate::Public,
            "GET" => Gate::Needs(Verb::Read),
            _ if reads => Gate::Needs(Verb::Read),
            _ => Gate::Needs(Verb::Write),
        };
        let is_transfer = route.path.contains("presigned-download-url");
        assert!(
            route.gate == expected || is_transfer,
            "{} {}",
            route.method,
            route.path
        );
    }
}
