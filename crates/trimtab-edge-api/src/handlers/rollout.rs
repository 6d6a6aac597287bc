//! Rollouts.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use trimtab_edge::{AuditObject, CallScope, Failure};
use trimtab_loop as controller;
use trimtab_types::{Name, RolloutId, Scope};

use crate::{
    convert,
    extract::{Json as Body, OptionalJson, Query},
    handlers::{Answer, bounded},
    state::Api,
    wire::{AbortRollout, Fired, List, Rollout, StartRollout},
};

/// How many entries of the diary are read at once.
const DIARY: u32 = 1_000;

#[derive(Debug, Deserialize)]
pub(crate) struct OfEndpoint {
    endpoint: Option<Name>,
    limit: Option<u32>,
}

pub(crate) async fn rollouts(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<OfEndpoint>,
) -> Answer<List<Rollout>> {
    let limit = bounded(query.limit, 100, 1_000);
    let rollouts = api
        .controller
        .rollouts(&scope, query.endpoint.as_ref(), limit)
        .await?;
    let mut items = Vec::new();
    for rollout in rollouts {
        let model = model_of(&api, &scope, &rollout.endpoint).await;
        items.push(convert::rollout::rollout(rollout, &model, None, &[]));
    }
    Ok(Json(List::whole(items)))
}

pub(crate) async fn rollout(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<RolloutId>,
) -> Answer<Rollout> {
    let rollout = api.controller.rollout(&scope, id).await?;
    Ok(Json(whole(&api, &scope, rollout).await?))
}

pub(crate) async fn start(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<StartRollout>,
) -> Response {
    let gate = if request.skip_gate {
        ", without gate"
    } else {
        ""
    };
    let about = format!(
        "endpoint `{}` version {}{gate}",
        request.endpoint, request.version
    );
    let mut response = match open(&api, &scope, &request).await {
        Ok(fired) => Json(fired).into_response(),
        Err(failure) => failure.into_response(),
    };
    response.extensions_mut().insert(AuditObject(about));
    response
}

async fn open(api: &Api, scope: &Scope, request: &StartRollout) -> Result<Fired, Failure> {
    let endpoint: Name = request
        .endpoint
        .parse()
        .map_err(|error: trimtab_types::NameError| {
            Failure::invalid("endpoint", error.to_string())
        })?;
    let plan = api
        .controller
        .start_rollout(scope, &endpoint, request.version, request.skip_gate)
        .await?;
    let rollout = api.controller.plan(scope, plan).await?.ids.rollout;
    Ok(Fired {
        plan: plan.to_string(),
        rollout: rollout.to_string(),
    })
}

pub(crate) async fn abort(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<RolloutId>,
    OptionalJson(request): OptionalJson<AbortRollout>,
) -> Answer<Rollout> {
    let reason = match request.reason.trim() {
        "" => "no reason given",
        reason => reason,
    };
    let rollout = api.controller.abort_rollout(&scope, id, reason).await?;
    Ok(Json(whole(&api, &scope, rollout).await?))
}

async fn whole(api: &Api, scope: &Scope, rollout: controller::Rollout) -> Result<Rollout, Failure> {
    let model = model_of(api, scope, &rollout.endpoint).await;
    let plan = api.controller.plan(scope, rollout.plan).await.ok();
    let decisions = diary(api, scope, &rollout).await?;
    Ok(convert::rollout::rollout(
        rollout,
        &model,
        plan.as_ref(),
        &decisions,
    ))
}

async fn model_of(api: &Api, scope: &Scope, endpoint: &Name) -> String {
    api.serving
        .endpoint(scope, endpoint)
        .await
        .map(|endpoint| endpoint.spec.model)
        .unwrap_or_default()
}

/// What the diary says about a rollout and the plan that opened it, oldest first.
async fn diary(
    api: &Api,
    scope: &Scope,
    rollout: &controller::Rollout,
) -> Result<Vec<controller::Decision>, Failure> {
    let ids = [rollout.id.to_string(), rollout.plan.to_string()];
    let mut about = Vec::new();
    let mut after = 0;
    loop {
        let page = api
            .controller
            .decisions(scope, Some(&rollout.endpoint), after, DIARY)
            .await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let is_last = page.len() < DIARY as usize;
        about.extend(
            page.into_iter()
                .filter(|decision| ids.contains(&decision.object.1)),
        );
        if is_last {
            break;
        }
    }
    Ok(about)
}
