//! Records that an import brings: checked, taken over, counted.

use std::collections::{HashMap, HashSet};

use axum::{
    Json,
    extract::{Path, Request, State},
};
use futures::TryStreamExt as _;
use trimtab_edge::{CallScope, Failure};
use trimtab_tracking::{
    ArtifactPath, IngestKey as TrackingKey, IngestKind, IngestMark as TrackingMark, MetricPoint,
};
use trimtab_types::{ErrorCode, Role, RunId, Scope};

use crate::{
    convert,
    extract::Json as Body,
    handlers::{Answer, backup},
    state::Api,
    wire::{
        IngestCheck, IngestCollision, IngestFile, IngestKey, IngestMark, IngestModel, IngestPrint,
        IngestPrinter, IngestPrintsOf, IngestReceipt, IngestRequest, IngestRoot, IngestSeries,
        IngestState, List,
    },
};

/// How many records one question may name.
const KEYS: usize = 10_000;
/// How many runs' fingerprints one question may want.
const PRINTS: usize = 1_000;
/// How many points one command writes: what else waits for the writer waits no longer than that.
const POINTS: usize = 1_000;

fn bounded(field: &str, count: usize, most: usize) -> Result<(), Failure> {
    if count > most {
        return Err(Failure::invalid(
            field,
            format!("a request brings at most {most}, this one {count}"),
        ));
    }
    Ok(())
}

pub(crate) async fn check(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<IngestCheck>,
) -> Answer<IngestState> {
    bounded("keys", request.keys.len(), KEYS)?;
    state(&api, &scope, request.keys).await.map(Json)
}

