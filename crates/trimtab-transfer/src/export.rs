//! From a Trimtab server to an MLflow server, by MLflow's REST API on both sides.
//!
//! What that API cannot say is written as tags: the ids that records had (`trimtab.run_id`, `trimtab.model_id`). By
//! them a second export knows what is there; `trimtab.export` says that a run is whole.

mod logged_models;
mod registry;

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use trimtab_edge_api::wire::{IngestExperiment, IngestValue, Pair};

use self::logged_models::WrittenModel;
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
/// The tag of a logged model that says which versions were made of it.
const VERSIONS: &str = "mlflow.modelVersions";
/// Points that one request may bring, by MLflow's limits,
const POINTS: usize = 1_000;
/// and params, or tags.
const PAIRS: usize = 100;
/// Files on their way at once, of one run or model,
const FILES: usize = 4;
/// and runs, or models: MLflow's server has few workers, and most of its databases one writer.
const RECORDS: usize = 4;
/// How often what lost a race is sent.
const TRIES: usize = 8;

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
    let experiments = named(source.experiments().await?);
    for wanted in &options.experiments {
        if experiments.iter().all(|(known, _)| known.name != *wanted) {
            return Err(TransferError::Unknown {
                what: "experiment",
                name: wanted.clone(),
            });
        }
    }
    let mut export = Export {
        source: &source,
        target,
        options,
        progress,
        report: ExportReport::default(),
        runs: HashMap::new(),
        models: HashMap::new(),
        places: HashMap::new(),
        versions: Vec::new(),
    };
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
    for (experiment, name) in &experiments {
        let is_wanted =
            options.experiments.is_empty() || options.experiments.contains(&experiment.name);
        if is_wanted {
            let runs = by_experiment.remove(&experiment.id).unwrap_or_default();
            export.experiment(experiment, name, runs).await?;
        }
    }
    if options.experiments.is_empty() {
        export.registry().await?;
    }
    export.tell_versions().await?;
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
    /// Logged models there with their tag [`VERSIONS`] here.
    versions: Vec<(String, Pair)>,
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

/// Tags that MLflow's server writes itself, and those by which an export knows its own: what an earlier one wrote is not
/// true of the copy.
fn is_own(pair: &Pair) -> bool {
    [RUN_ID, MODEL_ID, WHOLE, VERSIONS].contains(&pair.key.as_str())
}

/// Whether a server lost a race with itself: its workers look for a row, find none, and make it at once.
fn is_race(error: &TransferError) -> bool {
    matches!(error, TransferError::Refused { message, .. } if message.contains("UNIQUE constraint") || message.contains("duplicate key"))
}

