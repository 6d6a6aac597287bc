//! What the judge reads: rows, the reference, earlier windows, checks.

use std::sync::{Arc, PoisonError};

use arrow::record_batch::RecordBatch;
use trimtab_events::{Scan, ServedAs};
use trimtab_types::{Name, Time, WorkspaceId};

use super::{ENOUGH_ROWS, Evidence, Outcomes, of_version, scores_of};
use crate::{
    EndpointReference, FeatureDrift, MonitorError, MonitorWindow, Monitors, frame, judge,
    performance::Scored,
    reference::Learned,
    sql::{self, StoredMonitor, StoredWindow},
};

impl Monitors {
    pub(super) async fn bounds(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
    ) -> Result<Option<(Time, Time)>, MonitorError> {
        let endpoint = &stored.monitor.endpoint;
        let bounds = self
            .0
            .events
            .bounds(workspace, endpoint)
            .await
            .map_err(MonitorError::events(endpoint))?;
        Ok(bounds.map(|(first, last, _)| (first, last)))
    }

    pub(super) async fn predictions(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        from: Time,
        to: Time,
    ) -> Result<Vec<RecordBatch>, MonitorError> {
        let scan = scan(workspace, stored, from, to, None);
        self.0
            .events
            .predictions(&scan)
            .await
            .map_err(MonitorError::events(&stored.monitor.endpoint))
    }

    /// How many rows a window served.
    pub(super) async fn count(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        (from, to): (Time, Time),
    ) -> Result<u64, MonitorError> {
        let scan = scan(
            workspace,
            stored,
            from,
            to,
            Some(vec!["model_version".to_owned()]),
        );
        let batches = self
            .0
            .events
            .predictions(&scan)
            .await
            .map_err(MonitorError::events(&stored.monitor.endpoint))?;
        Ok(frame::rows(&batches) as u64)
    }

    /// The outcomes of a window that were known at `as_of`.
    pub(super) async fn outcomes(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        window: &MonitorWindow,
        as_of: Time,
    ) -> Result<Outcomes, MonitorError> {
        let columns = ["score", "model_version", "label"]
            .map(str::to_owned)
            .to_vec();
        let scan = scan(workspace, stored, window.from, window.to, Some(columns));
        let batches = self.0.events.labelled(&scan, as_of).await;
        let batches = batches.map_err(MonitorError::events(&stored.monitor.endpoint))?;
        let labels = of_version(
            &batches,
            window.model_version,
            frame::numbers(&batches, "label"),
        );
        let scores = scores_of(&batches, window.model_version);
        Ok(Outcomes {
            rows: frame::rows(&batches) as u64,
            scored: Scored::new(&labels, &scores),
        })
    }

    pub(super) async fn reference(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<EndpointReference>, MonitorError> {
        let reference = self.0.references.reference(workspace, endpoint).await;
        reference.map_err(MonitorError::port("read the reference", endpoint))
    }

    pub(super) async fn recent(
        &self,
        workspace: &WorkspaceId,
        monitor: &Name,
        before: Time,
        limit: usize,
    ) -> Result<Vec<StoredWindow>, MonitorError> {
        let (of, monitor) = (workspace.clone(), monitor.clone());
        self.0
            .db
            .read(move |tx| sql::windows_before(tx, &of, &monitor, before, limit))
            .await
    }

    /// Checks a window's rows and, when they are few, adds those of the windows before it.
    pub(super) async fn evidence(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        reference: Option<&EndpointReference>,
        (from, to): (Time, Time),
        batches: Vec<RecordBatch>,
        recent: &[StoredWindow],
    ) -> Result<Evidence, MonitorError> {
        let endpoint = &stored.monitor.endpoint;
        let Some(reference) = reference else {
            return Ok(Evidence {
                judged: batches.clone(),
                batches,
                checks: Vec::new(),
                broken: Vec::new(),
            });
        };
        let checks = self
            .0
            .checker
            .check(workspace, endpoint, reference.dataset, &batches)
            .await;
        let checks = checks
            .map_err(MonitorError::port("check the rows", endpoint))?
            .results;
        let (mut rows, mut earliest, mut broken) = (frame::rows(&batches) as u64, from, Vec::new());
        for before in recent {
            if rows >= ENOUGH_ROWS {
                break;
            }
            rows += before.window.rows;
            earliest = before.window.from;
            broken.extend(
                before
                    .window
                    .checks
                    .iter()
                    .filter(|check| check.is_failure())
                    .filter_map(|check| check.column.clone()),
            );
        }
        let judged = if earliest < from {
            self.predictions(workspace, stored, earliest, to).await?
        } else {
            batches.clone()
        };
        Ok(Evidence {
            batches,
            checks,
            broken,
            judged,
        })
    }

    /// Judges the features on a thread of its own.
    pub(super) async fn features(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
        reference: Option<&EndpointReference>,
        evidence: &Evidence,
    ) -> Result<Vec<FeatureDrift>, MonitorError> {
        let Some(reference) = reference.cloned() else {
            return Ok(Vec::new());
        };
        let key = (workspace.clone(), endpoint.clone());
        let known = {
            let learned = self
                .0
                .learned
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            learned
                .get(&key)
                .filter(|learned| learned.is_of(&reference))
                .cloned()
        };
        let (judged, checks, broken) = (
            evidence.judged.clone(),
            evidence.checks.clone(),
            evidence.broken.clone(),
        );
        let work = move || {
            let learned = known.unwrap_or_else(|| Arc::new(Learned::new(&reference)));
            let features = judge::features(&learned, &judged, &checks, &broken);
            (learned, features)
        };
        let (learned, features) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| MonitorError::CutOff(endpoint.clone()))?;
        self.0
            .learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, learned);
        Ok(features)
    }
}

/// The served rows of a span.
pub(super) fn scan(
    workspace: &WorkspaceId,
    stored: &StoredMonitor,
    from: Time,
    to: Time,
    columns: Option<Vec<String>>,
) -> Scan {
    let endpoint = stored.monitor.endpoint.clone();
    Scan {
        workspace: workspace.clone(),
        endpoint,
        from,
        to,
        served_as: Some(ServedAs::Served),
        columns,
    }
}
