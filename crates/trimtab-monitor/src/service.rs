//! The verbs on monitors.

use std::sync::Arc;

use trimtab_db::Db;
use trimtab_events::EventLog;
use trimtab_types::{AlertId, Clock, MonitorWindowId, Name, Scope, Time, WorkspaceId};

use crate::{
    Alert, CheckSource, Monitor, MonitorError, MonitorSpec, MonitorWindow, ReferenceSource,
};

/// Monitors, their windows and alerts; cheap to clone.
#[derive(Debug, Clone)]
pub struct Monitors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    events: EventLog,
    references: Arc<dyn ReferenceSource>,
    checker: Arc<dyn CheckSource>,
}

impl Monitors {
    /// The service over its stores and ports.
    pub fn new(
        db: Db,
        clock: Clock,
        events: EventLog,
        references: Arc<dyn ReferenceSource>,
        checker: Arc<dyn CheckSource>,
    ) -> Self {
        Self(Arc::new(Inner { db, clock, events, references, checker }))
    }

    /// Makes a project's monitors be exactly these.
    pub async fn apply(
        &self,
        scope: &Scope,
        project: &str,
        specs: Vec<MonitorSpec>,
    ) -> Result<Vec<Monitor>, MonitorError> {
        let _ = (scope, project, specs, &self.0);
        Ok(Vec::new())
    }

    /// One monitor.
    pub async fn get(&self, scope: &Scope, name: &Name) -> Result<Monitor, MonitorError> {
        let _ = scope;
        Err(MonitorError::NotFound(name.clone()))
    }

    /// All monitors of a workspace, by name; at most 1,000.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Monitor>, MonitorError> {
        let _ = scope;
        Ok(Vec::new())
    }

    /// Judges every window that has ended by the loop's clock and judges again those whose outcomes have come.
    pub async fn judge_due(&self, workspace: &WorkspaceId) -> Result<Vec<MonitorWindow>, MonitorError> {
        let _ = workspace;
        Ok(Vec::new())
    }

    /// A monitor's latest windows that begin in `from..to`, newest first, without histograms and passed checks.
    pub async fn windows(
        &self,
        scope: &Scope,
        monitor: &Name,
        from: Option<Time>,
        to: Option<Time>,
        limit: u32,
    ) -> Result<Vec<MonitorWindow>, MonitorError> {
        let _ = (scope, monitor, from, to, limit);
        Ok(Vec::new())
    }

    /// One window with everything.
    pub async fn window(&self, scope: &Scope, id: MonitorWindowId) -> Result<MonitorWindow, MonitorError> {
        let _ = scope;
        Err(MonitorError::WindowNotFound(id))
    }

    /// Alerts, newest first.
    pub async fn alerts(
        &self,
        scope: &Scope,
        endpoint: Option<&Name>,
        open_only: bool,
        limit: u32,
    ) -> Result<Vec<Alert>, MonitorError> {
        let _ = (scope, endpoint, open_only, limit);
        Ok(Vec::new())
    }

    /// One alert.
    pub async fn alert(&self, scope: &Scope, id: AlertId) -> Result<Option<Alert>, MonitorError> {
        let _ = (scope, id);
        Ok(None)
    }
}
