//! The registry's answers, and who may see them.

use http::StatusCode;
use serde_json::json;

use crate::harness;

#[tokio::test]
async fn a_version_is_spelled_as_mlflow_spells_it() {
    for harness in harness::all().await {
        let run = harness.run().await;
        harness
            .ok("registered-models/create", json!({ "name": "flights" }))
            .await;
        let source = format!("mlflow-artifacts:/0/{run}/artifacts/model");
        let made = harness
            .ok("model-versions/create", json!({ "name": "flights", "source": source, "run_id": run, "tags": [{ "key": "k", "value": "v" }] }))
            .await;
        let mut version = made["model_version"].clone();
        let at = version["creation_timestamp"].as_i64().unwrap();
        assert!(at > 1_600_000_000_000);
        version["creation_timestamp"] = json!(0);
        version["last_updated_timestamp"] = json!(0);
        assert_eq!(
            version,
            json!({
                "name": "flights", "version": "1", "creation_timestamp": 0, "last_updated_timestamp": 0, "user_id": "local",
                "current_stage": "None", "description": "", "source": source, "run_id": run, "status": "READY",
                "tags": [{ "key": "k", "value": "v" }], "run_link": "",
            })
        );
        harness
            .ok(
                "registered-models/alias",
                json!({ "name": "flights", "alias": "champion", "version": "1" }),
            )
            .await;
        let (_, found) = harness
            .get("/api/2.0/mlflow/registered-models/alias?name=flights&alias=champion")
            .await;
        assert_eq!(found["model_version"]["aliases"], json!(["champion"]));
        let (_, model) = harness
            .get("/api/2.0/mlflow/registered-models/get?name=flights")
            .await;
        assert_eq!(
            model["registered_model"]["aliases"],
            json!([{ "alias": "champion", "version": "1" }])
        );
        let (_, uri) = harness
            .get("/api/2.0/mlflow/model-versions/get-download-uri?name=flights&version=1")
            .await;
        assert_eq!(uri, json!({ "artifact_uri": source }));
    }
}

#[tokio::test]
async fn refusals_have_mlflows_words_and_statuses() {
    for harness in harness::all().await {
        harness
            .ok("registered-models/create", json!({ "name": "m" }))
            .await;
        for (path, body, status, word) in [
            (
                "registered-models/create",
                json!({ "name": "m" }),
                400,
                "RESOURCE_ALREADY_EXISTS",
            ),
            (
                "registered-models/create",
                json!({ "name": "a/b" }),
                400,
                "INVALID_PARAMETER_VALUE",
            ),
            (
                "registered-models/create",
                json!({}),
                400,
                "INVALID_PARAMETER_VALUE",
            ),
            (
                "registered-models/rename",
                json!({ "name": "x", "new_name": "y" }),
                404,
                "RESOURCE_DOES_NOT_EXIST",
            ),
            (
                "model-versions/create",
                json!({ "name": "x", "source": "s3://b/k" }),
                404,
                "RESOURCE_DOES_NOT_EXIST",
            ),
            (
                "model-versions/create",
                json!({ "name": "m", "source": "/etc/passwd" }),
                400,
                "INVALID_PARAMETER_VALUE",
            ),
            (
                "model-versions/transition-stage",
                json!({ "name": "m", "version": "1", "stage": "Foo" }),
                400,
                "INVALID_PARAMETER_VALUE",
            ),
            (
                "registered-models/alias",
                json!({ "name": "m", "alias": "a", "version": "9" }),
                404,
                "RESOURCE_DOES_NOT_EXIST",
            ),
            (
                "registered-models/alias",
                json!({ "name": "m", "alias": "a", "version": "x" }),
                400,
                "INVALID_PARAMETER_VALUE",
            ),
            (
                "experiments/create",
                json!({ "name": "Default" }),
                400,
                "RESOURCE_ALREADY_EXISTS",
            ),
        ] {
            let refused = harness.refused(path, body.clone()).await;
            assert_eq!(
                (refused.0, refused.1.as_str()),
                (status, word),
                "{path} {body}: {}",
                refused.2
            );
        }
        let (status, body) = harness
            .get("/api/2.0/mlflow/registered-models/alias?name=m&alias=none")
            .await;
        assert_eq!(
            (status, &body["error_code"]),
            (StatusCode::BAD_REQUEST, &json!("INVALID_PARAMETER_VALUE"))
        );
        let (status, body) = harness
            .get("/api/2.0/mlflow/registered-models/alias?name=none&alias=none")
            .await;
        assert_eq!(
            (status, &body["error_code"]),
            (StatusCode::NOT_FOUND, &json!("RESOURCE_DOES_NOT_EXIST"))
        );
    }
}
