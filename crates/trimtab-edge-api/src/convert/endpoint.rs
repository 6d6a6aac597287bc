//! Endpoints.

use trimtab_events::EventLog;
use trimtab_loop::{Autonomy, RolloutPolicy};
use trimtab_serving::{self as serving, EventTimeSource, RevisionState};
use trimtab_types::Time;

use crate::wire::{Endpoint, EventBounds, Problem, Revision, Share, Traffic};

pub(crate) type Bounds = Option<(Time, Time, u64)>;

pub(crate) fn endpoint(
    endpoint: serving::Endpoint,
    revisions: Vec<serving::Revision>,
    policy: &RolloutPolicy,
    bounds: Bounds,
    alias_version: Option<i64>,
    waiting: Option<serving::Waiting>,
) -> Endpoint {
    let spec = endpoint.spec;
    Endpoint {
        name: spec.name.to_string(),
        project: spec.project,
        model: spec.model,
        alias: spec.alias,
        alias_version,
        row_key: spec.row_key,
        event_time: match spec.event_time {
            EventTimeSource::Server => "server",
            EventTimeSource::Caller => "caller",
        }
        .to_owned(),
        label: spec.label,
        score: spec.score,
        pin: spec.pin,
        autonomy: autonomy(policy.autonomy).to_owned(),
        revisions: revisions.into_iter().map(revision).collect(),
        traffic: traffic(&endpoint.traffic),
        waiting: waiting.map(|waiting| Problem {
            what: "endpoint".to_owned(),
            message: waiting.why,
            hint: waiting.hint,
        }),
        events: EventBounds {
            first: bounds.map(|(first, _, _)| first.into()),
            last: bounds.map(|(_, last, _)| last.into()),
            rows: bounds.map_or(0, |(_, _, rows)| rows),
        },
    }
}

fn autonomy(autonomy: Autonomy) -> &'static str {
    match autonomy {
        Autonomy::Observe => "observe",
        Autonomy::Recommend => "recommend",
        Autonomy::Act => "act",
    }
}

pub(crate) fn revision(revision: serving::Revision) -> Revision {
    Revision {
        id: revision.id.to_string(),
        endpoint: revision.endpoint.to_string(),
        model: revision.model,
        version: revision.version,
        state: revision.state.as_str().to_owned(),
        error: match revision.state {
            RevisionState::Failed { error } => Some(error),
            RevisionState::Loading | RevisionState::Ready | RevisionState::Retired => None,
        },
        created_at: revision.created_at.into(),
    }
}

fn traffic(traffic: &serving::Traffic) -> Traffic {
    Traffic {
        champion: traffic.champion.map(|id| id.to_string()),
        canary: traffic.canary.map(|(id, weight)| Share {
            revision: id.to_string(),
            weight,
        }),
        shadow: traffic.shadow.map(|id| id.to_string()),
        generation: traffic.generation,
    }
}

/// The span of an endpoint's events; an event log that cannot say is logged and shown as empty.
pub(crate) async fn bounds(
    events: &EventLog,
    workspace: &trimtab_types::WorkspaceId,
    endpoint: &trimtab_types::Name,
) -> Bounds {
    events
        .bounds(workspace, endpoint)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%endpoint, %error, "the span of an endpoint's events is not known");
            None
        })
}
