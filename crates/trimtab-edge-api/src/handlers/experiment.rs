//! Experiments, and the table of their runs.

use std::collections::HashMap;

use axum::{Json, extract::State};
use serde::Deserialize;
use trimtab_edge::{CallScope, Failure};
use trimtab_tracking::{self as tracking, RunColumns, RunSearch, Search, View};
use trimtab_types::{RunId, Scope};

use crate::{
    convert::at,
    extract::{self, Query},
    handlers::{Answer, Paging, bounded},
    state::Api,
    wire::{
        ExperimentSummary, List, Measure, MetricKey, RunKeys, RunRow, RunsQuery, Series,
        SeriesQuery, TextKey,
    },
};

/// How many experiments one search spans.
const EXPERIMENTS: u32 = 1_000;
/// How many columns one answer holds of each run.
const COLUMNS: usize = 400;
/// How many runs can be asked for by id.
const IDS: usize = 1_000;
/// How many curves one answer holds.
const CURVES: usize = 200;
/// How many points a curve has at most.
const POINTS: u32 = 5_000;

pub(crate) async fn experiments(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(paging): Query<Paging>,
) -> Answer<List<ExperimentSummary>> {
    let search = Search {
        limit: bounded(paging.limit, 100, EXPERIMENTS),
        page_token: paging.page,
        ..Search::default()
    };
    let page = api.tracking.search_experiments(&scope, search).await?;
    Ok(Json(List {
        next: page.next.map(|token| token.as_str().to_owned()),
        items: page
            .items
            .into_iter()
            .map(|experiment| ExperimentSummary {
                id: experiment.id.to_string(),
                name: experiment.name,
                created_at: experiment.created_at.into(),
                updated_at: experiment.updated_at.into(),
                tags: experiment.tags,
            })
            .collect(),
    }))
}

