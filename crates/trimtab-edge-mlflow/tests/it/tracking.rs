//! Answers as bytes: field by field what MLflow's own server sends.

use http::StatusCode;
use serde_json::json;

use crate::harness;

#[tokio::test]
async fn a_run_is_spelled_as_mlflow_spells_it() {
    for harness in harness::all().await {
        let made = harness
            .ok("runs/create", json!({ "experiment_id": "0", "user_id": "u", "start_time": "1700000000000", "run_name": "r", "tags": [{ "key": "a", "value": "b" }], "unknown": [1] }))
            .await;
        let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        assert_eq!(
            made["run"]["info"],
            json!({
                "run_uuid": id, "experiment_id": "0", "run_name": "r", "user_id": "u", "status": "RUNNING",
                "start_time": 1_700_000_000_000_i64, "artifact_uri": format!("mlflow-artifacts:/0/{id}/artifacts"),
                "lifecycle_stage": "active", "run_id": id,
            })
        );
        assert_eq!(
            made["run"]["data"],
            json!({ "tags": [{ "key": "a", "value": "b" }, { "key": "mlflow.runName", "value": "r" }] })
        );
        let updated = harness
            .ok(
                "runs/update",
                json!({ "run_uuid": id, "status": 3, "end_time": 1_700_000_000_500_i64 }),
            )
            .await;
        assert_eq!(updated["run_info"]["status"], "FINISHED");
        assert_eq!(updated["run_info"]["end_time"], 1_700_000_000_500_i64);
        let (status, body) = harness
            .get(&format!("/ajax-api/2.0/mlflow/runs/get?run_uuid={id}"))
            .await;
        assert_eq!(
            (status, &body["run"]["info"]["end_time"]),
            (StatusCode::OK, &json!(1_700_000_000_500_i64))
        );
    }
}

#[tokio::test]
async fn points_come_back_in_order_once_each_with_the_latest_by_step() {
    for harness in harness::all().await {
        let run = harness.run().await;
        let point = |value: serde_json::Value, timestamp: i64, step: i64| json!({ "run_id": run, "key": "m", "value": value, "timestamp": timestamp, "step": step });
        for body in [
            point(json!(1.5), 20, 7),
            point(json!("NaN"), 30, 2),
            point(json!("Infinity"), 10, 3),
            point(json!(1.5), 20, 7),
            point(json!(2), 20, 7),
            point(json!("-Infinity"), 10, 3),
        ] {
            assert_eq!(harness.ok("runs/log-metric", body).await, json!({}));
        }
        let (_, history) = harness
            .get(&format!(
                "/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m"
            ))
            .await;
        assert_eq!(
            history,
            json!({ "metrics": [
                { "key": "m", "value": f64::MIN, "timestamp": 10, "step": 3 },
                { "key": "m", "value": f64::MAX, "timestamp": 10, "step": 3 },
                { "key": "m", "value": 1.5, "timestamp": 20, "step": 7 },
                { "key": "m", "value": 2.0, "timestamp": 20, "step": 7 },
                { "key": "m", "value": "NaN", "timestamp": 30, "step": 2 },
            ] })
        );
        let (_, run_json) = harness
            .get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"))
            .await;
        assert_eq!(
            run_json["run"]["data"]["metrics"],
            json!([{ "key": "m", "value": 2.0, "timestamp": 20, "step": 7 }])
        );
        let (_, first) = harness
            .get(&format!(
                "/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m&max_results=4"
            ))
            .await;
        let token = first["next_page_token"].as_str().unwrap();
        let (_, second) = harness.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m&max_results=4&page_token={token}")).await;
        assert_eq!(second["metrics"].as_array().unwrap().len(), 1);
        assert!(second["next_page_token"].is_null());
        let (_, none) = harness
            .get(&format!(
                "/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=x"
            ))
            .await;
        assert_eq!(none, json!({}));
    }
}

#[tokio::test]
async fn bulk_intervals_are_thinned_and_keep_both_ends() {
    for harness in harness::all().await {
        let run = harness.run().await;
        for start in [0, 1_000] {
            let metrics: Vec<_> = (start..start + 1_000)
                .map(|i| json!({ "key": "m", "value": i, "timestamp": i, "step": i }))
                .collect();
            harness
                .ok(
                    "runs/log-batch",
                    json!({ "run_id": run, "metrics": metrics }),
                )
                .await;
        }
        let path = format!(
            "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=m&max_results=100"
        );
        let (_, body) = harness.get(&path).await;
        let steps: Vec<i64> = body["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["step"].as_i64().unwrap())
            .collect();
        assert!(steps.len() >= 100 && steps.len() <= 102, "{}", steps.len());
        assert_eq!((steps[0], steps[steps.len() - 1]), (0, 1_999));
        let (_, body) = harness
            .get(&format!("{path}&start_step=10&end_step=12"))
            .await;
        assert_eq!(body["metrics"].as_array().unwrap().len(), 3);
        assert_eq!(
            body["metrics"][0],
            json!({ "key": "m", "value": 10.0, "timestamp": 10, "step": 10, "run_id": run })
        );
    }
}

#[tokio::test]
async fn a_batch_with_one_bad_entry_writes_nothing() {
    for harness in harness::all().await {
        let run = harness.run().await;
        let refused = harness
            .refused("runs/log-batch", json!({
                "run_id": run,
                "metrics": [{ "key": "good", "value": 1, "timestamp": 1 }, { "key": "bad//key", "value": 1, "timestamp": 1 }],
                "params": [{ "key": "p", "value": "1" }], "tags": [{ "key": "t", "value": "1" }],
            }))
            .await;
        assert_eq!(
            (refused.0, refused.1.as_str()),
            (400, "INVALID_PARAMETER_VALUE")
        );
        assert!(refused.2.contains("metrics[1].key"), "{}", refused.2);
        let twice = json!({ "run_id": run, "params": [{ "key": "p", "value": "1" }, { "key": "p", "value": "2" }] });
        assert!(
            harness
                .refused("runs/log-batch", twice)
                .await
                .2
                .contains("Duplicate parameter keys")
        );
        let (_, body) = harness
            .get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"))
            .await;
        assert_eq!(
            body["run"]["data"]["tags"].as_array().unwrap().len(),
            1,
            "the name only"
        );
        assert!(
            body["run"]["data"]["metrics"].is_null() && body["run"]["data"]["params"].is_null()
        );
    }
}
