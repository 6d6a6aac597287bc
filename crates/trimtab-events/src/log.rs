//! The event log: what others see of it.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use trimtab_db::Db;
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Name, PredictionId, Scope, Time, WorkspaceId};

use crate::{EventsError, Feedback, FeedbackReceipt, PredictionEvent, Scan};

/// The event log of one data folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    clock: Clock,
}

impl EventLog {
    /// Opens the log in a folder, takes up what an earlier process left, and begins to write.
    pub async fn open(
        dir: &Path,
        db: Db,
        clock: Clock,
        tasks: &Tasks,
    ) -> Result<Self, EventsError> {
        let _ = (dir, db, tasks);
        Ok(Self { clock })
    }

    /// Takes an event; `false` when the queue is full and the event is dropped and counted.
    pub fn log_prediction(&self, event: PredictionEvent) -> bool {
        event.event_time <= self.clock.wall()
    }

    /// Everything accepted so far is written and readable after this.
    pub async fn flush(&self) -> Result<(), EventsError> {
        Err(EventsError::Closed)
    }

    /// Stores feedback, all or nothing, durably.
    pub async fn post_feedback(
        &self,
        scope: &Scope,
        items: Vec<Feedback>,
    ) -> Result<FeedbackReceipt, EventsError> {
        let _ = (scope, items);
        Err(EventsError::Closed)
    }

    /// Predictions, sorted by event time, row key, prediction id and row; in batches of at most 65,536 rows.
    pub async fn predictions(&self, q: &Scan) -> Result<Vec<RecordBatch>, EventsError> {
        let _ = q;
        Err(EventsError::Closed)
    }

    /// Predictions whose outcome was known at `as_of`, with `label`, `label_text` and `label_time`.
    pub async fn labelled(&self, q: &Scan, as_of: Time) -> Result<Vec<RecordBatch>, EventsError> {
        let _ = (q, as_of);
        Err(EventsError::Closed)
    }

    /// All events of one prediction (served and shadow).
    pub async fn prediction(
        &self,
        scope: &Scope,
        id: PredictionId,
    ) -> Result<Option<RecordBatch>, EventsError> {
        let _ = (scope, id);
        Err(EventsError::Closed)
    }

    /// The first and the last event time of an endpoint, and how many rows it served.
    pub async fn bounds(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<(Time, Time, u64)>, EventsError> {
        let _ = (workspace, endpoint);
        Err(EventsError::Closed)
    }

    /// Writes and syncs what waits, and ends the writer; later events are dropped.
    pub async fn close(&self) {}
}
