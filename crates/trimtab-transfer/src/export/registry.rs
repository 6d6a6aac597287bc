//! Registered models, prompts, versions and aliases.

use reqwest::Method;
use serde_json::{Value, json};
use trimtab_edge_api::wire::{IngestModel, IngestVersion};

use super::{Export, WHOLE, exists_already, is_own, mlflow, tag, tags};
use crate::{TransferError, wire::int};

/// The tag that makes a model a prompt.
const PROMPT: &str = "mlflow.prompt.is_prompt";
/// The source of a version that only takes a number up.
const NO_SOURCE: &str = "dummy-source";

/// A model of which versions are still to be written.
struct Unfinished {
    model: IngestModel,
    is_prompt: bool,
    /// The highest number there.
    last: i64,
    /// The next version, by its place.
    next: usize,
}

/// The version of a registered model that a source names.
fn names_version(source: &str) -> Option<(&str, i64)> {
    let (name, number) = source.strip_prefix("models:/")?.rsplit_once('/')?;
    Some((name, number.parse().ok()?))
}

impl Export<'_> {
    /// Writes models, and then versions as soon as those are there that they were copied from.
    pub(super) async fn registry(&mut self) -> Result<(), TransferError> {
        let mut open = Vec::new();
        for mut model in self.source.models().await? {
            self.source.versions(&mut model).await?;
            model.versions.sort_by_key(|version| version.version);
            open.extend(self.registered(model).await?);
        }
        let mut is_stuck = false;
        while !open.is_empty() {
            let mut has_moved = false;
            for place in 0..open.len() {
                while let Some(version) = open[place].model.versions.get(open[place].next) {
                    let waits =
                        names_version(&version.source).is_some_and(|source| is_open(&open, source));
                    if waits && !is_stuck {
                        break;
                    }
                    let one = &open[place];
                    let number = self.version(one, version).await?;
                    let one = &mut open[place];
                    one.last = number.unwrap_or(one.last);
                    one.next += 1;
                    has_moved = true;
                }
            }
            for place in (0..open.len()).rev() {
                if open[place].next == open[place].model.versions.len() {
                    let done = open.swap_remove(place);
                    self.aliases(&done.model).await?;
                }
            }
            // Two that wait for each other: the server there says what it makes of them.
            is_stuck = !has_moved;
        }
        Ok(())
    }

    /// Makes a model there, if it is not there; `None` where another one has its name.
    async fn registered(
        &mut self,
        model: IngestModel,
    ) -> Result<Option<Unfinished>, TransferError> {
        let own: Vec<_> = model
            .tags
            .iter()
            .filter(|tag| !is_own(tag))
            .cloned()
            .collect();
        let mut body = json!({ "name": model.name, "tags": tags(&own) });
        if let Some(description) = &model.description {
            body["description"] = description.clone().into();
        }
        if let Some(all) = body["tags"].as_array_mut() {
            all.push(json!({ "key": WHOLE, "value": "model" }));
        }
        let is_prompt = model.tags.iter().any(|tag| tag.key == PROMPT);
        let mut last = 0;
        match self.post("registered-models/create", body).await {
            Ok(_) => self.report.models += 1,
            Err(error) if exists_already(&error) => {
                let got: Value = self
                    .target
                    .get(&mlflow("registered-models/get"), &[("name", &model.name)])
                    .await?;
                if tag(&got["registered_model"]["tags"], WHOLE).is_none() {
                    self.report.skipped.push(format!(
                        "model {}: there is another one of that name",
                        model.name
                    ));
                    return Ok(None);
                }
                last = self.last_number(&model.name, is_prompt).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Some(Unfinished {
            next: model
                .versions
                .partition_point(|version| version.version <= last),
            model,
            is_prompt,
            last,
        }))
    }

    async fn aliases(&self, model: &IngestModel) -> Result<(), TransferError> {
        for alias in &model.aliases {
            self.post(
                "registered-models/alias",
                json!({ "name": model.name, "alias": alias.alias, "version": alias.version.to_string() }),
            )
            .await?;
        }
        Ok(())
    }

    /// The highest number there.
    async fn last_number(&self, name: &str, is_prompt: bool) -> Result<i64, TransferError> {
        let mut filter = format!("name = '{}'", name.replace('\'', "\\'"));
        // A search leaves prompts out unless it asks for them.
        if is_prompt {
            filter.push_str(" AND tags.`mlflow.prompt.is_prompt` = 'true'");
        }
        let got: Value = self
            .target
            .get(
                &mlflow("model-versions/search"),
                &[
                    ("filter", &filter),
                    ("order_by", "version_number DESC"),
                    ("max_results", "1"),
                ],
            )
            .await?;
        Ok(int(&got["model_versions"][0]["version"]))
    }

    /// Makes a version of that number: numbers before it that are gone are given, and taken back. Answers its number there.
    async fn version(
        &mut self,
        of: &Unfinished,
        version: &IngestVersion,
    ) -> Result<Option<i64>, TransferError> {
        let (model, is_prompt) = (&of.model, of.is_prompt);
        let run = version
            .run_id
            .as_ref()
            .and_then(|run| self.runs.get(run))
            .cloned();
        let source = self.there_source(&version.source);
        let own: Vec<_> = version
            .tags
            .iter()
            .filter(|tag| !is_own(tag))
            .cloned()
            .collect();
        let mut body = json!({ "name": model.name, "source": source, "tags": tags(&own) });
        if let Some(run) = &run {
            body["run_id"] = run.clone().into();
        }
        if let Some(id) = source
            .strip_prefix("models:/")
            .filter(|id| id.starts_with("m-"))
        {
            body["model_id"] = id.into();
        }
        if let Some(description) = &version.description {
            body["description"] = description.clone().into();
        }
        for _ in of.last + 1..version.version {
            let mut gap = body.clone();
            if is_prompt {
                gap["source"] = NO_SOURCE.into();
            }
            let made = self.post("model-versions/create", gap).await;
            let Ok(made) = made else { break };
            let number = &made["model_version"]["version"];
            self.target
                .make(
                    Method::DELETE,
                    &mlflow("model-versions/delete"),
                    &json!({ "name": model.name, "version": number }),
                )
                .await?;
        }
        let made = match self.post("model-versions/create", body).await {
            Ok(made) => made,
            Err(TransferError::Refused {
                status: 400 | 404,
                message,
                ..
            }) => {
                self.report.skipped.push(format!(
                    "version {}/{}: {message}",
                    model.name, version.version
                ));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let number = int(&made["model_version"]["version"]);
        if number != version.version {
            self.report.skipped.push(format!(
                "version {}/{}: it has the number {number} there",
                model.name, version.version
            ));
        }
        self.report.versions += 1;
        if version.stage != "None" {
            self.post(
                "model-versions/transition-stage",
                json!({
                    "name": model.name, "version": number.to_string(), "stage": version.stage,
                    "archive_existing_versions": false,
                }),
            )
            .await?;
        }
        Ok(Some(number))
    }

    /// What a source is called there.
    fn there_source(&self, source: &str) -> String {
        if let Some(id) = source.strip_prefix("models:/m-")
            && let Some(new) = self.models.get(id)
        {
            return format!("models:/{new}");
        }
        if let Some(rest) = source.strip_prefix("runs:/") {
            let (run, path) = rest.split_once('/').unwrap_or((rest, ""));
            if let Some(new) = self.runs.get(run) {
                return format!("runs:/{new}/{path}");
            }
        }
        let mut end = source.len();
        loop {
            if let Some(new) = self.places.get(&source[..end]) {
                return format!("{new}{}", &source[end..]);
            }
            match source[..end].rfind('/') {
                Some(slash) => end = slash,
                None => return source.to_owned(),
            }
        }
    }
}

/// Whether a version is still to be written.
fn is_open(open: &[Unfinished], (name, number): (&str, i64)) -> bool {
    open.iter()
        .filter(|one| one.model.name == name)
        .flat_map(|one| one.model.versions.get(one.next..).unwrap_or_default())
        .any(|version| version.version == number)
}
