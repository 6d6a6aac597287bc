//! The whole server, in process: who may do what on every path of the table.

mod retention;

use std::process::Command;

use http::HeaderValue;
use serde_json::{Value, json};
use trimtab_access::NewToken;
use trimtab_db::params;
use trimtab_edge::{Edge, Gate, Route};
use trimtab_loop::{Arm, Cause, Rollout, RolloutPolicy, RolloutState};
use trimtab_types::{MonitorWindowId, RevisionId, Role, RolloutId, Scope, Verb, WorkspaceId};

use super::*;

/// A value that only the other workspace's objects hold; no request names it.
const SECRET: &str = "b-secret-value";

struct House {
    running: Running,
    table: Vec<(Edge, Route)>,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// The URL of a fresh schema of a real PostgreSQL, where the tests were given one.
async fn postgres() -> Option<String> {
    let url = std::env::var(trimtab_db::testing::POSTGRES_VARIABLE).ok()?;
    let schema = format!("t_{}", trimtab_types::RunId::new());
    let create = format!("CREATE SCHEMA {schema}");
    let db = Db::open_postgres(&url).await.unwrap();
    let lane = trimtab_db::Lane::Bulk;
    db.write(lane, move |tx| tx.execute(&create, &[]))
        .await
        .unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}options=-csearch_path%3D{schema}"))
}

/// The house on every database that the tests have.
async fn houses() -> Vec<House> {
    let mut houses = vec![house(None).await];
    if let Some(url) = postgres().await {
        houses.push(house(Some(url)).await);
    }
    houses
}

async fn house(database: Option<String>) -> House {
    let folder = tempfile::tempdir().unwrap();
    let running = start(ServerConfig {
        data_dir: folder.path().join("data"),
        listen: vec!["127.0.0.1:0".to_owned()],
        database,
        ..ServerConfig::default()
    })
    .await
    .unwrap();
    let shell = Shell::new(
        running.services.access.clone(),
        Metrics::default(),
        Tasks::new(),
        HostPolicy::default(),
    );
    let process = ProcessInfo {
        version: "0",
        started_at: Time::from_micros(0),
        onnx_runtime: None,
    };
    let table = edges(shell, &running.services, process, false)
        .table()
        .unwrap()
        .rows()
        .to_vec();
    House {
        running,
        table,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        _folder: folder,
    }
}

impl House {
    async fn token(&self, workspace: &str, name: &str, role: Role) -> String {
        let scope = Scope {
            workspace: WorkspaceId::new(workspace).unwrap(),
            ..Scope::local()
        };
        let new = NewToken {
            name: name.to_owned(),
            role,
            expires_at: None,
        };
        let (_, text) = self
            .running
            .services
            .access
            .create_token(&scope, new)
            .await
            .unwrap();
        text.reveal()
    }

    /// Calls a path; a stream that never ends is not read.
    async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (u16, String) {
        let method = method.parse().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.running.url))
            .json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        // gRPC says it in a status of its own.
        let status = match response
            .headers()
            .get("grpc-status")
            .map(HeaderValue::as_bytes)
        {
            Some(b"16") => 401,
            Some(b"7") => 403,
            _ => response.status().as_u16(),
        };
        let text = if path.ends_with("/stream") {
            String::new()
        } else {
            response.text().await.unwrap_or_default()
        };
        (status, text)
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let (status, text) = self.call("POST", path, Some(token), &body).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// A path with something for each of its variables.
fn filled(pattern: &str, value: impl Fn(&str) -> String) -> String {
    let segments: Vec<String> = pattern
        .split('/')
        .map(
            |segment| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                Some(name) => value(name.trim_start_matches('*')),
                None => segment.to_owned(),
            },
        )
        .collect();
    segments.join("/")
}

#[tokio::test]
async fn a_viewer_gets_403_on_every_write_and_nobody_gets_anything_without_a_token() {
    let house = house(None).await;
    // The first token is an administrator's; it closes the server.
    house.token("default", "root", Role::Admin).await;
    let viewer = house.token("default", "viewer", Role::Viewer).await;
    let mut seen = [0, 0];
    for (_, route) in &house.table {
        let path = filled(route.path, |_| "x".to_owned());
        let method = route.method.as_str();
        let Gate::Needs(verb) = route.gate else {
            continue;
        };
        let (status, text) = house.call(method, &path, None, &json!({})).await;
        assert_eq!(status, 401, "{method} {path}: {text}");
        let (status, text) = house.call(method, &path, Some(&viewer), &json!({})).await;
        if verb == Verb::Read {
            assert!(
                status != 401 && status != 403,
                "{method} {path}: {status} {text}"
            );
            seen[0] += 1;
        } else {
            assert_eq!(status, 403, "{method} {path}: {text}");
            seen[1] += 1;
        }
        // A GET that writes would be open to every viewer.
        assert!(verb == Verb::Read || route.method != http::Method::GET || verb == Verb::Admin);
    }
    assert!(seen[0] > 40 && seen[1] > 30, "{seen:?}");
    house.running.shutdown().await;
}

