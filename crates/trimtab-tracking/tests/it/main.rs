//! Tracking as a service, on SQLite and on PostgreSQL.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod artifacts;
mod columns;
mod filters;
mod gc;
mod ingest;
mod migrate;
mod runs;
mod search;

use trimtab_blob::BlobStore;
use trimtab_db::{Migration, testing};
use trimtab_tracking::{CreateRun, ExperimentRef, MetricPoint, Run, Tracking};
use trimtab_types::{Clock, Principal, Role, Scope, Time, WorkspaceId};

const ALL: &[&[Migration]] = &[trimtab_blob::MIGRATIONS, trimtab_tracking::MIGRATIONS];

/// Tracking on every database, each with the folder of its blobs.
async fn all() -> Vec<(tempfile::TempDir, Tracking)> {
    let mut all = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), Clock::system())
            .await
            .unwrap();
        all.push((folder, Tracking::new(db, Clock::system(), blobs)));
    }
    all
}

fn other_workspace() -> Scope {
    Scope {
        workspace: WorkspaceId::new("other").unwrap(),
        principal: Principal {
            name: "eve".into(),
            role: Role::Editor,
        },
    }
}

async fn run(tracking: &Tracking, start_ms: i64) -> Run {
    let create = CreateRun {
        id: None,
        experiment: ExperimentRef::Id(0),
        name: Some(format!("r{start_ms}")),
        start_time: Some(Time::from_millis(start_ms)),
        user: None,
        tags: Vec::new(),
    };
    tracking.create_run(&Scope::local(), create).await.unwrap()
}

fn point(key: &str, value: f64, timestamp_ms: i64, step: i64) -> MetricPoint {
    MetricPoint {
        key: key.to_owned(),
        value,
        timestamp_ms,
        step,
        model: None,
        dataset: None,
    }
}
