//! Lineage, both ways.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, RecordBatch};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_edge::{CallScope, Failure};
use trimtab_events::{Scan, ServedAs};
use trimtab_registry::{Direction, LineageEdge, NodeRef};
use trimtab_table::column_text;
use trimtab_types::{Duration, ErrorCode, Name, PredictionId, Scope, Time};

use crate::{
    extract::Query,
    handlers::Answer,
    state::Api,
    wire::{self, Lineage, ObjectRef, PredictionsTouched},
};

/// How far the walk goes: around the loop once is eight.
const DEPTH: u32 = 12;
/// The event log is read in stretches of this length, so that a long history does not sit in memory at once.
const STRETCH: Duration = Duration::from_days(31);
/// Where the mlflow client notes the commit of the code that ran.
const COMMIT_TAG: &str = "mlflow.source.git.commit";
/// What can be asked for, and how people say it.
const KINDS: &[(&str, &str)] = &[
    ("prediction", "prediction"),
    ("revision", "revision"),
    ("model_version", "model_version"),
    ("model", "model_version"),
    ("run", "run"),
    ("dataset", "dataset_version"),
    ("dataset_version", "dataset_version"),
    ("commit", "commit"),
    ("endpoint", "endpoint"),
    ("execution", "execution"),
    ("plan", "plan"),
];

#[derive(Debug, Deserialize)]
pub(crate) struct Way {
    direction: Option<String>,
    depth: Option<u32>,
}

pub(crate) async fn lineage(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path((kind, id)): Path<(String, String)>,
    Query(way): Query<Way>,
) -> Answer<Lineage> {
    let kind = KINDS
        .iter()
        .find(|(said, _)| *said == kind)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| {
            let kinds: Vec<&str> = KINDS.iter().map(|(said, _)| *said).collect();
            Failure::invalid("kind", format!("`{kind}` has no lineage"))
                .hint(format!("the kinds are {}", kinds.join(", ")))
        })?;
    let is_source = matches!(kind, "dataset_version" | "commit");
    let direction = match way.direction.as_deref() {
        Some("upstream") => Direction::Upstream,
        Some("downstream") => Direction::Downstream,
        None if is_source => Direction::Downstream,
        None => Direction::Upstream,
        Some(other) => {
            return Err(
                Failure::invalid("direction", format!("`{other}` is not a direction"))
                    .hint("the directions are upstream and downstream"),
            );
        }
    };
    let depth = way.depth.unwrap_or(DEPTH).clamp(1, 50);
    let node = NodeRef {
        kind: kind.to_owned(),
        id: id
            .split_once(':')
            .map_or(id.as_str(), |(id, _)| id)
            .to_owned(),
    };
    let mut edges = Vec::new();
    let mut start = node.clone();
    if kind == "prediction" {
        let first = prediction_edge(&api, &scope, &node).await?;
        start = first.to.clone();
        edges.push(first);
    }
    edges.extend(
        api.registry
            .lineage(&scope, &start, direction, depth)
            .await?,
    );
    if direction == Direction::Upstream {
        let commits = commits(&api, &scope, &start, &edges).await;
        edges.extend(commits);
    }
    if edges.is_empty() {
        require(&api, &scope, &node).await?;
    }
    let predictions = match direction {
        Direction::Downstream => touched(&api, &scope, &node, &edges).await?,
        Direction::Upstream => Vec::new(),
    };
    Ok(Json(Lineage {
        node: object(&node),
        direction: match direction {
            Direction::Downstream => "downstream",
            Direction::Upstream => "upstream",
        }
        .to_owned(),
        edges: edges.iter().map(edge).collect(),
        predictions,
    }))
}

/// Which revision made a prediction: the event log knows, the graph holds no edge per prediction.
async fn prediction_edge(api: &Api, scope: &Scope, node: &NodeRef) -> Result<LineageEdge, Failure> {
    let id: PredictionId = node
        .id
        .parse()
        .map_err(|error: trimtab_types::IdError| Failure::invalid("id", error.to_string()))?;
    api.events.flush().await?;
    let rows = api
        .events
        .prediction(scope, id)
        .await?
        .ok_or_else(|| Failure::not_found(format!("there is no prediction {id}")))?;
    let served_as = column_text(&rows, "served_as")?;
    let row = (0..rows.num_rows())
        .find(|row| served_as.value(*row) == ServedAs::Served.as_str())
        .unwrap_or(0);
    let revision = column_text(&rows, "revision")?.value(row).to_owned();
    Ok(LineageEdge {
        from: node.clone(),
        relation: "made_by".to_owned(),
        to: NodeRef {
            kind: "revision".to_owned(),
            id: revision,
        },
        at: event_times(&rows)?.get(row).copied().unwrap_or(Time::MIN),
    })
}

