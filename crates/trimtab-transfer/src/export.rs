//! From a Trimtab server to an MLflow server, by MLflow's REST API on both sides.
//!
//! What that API cannot say is written as tags: the ids that records had (`trimtab.run_id`, `trimtab.model_id`). By
//! them a second export knows what is there; `trimtab.export` says that a run is whole.

mod registry;

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use trimtab_edge_api::wire::{IngestExperiment, IngestLoggedModel, IngestValue, Pair};

use crate::{
    ExportReport, Peer, Progress, TransferError,
    files::{self, Reader},
    http_source::HttpSource,
    peer::path_text,
    place::{Tree, proxied},
    source::{Cursor, SourcePoint, SourceRun},
    wire::{Answer, items, text},
};

const RUN_ID: &str = "trimtab.run_id";
const MODEL_ID: &str = "trimtab.model_id";
const WHOLE: &str = "trimtab.export";
/// Points that one request may bring, by MLflow's limits,
const POINTS: usize = 1_000;
/// and params, or tags.
const PAIRS: usize = 100;
/// Files on their way at once.
const FILES: usize = 8;

/// How to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Only these experiments, by name; all of them when empty. Models and prompts come only with all.
    pub experiments: Vec<String>,
    /// Whether files are written too.
    pub artifacts: bool,
}

/// Writes what the MLflow server does not have yet.
pub async fn export(
    source: &Peer,
    target: &Peer,
    options: &ExportOptions,
    progress: Progress<'_>,
) -> Result<ExportReport, TransferError> {
    let mut source = HttpSource::open(source.clone());
    let experiments = source.experiments().await?;
    let mut export = Export {
        source: &source,
        target,
        options,
        progress,
        report: ExportReport::default(),
        runs: HashMap::new(),
        models: HashMap::new(),
        places: HashMap::new(),
    };
    for wanted in &options.experiments {
        if experiments.iter().all(|known| known.name != *wanted) {
            export
                .report
                .skipped
                .push(format!("experiment {wanted}: there is none of that name"));
        }
    }
    let mut by_experiment: BTreeMap<i64, Vec<SourceRun>> = BTreeMap::new();
    let mut cursor = Cursor::default();
    loop {
        let page = source.runs(&mut cursor).await?;
        if page.is_empty() {
            break;
        }
        for run in page {
            by_experiment
                .entry(run.run.experiment)
                .or_default()
                .push(run);
        }
    }
    for experiment in &experiments {
        let is_wanted =
            options.experiments.is_empty() || options.experiments.contains(&experiment.name);
        if is_wanted {
            let runs = by_experiment.remove(&experiment.id).unwrap_or_default();
            export.experiment(experiment, runs).await?;
        }
    }
    if options.experiments.is_empty() {
        export.registry().await?;
    }
    Ok(export.report)
}

struct Export<'e> {
    source: &'e HttpSource,
    target: &'e Peer,
    options: &'e ExportOptions,
    progress: Progress<'e>,
    report: ExportReport,
    /// Ids here to ids there.
    runs: HashMap<String, String>,
    /// The same for logged models, without `m-` here and with it there.
    models: HashMap<String, String>,
    /// Roots of artifacts here to roots there.
    places: HashMap<String, String>,
}

fn mlflow(path: &str) -> String {
    format!("/api/2.0/mlflow/{path}")
}

fn tags(pairs: &[Pair]) -> Value {
    pairs
        .iter()
        .map(|pair| json!({ "key": pair.key, "value": pair.value }))
        .collect()
}

fn tag<'v>(tags: &'v Value, key: &str) -> Option<&'v str> {
    items(tags)
        .iter()
        .find(|tag| tag["key"] == key)
        .and_then(|tag| tag["value"].as_str())
}

fn exists_already(error: &TransferError) -> bool {
    matches!(error, TransferError::Refused { status: 400, message, .. } if message.contains("already exists") || message.contains("UNIQUE"))
}

/// What is known of a run at the other side.
#[derive(Debug, Clone)]
struct There {
    id: String,
    artifact_uri: String,
    is_deleted: bool,
    is_whole: bool,
}

