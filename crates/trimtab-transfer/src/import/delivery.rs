//! Delivery of a spool: records that clients made on a server of their own while the one that they are for was away.
//!
//! Runs and logged models have ids of their own, so the same again changes nothing. Experiments are found by name, since
//! the spool gave them numbers of its own; versions of models get the next free numbers, and a tag that says from where,
//! so that none is made twice.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trimtab_blob::S3;
use trimtab_edge_api::wire::{
    IngestExperiment, IngestLoggedModel, IngestMark, IngestModel, IngestReceipt, IngestRequest,
    IngestRun, IngestVersion, Pair,
};

use super::{BEGUN, Import, is_model_id, is_run_id};
use crate::{
    Artifacts, ImportOptions, ImportReport, Peer, Progress, Source, TransferError, http_source,
    wire::{int, items, text},
};

/// The tag of a version that says which spool's it was.
const SPOOLED: &str = "trimtab.spool";
/// The tag that makes a model a prompt.
const PROMPT: &str = "mlflow.prompt.is_prompt";

/// Records that began at the server, as it told of them: a spool that takes over in the middle needs them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    experiments: Vec<IngestExperiment>,
    runs: Vec<IngestRun>,
    logged_models: Vec<IngestLoggedModel>,
}

impl Begun {
    /// Notes an experiment of an answer of MLflow's REST API.
    pub fn experiment(&mut self, answer: &Value) {
        let experiment = http_source::experiment(answer);
        self.experiments.retain(|known| known.id != experiment.id);
        self.experiments.push(experiment);
    }

    /// Whether an experiment of that number was noted.
    pub fn has_experiment(&self, id: i64) -> bool {
        self.experiments.iter().any(|known| known.id == id)
    }

    /// Notes a run of an answer of MLflow's REST API.
    pub fn run(&mut self, answer: &Value) {
        let run = IngestRun {
            // Params that come again are compared at delivery, with what the server has.
            params: Vec::new(),
            mark: BEGUN.to_owned(),
            ..http_source::run(answer).run
        };
        if is_run_id(&run.id) {
            self.runs.retain(|known| known.id != run.id);
            self.runs.push(run);
        }
    }

    /// Notes a logged model of an answer of MLflow's REST API.
    pub fn logged_model(&mut self, answer: &Value) {
        let model = IngestLoggedModel {
            mark: BEGUN.to_owned(),
            ..http_source::logged_model(answer)
        };
        if is_model_id(&model.id) {
            self.logged_models.retain(|known| known.id != model.id);
            self.logged_models.push(model);
        }
    }

    /// Makes the records at a spool's server, with the ids that they have.
    pub async fn seed(&self, spool: &Peer) -> Result<(), TransferError> {
        let request = IngestRequest {
            experiments: self.experiments.clone(),
            runs: self.runs.clone(),
            logged_models: self.logged_models.clone(),
            ..IngestRequest::default()
        };
        let _receipt: IngestReceipt = spool.ask("/api/v1/ingest", &request).await?;
        Ok(())
    }
}

/// Brings what a spool's server holds to the server that it is for. Again, it changes nothing.
pub async fn deliver(
    spool: &Peer,
    name: &str,
    begun: &Begun,
    target: &Peer,
    progress: Progress<'_>,
) -> Result<ImportReport, TransferError> {
    let mut source = Source::server(spool.clone());
    let options = ImportOptions {
        artifacts: Artifacts::Copy,
        artifact_roots: Vec::new(),
        // A spool's files are its own server's.
        s3: S3::from_variables([]),
        dry_run: false,
        verify: true,
    };
    let mut import = Import::new(&source, target, &options, progress);
    import.begin(begun).await?;
    for experiment in source.experiments().await? {
        // Numbers that the server gave are the server's.
        if !begun.has_experiment(experiment.id) {
            let number = import.experiment(&experiment).await?;
            import.numbers.insert(experiment.id, number);
        }
    }
    import.runs(&source).await?;
    import.logged_models(&source).await?;
    for mut model in source.models().await? {
        source.versions(&mut model).await?;
        import.registered(name, &model).await?;
    }
    Ok(import.report)
}

fn is_refused(error: &TransferError, statuses: &[u16]) -> bool {
    matches!(error, TransferError::Refused { status, .. } if statuses.contains(status))
}

