//! Dataset versions.

use std::path::Path as FilePath;

use axum::{
    Json,
    extract::{Path, State},
};
use bytes::Bytes;
use serde::Deserialize;
use trimtab_data::{DatasetSource, FromEvents};
use trimtab_edge::{CallScope, Failure};
use trimtab_table::ReadOptions;
use trimtab_types::{DatasetVersionId, ErrorCode, Name, PageToken};

use crate::{
    convert,
    extract::{Json as Body, Query},
    handlers::{Answer, bounded},
    state::Api,
    wire::{DatasetFromEvents, DatasetVersion, List, QuarantineRow},
};

#[derive(Debug, Deserialize)]
pub(crate) struct OfName {
    name: Option<String>,
    limit: Option<u32>,
    page: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewDataset {
    name: String,
    /// The file's name, whose suffix says the format.
    file: Option<String>,
    time_column: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfEndpoint {
    endpoint: Name,
}

pub(crate) async fn datasets(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<OfName>,
) -> Answer<List<DatasetVersion>> {
    let limit = bounded(query.limit, 50, 500);
    let page = query.page.as_deref().map(PageToken::given);
    let found = api
        .data
        .list(&scope, query.name.as_deref(), page.as_ref(), limit)
        .await?;
    Ok(Json(List {
        next: found.next.map(|token| token.as_str().to_owned()),
        items: found
            .items
            .into_iter()
            .map(|version| convert::data::dataset(version, false))
            .collect(),
    }))
}

pub(crate) async fn dataset(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<DatasetVersionId>,
) -> Answer<DatasetVersion> {
    let version = api.data.get(&scope, id).await?;
    Ok(Json(convert::data::dataset(version, true)))
}

/// A table in the body: Parquet unless the file's name says another format.
pub(crate) async fn create(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(new): Query<NewDataset>,
    body: Bytes,
) -> Answer<DatasetVersion> {
    if new.name.is_empty() {
        return Err(Failure::invalid("name", "a dataset needs a name"));
    }
    let file = new.file.unwrap_or_else(|| "table.parquet".to_owned());
    let path = file.clone();
    let batches = tokio::task::spawn_blocking(move || {
        trimtab_table::read_bytes(FilePath::new(&path), body, &ReadOptions::default())
    })
    .await
    .map_err(|_| Failure::new(ErrorCode::Internal, "reading the table failed"))??;
    let source = DatasetSource::Table { path: file };
    let version = api
        .data
        .create_version(
            &scope,
            &new.name,
            batches,
            source,
            new.time_column.as_deref(),
        )
        .await?;
    Ok(Json(convert::data::dataset(version, true)))
}

pub(crate) async fn from_events(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<DatasetFromEvents>,
) -> Answer<DatasetVersion> {
    let name: Name = request
        .endpoint
        .parse()
        .map_err(|error: trimtab_types::NameError| {
            Failure::invalid("endpoint", error.to_string())
        })?;
    let endpoint = api.serving.endpoint(&scope, &name).await?;
    api.events.flush().await?;
    let now = api.clock.now();
    let bounds = api.events.bounds(&scope.workspace, &name).await?;
    let first = bounds.map_or(now, |(first, _, _)| first);
    let after_last = bounds.map_or(now, |(_, last, _)| {
        last + trimtab_types::Duration::from_micros(1)
    });
    let spec = FromEvents {
        endpoint: name.clone(),
        from: request.from.map_or(first, |at| at.0),
        to: request.to.map_or(after_last, |at| at.0),
        labelled: request.labelled,
        exclude_quarantined: request.exclude_quarantined,
        as_of: request.as_of.map_or(now, |at| at.0),
        label_name: endpoint.spec.label,
        key_name: endpoint.spec.row_key,
    };
    let dataset = request.name.unwrap_or_else(|| name.to_string());
    let version = api.data.version_from_events(&scope, &dataset, spec).await?;
    Ok(Json(convert::data::dataset(version, true)))
}

pub(crate) async fn quarantines(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<OfEndpoint>,
) -> Answer<List<QuarantineRow>> {
    api.serving.endpoint(&scope, &query.endpoint).await?;
    let rows = api.data.quarantines(&scope, &query.endpoint).await?;
    Ok(Json(List::whole(
        rows.into_iter().map(convert::data::quarantine).collect(),
    )))
}
