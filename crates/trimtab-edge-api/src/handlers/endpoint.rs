//! Endpoints.

use axum::{
    Json,
    extract::{Path, State},
};
use trimtab_edge::{CallScope, Failure};
use trimtab_types::{Coded as _, ErrorCode, Name, Scope};

use crate::{
    convert,
    handlers::Answer,
    state::Api,
    wire::{Endpoint, List},
};

pub(crate) async fn endpoints(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Answer<List<Endpoint>> {
    let mut items = Vec::new();
    for endpoint in api.serving.endpoints(&scope).await? {
        items.push(whole(&api, &scope, endpoint).await?);
    }
    Ok(Json(List::whole(items)))
}

pub(crate) async fn endpoint(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<Name>,
) -> Answer<Endpoint> {
    let endpoint = api.serving.endpoint(&scope, &name).await?;
    Ok(Json(whole(&api, &scope, endpoint).await?))
}

async fn whole(
    api: &Api,
    scope: &Scope,
    endpoint: trimtab_serving::Endpoint,
) -> Result<Endpoint, Failure> {
    let name = endpoint.spec.name.clone();
    let revisions = api.serving.revisions(scope, &name).await?;
    let policy = api.controller.policy(scope, &name).await?;
    let bounds = convert::endpoint::bounds(&api.events, &scope.workspace, &name).await;
    let waiting = api.serving.waiting(scope, &name)?;
    let spec = &endpoint.spec;
    let aliased = api
        .registry
        .version_by_alias(scope, &spec.model, &spec.alias)
        .await;
    let alias_version = match aliased {
        Ok(version) => version.map(|version| version.version),
        // The model is not there yet; what the endpoint waits for says so.
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    Ok(convert::endpoint::endpoint(
        endpoint,
        revisions,
        &policy,
        bounds,
        alias_version,
        waiting,
    ))
}
