//! Triggers, plans, decisions.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_edge::{CallScope, Failure};
use trimtab_types::{DatasetVersionId, Name, PageToken, PlanId, Time};

use crate::{
    convert,
    extract::{OptionalJson, Query},
    handlers::{Answer, bounded, place},
    state::Api,
    wire::{Decision, FireTrigger, Fired, List, Plan, Trigger},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Diary {
    endpoint: Option<Name>,
    after: Option<i64>,
    page: Option<String>,
    limit: Option<u32>,
}

/// With an endpoint the newest of its plans, in one page.
#[derive(Debug, Deserialize)]
pub(crate) struct PlansAsked {
    endpoint: Option<Name>,
    limit: Option<u32>,
    page: Option<String>,
}

pub(crate) async fn triggers(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Answer<List<Trigger>> {
    let triggers = api.controller.triggers(&scope).await?;
    Ok(Json(List::whole(
        triggers.into_iter().map(convert::plan::trigger).collect(),
    )))
}

pub(crate) async fn fire(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<Name>,
    OptionalJson(request): OptionalJson<FireTrigger>,
) -> Answer<Fired> {
    let dataset = request
        .dataset
        .map(|text| text.parse::<DatasetVersionId>())
        .transpose()
        .map_err(|error| Failure::invalid("dataset", error.to_string()))?;
    let plan = api.controller.fire(&scope, &name, dataset).await?;
    let rollout = api.controller.plan(&scope, plan).await?.ids.rollout;
    Ok(Json(Fired {
        plan: plan.to_string(),
        rollout: rollout.to_string(),
    }))
}

pub(crate) async fn plans(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(asked): Query<PlansAsked>,
) -> Answer<List<Plan>> {
    let limit = bounded(asked.limit, 50, 500);
    if let Some(endpoint) = &asked.endpoint {
        let plans = api.controller.plans_of(&scope, endpoint, limit).await?;
        return Ok(Json(List::whole(
            plans.into_iter().map(convert::plan::plan).collect(),
        )));
    }
    let before = place::<(Time, PlanId)>(asked.page.as_deref())?;
    let plans = api.controller.plans(&scope, before, limit).await?;
    let next = plans
        .last()
        .filter(|_| plans.len() == limit as usize)
        .map(|last| {
            PageToken::encode(&(last.created_at, last.id))
                .as_str()
                .to_owned()
        });
    Ok(Json(List {
        items: plans.into_iter().map(convert::plan::plan).collect(),
        next,
    }))
}

pub(crate) async fn plan(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<PlanId>,
) -> Answer<Plan> {
    let plan = api.controller.plan(&scope, id).await?;
    Ok(Json(convert::plan::plan(plan)))
}

/// Newest first, paged backwards; with `after`, oldest first from there, for readers that follow.
pub(crate) async fn decisions(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(diary): Query<Diary>,
) -> Answer<List<Decision>> {
    let limit = bounded(diary.limit, 200, 1_000);
    let endpoint = diary.endpoint.as_ref();
    let decisions = match diary.after {
        Some(after) => {
            api.controller
                .decisions(&scope, endpoint, after, limit)
                .await?
        }
        None => {
            let before = place::<i64>(diary.page.as_deref())?;
            api.controller
                .latest_decisions(&scope, endpoint, before, limit)
                .await?
        }
    };
    let next = decisions
        .last()
        .filter(|_| decisions.len() == limit as usize)
        .map(|last| match diary.after {
            Some(_) => last.seq.to_string(),
            None => PageToken::encode(&last.seq).as_str().to_owned(),
        });
    Ok(Json(List {
        items: decisions.into_iter().map(convert::plan::decision).collect(),
        next,
    }))
}