impl Export<'_> {
    async fn post(&self, path: &str, body: Value) -> Result<Value, TransferError> {
        self.target.make(Method::POST, &mlflow(path), &body).await
    }

    /// The experiment of that name there, made if there is none; `None` when its name is in the way.
    async fn place(
        &mut self,
        experiment: &IngestExperiment,
    ) -> Result<Option<String>, TransferError> {
        let got: Result<Value, _> = self
            .target
            .get(
                &mlflow("experiments/get-by-name"),
                &[("experiment_name", &experiment.name)],
            )
            .await;
        match got {
            Ok(got) => {
                let known = &got["experiment"];
                let id = text(&known["experiment_id"]);
                if known["lifecycle_stage"] == "deleted" {
                    if experiment.is_deleted {
                        // Written to once more, and deleted again at the end.
                        self.post("experiments/restore", json!({ "experiment_id": id }))
                            .await?;
                        return Ok(Some(id));
                    }
                    self.report.skipped.push(format!(
                        "experiment {}: a deleted one there has its name",
                        experiment.name
                    ));
                    return Ok(None);
                }
                if experiment.is_deleted {
                    self.report.skipped.push(format!(
                        "experiment {} (deleted): another one there has its name",
                        experiment.name
                    ));
                    return Ok(None);
                }
                Ok(Some(id))
            }
            Err(TransferError::Refused { status: 404, .. }) => {
                let made = self
                    .post("experiments/create", json!({ "name": experiment.name }))
                    .await?;
                self.report.experiments += 1;
                Ok(Some(text(&made["experiment_id"])))
            }
            Err(error) => Err(error),
        }
    }

    async fn experiment(
        &mut self,
        experiment: &IngestExperiment,
        runs: Vec<SourceRun>,
    ) -> Result<(), TransferError> {
        let models = self.source.logged_models_of(experiment.id).await?;
        if experiment.id == 0 && runs.is_empty() && models.is_empty() {
            return Ok(());
        }
        let Some(id) = self.place(experiment).await? else {
            return Ok(());
        };
        for pair in &experiment.tags {
            self.post(
                "experiments/set-experiment-tag",
                json!({ "experiment_id": id, "key": pair.key, "value": pair.value }),
            )
            .await?;
        }
        let mut there = self.there(&id).await?;
        let mut new = Vec::new();
        for run in &runs {
            let (known, is_new) = self.run(&id, run, there.remove(&run.run.id)).await?;
            self.runs.insert(run.run.id.clone(), known.id.clone());
            self.places
                .insert(run.run.artifact_uri.clone(), known.artifact_uri.clone());
            if is_new {
                new.push((run, known));
            }
        }
        let known_models = self.known_models(&id).await?;
        for model in &models {
            self.model(&id, model, &known_models).await?;
        }
        for (run, there) in new {
            self.finish(run, &there).await?;
        }
        if experiment.is_deleted {
            self.post("experiments/delete", json!({ "experiment_id": id }))
                .await?;
        }
        (self.progress)(&format!(
            "{}: {} runs written, {} were there, {} points, {} files",
            experiment.name,
            self.report.runs,
            self.report.runs_unchanged,
            self.report.points,
            self.report.files
        ));
        Ok(())
    }

    /// The runs there that an export wrote, by the ids that they have here.
    async fn there(&self, experiment: &str) -> Result<HashMap<String, There>, TransferError> {
        let mut there = HashMap::new();
        let mut body =
            json!({ "experiment_ids": [experiment], "run_view_type": "ALL", "max_results": 1000 });
        loop {
            let page = self
                .target
                .ask::<Answer>(&mlflow("runs/search"), &body)
                .await?
                .page("runs");
            for run in &page.items {
                let all = &run["data"]["tags"];
                if let Some(id) = tag(all, RUN_ID) {
                    there.insert(id.to_owned(), known_run(run));
                }
            }
            match page.next {
                Some(next) => body["page_token"] = next.into(),
                None => return Ok(there),
            }
        }
    }

    /// Makes a run and writes all that is its own; answers it, and whether it is to be finished.
    async fn run(
        &mut self,
        experiment: &str,
        source: &SourceRun,
        known: Option<There>,
    ) -> Result<(There, bool), TransferError> {
        let run = &source.run;
        let there = match known {
            Some(there) if there.is_whole => {
                self.report.runs_unchanged += 1;
                return Ok((there, false));
            }
            Some(there) => there,
            None => {
                let made = self
                    .post(
                        "runs/create",
                        json!({
                            "experiment_id": experiment, "user_id": run.user, "start_time": run.start_ms,
                            "run_name": run.name, "tags": [{ "key": RUN_ID, "value": run.id }],
                        }),
                    )
                    .await?;
                known_run(&made["run"])
            }
        };
        if there.is_deleted {
            self.post("runs/restore", json!({ "run_id": there.id }))
                .await?;
        }
        for part in run.params.chunks(PAIRS) {
            self.post(
                "runs/log-batch",
                json!({ "run_id": there.id, "params": tags(part) }),
            )
            .await?;
        }
        for part in run.tags.chunks(PAIRS) {
            self.post(
                "runs/log-batch",
                json!({ "run_id": there.id, "tags": tags(part) }),
            )
            .await?;
        }
        let mut points = self.source.points(std::slice::from_ref(source));
        while let Some(part) = points.next().await? {
            for part in part.chunks(POINTS) {
                let metrics: Vec<Value> = part.iter().map(point).collect();
                self.post(
                    "runs/log-batch",
                    json!({ "run_id": there.id, "metrics": metrics }),
                )
                .await?;
            }
            self.report.points += part.len() as u64;
        }
        if !run.datasets.is_empty() {
            let datasets: Vec<Value> = run
                .datasets
                .iter()
                .map(|dataset| {
                    json!({
                        "tags": tags(&dataset.tags),
                        "dataset": {
                            "name": dataset.name, "digest": dataset.digest, "source_type": dataset.source_type,
                            "source": dataset.source, "schema": dataset.schema, "profile": dataset.profile,
                        },
                    })
                })
                .collect();
            self.post(
                "runs/log-inputs",
                json!({ "run_id": there.id, "datasets": datasets }),
            )
            .await?;
        }
        self.files(
            &run.artifact_uri,
            Tree::OfRun(run.id.clone()),
            &there.artifact_uri,
        )
        .await?;
        Ok((there, true))
    }

    /// Links a run with its logged models, ends it as it ended, and marks it.
    async fn finish(&mut self, source: &SourceRun, there: &There) -> Result<(), TransferError> {
        let run = &source.run;
        let outputs: Vec<Value> = run
            .model_outputs
            .iter()
            .filter_map(|output| {
                let id = self.models.get(&output.model)?;
                Some(json!({ "model_id": id, "step": output.step }))
            })
            .collect();
        if !outputs.is_empty() {
            self.post(
                "runs/outputs",
                json!({ "run_id": there.id, "models": outputs }),
            )
            .await?;
        }
        let inputs: Vec<Value> = run
            .model_inputs
            .iter()
            .filter_map(|model| Some(json!({ "model_id": self.models.get(model)? })))
            .collect();
        if !inputs.is_empty() {
            self.post(
                "runs/log-inputs",
                json!({ "run_id": there.id, "models": inputs }),
            )
            .await?;
        }
        let mut update = json!({ "run_id": there.id, "status": run.status });
        if let Some(end) = run.end_ms {
            update["end_time"] = end.into();
        }
        self.post("runs/update", update).await?;
        self.post(
            "runs/set-tag",
            json!({ "run_id": there.id, "key": WHOLE, "value": "whole" }),
        )
        .await?;
        if run.is_deleted {
            self.post("runs/delete", json!({ "run_id": there.id }))
                .await?;
        }
        self.report.runs += 1;
        Ok(())
    }

    async fn known_models(
        &self,
        experiment: &str,
    ) -> Result<HashMap<String, Value>, TransferError> {
        let mut known = HashMap::new();
        let mut body = json!({ "experiment_ids": [experiment], "max_results": 50 });
        loop {
            let page = self
                .target
                .ask::<Answer>(&mlflow("logged-models/search"), &body)
                .await?
                .page("models");
            for model in page.items {
                if let Some(id) = tag(&model["info"]["tags"], MODEL_ID) {
                    known.insert(id.to_owned(), model);
                }
            }
            match page.next {
                Some(next) => body["page_token"] = next.into(),
                None => return Ok(known),
            }
        }
    }

    async fn model(
        &mut self,
        experiment: &str,
        model: &IngestLoggedModel,
        known: &HashMap<String, Value>,
    ) -> Result<(), TransferError> {
        let info = match known.get(&model.id) {
            Some(known) => known["info"].clone(),
            None => {
                let mut all = model.tags.clone();
                all.push(Pair {
                    key: MODEL_ID.to_owned(),
                    value: model.id.clone(),
                });
                let mut body = json!({
                    "experiment_id": experiment, "name": model.name, "params": tags(&model.params), "tags": tags(&all),
                });
                if let Some(kind) = &model.model_type {
                    body["model_type"] = kind.clone().into();
                }
                if let Some(run) = model.source_run.as_ref().and_then(|run| self.runs.get(run)) {
                    body["source_run_id"] = run.clone().into();
                }
                let made = self.post("logged-models", body).await?;
                self.report.logged_models += 1;
                made["model"]["info"].clone()
            }
        };
        let id = text(&info["model_id"]);
        let root = text(&info["artifact_uri"]);
        self.models.insert(model.id.clone(), id.clone());
        self.places.insert(model.artifact_uri.clone(), root.clone());
        if info["status"] != "LOGGED_MODEL_PENDING" {
            return Ok(());
        }
        self.files(
            &model.artifact_uri,
            Tree::OfModel(format!("m-{}", model.id)),
            &root,
        )
        .await?;
        for metric in &model.metrics {
            let Some(run) = self.runs.get(&metric.run) else {
                continue;
            };
            let mut point = json!({
                "key": metric.key, "value": IngestValue(metric.value.0), "timestamp": metric.at_ms, "step": metric.step, "model_id": id,
            });
            if let (Some(name), Some(digest)) = (&metric.dataset_name, &metric.dataset_digest) {
                point["dataset_name"] = name.clone().into();
                point["dataset_digest"] = digest.clone().into();
            }
            self.post(
                "runs/log-batch",
                json!({ "run_id": run, "metrics": [point] }),
            )
            .await?;
        }
        let status = match model.status.as_str() {
            "READY" => "LOGGED_MODEL_READY",
            "FAILED" => "LOGGED_MODEL_UPLOAD_FAILED",
            _ => return Ok(()),
        };
        self.target
            .make(
                Method::PATCH,
                &mlflow(&format!("logged-models/{id}")),
                &json!({ "model_id": id, "status": status }),
            )
            .await?;
        Ok(())
    }

    /// Writes the files below a place here to one there.
    async fn files(&mut self, from: &str, tree: Tree, to: &str) -> Result<(), TransferError> {
        if !self.options.artifacts {
            return Ok(());
        }
        let tree = proxied(from).map_or(tree, |path| Tree::Proxied(path.to_owned()));
        let reader = Reader {
            peer: Some(self.source.peer()),
            s3: None,
        };
        let listing = files::list(reader, &tree).await?;
        if listing.files.is_empty() {
            return Ok(());
        }
        let Some(root) = proxied(to) else {
            self.report.skipped.push(format!(
                "{} files of {from}: the server there keeps them at {to}, where it takes none by HTTP",
                listing.files.len()
            ));
            return Ok(());
        };
        let target = self.target;
        let copies = listing.files.iter().map(|file| {
            let (tree, path) = (&tree, &file.path);
            async move {
                let hashed = files::Hashed::default();
                let content = hashed.through(files::open(reader, tree, path).await?);
                let to = path_text(&format!("{root}/{path}"));
                target
                    .put(
                        &format!("/api/2.0/mlflow-artifacts/artifacts/{to}"),
                        content,
                    )
                    .await?;
                Ok::<_, TransferError>(hashed.finish().1)
            }
        });
        let sizes: Vec<u64> = futures::stream::iter(copies)
            .buffer_unordered(FILES)
            .try_collect()
            .await?;
        self.report.files += sizes.len() as u64;
        self.report.bytes += sizes.iter().sum::<u64>();
        Ok(())
    }
}

fn known_run(run: &Value) -> There {
    let info = &run["info"];
    There {
        id: text(&info["run_id"]),
        artifact_uri: text(&info["artifact_uri"]),
        is_deleted: info["lifecycle_stage"] == "deleted",
        is_whole: tag(&run["data"]["tags"], WHOLE).is_some(),
    }
}

fn point(point: &SourcePoint) -> Value {
    json!({ "key": point.key, "value": IngestValue(point.value), "timestamp": point.at_ms, "step": point.step })
}