/// What is here of these records. Whether a registered model is here the registry knows, who brought it tracking.
async fn state(api: &Api, scope: &Scope, keys: Vec<IngestKey>) -> Result<IngestState, Failure> {
    let keys = keys
        .into_iter()
        .enumerate()
        .map(|(index, key)| {
            let kind = IngestKind::parse(&key.kind).ok_or_else(|| {
                Failure::invalid(
                    format!("keys[{index}].kind"),
                    format!("`{}` is no kind of record", key.kind),
                )
            })?;
            Ok(TrackingKey {
                kind,
                id: key.id,
                origin: key.origin,
                name: key.name,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let models: HashMap<String, String> = keys
        .iter()
        .filter(|key| key.kind == IngestKind::Model)
        .map(|key| (key.id.clone(), key.origin.clone()))
        .collect();
    let found = api.tracking.ingest_state(scope, keys).await?;
    let taken: HashSet<String> = api
        .registry
        .ingest_taken(scope, models.keys().cloned().collect())
        .await?
        .into_iter()
        .collect();
    let mut known = found.known;
    let marked: HashMap<String, String> = known
        .iter()
        .filter(|mark| mark.kind == IngestKind::Model)
        .map(|mark| (mark.id.clone(), mark.origin.clone()))
        .collect();
    let mut collisions: Vec<IngestCollision> = found
        .collisions
        .into_iter()
        .map(|(key, message)| IngestCollision {
            kind: key.kind.as_str().to_owned(),
            id: key.id,
            message,
        })
        .collect();
    let mut taken_sorted: Vec<&String> = taken.iter().collect();
    taken_sorted.sort();
    for name in taken_sorted {
        let message = match marked.get(name) {
            None => "it was made here",
            Some(origin) if Some(origin) != models.get(name) => {
                "another one of that name was imported"
            }
            Some(_) => continue,
        };
        collisions.push(IngestCollision {
            kind: IngestKind::Model.as_str().to_owned(),
            id: name.clone(),
            message: message.to_owned(),
        });
    }
    known.retain(|mark| mark.kind != IngestKind::Model || taken.contains(&mark.id));
    Ok(IngestState {
        known: known
            .into_iter()
            .map(|mark| IngestMark {
                kind: mark.kind.as_str().to_owned(),
                id: mark.id,
                origin: mark.origin,
                mark: mark.mark,
            })
            .collect(),
        collisions,
    })
}

pub(crate) async fn ingest(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<IngestRequest>,
) -> Answer<IngestReceipt> {
    of_an_admin(&scope, &request)?;
    let mut receipt = IngestReceipt::default();
    // Everything is decoded before anything is written.
    let experiments: Vec<_> = request
        .experiments
        .into_iter()
        .map(convert::ingest::experiment)
        .collect();
    let runs = each("runs", request.runs, convert::ingest::run)?;
    let logged_models = each(
        "logged_models",
        request.logged_models,
        convert::ingest::logged_model,
    )?;
    let points = points(request.series)?;
    let marks = each("marks", request.marks, mark)?;
    receipt.experiments = experiments.len() as u64;
    receipt.runs = runs.len() as u64;
    receipt.logged_models = logged_models.len() as u64;
    receipt.points = points.iter().map(|(_, points)| points.len() as u64).sum();
    receipt.models = request.models.len() as u64;
    receipt.versions = request
        .models
        .iter()
        .map(|model| model.versions.len() as u64)
        .sum();
    if !experiments.is_empty() {
        api.tracking.ingest_experiments(&scope, experiments).await?;
    }
    api.tracking.ingest_runs(&scope, runs).await?;
    api.tracking
        .ingest_logged_models(&scope, logged_models)
        .await?;
    api.tracking.ingest_points(&scope, points).await?;
    models(&api, &scope, request.models).await?;
    if !marks.is_empty() {
        api.tracking.ingest_marks(&scope, marks).await?;
    }
    Ok(Json(receipt))
}

/// Whoever may write runs may deliver runs that were made elsewhere, with their files in our store. Records that say
/// where files are, and whole experiments and models, are an import, and that is for admins.
fn of_an_admin(scope: &Scope, request: &IngestRequest) -> Result<(), Failure> {
    let runs = request.runs.iter().all(|run| {
        let own = format!("mlflow-artifacts:/{}/{}/artifacts", run.experiment, run.id);
        run.artifact_uri == own && run.reference.is_none()
    });
    let logged_models = request.logged_models.iter().all(|model| {
        let (experiment, id) = (model.experiment, &model.id);
        let own = format!("mlflow-artifacts:/{experiment}/models/m-{id}/artifacts");
        model.artifact_uri == own && model.reference.is_none()
    });
    let is_delivery =
        runs && logged_models && request.experiments.is_empty() && request.models.is_empty();
    if is_delivery || scope.principal.role >= Role::Admin {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::Denied,
        "an import of experiments, models or places of files needs the role admin",
    )
    .hint("use a token with the role admin, or deliver runs alone"))
}

/// Converts each item; an error names its place.
fn each<A, B>(
    field: &str,
    items: Vec<A>,
    convert: impl Fn(A) -> Result<B, String>,
) -> Result<Vec<B>, Failure> {
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            convert(item).map_err(|message| Failure::invalid(format!("{field}[{index}]"), message))
        })
        .collect()
}

fn mark(mark: IngestMark) -> Result<TrackingMark, String> {
    Ok(TrackingMark {
        kind: IngestKind::parse(&mark.kind)
            .ok_or_else(|| format!("`{}` is no kind of record", mark.kind))?,
        id: mark.id,
        origin: mark.origin,
        mark: mark.mark,
    })
}

fn points(series: Vec<IngestSeries>) -> Result<Vec<(RunId, Vec<MetricPoint>)>, Failure> {
    let mut parts: Vec<(RunId, Vec<MetricPoint>)> = Vec::new();
    for (index, series) in series.into_iter().enumerate() {
        let wrong = |message: String| Failure::invalid(format!("series[{index}]"), message);
        let run: RunId = series
            .run
            .parse()
            .map_err(|error: trimtab_types::IdError| wrong(error.to_string()))?;
        let length = series.at_ms.len();
        if series.step.len() != length || series.value.len() != length {
            return Err(wrong(format!(
                "its columns have {length}, {} and {} values",
                series.step.len(),
                series.value.len()
            )));
        }
        let mut rows = series.at_ms.iter().zip(&series.step).zip(&series.value);
        loop {
            let part: Vec<MetricPoint> = rows
                .by_ref()
                .take(POINTS)
                .map(|((at_ms, step), value)| MetricPoint {
                    key: series.key.clone(),
                    value: value.0,
                    timestamp_ms: *at_ms,
                    step: *step,
                    model: None,
                    dataset: None,
                })
                .collect();
            if part.is_empty() {
                break;
            }
            // Short series of one run share a command.
            match parts.last_mut() {
                Some((last, points)) if *last == run && points_fit(points, &part) => {
                    points.extend(part);
                }
                Some(_) | None => parts.push((run, part)),
            }
        }
    }
    Ok(parts)
}

fn points_fit(points: &[MetricPoint], more: &[MetricPoint]) -> bool {
    points.len() + more.len() <= POINTS
}

async fn models(api: &Api, scope: &Scope, models: Vec<IngestModel>) -> Result<(), Failure> {
    if models.is_empty() {
        return Ok(());
    }
    let keys = models
        .iter()
        .map(|model| IngestKey {
            kind: IngestKind::Model.as_str().to_owned(),
            id: model.name.clone(),
            origin: model.origin.clone(),
            name: None,
        })
        .collect();
    let state = state(api, scope, keys).await?;
    if let Some(collision) = state.collisions.first() {
        return Err(Failure::new(
            ErrorCode::AlreadyExists,
            format!(
                "model {} cannot be taken over: {}",
                collision.id, collision.message
            ),
        ));
    }
    let mut known: HashSet<String> = state.known.into_iter().map(|mark| mark.id).collect();
    for (index, model) in models.into_iter().enumerate() {
        let wrong = |message: String| Failure::invalid(format!("models[{index}]"), message);
        let mark = TrackingMark {
            kind: IngestKind::Model,
            id: model.name.clone(),
            origin: model.origin.clone(),
            mark: model.mark.clone(),
        };
        let is_known = !known.insert(model.name.clone());
        let model = convert::ingest::model(model).map_err(wrong)?;
        api.registry.ingest_model(scope, model, is_known).await?;
        api.tracking.ingest_marks(scope, vec![mark]).await?;
    }
    Ok(())
}

pub(crate) async fn prints(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<IngestPrintsOf>,
) -> Answer<List<IngestPrint>> {
    bounded("runs", request.runs.len(), PRINTS)?;
    let mut prints = Vec::with_capacity(request.runs.len());
    for id in request.runs {
        let run: RunId = id
            .parse()
            .map_err(|error: trimtab_types::IdError| Failure::invalid("runs", error.to_string()))?;
        let found = api.tracking.get_run(&scope, run).await?;
        let mut printer = IngestPrinter::default();
        for (key, value) in &found.params {
            printer.param(key, value);
        }
        for (key, value) in &found.tags {
            printer.tag(key, value);
        }
        for metric in &found.metrics {
            let mut page = None;
            loop {
                let history = api
                    .tracking
                    .metric_history(&scope, run, &metric.key, 0, page.as_deref())
                    .await?;
                for point in &history.points {
                    printer.point(&point.key, point.timestamp_ms, point.step, point.value);
                }
                match history.next {
                    Some(next) => page = Some(next.as_str().to_owned()),
                    None => break,
                }
            }
        }
        prints.push(printer.finish(id));
    }
    Ok(Json(List::whole(prints)))
}

pub(crate) async fn root(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<IngestRoot>,
) -> Answer<IngestRoot> {
    // A folder of the machine may hold more than this workspace's files.
    backup::of_the_house(&scope)?;
    api.tracking.ingest_root(&scope, &request.uri).await?;
    Ok(Json(request))
}

pub(crate) async fn put_file(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(path): Path<String>,
    request: Request,
) -> Answer<IngestFile> {
    let path = ArtifactPath::parse(&path)?;
    let stream = request
        .into_body()
        .into_data_stream()
        .map_err(std::io::Error::other);
    let blob = api.tracking.artifact_put(&scope, &path, stream).await?;
    Ok(Json(IngestFile {
        path: path.to_string(),
        size: blob.size,
        blake3: blob.blake3,
    }))
}
