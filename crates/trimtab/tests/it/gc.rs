//! `trimtab gc` against a real server.

use serde_json::{Value, json};

use super::{run, server::Server};

struct Api(String, reqwest::Client);

impl Api {
    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.0);
        let answer = self.1.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert_eq!(status, 200, "{path} {body}: {said}");
        said
    }

    async fn status(&self, path: &str) -> u16 {
        let url = format!("{}/api/2.0/mlflow/{path}", self.0);
        self.1.get(url).send().await.unwrap().status().as_u16()
    }

    async fn run(&self, experiment: &str) -> String {
        let body = json!({ "experiment_id": experiment, "start_time": 1 });
        let made = self.post("runs/create", body).await;
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }

    async fn put(&self, run: &str, name: &str) {
        let url = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}",
            self.0
        );
        let sent = self.1.put(url).body("bytes").send().await.unwrap();
        assert_eq!(sent.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_is_removed_and_what_a_model_needs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let api = Api(server.url.clone(), reqwest::Client::new());
    let gc = |words: &[&str]| {
        let mut all = vec!["gc", "--output", "json", "--tracking-uri", &server.url];
        all.extend(words);
        let done = run(folder.path(), &all);
        let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        (
            done.status.code(),
            said,
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    let (plain, held, active) = (api.run("0").await, api.run("0").await, api.run("0").await);
    for id in [&plain, &held] {
        api.put(id, "model/MLmodel").await;
    }
    api.post("registered-models/create", json!({ "name": "m" }))
        .await;
    let source = format!("runs:/{held}/model");
    let version = json!({ "name": "m", "source": source, "run_id": held });
    api.post("model-versions/create", version).await;
    for id in [&plain, &held] {
        api.post("runs/delete", json!({ "run_id": id })).await;
    }
    let made = api
        .post("experiments/create", json!({ "name": "old" }))
        .await;
    let old = made["experiment_id"].as_str().unwrap().to_owned();
    api.run(&old).await;
    api.post("experiments/delete", json!({ "experiment_id": old }))
        .await;

    let (code, _, said) = gc(&["--run-ids", &active]);
    assert_eq!(code, Some(4), "{said}");
    let (code, _, said) = gc(&["--older-than", "yesterday"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, _, said) = gc(&["--backend-store-uri", "sqlite:///x"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said, _) = gc(&["--older-than", "1d"]);
    assert_eq!((code, said["runs"].as_u64()), (Some(0), Some(0)), "{said}");
    let (code, said, _) = gc(&["--all-workspaces", "--jobs"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        (
            said["runs"].as_u64(),
            said["experiments"].as_u64(),
            said["files"].as_u64()
        ),
        (Some(2), Some(1), Some(1)),
        "{said}"
    );
    assert_eq!(
        said["kept_names"],
        json!([format!(
            "run {held}: a version of a registered model has its files"
        )])
    );
    assert_eq!(api.status(&format!("runs/get?run_id={plain}")).await, 404);
    assert_eq!(api.status(&format!("runs/get?run_id={held}")).await, 200);
    assert_eq!(api.status(&format!("runs/get?run_id={active}")).await, 200);
    assert_eq!(
        api.status(&format!("experiments/get?experiment_id={old}"))
            .await,
        404
    );
    api.post("experiments/create", json!({ "name": "old" }))
        .await;
    assert_eq!(server.stop().0, Some(0));
}