/// What workspace B holds, to be aimed at from A.
struct Objects {
    run: String,
    experiment: String,
    dataset: String,
    token: String,
    logged_model: String,
    plan: String,
    rollout: String,
    window: String,
}

async fn furnish(house: &House, b: &str) -> Objects {
    let mlflow = "/api/2.0/mlflow";
    let experiment = house
        .post(
            &format!("{mlflow}/experiments/create"),
            b,
            json!({ "name": "b-experiment", "tags": [{ "key": "t", "value": SECRET }] }),
        )
        .await["experiment_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = house
        .post(&format!("{mlflow}/runs/create"), b, json!({ "experiment_id": experiment, "start_time": 1, "tags": [{ "key": "t", "value": SECRET }] }))
        .await["run"]["info"]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    house
        .post(
            &format!("{mlflow}/runs/log-parameter"),
            b,
            json!({ "run_id": run, "key": "p", "value": SECRET }),
        )
        .await;
    house
        .post(
            &format!("{mlflow}/registered-models/create"),
            b,
            json!({ "name": "b-model", "description": SECRET }),
        )
        .await;
    let source = format!("mlflow-artifacts:/{experiment}/{run}/artifacts/model");
    house
        .post(
            &format!("{mlflow}/model-versions/create"),
            b,
            json!({ "name": "b-model", "source": source, "run_id": run, "description": SECRET }),
        )
        .await;
    house
        .post(
            &format!("{mlflow}/registered-models/alias"),
            b,
            json!({ "name": "b-model", "alias": "stable", "version": "1" }),
        )
        .await;
    let table = format!("{SECRET}\n1\n2\n");
    let response = house
        .http
        .post(format!(
            "{}/api/v1/datasets?name=b-dataset&file=b.csv",
            house.running.url
        ))
        .bearer_auth(b)
        .body(table)
        .send()
        .await
        .unwrap();
    let dataset: Value = response.json().await.unwrap();
    let code = tempfile::tempdir().unwrap();
    std::fs::write(
        code.path().join("dvc.yaml"),
        format!("stages:\n  train:\n    cmd: echo\n    deps: [{SECRET}.parquet]\n"),
    )
    .unwrap();
    for arguments in [
        &["init", "-q"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "-qm",
            "t",
        ],
    ] {
        let done = Command::new("git")
            .arg("-C")
            .arg(code.path())
            .args(arguments)
            .status()
            .unwrap();
        assert!(done.success());
    }
    let spec = format!(
        "project: b-project\nendpoints:\n  b-endpoint: {{ model: b-model, label: {SECRET} }}\nmonitors:\n  b-monitor: {{ endpoint: b-endpoint }}\n\
         triggers:\n  b-trigger: {{ endpoint: b-endpoint, monitor: b-monitor, stages: [train], dataset: {SECRET}.parquet }}\n"
    );
    let project = json!({ "git": code.path(), "subfolder": "", "commit": "HEAD" });
    house
        .post(
            "/api/v1/apply",
            b,
            json!({ "spec": spec, "project": project }),
        )
        .await;
    let tokens: Value = {
        let (_, text) = house
            .call("GET", "/api/v1/tokens", Some(b), &json!({}))
            .await;
        serde_json::from_str(&text).unwrap()
    };
    let logged = house
        .post(
            &format!("{mlflow}/logged-models"),
            b,
            json!({ "experiment_id": experiment, "name": "m", "tags": [{ "key": "t", "value": SECRET }] }),
        )
        .await;
    let fired = house
        .post("/api/v1/triggers/b-trigger/fire", b, json!({}))
        .await;
    let plan = fired["plan"].as_str().unwrap().to_owned();
    // It ends by itself, without a champion to learn from; nothing of B moves after that.
    let path = format!("/api/v1/plans/{plan}");
    while house
        .call("GET", &path, Some(b), &json!({}))
        .await
        .1
        .contains("\"state\":\"running\"")
    {
        tokio::task::yield_now().await;
    }
    Objects {
        run,
        experiment,
        dataset: dataset["id"].as_str().unwrap().to_owned(),
        token: tokens["items"][0]["id"].as_str().unwrap().to_owned(),
        logged_model: logged["model"]["info"]["model_id"]
            .as_str()
            .unwrap()
            .to_owned(),
        rollout: open_rollout(house, &plan).await,
        window: judge_window(house).await,
        plan,
    }
}

/// A rollout of B's endpoint, as the loop writes it: nothing was trained that a real one could send.
async fn open_rollout(house: &House, plan: &str) -> String {
    let id = RolloutId::new();
    let arm = Arm {
        revision: RevisionId::new(),
        version: 1,
    };
    let mut rollout = Rollout::new(
        id,
        plan.parse().unwrap(),
        "b-endpoint".parse().unwrap(),
        Cause::Person {
            name: SECRET.to_owned(),
        },
        (None, arm),
        &RolloutPolicy::default(),
        false,
        Time::from_micros(0),
    );
    rollout.end(
        RolloutState::Aborted,
        SECRET.to_owned(),
        Time::from_micros(1),
    );
    let doc = json!({ "version": 1, "value": rollout }).to_string();
    write(house, move |tx| {
        tx.execute(
            "INSERT INTO rollout (workspace_id, id, endpoint, state, created_at, doc) VALUES ('b', ?1, 'b-endpoint', 'aborted', 0, ?2)",
            params![id, doc],
        )
    })
    .await;
    id.to_string()
}

/// A window of B's monitor, as the monitor writes it.
async fn judge_window(house: &House) -> String {
    let id = MonitorWindowId::new();
    let doc = json!({
        "id": id, "monitor": "b-monitor", "endpoint": "b-endpoint", "from": Time::from_micros(0), "to": Time::from_micros(1),
        "model_version": null, "rows": 0, "judged_rows": 0, "labelled_rows": 0, "features": [], "prediction": null,
        "checks": [{ "check": "nulls", "column": SECRET, "severity": "error", "passed": false, "observed": "", "expected": "", "message": "" }],
        "performance": null, "other_performance": [], "stretch": null, "is_worse": false, "verdict": "ok",
        "judged_at": Time::from_micros(1), "history": [],
    })
    .to_string();
    write(house, move |tx| {
        tx.execute(
            "INSERT INTO monitor_window (workspace_id, monitor, from_us, to_us, id, rescore_at, summary, detail, scored)
             VALUES ('b', 'b-monitor', 0, 1, ?1, NULL, ?2, ?2, ?3)",
            params![id, doc, Vec::<u8>::new()],
        )
    })
    .await;
    id.to_string()
}

async fn write(
    house: &House,
    write: impl FnOnce(&mut trimtab_db::Tx<'_>) -> Result<u64, trimtab_db::DbError> + Send + 'static,
) {
    let db = house.running.services.db.clone();
    db.write(trimtab_db::Lane::Bulk, write).await.unwrap();
}

/// Everything of a workspace that the API shows.
async fn inventory(house: &House, token: &str, objects: &Objects) -> Vec<String> {
    let mut shown = Vec::new();
    for path in [
        "/api/v1/endpoints".to_owned(),
        "/api/v1/monitors".to_owned(),
        "/api/v1/triggers".to_owned(),
        "/api/v1/plans".to_owned(),
        "/api/v1/rollouts".to_owned(),
        "/api/v1/datasets".to_owned(),
        "/api/v1/models/b-model".to_owned(),
        "/api/v1/projects/b-project".to_owned(),
        "/api/v1/tokens".to_owned(),
        format!("/api/v1/runs/{}", objects.run),
        format!("/api/v1/rollouts/{}", objects.rollout),
        format!("/api/v1/windows/{}", objects.window),
        format!("/api/2.0/mlflow/logged-models/{}", objects.logged_model),
        format!(
            "/api/2.0/mlflow/experiments/get?experiment_id={}",
            objects.experiment
        ),
    ] {
        let (status, text) = house.call("GET", &path, Some(token), &json!({})).await;
        assert_eq!(status, 200, "{path}: {text}");
        shown.push(text);
    }
    shown
}

#[tokio::test]
async fn a_token_of_one_workspace_finds_nothing_of_another() {
    for house in houses().await {
        aim_from_another_workspace(&house).await;
        house.running.shutdown().await;
    }
}

async fn aim_from_another_workspace(house: &House) {
    let b = house.token("b", "b-admin", Role::Admin).await;
    let objects = furnish(house, &b).await;
    let a = house.token("a", "a-admin", Role::Admin).await;
    let before = inventory(house, &b, &objects).await;
    assert!(before.iter().any(|text| text.contains(SECRET)));

    let aim = |name: &str| match name {
        "endpoint" | "e" => "b-endpoint".to_owned(),
        "version" => "1".to_owned(),
        "kind" => "dataset".to_owned(),
        "run_id" => objects.run.clone(),
        "experiment_id" => objects.experiment.clone(),
        "path" | "artifact_path" | "key" | "model_id" | "id" | "name" | "model" => String::new(),
        other => format!("unknown-{other}"),
    };
    // Every object of B at every path of the table that takes one.
    let named = |path: &str| match path.split('/').nth(3) {
        Some("projects") => "b-project".to_owned(),
        Some("endpoints") => "b-endpoint".to_owned(),
        Some("monitors") => "b-monitor".to_owned(),
        Some("triggers") => "b-trigger".to_owned(),
        Some("runs") => objects.run.clone(),
        Some("datasets" | "lineage") => objects.dataset.clone(),
        Some("tokens") => objects.token.clone(),
        Some("models") if path.starts_with("/api/v1") => "b-model".to_owned(),
        Some("rollouts") => objects.rollout.clone(),
        Some("plans") => objects.plan.clone(),
        Some("windows") => objects.window.clone(),
        _ if path.contains("/logged-models") => objects.logged_model.clone(),
        _ => "b-endpoint".to_owned(),
    };
    let body = json!({
        "run_id": objects.run, "run_uuid": objects.run, "experiment_id": objects.experiment, "experiment_ids": [objects.experiment],
        "name": "b-model", "version": "1", "alias": "stable", "key": "t", "value": "changed", "new_name": "taken", "stage": "Production",
        "status": "FINISHED", "description": "changed", "path": "", "endpoint": "b-endpoint", "items": [{ "row_key": "k", "value": 1 }],
        "source": format!("runs:/{}/model", objects.run), "tags": [], "params": [], "metrics": [], "filter": "", "max_results": 100,
    });
    let (mut aimed, mut not_found) = (0, 0);
    for (_, route) in &house.table {
        let method = route.method.as_str();
        let has_variable = route.path.contains('{');
        let mut path = filled(route.path, |name| match aim(name) {
            text if text.is_empty() => named(route.path),
            text => text,
        });
        if method == "GET" && route.path.starts_with("/api/2.0") {
            path = format!(
                "{path}?run_id={0}&run_uuid={0}&experiment_id={1}&experiment_ids={1}&name=b-model&version=1&alias=stable&key=t&path=&metric_key=t",
                objects.run, objects.experiment
            );
        }
        let body = match route.path {
            "/api/v1/rollouts" => json!({ "endpoint": "b-endpoint", "version": 1 }),
            "/api/v1/feedback" => {
                json!({ "endpoint": "b-endpoint", "items": [{ "row_key": "k", "value": 1 }] })
            }
            "/api/v1/datasets/from-events" => json!({ "endpoint": "b-endpoint" }),
            path if path.starts_with("/api/v1") => json!({}),
            _ => body.clone(),
        };
        let (status, text) = house.call(method, &path, Some(&a), &body).await;
        assert!(
            status < 500 || status == 501,
            "{method} {path}: {status} {text}"
        );
        assert!(!text.contains(SECRET), "{method} {path}: {text}");
        let is_own_api = route.path.starts_with("/api/v1") || route.path.starts_with("/v2/models");
        if !has_variable || route.gate == Gate::Public {
            continue;
        }
        // An import writes what it names, in the caller's own workspace.
        let is_import = route.path.starts_with("/api/v1/ingest/files/");
        if is_own_api && !is_import && route.path != "/v2/models/{name}/ready" {
            // A body that is refused before its object is looked for says nothing of the object.
            let is_refused = status == 404 || (status == 400 && method == "POST");
            assert!(is_refused, "{method} {path}: {status} {text}");
            not_found += usize::from(status == 404);
            aimed += 1;
        } else if route.path.contains("/logged-models/") {
            assert!(status >= 400, "{method} {path}: {status} {text}");
        }
    }
    assert!(aimed > 15 && not_found > 15, "{aimed} {not_found}");
    for path in [
        format!("/api/v1/plans/{}", objects.plan),
        format!("/api/v1/rollouts/{}", objects.rollout),
        format!("/api/v1/windows/{}", objects.window),
        format!("/api/v1/runs/{}", objects.run),
        format!("/api/2.0/mlflow/logged-models/{}", objects.logged_model),
    ] {
        let (status, text) = house.call("GET", &path, Some(&a), &json!({})).await;
        assert_eq!(status, 404, "{path}: {text}");
    }
    // The endpoint's name as the first field of a message.
    for method in ["ModelReady", "ModelMetadata", "ModelConfig", "ModelInfer"] {
        let path = format!(
            "{}/inference.GRPCInferenceService/{method}",
            house.running.url
        );
        let request = house.http.post(path).bearer_auth(&a);
        let answer = request
            .header("content-type", "application/grpc")
            .body([&[0, 0, 0, 0, 12, 0x0a, 10][..], b"b-endpoint"].concat())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["grpc-status"], "5", "{method}");
    }
    let (_, workspaces) = house
        .call("GET", "/api/v1/workspaces", Some(&a), &json!({}))
        .await;
    assert!(!workspaces.contains("\"b\""), "{workspaces}");
    assert_eq!(inventory(house, &b, &objects).await, before);
}

#[tokio::test]
async fn apply_changes_all_or_nothing_and_tells_a_changed_policy() {
    let house = house(None).await;
    let token = house.token("default", "admin", Role::Admin).await;
    let spec = |rollout: &str| {
        format!(
            "project: p\nendpoints:\n  e: {{ model: m, rollout: {{ {rollout} }} }}\nmonitors:\n  w: {{ endpoint: e }}\n"
        )
    };
    let apply = async |rollout: &str| {
        let body = json!({ "spec": spec(rollout) });
        let (status, text) = house
            .call("POST", "/api/v1/apply", Some(&token), &body)
            .await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (status, refused) = apply("alpha: 0").await;
    assert_eq!(status, 400, "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "trimtab.yaml line 3: `alpha` must lie between 0 and 1"
    );
    for path in ["/api/v1/endpoints", "/api/v1/monitors"] {
        let (_, text) = house.call("GET", path, Some(&token), &json!({})).await;
        let listed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(listed["items"], json!([]), "{path}");
    }
    for (rollout, change) in [
        ("alpha: 0.05", "created"),
        ("alpha: 0.05", "unchanged"),
        ("alpha: 0.02", "updated"),
        ("alpha: 0.02, autonomy: act", "updated"),
    ] {
        let (status, applied) = apply(rollout).await;
        assert_eq!(status, 200, "{applied}");
        assert_eq!(applied["objects"][0]["change"], change, "{rollout}");
    }
    house.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_delivers_runs_and_imports_nothing_else() {
    for house in houses().await {
        // The first token is an admin's.
        let admin = house.token("default", "admin", Role::Admin).await;
        let editor = house.token("default", "editor", Role::Editor).await;
        let viewer = house.token("default", "viewer", Role::Viewer).await;
        let id = trimtab_types::RunId::new().to_string();
        let run = |artifact_uri: String| {
            json!({ "runs": [{
                "id": id, "experiment": 0, "name": "r", "user": "u", "status": "FINISHED", "start_ms": 1,
                "artifact_uri": artifact_uri, "mark": "m",
            }] })
        };
        let own = run(format!("mlflow-artifacts:/0/{id}/artifacts"));
        let model = json!({ "models": [{ "name": "m", "created_ms": 1, "updated_ms": 1, "last_number": 0, "mark": "m" }] });
        let experiment = json!({ "experiments": [{
            "id": 7, "name": "e", "artifact_location": "file:///etc", "created_ms": 1, "updated_ms": 1, "mark": "m",
        }] });
        for (token, body, expected) in [
            (&viewer, &own, 403),
            (&editor, &run("file:///etc".to_owned()), 403),
            (
                &editor,
                &run(format!("mlflow-artifacts:/1/{id}/artifacts")),
                403,
            ),
            (&editor, &model, 403),
            (&editor, &experiment, 403),
            (&editor, &own, 200),
            (&editor, &own, 200),
            (&admin, &model, 200),
        ] {
            let (status, said) = house
                .call("POST", "/api/v1/ingest", Some(token), body)
                .await;
            assert_eq!(status, expected, "{body}: {said}");
        }
    }
}
