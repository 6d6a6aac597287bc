//! An MLflow server, read by its REST API. Deleted logged models are not told of by it; everything else is.

use serde_json::{Value, json};
use trimtab_edge_api::wire::{
    IngestAlias, IngestDataset, IngestExperiment, IngestLoggedModel, IngestModel,
    IngestModelMetric, IngestOutput, IngestRun, IngestValue, IngestVersion,
};

use crate::{
    Peer, TransferError,
    source::{Cursor, SourcePoint, SourceRun, finite_or_infinite, mark},
    sql_source::model_id,
    wire::{Answer, int, items, maybe, pairs, real, text},
};

/// How many runs are asked for at once.
const TOGETHER: usize = 8;

/// An MLflow server.
#[derive(Debug)]
pub struct HttpSource {
    peer: Peer,
    experiments: Vec<i64>,
}

impl HttpSource {
    pub(crate) fn open(peer: Peer) -> Self {
        Self {
            peer,
            experiments: Vec::new(),
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Every item of a list that is asked for by POST.
    async fn all(
        &self,
        path: &str,
        mut body: Value,
        field: &str,
    ) -> Result<Vec<Value>, TransferError> {
        let mut all = Vec::new();
        loop {
            let page = self.peer.ask::<Answer>(path, &body).await?.page(field);
            all.extend(page.items);
            match page.next {
                Some(next) => body["page_token"] = next.into(),
                None => return Ok(all),
            }
        }
    }

    /// Every item of a list that is asked for by GET.
    async fn all_got(
        &self,
        path: &str,
        query: &[(&str, &str)],
        field: &str,
    ) -> Result<Vec<Value>, TransferError> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page = self.peer.get::<Answer>(path, &query).await?.page(field);
            all.extend(page.items);
            match page.next {
                Some(next) => token = next,
                None => return Ok(all),
            }
        }
    }

    pub(crate) async fn experiments(&mut self) -> Result<Vec<IngestExperiment>, TransferError> {
        let all = self
            .all(
                "/api/2.0/mlflow/experiments/search",
                json!({ "max_results": 1000, "view_type": "ALL" }),
                "experiments",
            )
            .await?;
        let mut experiments: Vec<IngestExperiment> = all.iter().map(experiment).collect();
        experiments.sort_by_key(|experiment| experiment.id);
        self.experiments = experiments.iter().map(|experiment| experiment.id).collect();
        Ok(experiments)
    }

