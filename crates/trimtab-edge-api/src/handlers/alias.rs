//! The history of aliases.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_edge::CallScope;

use crate::{
    extract::Query,
    handlers::{Answer, bounded},
    state::Api,
    wire::{AliasMove, List},
};

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    alias: Option<String>,
    limit: Option<u32>,
    page: Option<String>,
}

pub(crate) async fn history(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<List<AliasMove>> {
    let limit = bounded(asked.limit, 100, 1_000);
    let page = api
        .registry
        .alias_history(
            &scope,
            &name,
            asked.alias.as_deref(),
            limit,
            asked.page.as_deref(),
        )
        .await?;
    if page.items.is_empty() {
        // A deleted model keeps its history; one that never was has none.
        api.registry.get_model(&scope, &name).await?;
    }
    let items = page
        .items
        .into_iter()
        .map(|one| AliasMove {
            alias: one.alias,
            before: one.before,
            version: one.version,
            by: one.by,
            at: one.at.into(),
        })
        .collect();
    Ok(Json(List {
        items,
        next: page.next.map(|token| token.as_str().to_owned()),
    }))
}