/// The commit of every run that the loop did not start: the mlflow client notes it as a tag.
async fn commits(
    api: &Api,
    scope: &Scope,
    start: &NodeRef,
    edges: &[LineageEdge],
) -> Vec<LineageEdge> {
    let runs: BTreeSet<&str> = edges
        .iter()
        .map(|edge| &edge.to)
        .chain([start])
        .filter(|node| node.kind == "run")
        .map(|node| node.id.as_str())
        .filter(|run| {
            !edges
                .iter()
                .any(|edge| edge.from.id == *run && edge.to.kind == "commit")
        })
        .collect();
    let mut found = Vec::new();
    for id in runs {
        let Ok(run) = id.parse() else { continue };
        let Ok(run) = api.tracking.get_run(scope, run).await else {
            continue;
        };
        let Some(commit) = run.tags.get(COMMIT_TAG) else {
            continue;
        };
        found.push(LineageEdge {
            from: NodeRef {
                kind: "run".to_owned(),
                id: id.to_owned(),
            },
            relation: "ran_at".to_owned(),
            to: NodeRef {
                kind: "commit".to_owned(),
                id: commit.clone(),
            },
            at: run.start_time,
        });
    }
    found
}

/// An object without edges is fine; an unknown one is not.
async fn require(api: &Api, scope: &Scope, node: &NodeRef) -> Result<(), Failure> {
    let unknown = || Failure::not_found(format!("there is no {} `{}`", node.kind, node.id));
    match node.kind.as_str() {
        "dataset_version" => {
            let id = node.id.parse().map_err(|_| unknown())?;
            api.data.get(scope, id).await?;
        }
        "run" => {
            let id = node.id.parse().map_err(|_| unknown())?;
            api.tracking.get_run(scope, id).await?;
        }
        "model_version" => {
            let (model, version) = node.id.rsplit_once('/').ok_or_else(unknown)?;
            let version = version.parse().map_err(|_| unknown())?;
            api.registry.get_version(scope, model, version).await?;
        }
        "endpoint" => {
            let name = node.id.parse().map_err(|_| unknown())?;
            api.serving.endpoint(scope, &name).await?;
        }
        "plan" => {
            let id = node.id.parse().map_err(|_| unknown())?;
            api.controller.plan(scope, id).await?;
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// Counts the predictions of every revision that the walk reached.
async fn touched(
    api: &Api,
    scope: &Scope,
    node: &NodeRef,
    edges: &[LineageEdge],
) -> Result<Vec<PredictionsTouched>, Failure> {
    let nodes = || {
        edges
            .iter()
            .flat_map(|edge| [&edge.from, &edge.to])
            .chain([node])
    };
    let revisions: BTreeSet<&str> = nodes()
        .filter(|node| node.kind == "revision")
        .map(|node| node.id.as_str())
        .collect();
    if revisions.is_empty() {
        return Ok(Vec::new());
    }
    api.events.flush().await?;
    let mut answer = Vec::new();
    for endpoint in api.serving.endpoints(scope).await? {
        let name = endpoint.spec.name;
        let own = api.serving.revisions(scope, &name).await?;
        let wanted: BTreeMap<String, i64> = own
            .into_iter()
            .map(|revision| (revision.id.to_string(), revision.version))
            .filter(|(id, _)| revisions.contains(id.as_str()))
            .collect();
        if !wanted.is_empty() {
            answer.extend(count(api, scope, &name, &wanted).await?);
        }
    }
    Ok(answer)
}

async fn count(
    api: &Api,
    scope: &Scope,
    endpoint: &Name,
    wanted: &BTreeMap<String, i64>,
) -> Result<Option<PredictionsTouched>, Failure> {
    let Some((first, last, _)) = api.events.bounds(&scope.workspace, endpoint).await? else {
        return Ok(None);
    };
    let mut versions = BTreeSet::new();
    let mut rows = 0_u64;
    let mut span: Option<(Time, Time)> = None;
    let mut from = first;
    while from <= last {
        let to = from + STRETCH;
        let scan = Scan {
            workspace: scope.workspace.clone(),
            endpoint: endpoint.clone(),
            from,
            to,
            served_as: Some(ServedAs::Served),
            columns: Some(vec!["event_time".to_owned(), "revision".to_owned()]),
        };
        for batch in api.events.predictions(&scan).await? {
            let revisions = column_text(&batch, "revision")?;
            for (row, time) in event_times(&batch)?.into_iter().enumerate() {
                if let Some(version) = wanted.get(revisions.value(row)) {
                    versions.insert(*version);
                    rows += 1;
                    let (low, high) = span.unwrap_or((time, time));
                    span = Some((low.min(time), high.max(time)));
                }
            }
        }
        from = to;
    }
    Ok(span.map(|(from, to)| PredictionsTouched {
        endpoint: endpoint.to_string(),
        versions: versions.into_iter().collect(),
        rows,
        from: from.into(),
        to: to.into(),
    }))
}

fn event_times(batch: &RecordBatch) -> Result<Vec<Time>, Failure> {
    let column = batch.column_by_name("event_time").and_then(|column| {
        column
            .as_any()
            .downcast_ref::<arrow::array::TimestampMicrosecondArray>()
    });
    let column =
        column.ok_or_else(|| Failure::new(ErrorCode::Internal, "an event has no `event_time`"))?;
    Ok(column
        .values()
        .iter()
        .map(|micros| Time::from_micros(*micros))
        .collect())
}

fn object(node: &NodeRef) -> ObjectRef {
    ObjectRef {
        kind: node.kind.clone(),
        id: node.id.clone(),
    }
}

fn edge(edge: &LineageEdge) -> wire::LineageEdge {
    wire::LineageEdge {
        from: object(&edge.from),
        relation: edge.relation.clone(),
        to: object(&edge.to),
        at: edge.at.into(),
    }
}
