//! Home: the loop, one row per endpoint.

use axum::{Json, extract::State};
use http::HeaderMap;
use trimtab_edge::{CallScope, Failure};
use trimtab_loop::{self as controller, RolloutState};
use trimtab_monitor::MonitorWindow;
use trimtab_serving::{Endpoint, Revision, RevisionState};
use trimtab_types::{Name, Scope};

use crate::{
    convert,
    handlers::{Answer, run},
    state::Api,
    wire::{
        Home, HomeChampion, HomeChecks, HomeData, HomeDrift, HomeHealth, HomeRollout, HomeRow,
        HomeRun, Timestamp,
    },
};

/// How many runs are shown below the endpoints.
const RUNS: u32 = 10;
/// How many open alerts are counted.
const ALERTS: u32 = 1_000;

pub(crate) async fn home(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
) -> Answer<Home> {
    let mut endpoints = Vec::new();
    let monitors = api.monitors.list(&scope).await?;
    for endpoint in api.serving.endpoints(&scope).await? {
        let monitor = monitors
            .iter()
            .find(|monitor| monitor.endpoint == endpoint.spec.name)
            .map(|monitor| &monitor.name);
        endpoints.push(row(&api, &scope, endpoint, monitor).await?);
    }
    let runs = run::latest(&api, &scope, RUNS).await?;
    let next_command = if endpoints.is_empty() {
        Some(if runs.is_empty() {
            let server = address(&headers);
            format!("export MLFLOW_TRACKING_URI={server} && python train.py")
        } else {
            "trimtab apply".to_owned()
        })
    } else {
        None
    };
    Ok(Json(Home {
        endpoints,
        runs,
        next_command,
    }))
}

/// The address that this server was called by.
fn address(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // What a proxy in front of us says; only known words get into a command that somebody copies.
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        Some(_) | None => "http",
    };
    let is_host = |host: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        !host.is_empty() && host.chars().all(plain)
    };
    let host = text("host").filter(is_host).unwrap_or("localhost:5000");
    format!("{scheme}://{host}")
}

async fn row(
    api: &Api,
    scope: &Scope,
    endpoint: Endpoint,
    monitor: Option<&Name>,
) -> Result<HomeRow, Failure> {
    let name = endpoint.spec.name.clone();
    let revisions = api.serving.revisions(scope, &name).await?;
    let bounds = convert::endpoint::bounds(&api.events, &scope.workspace, &name).await;
    let rollouts = api.controller.rollouts(scope, Some(&name), 50).await?;
    let window = last_window(api, scope, monitor).await?;
    let alerts = api
        .monitors
        .alerts(scope, Some(&name), true, ALERTS)
        .await?;
    let champion = endpoint
        .traffic
        .champion
        .and_then(|id| revisions.iter().find(|revision| revision.id == id));
    let run = match champion {
        Some(champion) => champion_run(api, scope, champion).await,
        None => None,
    };
    Ok(HomeRow {
        endpoint: name.to_string(),
        project: endpoint.spec.project,
        model: endpoint.spec.model,
        data: HomeData {
            first_event_at: bounds.map(|(first, _, _)| first.into()),
            last_event_at: bounds.map(|(_, last, _)| last.into()),
            rows: bounds.map_or(0, |(_, _, rows)| rows),
        },
        checks: window.as_ref().map(checks),
        run,
        champion: champion.map(|champion| HomeChampion {
            revision: champion.id.to_string(),
            version: champion.version,
            since: Some(since(champion, &rollouts)),
        }),
        health: health(&revisions, champion),
        drift: window.as_ref().map(drift),
        rollout: rollouts
            .iter()
            .find(|rollout| rollout.state == RolloutState::Running)
            .map(open_rollout),
        open_alerts: alerts.len() as u64,
    })
}

