//! Logged models, written through MLflow's REST API.

use std::collections::{BTreeMap, HashMap};

use reqwest::Method;
use serde_json::{Value, json};
use trimtab_edge_api::wire::{IngestLoggedModel, IngestValue, Pair};

use super::{Export, MODEL_ID, POINTS, VERSIONS, is_own, mlflow, tag, tags};
use crate::{
    ExportReport, TransferError,
    place::Tree,
    wire::{Answer, text},
};

/// A logged model at the other side, and what was written of it.
pub(super) struct WrittenModel {
    pub(super) id: String,
    pub(super) artifact_uri: String,
    /// Its tag [`VERSIONS`] here.
    pub(super) versions: Option<Pair>,
    pub(super) report: ExportReport,
}

impl Export<'_> {
    pub(super) async fn known_models(
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

    pub(super) async fn model(
        &self,
        experiment: &str,
        model: &IngestLoggedModel,
        known: &HashMap<String, Value>,
    ) -> Result<WrittenModel, TransferError> {
        let mut report = ExportReport::default();
        let info = match known.get(&model.id) {
            Some(known) => known["info"].clone(),
            None => {
                let mut all: Vec<Pair> = model
                    .tags
                    .iter()
                    .filter(|tag| !is_own(tag))
                    .cloned()
                    .collect();
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
                report.logged_models += 1;
                made["model"]["info"].clone()
            }
        };
        let id = text(&info["model_id"]);
        let root = text(&info["artifact_uri"]);
        let versions = model.tags.iter().find(|tag| tag.key == VERSIONS).cloned();
        if info["status"] == "LOGGED_MODEL_PENDING" {
            let tree = Tree::OfModel(format!("m-{}", model.id));
            report.add(self.files(&model.artifact_uri, tree, &root).await?);
            self.fill_model(model, &id).await?;
        }
        Ok(WrittenModel {
            id,
            artifact_uri: root,
            versions,
            report,
        })
    }

    /// Says of logged models which versions were made of them. The server there noted those that it made itself, but not
    /// those that were deleted here.
    pub(super) async fn tell_versions(&self) -> Result<(), TransferError> {
        for (id, tag) in &self.versions {
            self.target
                .make(
                    Method::PATCH,
                    &mlflow(&format!("logged-models/{id}/tags")),
                    &json!({ "model_id": id, "tags": tags(std::slice::from_ref(tag)) }),
                )
                .await?;
        }
        Ok(())
    }

    /// Writes a logged model's points, and ends it as it ended.
    async fn fill_model(&self, model: &IngestLoggedModel, id: &str) -> Result<(), TransferError> {
        let mut by_run: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
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
            by_run.entry(run).or_default().push(point);
        }
        for (run, points) in by_run {
            for part in points.chunks(POINTS) {
                self.post("runs/log-batch", json!({ "run_id": run, "metrics": part }))
                    .await?;
            }
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
}
