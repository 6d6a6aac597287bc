//! Monitors, windows, alerts.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_edge::CallScope;
use trimtab_types::{MonitorWindowId, Name, Time};

use crate::{
    convert,
    extract::Query,
    handlers::{Answer, bounded},
    state::Api,
    wire::{Alert, List, Monitor, MonitorWindow},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Range {
    from: Option<Time>,
    to: Option<Time>,
    limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AlertFilter {
    endpoint: Option<Name>,
    monitor: Option<Name>,
    #[serde(default)]
    open: bool,
    limit: Option<u32>,
}

pub(crate) async fn monitors(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Answer<List<Monitor>> {
    let monitors = api.monitors.list(&scope).await?;
    Ok(Json(List::whole(
        monitors
            .into_iter()
            .map(convert::monitor::monitor)
            .collect(),
    )))
}

pub(crate) async fn monitor(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<Name>,
) -> Answer<Monitor> {
    let monitor = api.monitors.get(&scope, &name).await?;
    Ok(Json(convert::monitor::monitor(monitor)))
}

pub(crate) async fn windows(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<Name>,
    Query(range): Query<Range>,
) -> Answer<List<MonitorWindow>> {
    // An unknown monitor is a 404, not an empty list.
    api.monitors.get(&scope, &name).await?;
    let limit = bounded(range.limit, 120, 1_000);
    let windows = api
        .monitors
        .windows(&scope, &name, range.from, range.to, limit)
        .await?;
    // Earlier windows are those that begin before the earliest of these.
    let next = windows
        .last()
        .filter(|_| windows.len() == limit as usize)
        .map(|earliest| earliest.from.to_string());
    Ok(Json(List {
        items: windows.into_iter().map(convert::monitor::window).collect(),
        next,
    }))
}

pub(crate) async fn window(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<MonitorWindowId>,
) -> Answer<MonitorWindow> {
    let window = api.monitors.window(&scope, id).await?;
    Ok(Json(convert::monitor::window(window)))
}

pub(crate) async fn alerts(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(filter): Query<AlertFilter>,
) -> Answer<List<Alert>> {
    let limit = bounded(filter.limit, 100, 1_000);
    let alerts = api
        .monitors
        .alerts(&scope, filter.endpoint.as_ref(), filter.open, limit)
        .await?;
    Ok(Json(List::whole(
        alerts
            .into_iter()
            .filter(|alert| {
                filter
                    .monitor
                    .as_ref()
                    .is_none_or(|name| alert.monitor == *name)
            })
            .map(convert::monitor::alert)
            .collect(),
    )))
}
