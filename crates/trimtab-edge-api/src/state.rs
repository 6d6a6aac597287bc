//! What handlers work with.

use std::{path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;
use trimtab_access::Access;
use trimtab_data::Data;
use trimtab_db::Db;
use trimtab_events::EventLog;
use trimtab_loop::Loop;
use trimtab_monitor::Monitors;
use trimtab_pipeline::Pipelines;
use trimtab_registry::{Registry, Webhooks};
use trimtab_serving::Serving;
use trimtab_telemetry::Metrics;
use trimtab_tracking::Tracking;
use trimtab_types::{Clock, Time};

use crate::Backups;

/// The services behind `/api/v1`.
#[derive(Debug, Clone)]
pub struct Services {
    /// The database: probes and the event stream read it.
    pub db: Db,
    /// The loop's clock.
    pub clock: Clock,
    /// The Prometheus registry.
    pub metrics: Metrics,
    /// Cancelled when the process begins to shut down: streams end, probes say so.
    pub stopping: CancellationToken,
    /// Tokens and workspaces.
    pub access: Access,
    /// The event log.
    pub events: EventLog,
    /// Runs.
    pub tracking: Tracking,
    /// Model versions and lineage.
    pub registry: Registry,
    /// Who is called when the registry changes.
    pub webhooks: Webhooks,
    /// Dataset versions.
    pub data: Data,
    /// Projects and executions.
    pub pipelines: Pipelines,
    /// Endpoints.
    pub serving: Serving,
    /// Monitors and alerts.
    pub monitors: Monitors,
    /// The loop.
    pub controller: Loop,
    /// Backups.
    pub backups: Backups,
}

/// What `GET /api/v1/server` tells of the process.
#[derive(Debug, Clone)]
pub struct ProcessInfo {
    /// The program's version.
    pub version: &'static str,
    /// When it started.
    pub started_at: Time,
    /// ONNX Runtime's library, where the configuration names one.
    pub onnx_runtime: Option<PathBuf>,
}

/// The state of the handlers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) services: Services,
    pub(crate) process: ProcessInfo,
}

impl Api {
    /// The API over these services.
    pub fn new(services: Services, process: ProcessInfo) -> Self {
        Self(Arc::new(Inner { services, process }))
    }

    pub(crate) fn process(&self) -> &ProcessInfo {
        &self.0.process
    }
}

impl std::ops::Deref for Api {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0.services
    }
}
