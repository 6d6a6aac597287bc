//! Registered models.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use trimtab_edge::{CallScope, Failure};
use trimtab_registry::Search;
use trimtab_tracking::{ArtifactPath, ArtifactPlace};
use trimtab_types::Scope;

use crate::{
    convert,
    extract::Query,
    handlers::{Answer, Paging, bounded},
    state::Api,
    wire::{ArtifactEntry, List, Model, ModelSummary},
};

pub(crate) async fn models(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(paging): Query<Paging>,
) -> Answer<List<ModelSummary>> {
    let search = Search {
        limit: bounded(paging.limit, 100, 1_000),
        page_token: paging.page,
        ..Search::default()
    };
    let page = api.registry.search_models(&scope, search).await?;
    Ok(Json(List {
        next: page.next.map(|token| token.as_str().to_owned()),
        items: page.items.iter().map(convert::model::summary).collect(),
    }))
}

pub(crate) async fn model(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<String>,
) -> Answer<Model> {
    let model = api.registry.get_model(&scope, &name).await?;
    let search = Search {
        filter: format!("name = '{}'", name.replace('\'', "")),
        order_by: vec!["version_number DESC".to_owned()],
        limit: 1_000,
        page_token: None,
    };
    let versions = api.registry.search_versions(&scope, search).await?;
    Ok(Json(convert::model::model(&model, versions.items)))
}

/// How many files of a model are listed.
const FILES: usize = 10_000;

pub(crate) async fn files(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path((name, version)): Path<(String, i64)>,
) -> Answer<List<ArtifactEntry>> {
    let root = root(&api, &scope, &name, version).await?;
    let mut folders = vec![ArtifactPath::root()];
    let mut items = Vec::new();
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        for entry in api
            .tracking
            .artifact_list_place(&scope, &place)
            .await?
            .entries
        {
            let path = folder.join(&entry.path);
            match entry.size {
                None => folders.push(path),
                size => items.push(ArtifactEntry {
                    path: path.to_string(),
                    is_dir: false,
                    size,
                }),
            }
        }
        if items.len() > FILES {
            return Err(Failure::invalid(
                "version",
                format!("the model has more than {FILES} files"),
            ));
        }
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Json(List::whole(items)))
}

pub(crate) async fn file(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path((name, version, path)): Path<(String, i64, String)>,
) -> Result<Response, Failure> {
    let root = root(&api, &scope, &name, version).await?;
    let place = root.join(&ArtifactPath::parse(&path)?);
    let file = api.tracking.artifact_file(&scope, &place).await?;
    let whole = 0..file.size();
    let body = api
        .tracking
        .artifact_file_range(&scope, &file, whole)
        .await?;
    Ok(Response::new(Body::from_stream(body)))
}

async fn root(
    api: &Api,
    scope: &Scope,
    name: &str,
    version: i64,
) -> Result<ArtifactPlace, Failure> {
    let version = api.registry.get_version(scope, name, version).await?;
    Ok(api.tracking.artifact_place(scope, version.files()).await?)
}