/// The last window, with its passed checks, which lists leave out.
async fn last_window(
    api: &Api,
    scope: &Scope,
    monitor: Option<&Name>,
) -> Result<Option<MonitorWindow>, Failure> {
    let Some(monitor) = monitor else {
        return Ok(None);
    };
    let last = api.monitors.windows(scope, monitor, None, None, 1).await?;
    Ok(match last.into_iter().next() {
        Some(last) => Some(api.monitors.window(scope, last.id).await?),
        None => None,
    })
}

async fn champion_run(api: &Api, scope: &Scope, champion: &Revision) -> Option<HomeRun> {
    let version = api
        .registry
        .get_version(scope, &champion.model, champion.version)
        .await
        .ok()?;
    run::brief(api, scope, version.run_id?).await
}

fn since(champion: &Revision, rollouts: &[controller::Rollout]) -> Timestamp {
    let promoted = rollouts
        .iter()
        .find(|rollout| {
            rollout.to.revision == champion.id && rollout.state == RolloutState::Promoted
        })
        .map(|rollout| {
            rollout
                .bake_index()
                .and_then(|index| rollout.steps.get(index))
                .and_then(|step| step.entered_at)
                .or(rollout.ended_at)
                .unwrap_or(rollout.created_at)
        });
    promoted.unwrap_or(champion.created_at).into()
}

fn health(revisions: &[Revision], champion: Option<&Revision>) -> HomeHealth {
    let count = |wanted: fn(&RevisionState) -> bool| {
        revisions
            .iter()
            .filter(|revision| wanted(&revision.state))
            .count() as u64
    };
    let failure = revisions.iter().find_map(|revision| match &revision.state {
        RevisionState::Failed { error } => Some((revision.version, error)),
        RevisionState::Loading | RevisionState::Ready | RevisionState::Retired => None,
    });
    let (state, message) = match champion {
        Some(champion) if champion.state == RevisionState::Ready => ("ready", None),
        Some(champion) => (
            "failed",
            Some(format!(
                "the champion, version {}, is {}",
                champion.version,
                champion.state.as_str()
            )),
        ),
        None => (
            "waiting",
            failure
                .map(|(version, error)| format!("version {version} could not be loaded: {error}")),
        ),
    };
    HomeHealth {
        state: state.to_owned(),
        ready: count(|state| *state == RevisionState::Ready),
        revisions: count(|state| *state != RevisionState::Retired),
        message,
    }
}

fn checks(window: &MonitorWindow) -> HomeChecks {
    let failed = window.checks.iter().filter(|check| !check.passed).count();
    HomeChecks {
        monitor: window.monitor.to_string(),
        window: window.id.to_string(),
        from: window.from.into(),
        to: window.to.into(),
        rows: window.rows,
        passed: (window.checks.len() - failed) as u64,
        failed: failed as u64,
    }
}

fn drift(window: &MonitorWindow) -> HomeDrift {
    let drifted = window
        .features
        .iter()
        .filter(|feature| feature.drifted && !feature.suppressed);
    HomeDrift {
        monitor: window.monitor.to_string(),
        window: window.id.to_string(),
        from: window.from.into(),
        to: window.to.into(),
        rows: window.rows,
        drifted: drifted.count() as u64,
        features: window.features.len() as u64,
        verdict: window.verdict.as_str().to_owned(),
    }
}

fn open_rollout(rollout: &controller::Rollout) -> HomeRollout {
    HomeRollout {
        id: rollout.id.to_string(),
        state: rollout.state.as_str().to_owned(),
        step: rollout.step as u64,
        steps: rollout.steps.len() as u64,
        version: rollout.to.version,
        weight: rollout.weight(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_names_the_server_that_was_asked() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            });
            address(&pairs.collect())
        };
        assert_eq!(of(&[("host", "127.0.0.1:43919")]), "http://127.0.0.1:43919");
        assert_eq!(of(&[("host", "[::1]:5001")]), "http://[::1]:5001");
        let proxied = [("host", "ml.example"), ("x-forwarded-proto", "https")];
        assert_eq!(of(&proxied), "https://ml.example");
        for odd in [&[("host", "a;rm -rf")][..], &[]] {
            assert_eq!(of(odd), "http://localhost:5000");
        }
    }
}
