//! The verbs on monitors.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use trimtab_db::{Db, Lane};
use trimtab_events::EventLog;
use trimtab_types::{AlertId, Clock, Duration, MonitorWindowId, Name, Scope, Time, WorkspaceId};

use crate::{
    Alert, CheckSource, Monitor, MonitorError, MonitorSpec, MonitorWindow, ReferenceSource,
    reference::Learned, sql,
};

const DEFAULT_WINDOW: Duration = Duration::from_days(1);
/// No window is shorter.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(60);
/// No window is longer.
pub const LONGEST_WINDOW: Duration = Duration::from_days(366);
/// Monitors that one workspace may have.
pub const MOST_MONITORS: usize = 1_000;

/// Monitors, their windows and alerts; cheap to clone.
#[derive(Debug, Clone)]
pub struct Monitors(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) events: EventLog,
    pub(crate) references: Arc<dyn ReferenceSource>,
    pub(crate) checker: Arc<dyn CheckSource>,
    /// The reference last used for each endpoint.
    pub(crate) learned: Mutex<HashMap<(WorkspaceId, Name), Arc<Learned>>>,
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
        Self(Arc::new(Inner {
            db,
            clock,
            events,
            references,
            checker,
            learned: Mutex::default(),
        }))
    }

    /// Makes a project's monitors be exactly these; those that it no longer has are removed with their windows (their
    /// alerts stay). A monitor whose endpoint or window changes begins anew where it stands.
    pub async fn apply(
        &self,
        scope: &Scope,
        project: &str,
        specs: Vec<MonitorSpec>,
    ) -> Result<Vec<Monitor>, MonitorError> {
        let specs = check_specs(specs)?;
        let (scope, project, now) = (scope.clone(), project.to_owned(), self.0.clock.now());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                let standing: Vec<Monitor> = sql::monitors(tx, workspace)?
                    .into_iter()
                    .map(|stored| stored.monitor)
                    .collect();
                let others = standing
                    .iter()
                    .filter(|monitor| monitor.project != project)
                    .count();
                if let Some(spec) = specs.get(MOST_MONITORS.saturating_sub(others)) {
                    return Err(MonitorError::Spec {
                        monitor: spec.name.clone(),
                        field: "name",
                        reason: format!("a workspace has at most {MOST_MONITORS} monitors"),
                    });
                }
                let mut applied = Vec::with_capacity(specs.len());
                for spec in &specs {
                    let window = spec.window.unwrap_or(DEFAULT_WINDOW);
                    let known = standing.iter().find(|monitor| monitor.name == spec.name);
                    let monitor = match known {
                        Some(known) if known.project != project => {
                            return Err(MonitorError::Owned {
                                monitor: spec.name.clone(),
                                owner: known.project.clone(),
                                project: project.clone(),
                            });
                        }
                        Some(known)
                            if known.endpoint == spec.endpoint && known.window == window =>
                        {
                            known.clone()
                        }
                        Some(known) => {
                            let is_same_endpoint = known.endpoint == spec.endpoint;
                            let changed = Monitor {
                                endpoint: spec.endpoint.clone(),
                                window,
                                // Windows lie on a grid; a wider one begins after what was judged.
                                last_judged_to: known
                                    .last_judged_to
                                    .filter(|_| is_same_endpoint)
                                    .map(|to| {
                                        if to.floor(window) == to {
                                            to
                                        } else {
                                            to.floor(window) + window
                                        }
                                    }),
                                ..known.clone()
                            };
                            sql::change_monitor(tx, workspace, &changed)?;
                            changed
                        }
                        None => {
                            let made = Monitor {
                                name: spec.name.clone(),
                                endpoint: spec.endpoint.clone(),
                                project: project.clone(),
                                window,
                                last_judged_to: None,
                                created_at: now,
                            };
                            sql::insert_monitor(tx, workspace, &made, &scope.principal.name)?;
                            made
                        }
                    };
                    applied.push(monitor);
                }
                for gone in standing.iter().filter(|monitor| {
                    monitor.project == project
                        && !specs.iter().any(|spec| spec.name == monitor.name)
                }) {
                    for mut alert in sql::open_alerts(tx, workspace, &gone.name)? {
                        alert.closed_at = Some(now);
                        sql::put_alert(
                            tx,
                            workspace,
                            crate::incident::Change::Closed,
                            &alert,
                            now,
                        )?;
                    }
                    sql::delete_monitor(tx, workspace, &gone.name)?;
                }
                Ok(applied)
            })
            .await
    }

    /// One monitor.
    pub async fn get(&self, scope: &Scope, name: &Name) -> Result<Monitor, MonitorError> {
        let (workspace, of) = (scope.workspace.clone(), name.clone());
        let stored = self
            .0
            .db
            .read(move |tx| sql::monitor(tx, &workspace, &of))
            .await?;
        stored
            .map(|stored| stored.monitor)
            .ok_or_else(|| MonitorError::NotFound(name.clone()))
    }

    /// All monitors of a workspace, by name; at most 1,000.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Monitor>, MonitorError> {
        let workspace = scope.workspace.clone();
        let stored = self
            .0
            .db
            .read(move |tx| sql::monitors(tx, &workspace))
            .await?;
        Ok(stored.into_iter().map(|stored| stored.monitor).collect())
    }

    /// Judges every window that has ended by the loop's clock and judges again those whose outcomes are due: 1, 2, 7 and 28
    /// window widths after their end. Answers what was judged, without histograms. Everything is judged as of the time
    /// at which it was due, so it does not matter how often this is called; of two processes that call it at once one
    /// does the work.
    pub async fn judge_due(
        &self,
        workspace: &WorkspaceId,
    ) -> Result<Vec<MonitorWindow>, MonitorError> {
        let of = workspace.clone();
        let monitors = self.0.db.read(move |tx| sql::monitors(tx, &of)).await?;
        let mut judged = Vec::new();
        for stored in monitors {
            while let Some(window) = self.judge_next(workspace, &stored.monitor.name).await? {
                judged.extend(window);
            }
        }
        Ok(judged)
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
        self.get(scope, monitor).await?;
        let (workspace, of) = (scope.workspace.clone(), monitor.clone());
        let (from, to) = (from.unwrap_or(Time::MIN), to.unwrap_or(Time::MAX));
        self.0
            .db
            .read(move |tx| sql::windows(tx, &workspace, &of, from, to, limit))
            .await
    }

    /// One window with everything.
    pub async fn window(
        &self,
        scope: &Scope,
        id: MonitorWindowId,
    ) -> Result<MonitorWindow, MonitorError> {
        let workspace = scope.workspace.clone();
        let window = self
            .0
            .db
            .read(move |tx| sql::window(tx, &workspace, id))
            .await?;
        window.ok_or(MonitorError::WindowNotFound(id))
    }

    /// Alerts, newest first.
    pub async fn alerts(
        &self,
        scope: &Scope,
        endpoint: Option<&Name>,
        open_only: bool,
        limit: u32,
    ) -> Result<Vec<Alert>, MonitorError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.cloned());
        self.0
            .db
            .read(move |tx| sql::alerts(tx, &workspace, endpoint.as_ref(), open_only, limit))
            .await
    }

    /// One alert.
    pub async fn alert(&self, scope: &Scope, id: AlertId) -> Result<Option<Alert>, MonitorError> {
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| sql::alert(tx, &workspace, id))
            .await
    }
}

fn check_specs(specs: Vec<MonitorSpec>) -> Result<Vec<MonitorSpec>, MonitorError> {
    for (place, spec) in specs.iter().enumerate() {
        let wrong = |field, reason| {
            Err(MonitorError::Spec {
                monitor: spec.name.clone(),
                field,
                reason,
            })
        };
        if specs[..place].iter().any(|other| other.name == spec.name) {
            return wrong("name", "it is declared twice".to_owned());
        }
        if let Some(window) = spec.window
            && !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window)
        {
            let reason = format!(
                "a window of {window} is not between {SHORTEST_WINDOW} and {LONGEST_WINDOW}"
            );
            return wrong("window", reason);
        }
    }
    Ok(specs)
}
