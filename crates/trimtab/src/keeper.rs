//! What a server does by itself so that its disk does not fill: sweeps, the retention policy, forgotten backups.

use std::time::Duration as StdDuration;

use trimtab_edge_api::Services;
use trimtab_telemetry::Tasks;
use trimtab_types::{Duration, Principal, Role, Scope, WorkspaceId};

/// How long after the start the first round is, so that starting is not slowed.
const FIRST: StdDuration = StdDuration::from_mins(5);
/// How often it comes round.
const EVERY: StdDuration = StdDuration::from_hours(1);

/// Comes round until the process ends. `keep_deleted` is how long what was deleted is kept; without it, for ever.
pub(crate) async fn run(services: Services, keep_deleted: Option<Duration>, tasks: Tasks) {
    let mut cancelled = std::pin::pin!(tasks.cancelled());
    let mut wait = FIRST;
    loop {
        tokio::select! {
            biased;
            () = &mut cancelled => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        tokio::select! {
            biased;
            () = &mut cancelled => return,
            () = round(&services, keep_deleted) => {}
        }
    }
}

pub(crate) async fn round(services: &Services, keep_deleted: Option<Duration>) {
    services.backups.forget_idle();
    match services.tracking.sweep_blobs().await {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "remains of interrupted uploads were removed"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the sweep failed");
        }
    }
    let Some(age) = keep_deleted else { return };
    let by = Scope {
        workspace: WorkspaceId::default(),
        principal: Principal {
            name: "retention".into(),
            role: Role::Admin,
        },
    };
    match services.collect_everywhere(&by, age).await {
        Ok(report) if report.runs + report.logged_models + report.experiments == 0 => {}
        Ok(report) => tracing::info!(
            runs = report.runs,
            logged_models = report.logged_models,
            experiments = report.experiments,
            files = report.files,
            "what was deleted long ago was removed"
        ),
        Err(failure) => tracing::error!(error = failure.message, "the retention policy failed"),
    }
}