impl Import<'_> {
    /// Says at the server which records are gone on with.
    async fn begin(&mut self, begun: &Begun) -> Result<(), TransferError> {
        let mark = |kind: &str, id: &str| IngestMark {
            kind: kind.to_owned(),
            id: id.to_owned(),
            origin: String::new(),
            mark: BEGUN.to_owned(),
        };
        let mut marks: Vec<IngestMark> =
            begun.runs.iter().map(|run| mark("run", &run.id)).collect();
        marks.extend(
            begun
                .logged_models
                .iter()
                .map(|model| mark("logged_model", &model.id)),
        );
        self.begun = begun.runs.iter().map(|run| run.id.clone()).collect();
        if marks.is_empty() {
            return Ok(());
        }
        self.send(IngestRequest {
            marks,
            ..IngestRequest::default()
        })
        .await
    }

    /// The number at the server of the experiment of that name, which is made when it is not there.
    async fn experiment(&mut self, wanted: &IngestExperiment) -> Result<i64, TransferError> {
        let path = "/api/2.0/mlflow/experiments/get-by-name";
        let query = [("experiment_name", wanted.name.as_str())];
        let target = self.target;
        let found = |answer: Value| int(&answer["experiment"]["experiment_id"]);
        match target.get::<Value>(path, &query).await {
            Ok(answer) => {
                self.report.experiments_unchanged += 1;
                return Ok(found(answer));
            }
            Err(error) if is_refused(&error, &[404]) => {}
            Err(error) => return Err(error),
        }
        let body = json!({ "name": wanted.name, "tags": tags(&wanted.tags) });
        let made = target
            .make(Method::POST, "/api/2.0/mlflow/experiments/create", &body)
            .await;
        match made {
            Ok(made) => {
                self.report.experiments += 1;
                Ok(int(&made["experiment_id"]))
            }
            // Somebody made it in between.
            Err(error) if is_refused(&error, &[400, 409]) => {
                target.get::<Value>(path, &query).await.map(found)
            }
            Err(error) => Err(error),
        }
    }

    async fn registered(&mut self, spool: &str, model: &IngestModel) -> Result<(), TransferError> {
        let body = json!({ "name": model.name, "description": model.description, "tags": tags(&model.tags) });
        let made = self.make("registered-models/create", &body).await;
        match made {
            Ok(_) => self.report.models += 1,
            Err(error) if is_refused(&error, &[400, 409]) => self.report.models_unchanged += 1,
            Err(error) => return Err(error),
        }
        let mut there = self.spooled(model).await?;
        for version in &model.versions {
            let origin = format!("{spool}/{}", version.version);
            if let std::collections::hash_map::Entry::Vacant(place) = there.entry(origin.clone()) {
                place.insert(self.version(model, version, &origin).await?);
                self.report.versions += 1;
            }
        }
        for alias in &model.aliases {
            let Some(number) = there.get(&format!("{spool}/{}", alias.version)) else {
                continue;
            };
            let body =
                json!({ "name": model.name, "alias": alias.alias, "version": number.to_string() });
            self.make("registered-models/alias", &body).await?;
        }
        Ok(())
    }

    /// Versions of a model that came from a spool: whose they were, and their numbers.
    async fn spooled(
        &self,
        model: &IngestModel,
    ) -> Result<std::collections::HashMap<String, i64>, TransferError> {
        let mut filter = format!("name = '{}'", model.name.replace('\'', "\\'"));
        // A search leaves prompts out unless it asks for them.
        if model.tags.iter().any(|tag| tag.key == PROMPT) {
            filter.push_str(" AND tags.`mlflow.prompt.is_prompt` = 'true'");
        }
        let mut there = std::collections::HashMap::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("filter", filter.as_str()), ("max_results", "1000")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let got: Value = self
                .target
                .get("/api/2.0/mlflow/model-versions/search", &query)
                .await?;
            for version in items(&got["model_versions"]) {
                let tag = items(&version["tags"])
                    .iter()
                    .find(|tag| tag["key"] == SPOOLED);
                if let Some(tag) = tag {
                    there.insert(text(&tag["value"]), int(&version["version"]));
                }
            }
            token = text(&got["next_page_token"]);
            if token.is_empty() {
                return Ok(there);
            }
        }
    }

    async fn version(
        &self,
        model: &IngestModel,
        version: &IngestVersion,
        origin: &str,
    ) -> Result<i64, TransferError> {
        let source = self.places.source(&version.source);
        let mut all = tags(&version.tags);
        if let Some(all) = all.as_array_mut() {
            all.push(json!({ "key": SPOOLED, "value": origin }));
        }
        let mut body = json!({
            "name": model.name, "source": source, "tags": all, "description": version.description,
            "run_id": version.run_id, "run_link": version.run_link,
        });
        if let Some(id) = source
            .strip_prefix("models:/")
            .filter(|id| id.starts_with("m-"))
        {
            body["model_id"] = id.into();
        }
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let made = self.make("model-versions/create", &body).await?;
        let number = int(&made["model_version"]["version"]);
        if version.stage != "None" {
            let body = json!({
                "name": model.name, "version": number.to_string(), "stage": version.stage,
                "archive_existing_versions": false,
            });
            self.make("model-versions/transition-stage", &body).await?;
        }
        Ok(number)
    }

    async fn make(&self, path: &str, body: &Value) -> Result<Value, TransferError> {
        self.target
            .make(Method::POST, &format!("/api/2.0/mlflow/{path}"), body)
            .await
    }
}

fn tags(pairs: &[Pair]) -> Value {
    pairs
        .iter()
        .map(|pair| json!({ "key": pair.key, "value": pair.value }))
        .collect()
}
