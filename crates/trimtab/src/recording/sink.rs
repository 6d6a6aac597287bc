//! Writes recordings to runs, by MLflow's REST API through the relay: the server, the spool and another's MLflow server
//! take them alike.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::relay::OURS;

/// Points of one request.
const POINTS: usize = 1_000;
/// Params and tags of one request.
const PAIRS: usize = 100;

/// How long is waited before a request is sent again.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A point of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) key: String,
    pub(crate) value: f64,
    pub(crate) at_ms: i64,
    pub(crate) step: i64,
}

/// A writer of runs.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    http: reqwest::Client,
    url: String,
}

impl Sink {
    /// Writes through the relay at an address.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .tcp_nodelay(true)
                .build()?,
            url: url.to_owned(),
        })
    }

    /// Sends a request that does the same once and twice, again where the server has trouble, as MLflow's client does.
    async fn send(&self, request: reqwest::RequestBuilder, what: &str) -> anyhow::Result<Value> {
        for wait in AGAIN {
            let Some(copy) = request.try_clone() else {
                break;
            };
            match self.send_once(copy, what).await {
                Ok((status, said)) if !status.is_server_error() => {
                    return checked(status, &said, what);
                }
                Ok(_) | Err(_) => tokio::time::sleep(wait).await,
            }
        }
        let (status, said) = self.send_once(request, what).await?;
        checked(status, &said, what)
    }

    async fn send_once(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> anyhow::Result<(StatusCode, String)> {
        let answer = request
            .header(OURS, "1")
            .send()
            .await
            .with_context(|| format!("cannot {what}"))?;
        Ok((answer.status(), answer.text().await.unwrap_or_default()))
    }

    async fn post(&self, path: &str, body: &Value, what: &str) -> anyhow::Result<Value> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        self.send(self.http.post(url).json(body), what).await
    }

    /// The experiment of that name, which is made when it is not there.
    pub(crate) async fn experiment(&self, name: &str) -> anyhow::Result<String> {
        let url = format!("{}/api/2.0/mlflow/experiments/get-by-name", self.url);
        let what = format!("find the experiment {name}");
        let get = || self.http.get(&url).query(&[("experiment_name", name)]);
        let id = |said: &Value, place: &str| {
            said.pointer(place)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if let Ok(said) = self.send(get(), &what).await
            && let Some(id) = id(&said, "/experiment/experiment_id")
        {
            return Ok(id);
        }
        let made = self
            .post(
                "experiments/create",
                &json!({ "name": name }),
                &format!("make the experiment {name}"),
            )
            .await;
        match made {
            Ok(said) => id(&said, "/experiment_id").context("the server names no experiment"),
            // Somebody made it in between, or it cannot be made.
            Err(error) => {
                let said = self.send(get(), &what).await.map_err(|_| error)?;
                id(&said, "/experiment/experiment_id").context("the server names no experiment")
            }
        }
    }

    /// Makes a run.
    pub(crate) async fn begin(
        &self,
        experiment: &str,
        name: &str,
        user: &str,
        start_ms: i64,
    ) -> anyhow::Result<String> {
        let body = json!({
            "experiment_id": experiment, "start_time": start_ms, "run_name": name, "user_id": user,
            "tags": [{ "key": "mlflow.user", "value": user }, { "key": "mlflow.runName", "value": name }],
        });
        // Once: a second time would make a second run.
        let url = format!("{}/api/2.0/mlflow/runs/create", self.url);
        let what = "make a run";
        let (status, said) = self
            .send_once(self.http.post(url).json(&body), what)
            .await?;
        let said = checked(status, &said, what)?;
        said["run"]["info"]["run_id"]
            .as_str()
            .map(str::to_owned)
            .context("the server names no run")
    }

    /// Ends a run.
    pub(crate) async fn end(&self, run: &str, status: &str, end_ms: i64) -> anyhow::Result<()> {
        let body = json!({ "run_id": run, "status": status, "end_time": end_ms });
        self.post("runs/update", &body, "end the run")
            .await
            .map(drop)
    }

    /// Renames a run.
    pub(crate) async fn name(&self, run: &str, name: &str) -> anyhow::Result<()> {
        let body = json!({ "run_id": run, "run_name": name });
        self.post("runs/update", &body, "name the run")
            .await
            .map(drop)
    }

    /// Deletes a run that held nothing but what we recorded.
    pub(crate) async fn delete(&self, run: &str) -> anyhow::Result<()> {
        self.post("runs/delete", &json!({ "run_id": run }), "delete the run")
            .await
            .map(drop)
    }

    /// Writes points.
    pub(crate) async fn points(&self, run: &str, points: &[Point]) -> anyhow::Result<()> {
        for part in points.chunks(POINTS) {
            let metrics: Vec<Value> = part
                .iter()
                .map(|point| {
                    json!({ "key": point.key, "value": number(point.value), "timestamp": point.at_ms, "step": point.step })
                })
                .collect();
            let body = json!({ "run_id": run, "metrics": metrics });
            self.post("runs/log-batch", &body, "log metrics").await?;
        }
        Ok(())
    }

    /// Writes params. One that the run has with another value stays as it is, and is told of when all others are written.
    pub(crate) async fn params(
        &self,
        run: &str,
        params: &[(String, String)],
    ) -> anyhow::Result<()> {
        let mut refused = Ok(());
        for part in params.chunks(PAIRS) {
            if self.log_params(run, part).await.is_ok() {
                continue;
            }
            for one in part.chunks(1) {
                if let Err(error) = self.log_params(run, one).await {
                    refused = Err(error);
                }
            }
        }
        refused
    }

    async fn log_params(&self, run: &str, params: &[(String, String)]) -> anyhow::Result<()> {
        let body = json!({ "run_id": run, "params": pairs(params) });
        self.post("runs/log-batch", &body, "log params")
            .await
            .map(drop)
    }

    /// Writes tags.
    pub(crate) async fn tags(&self, run: &str, tags: &[(String, String)]) -> anyhow::Result<()> {
        for part in tags.chunks(PAIRS) {
            let body = json!({ "run_id": run, "tags": pairs(part) });
            self.post("runs/log-batch", &body, "set tags").await?;
        }
        Ok(())
    }

    /// Stores a file of a run.
    pub(crate) async fn file(&self, run: &str, path: &str, content: Vec<u8>) -> anyhow::Result<()> {
        let url = format!("{}/api/2.0/mlflow/runs/get", self.url);
        let what = format!("store {path}");
        let said = self
            .send(self.http.get(url).query(&[("run_id", run)]), &what)
            .await?;
        let place = said["run"]["info"]["artifact_uri"]
            .as_str()
            .and_then(|uri| uri.strip_prefix("mlflow-artifacts:"))
            .map(|path| path.trim_start_matches('/'))
            .context("the run's artifacts are not behind its server")?;
        let url = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/{place}/{path}",
            self.url
        );
        let request = self.http.request(Method::PUT, url).body(content);
        self.send(request, &what).await.map(drop)
    }
}

fn checked(status: StatusCode, text: &str, what: &str) -> anyhow::Result<Value> {
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    if !status.is_success() {
        let message = said["message"].as_str().unwrap_or(text);
        bail!("cannot {what}: {status}: {message}");
    }
    Ok(said)
}

/// JSON has no word for these; MLflow takes texts.
fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.into()
    } else {
        value.into()
    }
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}