/// The names of experiments by number: of those asked for, or of all active ones. One that is not there is an error,
/// because an empty table would hide a misspelt name.
pub(crate) async fn named(
    api: &Api,
    scope: &Scope,
    wanted: &[String],
) -> Result<HashMap<i64, String>, Failure> {
    let mut names = HashMap::new();
    if wanted.is_empty() {
        let all = Search {
            limit: EXPERIMENTS,
            ..Search::default()
        };
        let page = api.tracking.search_experiments(scope, all).await?;
        names.extend(page.items.into_iter().map(|found| (found.id, found.name)));
        return Ok(names);
    }
    if wanted.len() > EXPERIMENTS as usize {
        return Err(Failure::invalid(
            "experiments",
            format!("at most {EXPERIMENTS} experiments"),
        ));
    }
    for text in wanted {
        let by_id = match text.parse() {
            Ok(id) => api.tracking.get_experiment(scope, id).await.ok(),
            Err(_) => None,
        };
        let found = match by_id {
            Some(found) => found,
            None => api
                .tracking
                .get_experiment_by_name(scope, text)
                .await
                .map_err(|_| Failure::not_found(format!("there is no experiment `{text}`")))?,
        };
        names.insert(found.id, found.name);
    }
    Ok(names)
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OfExperiments {
    /// Their ids or names, separated by commas.
    experiments: Option<String>,
}

pub(crate) async fn keys(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<OfExperiments>,
) -> Answer<RunKeys> {
    let wanted: Vec<String> = query
        .experiments
        .iter()
        .flat_map(|text| text.split(','))
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let names = named(&api, &scope, &wanted).await?;
    let ids: Vec<i64> = names.into_keys().collect();
    let keys = api.tracking.run_keys(&scope, &ids).await?;
    let text = |(key, range): (String, tracking::KeyRange<String>)| TextKey {
        key,
        low: range.low,
        high: range.high,
    };
    Ok(Json(RunKeys {
        metrics: keys
            .metrics
            .into_iter()
            .map(|(key, range)| MetricKey {
                key,
                low: range.low.into(),
                high: range.high.into(),
            })
            .collect(),
        params: keys.params.into_iter().map(text).collect(),
        tags: keys.tags.into_iter().map(text).collect(),
        is_cut: keys.is_cut,
    }))
}

pub(crate) async fn search(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    extract::Json(query): extract::Json<RunsQuery>,
) -> Answer<List<RunRow>> {
    let columns = query.columns.as_deref().map(columns).transpose()?;
    if !query.ids.is_empty() {
        let ids = ids("ids", &query.ids, IDS)?;
        let runs = api.tracking.runs_by_id(&scope, &ids, columns).await?;
        let mut names = HashMap::new();
        for run in &runs {
            if !names.contains_key(&run.experiment) {
                let found = api.tracking.get_experiment(&scope, run.experiment).await?;
                names.insert(found.id, found.name);
            }
        }
        return Ok(Json(List::whole(rows(&runs, &names))));
    }
    let names = named(&api, &scope, &query.experiments).await?;
    let search = RunSearch {
        experiments: names.keys().copied().collect(),
        filter: query.filter,
        order_by: query.order_by,
        view: if query.deleted {
            View::DeletedOnly
        } else {
            View::ActiveOnly
        },
        limit: bounded(query.limit, 100, 1_000),
        page_token: query.page,
        columns,
    };
    let page = api.tracking.search_runs(&scope, search).await?;
    Ok(Json(List {
        next: page.next.map(|token| token.as_str().to_owned()),
        items: rows(&page.items, &names),
    }))
}

fn rows(runs: &[tracking::Run], names: &HashMap<i64, String>) -> Vec<RunRow> {
    runs.iter()
        .map(|run| RunRow {
            id: run.id.to_string(),
            name: run.name.clone(),
            experiment_id: run.experiment.to_string(),
            experiment: names.get(&run.experiment).cloned().unwrap_or_default(),
            status: run.status.as_str().to_owned(),
            user: (!run.user.is_empty()).then(|| run.user.clone()),
            started_at: run.start_time.into(),
            ended_at: at(run.end_time),
            metrics: run
                .metrics
                .iter()
                .map(|point| (point.key.clone(), Measure::from(point.value)))
                .collect(),
            params: run.params.clone(),
            tags: run.tags.clone(),
        })
        .collect()
}

/// `metrics.a.b` is the metric `a.b`: a key may hold dots itself.
fn columns(texts: &[String]) -> Result<RunColumns, Failure> {
    if texts.len() > COLUMNS {
        return Err(Failure::invalid(
            "columns",
            format!("at most {COLUMNS} columns; ask for those that are seen"),
        ));
    }
    let mut columns = RunColumns::default();
    for text in texts {
        match text.split_once('.') {
            Some(("metrics", key)) => columns.metrics.push(key.to_owned()),
            Some(("params", key)) => columns.params.push(key.to_owned()),
            Some(("tags", key)) => columns.tags.push(key.to_owned()),
            Some(_) | None => {
                return Err(Failure::invalid(
                    "columns",
                    format!("`{text}` is no column: `metrics.KEY`, `params.KEY` or `tags.KEY`"),
                ));
            }
        }
    }
    Ok(columns)
}

fn ids(field: &'static str, texts: &[String], most: usize) -> Result<Vec<RunId>, Failure> {
    if texts.len() > most {
        return Err(Failure::invalid(field, format!("at most {most} runs")));
    }
    texts
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|_| Failure::invalid(field, format!("`{text}` is no id of a run")))
        })
        .collect()
}

pub(crate) async fn series(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    extract::Json(query): extract::Json<SeriesQuery>,
) -> Answer<List<Series>> {
    let runs = ids("runs", &query.runs, CURVES)?;
    if runs.len().saturating_mul(query.keys.len()) > CURVES {
        return Err(Failure::invalid(
            "keys",
            format!("at most {CURVES} curves (runs times keys) in one answer"),
        ));
    }
    let steps = (query.from_step.is_some() || query.to_step.is_some()).then(|| {
        (
            query.from_step.unwrap_or(i64::MIN),
            query.to_step.unwrap_or(i64::MAX),
        )
    });
    let points = bounded(query.points, 320, POINTS);
    let mut items = Vec::with_capacity(runs.len() * query.keys.len());
    for run in runs {
        for key in &query.keys {
            let found = api
                .tracking
                .metric_sample(&scope, run, key, steps, points)
                .await?;
            items.push(Series {
                run: run.to_string(),
                key: key.clone(),
                steps: found.iter().map(|point| point.step).collect(),
                at_ms: found.iter().map(|point| point.timestamp_ms).collect(),
                values: found
                    .iter()
                    .map(|point| crate::convert::finite(point.value))
                    .collect(),
            });
        }
    }
    Ok(Json(List::whole(items)))
}