/// Experiments, active ones first, with the names that they get there. Here a deleted experiment frees its name, and others
/// may have it; there it keeps the name until it is collected.
fn named(mut experiments: Vec<IngestExperiment>) -> Vec<(IngestExperiment, String)> {
    experiments.sort_by_key(|experiment| (experiment.is_deleted, experiment.id));
    let mut taken = HashSet::new();
    experiments
        .into_iter()
        .map(|experiment| {
            let name = if taken.insert(experiment.name.clone()) {
                experiment.name.clone()
            } else {
                format!("{} (deleted, {})", experiment.name, experiment.id)
            };
            (experiment, name)
        })
        .collect()
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

    /// Notes what runs read; runs that share a dataset make MLflow's workers race for its row.
    async fn inputs(&self, body: Value) -> Result<(), TransferError> {
        let mut tried = 1;
        loop {
            match self.post("runs/log-inputs", body.clone()).await {
                Err(error) if is_race(&error) && tried < TRIES => tried += 1,
                answer => return answer.map(|_| ()),
            }
        }
    }

    async fn points(&self, run: &str, points: Vec<Value>) -> Result<(), TransferError> {
        let body = json!({ "run_id": run, "metrics": points });
        self.post("runs/log-batch", body).await.map(|_| ())
    }

    /// The experiment of that name there, made if there is none; `None` when its name is in the way.
    async fn place(
        &mut self,
        experiment: &IngestExperiment,
        name: &str,
    ) -> Result<Option<String>, TransferError> {
        let got: Result<Value, _> = self
            .target
            .get(
                &mlflow("experiments/get-by-name"),
                &[("experiment_name", name)],
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
                        "experiment {name}: a deleted one there has its name"
                    ));
                    return Ok(None);
                }
                if experiment.is_deleted {
                    self.report.skipped.push(format!(
                        "experiment {name} (deleted): another one there has its name"
                    ));
                    return Ok(None);
                }
                Ok(Some(id))
            }
            Err(TransferError::Refused { status: 404, .. }) => {
                let made = self
                    .post("experiments/create", json!({ "name": name }))
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
        name: &str,
        runs: Vec<SourceRun>,
    ) -> Result<(), TransferError> {
        let models = self.source.logged_models_of(experiment.id).await?;
        if experiment.id == 0 && runs.is_empty() && models.is_empty() {
            return Ok(());
        }
        let Some(id) = self.place(experiment, name).await? else {
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
        let wanted: Vec<_> = runs
            .iter()
            .map(|run| (run, there.remove(&run.run.id)))
            .collect();
        let written: Vec<Written> = {
            let (this, id) = (&*self, &id);
            futures::stream::iter(wanted)
                .map(|(run, known)| this.run(id, run, known))
                .buffered(RECORDS)
                .try_collect()
                .await?
        };
        let mut new = Vec::new();
        for (run, written) in runs.iter().zip(written) {
            self.report.add(written.report);
            self.runs
                .insert(run.run.id.clone(), written.there.id.clone());
            self.places.insert(
                run.run.artifact_uri.clone(),
                written.there.artifact_uri.clone(),
            );
            if written.is_new {
                new.push((run, written.there));
            }
        }
        let known_models = self.known_models(&id).await?;
        let written: Vec<WrittenModel> = {
            let (this, id, known) = (&*self, &id, &known_models);
            futures::stream::iter(&models)
                .map(|model| this.model(id, model, known))
                .buffered(RECORDS)
                .try_collect()
                .await?
        };
        for (model, written) in models.iter().zip(written) {
            self.report.add(written.report);
            if let Some(tag) = written.versions {
                self.versions.push((written.id.clone(), tag));
            }
            self.models.insert(model.id.clone(), written.id);
            self.places
                .insert(model.artifact_uri.clone(), written.artifact_uri);
        }
        let finished = new.len() as u64;
        {
            let this = &*self;
            futures::stream::iter(new)
                .map(|(run, there)| async move { this.finish(run, &there).await })
                .buffered(RECORDS)
                .try_collect::<()>()
                .await?;
        }
        self.report.runs += finished;
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
        &self,
        experiment: &str,
        source: &SourceRun,
        known: Option<There>,
    ) -> Result<Written, TransferError> {
        let run = &source.run;
        let mut report = ExportReport::default();
        let there = match known {
            Some(there) if there.is_whole => {
                report.runs_unchanged += 1;
                return Ok(Written {
                    there,
                    is_new: false,
                    report,
                });
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
        let own: Vec<Pair> = run
            .tags
            .iter()
            .filter(|tag| !is_own(tag))
            .cloned()
            .collect();
        let (mut params, mut tags_of) = (run.params.chunks(PAIRS), own.chunks(PAIRS));
        loop {
            let (some, more) = (params.next(), tags_of.next());
            if some.is_none() && more.is_none() {
                break;
            }
            let body = json!({
                "run_id": there.id, "params": tags(some.unwrap_or_default()), "tags": tags(more.unwrap_or_default()),
            });
            self.post("runs/log-batch", body).await?;
        }
        let mut points = self.source.points(std::slice::from_ref(source));
        // The source hands over a metric at a time; the requests are full all the same.
        let mut waiting: Vec<Value> = Vec::new();
        while let Some(part) = points.next().await? {
            report.points += part.len() as u64;
            for one in &part {
                waiting.push(point(one));
                if waiting.len() == POINTS {
                    self.points(&there.id, std::mem::take(&mut waiting)).await?;
                }
            }
        }
        if !waiting.is_empty() {
            self.points(&there.id, waiting).await?;
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
            self.inputs(json!({ "run_id": there.id, "datasets": datasets }))
                .await?;
        }
        let files = self
            .files(
                &run.artifact_uri,
                Tree::OfRun(run.id.clone()),
                &there.artifact_uri,
            )
            .await?;
        report.add(files);
        Ok(Written {
            there,
            is_new: true,
            report,
        })
    }

    /// Links a run with its logged models, ends it as it ended, and marks it.
    async fn finish(&self, source: &SourceRun, there: &There) -> Result<(), TransferError> {
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
            self.inputs(json!({ "run_id": there.id, "models": inputs }))
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
        Ok(())
    }

    /// Writes the files below a place here to one there.
    async fn files(&self, from: &str, tree: Tree, to: &str) -> Result<ExportReport, TransferError> {
        let mut report = ExportReport::default();
        if !self.options.artifacts {
            return Ok(report);
        }
        let tree = proxied(from).map_or(tree, |path| Tree::Proxied(path.to_owned()));
        let reader = Reader {
            peer: Some(self.source.peer()),
            s3: None,
        };
        let listing = files::list(reader, &tree).await?;
        if listing.files.is_empty() {
            return Ok(report);
        }
        let Some(root) = proxied(to) else {
            report.skipped.push(format!(
                "{} files of {from}: the server there keeps them at {to}, where it takes none by HTTP",
                listing.files.len()
            ));
            return Ok(report);
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
        report.files = sizes.len() as u64;
        report.bytes = sizes.iter().sum();
        Ok(report)
    }
}

/// A run at the other side, and what was written of it.
struct Written {
    there: There,
    /// Whether it is still to be finished.
    is_new: bool,
    report: ExportReport,
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
