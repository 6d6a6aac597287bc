//! The verbs on datasets.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use trimtab_blob::BlobStore;
use trimtab_db::Db;
use trimtab_events::EventLog;
use trimtab_types::{Clock, DatasetVersionId, Name, Page, PageToken, Scope};

use crate::{CheckReport, DataError, DatasetSource, DatasetVersion, FromEvents, Quarantine};

/// Dataset versions, checks and quarantine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Data {
    db: Db,
    clock: Clock,
    blobs: BlobStore,
    events: EventLog,
}

impl Data {
    /// The service over its stores.
    pub fn new(db: Db, clock: Clock, blobs: BlobStore, events: EventLog) -> Self {
        Self {
            db,
            clock,
            blobs,
            events,
        }
    }

    /// Makes a version of a table; equal content under the same name is the version that exists.
    pub async fn create_version(
        &self,
        scope: &Scope,
        name: &str,
        batches: Vec<RecordBatch>,
        source: DatasetSource,
        time_column: Option<&str>,
    ) -> Result<DatasetVersion, DataError> {
        let _ = (
            scope,
            name,
            batches,
            source,
            time_column,
            &self.db,
            &self.clock,
            &self.blobs,
            &self.events,
        );
        Err(DataError::NotFound(DatasetVersionId::new()))
    }

    /// Makes a version of what the event log holds.
    pub async fn version_from_events(
        &self,
        scope: &Scope,
        name: &str,
        spec: FromEvents,
    ) -> Result<DatasetVersion, DataError> {
        let _ = (scope, name, spec);
        Err(DataError::NotFound(DatasetVersionId::new()))
    }

    /// A version by id.
    pub async fn get(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
    ) -> Result<DatasetVersion, DataError> {
        let _ = scope;
        Err(DataError::NotFound(id))
    }

    /// Versions, newest first; of one name or of all.
    pub async fn list(
        &self,
        scope: &Scope,
        name: Option<&str>,
        page: Option<&PageToken>,
        limit: u32,
    ) -> Result<Page<DatasetVersion>, DataError> {
        let _ = (scope, name, page, limit);
        Ok(Page::last(Vec::new()))
    }

    /// The rows of a version.
    pub async fn read(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
    ) -> Result<Vec<RecordBatch>, DataError> {
        let _ = scope;
        Err(DataError::NotFound(id))
    }

    /// Puts a version's rows into a file: its Parquet as it is, or CSV when the path ends in `.csv`.
    pub async fn materialise(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
        dest: &Path,
    ) -> Result<(), DataError> {
        let _ = (scope, dest);
        Err(DataError::NotFound(id))
    }

    /// Compares rows with a version; `columns` names pairs of (column in the rows, column of the version).
    pub fn check(
        &self,
        reference: &DatasetVersion,
        batches: &[RecordBatch],
        columns: &[(String, String)],
    ) -> CheckReport {
        let _ = (reference, batches, columns);
        CheckReport::default()
    }

    /// Keeps a range of events from training; idempotent.
    pub async fn quarantine(&self, scope: &Scope, quarantine: Quarantine) -> Result<(), DataError> {
        let _ = (scope, quarantine);
        Ok(())
    }

    /// The quarantines of an endpoint, in the order of time.
    pub async fn quarantines(
        &self,
        scope: &Scope,
        endpoint: &Name,
    ) -> Result<Vec<Quarantine>, DataError> {
        let _ = (scope, endpoint);
        Ok(Vec::new())
    }
}
