//! Runs.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_edge::{CallScope, Failure};
use trimtab_tracking::{self as tracking, ArtifactPlace, ArtifactUri, RunSearch, Search};
use trimtab_types::{RunId, Scope, Time};

use crate::{
    convert::{at, finite},
    extract::Query,
    handlers::{Answer, Paging, bounded},
    state::Api,
    wire::{
        ArtifactEntry, HomeRun, List, MetricHistory, MetricLast, MetricPoint, Pair, Run,
        RunDataset, RunSummary, VersionRef,
    },
};

/// How many experiments one list spans.
const EXPERIMENTS: u32 = 1_000;
/// How many artifacts are listed with a run.
const ARTIFACTS: usize = 1_000;
/// The tag that says what a run read a dataset for.
const CONTEXT: &str = "mlflow.data.context";

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OfExperiment {
    /// Its id or its name.
    experiment: Option<String>,
    limit: Option<u32>,
    page: Option<String>,
}

pub(crate) async fn runs(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<OfExperiment>,
) -> Answer<List<RunSummary>> {
    let mut names = experiments(&api, &scope).await?;
    if let Some(wanted) = &query.experiment {
        names.retain(|id, name| id.to_string() == *wanted || name == wanted);
        if names.is_empty() {
            return Err(Failure::not_found(format!(
                "there is no experiment `{wanted}`"
            )));
        }
    }
    let limit = bounded(query.limit, 50, 1_000);
    search(&api, &scope, &names, limit, query.page)
        .await
        .map(Json)
}

pub(crate) async fn run(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<RunId>,
) -> Answer<Run> {
    let run = api.tracking.get_run(&scope, id).await?;
    let experiment = api.tracking.get_experiment(&scope, run.experiment).await?;
    let versions = api.registry.versions_by_run(&scope, id).await?;
    let artifacts = artifacts(&api, &scope, &run).await?;
    let summary = summary(&run, &experiment.name);
    let pair = |(key, value): (&String, &String)| Pair {
        key: key.clone(),
        value: value.clone(),
    };
    Ok(Json(Run {
        id: summary.id,
        name: summary.name,
        experiment_id: summary.experiment_id,
        experiment: summary.experiment,
        status: summary.status,
        user: summary.user,
        started_at: summary.started_at,
        ended_at: summary.ended_at,
        metrics: summary.metrics,
        params: run.params.iter().map(pair).collect(),
        tags: run.tags.iter().map(pair).collect(),
        datasets: run
            .datasets
            .iter()
            .map(|input| RunDataset {
                name: input.dataset.name.clone(),
                digest: input.dataset.digest.clone(),
                context: input
                    .tags
                    .iter()
                    .find(|(key, _)| key == CONTEXT)
                    .map(|(_, value)| value.clone()),
            })
            .collect(),
        artifacts,
        versions: versions
            .into_iter()
            .map(|version| VersionRef {
                model: version.model,
                version: version.version,
            })
            .collect(),
    }))
}

pub(crate) async fn metric(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path((id, key)): Path<(RunId, String)>,
    Query(paging): Query<Paging>,
) -> Answer<MetricHistory> {
    let limit = bounded(paging.limit, 1_000, 10_000);
    let history = api
        .tracking
        .metric_history(&scope, id, &key, limit, paging.page.as_deref())
        .await?;
    Ok(Json(MetricHistory {
        key,
        points: history
            .points
            .iter()
            .map(|point| MetricPoint {
                step: point.step,
                value: finite(point.value),
                at: Time::from_millis(point.timestamp_ms).into(),
            })
            .collect(),
        next: history.next.map(|token| token.as_str().to_owned()),
    }))
}

/// The newest runs of all experiments.
pub(crate) async fn latest(
    api: &Api,
    scope: &Scope,
    limit: u32,
) -> Result<Vec<RunSummary>, Failure> {
    let names = experiments(api, scope).await?;
    Ok(search(api, scope, &names, limit, None).await?.items)
}

/// A run in one cell of a table; `None` when it is not there any more.
pub(crate) async fn brief(api: &Api, scope: &Scope, id: RunId) -> Option<HomeRun> {
    let run = api.tracking.get_run(scope, id).await.ok()?;
    Some(HomeRun {
        id: id.to_string(),
        name: run.name,
        status: run.status.as_str().to_owned(),
        started_at: run.start_time.into(),
        ended_at: at(run.end_time),
    })
}

async fn experiments(api: &Api, scope: &Scope) -> Result<HashMap<i64, String>, Failure> {
    let all = Search {
        limit: EXPERIMENTS,
        ..Search::default()
    };
    let page = api.tracking.search_experiments(scope, all).await?;
    Ok(page
        .items
        .into_iter()
        .map(|experiment| (experiment.id, experiment.name))
        .collect())
}

async fn search(
    api: &Api,
    scope: &Scope,
    names: &HashMap<i64, String>,
    limit: u32,
    page_token: Option<String>,
) -> Result<List<RunSummary>, Failure> {
    let search = RunSearch {
        experiments: names.keys().copied().collect(),
        limit,
        page_token,
        ..RunSearch::default()
    };
    let page = api.tracking.search_runs(scope, search).await?;
    Ok(List {
        next: page.next.map(|token| token.as_str().to_owned()),
        items: page
            .items
            .iter()
            .map(|run| {
                let experiment = names.get(&run.experiment).map_or("", String::as_str);
                summary(run, experiment)
            })
            .collect(),
    })
}

fn summary(run: &tracking::Run, experiment: &str) -> RunSummary {
    RunSummary {
        id: run.id.to_string(),
        name: run.name.clone(),
        experiment_id: run.experiment.to_string(),
        experiment: experiment.to_owned(),
        status: run.status.as_str().to_owned(),
        user: (!run.user.is_empty()).then(|| run.user.clone()),
        started_at: run.start_time.into(),
        ended_at: at(run.end_time),
        metrics: run
            .metrics
            .iter()
            .map(|point| MetricLast {
                key: point.key.clone(),
                value: finite(point.value),
                step: point.step,
                at: Time::from_millis(point.timestamp_ms).into(),
            })
            .collect(),
    }
}

/// What lies at the root of a run's artifacts, where they are in our own tree: what is elsewhere may be away.
async fn artifacts(
    api: &Api,
    scope: &Scope,
    run: &tracking::Run,
) -> Result<Vec<ArtifactEntry>, Failure> {
    let Ok(ArtifactUri::Own(folder)) = ArtifactUri::parse(&run.artifact_uri) else {
        return Ok(Vec::new());
    };
    let place = ArtifactPlace::Own(folder);
    let listing = api.tracking.artifact_list_place(scope, &place).await?;
    Ok(listing
        .entries
        .iter()
        .take(ARTIFACTS)
        .map(|entry| ArtifactEntry {
            path: entry.path.to_string(),
            is_dir: entry.size.is_none(),
            size: entry.size,
        })
        .collect())
}