    pub(crate) async fn runs(&self, cursor: &mut Cursor) -> Result<Vec<SourceRun>, TransferError> {
        while let Some(experiment) = self.experiments.get(cursor.experiment) {
            let mut body = json!({
                "experiment_ids": [experiment.to_string()], "run_view_type": "ALL", "max_results": 200,
                "order_by": ["attributes.start_time ASC"],
            });
            if let Some(token) = &cursor.token {
                body["page_token"] = token.clone().into();
            }
            let page = self
                .peer
                .ask::<Answer>("/api/2.0/mlflow/runs/search", &body)
                .await?
                .page("runs");
            cursor.token = page.next;
            if cursor.token.is_none() {
                cursor.experiment += 1;
            }
            if !page.items.is_empty() {
                return Ok(page.items.iter().map(run).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Adds what a search leaves out: MLflow's tells of no logged models that a run read.
    pub(crate) async fn complete(&self, runs: &mut [SourceRun]) -> Result<(), TransferError> {
        for part in runs.chunks_mut(TOGETHER) {
            let asked = part
                .iter()
                .map(|run| self.model_inputs(&run.run.id))
                .collect::<Vec<_>>();
            let found = futures::future::try_join_all(asked).await?;
            for (run, model_inputs) in part.iter_mut().zip(found) {
                run.run.model_inputs = model_inputs;
            }
        }
        Ok(())
    }

    async fn model_inputs(&self, id: &str) -> Result<Vec<String>, TransferError> {
        let got: Value = self
            .peer
            .get("/api/2.0/mlflow/runs/get", &[("run_id", id)])
            .await?;
        Ok(items(&got["run"]["inputs"]["model_inputs"])
            .iter()
            .map(|input| model_id(&text(&input["model_id"])))
            .collect())
    }

    pub(crate) fn points(&self, runs: &[SourceRun]) -> HttpPoints<'_> {
        HttpPoints {
            source: self,
            wanted: runs
                .iter()
                .flat_map(|run| {
                    run.metrics
                        .iter()
                        .map(|key| (run.run.id.clone(), key.clone()))
                })
                .rev()
                .collect(),
            token: String::new(),
        }
    }

    pub(crate) async fn logged_models(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Vec<IngestLoggedModel>, TransferError> {
        while let Some(experiment) = self.experiments.get(cursor.experiment) {
            cursor.experiment += 1;
            let models = self.logged_models_of(*experiment).await?;
            if !models.is_empty() {
                return Ok(models);
            }
        }
        Ok(Vec::new())
    }

    /// The logged models of an experiment.
    pub(crate) async fn logged_models_of(
        &self,
        experiment: i64,
    ) -> Result<Vec<IngestLoggedModel>, TransferError> {
        let found = self
            .all(
                "/api/2.0/mlflow/logged-models/search",
                json!({ "experiment_ids": [experiment.to_string()], "max_results": 50 }),
                "models",
            )
            .await;
        match found {
            Ok(models) => Ok(models.iter().map(logged_model).collect()),
            // A server from before there were logged models.
            Err(TransferError::Refused { status: 404, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn models(&self) -> Result<Vec<IngestModel>, TransferError> {
        let path = "/api/2.0/mlflow/registered-models/search";
        let mut all = self
            .all_got(path, &[("max_results", "1000")], "registered_models")
            .await?;
        // Prompts are told of only when they are asked for.
        let prompts = self
            .all_got(
                path,
                &[
                    ("max_results", "1000"),
                    ("filter", "tags.`mlflow.prompt.is_prompt` = 'true'"),
                ],
                "registered_models",
            )
            .await?;
        for prompt in prompts {
            if all.iter().all(|known| known["name"] != prompt["name"]) {
                all.push(prompt);
            }
        }
        let mut models: Vec<IngestModel> = all
            .iter()
            .map(|one| {
                let created_ms = int(&one["creation_timestamp"]);
                IngestModel {
                    name: text(&one["name"]),
                    description: maybe(&one["description"]),
                    created_ms,
                    updated_ms: int(&one["last_updated_timestamp"]).max(created_ms),
                    tags: pairs(&one["tags"]),
                    aliases: items(&one["aliases"])
                        .iter()
                        .map(|alias| IngestAlias {
                            alias: text(&alias["alias"]),
                            version: int(&alias["version"]),
                        })
                        .collect(),
                    origin: created_ms.to_string(),
                    ..IngestModel::default()
                }
            })
            .collect();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    pub(crate) async fn versions(&self, model: &mut IngestModel) -> Result<(), TransferError> {
        let is_prompt = model
            .tags
            .iter()
            .any(|tag| tag.key == "mlflow.prompt.is_prompt");
        let mut filter = format!("name = '{}'", model.name.replace('\'', "\\'"));
        if is_prompt {
            filter.push_str(" AND tags.`mlflow.prompt.is_prompt` = 'true'");
        }
        let all = self
            .all_got(
                "/api/2.0/mlflow/model-versions/search",
                &[("filter", &filter), ("max_results", "1000")],
                "model_versions",
            )
            .await?;
        model.versions = all.iter().map(version).collect();
        // A search finds no aliases that were not told with the model.
        if model.aliases.is_empty() && !all.is_empty() {
            let got: Value = self
                .peer
                .get(
                    "/api/2.0/mlflow/registered-models/get",
                    &[("name", &model.name)],
                )
                .await?;
            model.aliases = items(&got["registered_model"]["aliases"])
                .iter()
                .map(|alias| IngestAlias {
                    alias: text(&alias["alias"]),
                    version: int(&alias["version"]),
                })
                .collect();
        }
        model.aliases.sort_by(|a, b| a.alias.cmp(&b.alias));
        model.last_number = model
            .versions
            .iter()
            .map(|version| version.version)
            .max()
            .unwrap_or_default();
        Ok(())
    }
}

pub(crate) fn experiment(one: &Value) -> IngestExperiment {
    let created_ms = int(&one["creation_time"]);
    let mut experiment = IngestExperiment {
        id: int(&one["experiment_id"]),
        name: text(&one["name"]),
        artifact_location: text(&one["artifact_location"]),
        is_deleted: one["lifecycle_stage"] == "deleted",
        created_ms,
        updated_ms: int(&one["last_update_time"]).max(created_ms),
        tags: pairs(&one["tags"]),
        origin: created_ms.to_string(),
        mark: String::new(),
    };
    experiment.mark = mark(&experiment);
    experiment
}

pub(crate) fn run(one: &Value) -> SourceRun {
    let (info, data, inputs) = (&one["info"], &one["data"], &one["inputs"]);
    let mut run = IngestRun {
        id: text(&info["run_id"]),
        experiment: int(&info["experiment_id"]),
        name: text(&info["run_name"]),
        user: text(&info["user_id"]),
        status: text(&info["status"]),
        start_ms: int(&info["start_time"]),
        end_ms: Some(int(&info["end_time"])).filter(|end| *end != 0),
        deleted_ms: None,
        is_deleted: info["lifecycle_stage"] == "deleted",
        artifact_uri: text(&info["artifact_uri"]),
        reference: None,
        params: pairs(&data["params"]),
        tags: pairs(&data["tags"]),
        datasets: items(&inputs["dataset_inputs"])
            .iter()
            .map(|input| {
                let dataset = &input["dataset"];
                IngestDataset {
                    name: text(&dataset["name"]),
                    digest: text(&dataset["digest"]),
                    source_type: text(&dataset["source_type"]),
                    source: text(&dataset["source"]),
                    schema: maybe(&dataset["schema"]),
                    profile: maybe(&dataset["profile"]),
                    tags: pairs(&input["tags"]),
                }
            })
            .collect(),
        model_inputs: items(&inputs["model_inputs"])
            .iter()
            .map(|input| model_id(&text(&input["model_id"])))
            .collect(),
        model_outputs: items(&one["outputs"]["model_outputs"])
            .iter()
            .map(|output| IngestOutput {
                model: model_id(&text(&output["model_id"])),
                step: int(&output["step"]),
            })
            .collect(),
        mark: String::new(),
    };
    run.datasets
        .sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    run.model_inputs.sort();
    run.model_outputs.sort_by(|a, b| a.model.cmp(&b.model));
    let mut latest: Vec<String> = items(&data["metrics"])
        .iter()
        .map(Value::to_string)
        .collect();
    latest.sort();
    run.mark = mark(&(&run, &latest));
    SourceRun {
        run,
        metrics: items(&data["metrics"])
            .iter()
            .map(|metric| text(&metric["key"]))
            .collect(),
    }
}

pub(crate) fn logged_model(one: &Value) -> IngestLoggedModel {
    let (info, data) = (&one["info"], &one["data"]);
    let created_ms = int(&info["creation_timestamp_ms"]);
    let mut model = IngestLoggedModel {
        id: model_id(&text(&info["model_id"])),
        experiment: int(&info["experiment_id"]),
        name: text(&info["name"]),
        artifact_uri: text(&info["artifact_uri"]),
        reference: None,
        status: match info["status"].as_str() {
            Some("LOGGED_MODEL_READY") => "READY",
            Some("LOGGED_MODEL_UPLOAD_FAILED") => "FAILED",
            _ => "PENDING",
        }
        .to_owned(),
        status_message: maybe(&info["status_message"]),
        model_type: maybe(&info["model_type"]),
        source_run: maybe(&info["source_run_id"]),
        created_ms,
        updated_ms: int(&info["last_updated_timestamp_ms"]).max(created_ms),
        is_deleted: false,
        params: pairs(&data["params"]),
        tags: pairs(&info["tags"]),
        metrics: items(&data["metrics"])
            .iter()
            .map(|metric| IngestModelMetric {
                key: text(&metric["key"]),
                value: IngestValue(finite_or_infinite(real(&metric["value"]))),
                at_ms: int(&metric["timestamp"]),
                step: int(&metric["step"]),
                run: text(&metric["run_id"]),
                dataset_name: maybe(&metric["dataset_name"]),
                dataset_digest: maybe(&metric["dataset_digest"]),
            })
            .collect(),
        mark: String::new(),
    };
    model
        .metrics
        .sort_by(|a, b| (&a.key, a.at_ms, a.step, &a.run).cmp(&(&b.key, b.at_ms, b.step, &b.run)));
    model.mark = mark(&model);
    model
}

fn version(one: &Value) -> IngestVersion {
    let created_ms = int(&one["creation_timestamp"]);
    IngestVersion {
        version: int(&one["version"]),
        run_id: maybe(&one["run_id"]),
        source: text(&one["source"]),
        storage: None,
        run_link: maybe(&one["run_link"]),
        description: maybe(&one["description"]),
        status: maybe(&one["status"]).unwrap_or_else(|| "READY".to_owned()),
        status_message: maybe(&one["status_message"]),
        stage: maybe(&one["current_stage"]).unwrap_or_else(|| "None".to_owned()),
        tags: pairs(&one["tags"]),
        created_ms,
        updated_ms: int(&one["last_updated_timestamp"]).max(created_ms),
        created_by: maybe(&one["user_id"]),
    }
}

/// The points of some runs.
#[derive(Debug)]
pub(crate) struct HttpPoints<'s> {
    source: &'s HttpSource,
    /// Run and metric, the next one last.
    wanted: Vec<(String, String)>,
    token: String,
}

impl HttpPoints<'_> {
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<SourcePoint>>, TransferError> {
        let Some((run, key)) = self.wanted.last().cloned() else {
            return Ok(None);
        };
        let mut query = vec![
            ("run_id", run.as_str()),
            ("metric_key", key.as_str()),
            ("max_results", "25000"),
        ];
        if !self.token.is_empty() {
            query.push(("page_token", &self.token));
        }
        let page = self
            .source
            .peer
            .get::<Answer>("/api/2.0/mlflow/metrics/get-history", &query)
            .await?
            .page("metrics");
        let points = page
            .items
            .iter()
            .map(|point| SourcePoint {
                run: run.clone(),
                key: key.clone(),
                at_ms: int(&point["timestamp"]),
                step: int(&point["step"]),
                value: finite_or_infinite(real(&point["value"])),
            })
            .collect();
        match page.next {
            Some(next) => self.token = next,
            None => {
                self.token.clear();
                self.wanted.pop();
            }
        }
        Ok(Some(points))
    }
}
