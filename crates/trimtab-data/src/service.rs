//! The verbs on datasets.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use trimtab_blob::BlobStore;
use trimtab_db::{Db, DbError, Lane, Message};
use trimtab_events::{EventLog, Scan, ServedAs};
use trimtab_table::{ReadOptions, read_bytes, write_bytes, write_csv};
use trimtab_types::{Clock, DatasetVersionId, Name, Page, PageToken, Scope, Time};

use crate::{
    CheckReport, DataError, DatasetSource, DatasetVersion, FromEvents, Quarantine, check,
    events::training_table, profile, sql, table::Prepared,
};

/// A page of versions, at most.
const LONGEST_PAGE: u32 = 1_000;
/// How often a version's number is drawn again when another took it meanwhile.
const ATTEMPTS: u32 = 5;

/// Dataset versions, checks and quarantine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Data {
    db: Db,
    clock: Clock,
    blobs: BlobStore,
    events: EventLog,
}

/// What the transaction that makes a version came to.
enum Made {
    New(trimtab_blob::Kept, Box<DatasetVersion>),
    Known(Box<DatasetVersion>),
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

    /// Makes a version of a table; equal content under the same name is the version that exists. Rows are taken to be
    /// in the order of `time_column`, and are profiled in that order where they are not.
    pub async fn create_version(
        &self,
        scope: &Scope,
        name: &str,
        batches: Vec<RecordBatch>,
        source: DatasetSource,
        time_column: Option<&str>,
    ) -> Result<DatasetVersion, DataError> {
        let prepared = {
            let (name, time_column) = (name.to_owned(), time_column.map(str::to_owned));
            blocking(move || Prepared::of(&name, &batches, time_column.as_deref())).await?
        };
        let (workspace, wanted, digest) = (
            scope.workspace.clone(),
            name.to_owned(),
            prepared.digest.clone(),
        );
        let known = self
            .db
            .read(move |tx| sql::by_digest(tx, &workspace, &wanted, &digest))
            .await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let version = DatasetVersion {
            id: DatasetVersionId::new(),
            name: name.to_owned(),
            number: 0,
            digest: prepared.digest,
            rows: prepared.profile.rows,
            columns: profile::schema(&prepared.profile),
            source,
            from: prepared.from,
            to: prepared.to,
            created_at: self.clock.now(),
            created_by: scope.principal.name.to_string(),
            profile: prepared.profile,
        };
        let mut attempt = 1;
        loop {
            match self
                .store(scope, version.clone(), prepared.bytes.clone())
                .await
            {
                // Another caller took the number or made this very version between our look and our write.
                Err(DataError::Db(DbError::Unique { .. })) if attempt < ATTEMPTS => attempt += 1,
                stored => return stored,
            }
        }
    }

    async fn store(
        &self,
        scope: &Scope,
        mut version: DatasetVersion,
        bytes: Bytes,
    ) -> Result<DatasetVersion, DataError> {
        let whole = futures::stream::once(std::future::ready(Ok::<_, std::io::Error>(bytes)));
        let staged = self.blobs.stage(whole).await?;
        let (blobs, scope) = (self.blobs.clone(), scope.clone());
        let made = self
            .db
            // Serial: two at once would take one number.
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                let known = sql::by_digest(tx, workspace, &version.name, &version.digest)?;
                if let Some(known) = known {
                    return Ok::<_, DataError>(Made::Known(Box::new(known)));
                }
                version.number = sql::next_number(tx, workspace, &version.name)?;
                let hash = staged.blake3().to_owned();
                let kept = blobs.keep(tx, &scope, &staged)?;
                sql::insert(tx, workspace, &version, &hash)?;
                tx.publish(&Message {
                    workspace: workspace.clone(),
                    topic: "data.version-created",
                    version: 1,
                    payload: serde_json::json!({
                        "id": version.id,
                        "name": version.name,
                        "number": version.number,
                        "digest": version.digest,
                        "rows": version.rows,
                        "source": version.source,
                        "created_by": version.created_by,
                    }),
                    at: version.created_at,
                })?;
                Ok(Made::New(kept, Box::new(version)))
            })
            .await?;
        Ok(match made {
            Made::New(kept, version) => {
                self.blobs.settle(kept);
                *version
            }
            Made::Known(version) => *version,
        })
    }

    /// Makes a version of what the event log holds: `event_time`, the row key, the inputs by their own names, and
    /// (labelled) the outcome. Rows in quarantine never enter when `exclude_quarantined` is set.
    pub async fn version_from_events(
        &self,
        scope: &Scope,
        name: &str,
        spec: FromEvents,
    ) -> Result<DatasetVersion, DataError> {
        if spec.from >= spec.to {
            return Err(DataError::EmptyRange {
                from: spec.from,
                to: spec.to,
            });
        }
        let q = Scan {
            workspace: scope.workspace.clone(),
            endpoint: spec.endpoint.clone(),
            from: spec.from,
            to: spec.to,
            served_as: Some(ServedAs::Served),
            columns: None,
        };
        self.events.flush().await?;
        let batches = if spec.labelled {
            self.events.labelled(&q, spec.as_of).await?
        } else {
            self.events.predictions(&q).await?
        };
        // Read after the rows: what is put into quarantine meanwhile is left out too.
        let quarantines = if spec.exclude_quarantined {
            self.quarantines_in(scope, &spec.endpoint, spec.from, spec.to)
                .await?
        } else {
            Vec::new()
        };
        let (of_table, owned) = (spec.clone(), name.to_owned());
        let (batches, excluded) =
            blocking(move || training_table(&owned, &of_table, &batches, &quarantines)).await?;
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            return Err(DataError::NoEvents {
                endpoint: spec.endpoint,
                what: if spec.labelled {
                    "labelled predictions"
                } else {
                    "predictions"
                },
                from: spec.from,
                to: spec.to,
                excluded,
            });
        }
        let source = DatasetSource::Events {
            endpoint: spec.endpoint,
            from: spec.from,
            to: spec.to,
            labelled: spec.labelled,
            exclude_quarantined: spec.exclude_quarantined,
            as_of: spec.as_of,
            rows_excluded: excluded,
        };
        self.create_version(scope, name, batches, source, Some("event_time"))
            .await
    }

    /// A version by id.
    pub async fn get(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
    ) -> Result<DatasetVersion, DataError> {
        let workspace = scope.workspace.clone();
        self.db
            .read(move |tx| sql::by_id(tx, &workspace, id))
            .await?
            .ok_or(DataError::NotFound(id))
    }

    /// Versions, newest first; of one name or of all.
    pub async fn list(
        &self,
        scope: &Scope,
        name: Option<&str>,
        page: Option<&PageToken>,
        limit: u32,
    ) -> Result<Page<DatasetVersion>, DataError> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        let workspace = scope.workspace.clone();
        let mut items = match name {
            Some(name) => {
                let before: Option<i64> =
                    page.map(|p| PageToken::decode(p.as_str())).transpose()?;
                let name = name.to_owned();
                self.db
                    .read(move |tx| sql::list_named(tx, &workspace, &name, before, limit + 1))
                    .await?
            }
            None => {
                let before: Option<String> =
                    page.map(|p| PageToken::decode(p.as_str())).transpose()?;
                self.db
                    .read(move |tx| sql::list(tx, &workspace, before.as_deref(), limit + 1))
                    .await?
            }
        };
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|last| match name {
            Some(_) => PageToken::encode(&last.number),
            None => PageToken::encode(&last.id.to_string()),
        });
        Ok(Page { items, next })
    }

    /// The rows of a version.
    pub async fn read(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
    ) -> Result<Vec<RecordBatch>, DataError> {
        let bytes = self.bytes(scope, id).await?;
        blocking(move || {
            let path = format!("{id}.parquet");
            Ok(read_bytes(
                Path::new(&path),
                bytes,
                &ReadOptions::default(),
            )?)
        })
        .await
    }

    async fn bytes(&self, scope: &Scope, id: DatasetVersionId) -> Result<Bytes, DataError> {
        let workspace = scope.workspace.clone();
        let hash = self
            .db
            .read(move |tx| sql::blob_of(tx, &workspace, id))
            .await?
            .ok_or(DataError::NotFound(id))?;
        let blob = self.blobs.find(scope, &hash).await?;
        Ok(self.blobs.get(&blob).await?.collect().await?)
    }

    /// Puts a version's rows into a file: its Parquet as it is, or CSV when the path ends in `.csv`.
    pub async fn materialise(
        &self,
        scope: &Scope,
        id: DatasetVersionId,
        dest: &Path,
    ) -> Result<(), DataError> {
        let dest = dest.to_owned();
        let is_csv = dest
            .extension()
            .is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        if is_csv {
            let batches = self.read(scope, id).await?;
            blocking(move || Ok(write_csv(&dest, &batches)?)).await
        } else {
            let bytes = self.bytes(scope, id).await?;
            blocking(move || Ok(write_bytes(&dest, &bytes)?)).await
        }
    }

    /// Compares rows with a version; `columns` names pairs of (column in the rows, column of the version). Answers name
    /// columns as the version does.
    pub fn check(
        &self,
        reference: &DatasetVersion,
        batches: &[RecordBatch],
        columns: &[(String, String)],
    ) -> CheckReport {
        check::run(&reference.profile, batches, columns)
    }

    /// Keeps a range of events from training; idempotent.
    pub async fn quarantine(&self, scope: &Scope, quarantine: Quarantine) -> Result<(), DataError> {
        if quarantine.from >= quarantine.to {
            return Err(DataError::EmptyRange {
                from: quarantine.from,
                to: quarantine.to,
            });
        }
        let scope = scope.clone();
        self.db
            .write(Lane::Control, move |tx| {
                let is_new = sql::insert_quarantine(
                    tx,
                    &scope.workspace,
                    &scope.principal.name,
                    &quarantine,
                )?;
                if is_new {
                    tx.publish(&Message {
                        workspace: scope.workspace.clone(),
                        topic: "data.quarantined",
                        version: 1,
                        payload: serde_json::json!({
                            "endpoint": quarantine.endpoint,
                            "from": quarantine.from,
                            "to": quarantine.to,
                            "columns": quarantine.columns,
                            "cause": quarantine.cause,
                            "alert": quarantine.alert,
                        }),
                        at: quarantine.at,
                    })?;
                }
                Ok(())
            })
            .await
    }

    /// The quarantines of an endpoint, in the order of time.
    pub async fn quarantines(
        &self,
        scope: &Scope,
        endpoint: &Name,
    ) -> Result<Vec<Quarantine>, DataError> {
        self.quarantines_in(scope, endpoint, Time::MIN, Time::MAX)
            .await
    }

    async fn quarantines_in(
        &self,
        scope: &Scope,
        endpoint: &Name,
        from: Time,
        to: Time,
    ) -> Result<Vec<Quarantine>, DataError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.clone());
        self.db
            .read(move |tx| sql::quarantines(tx, &workspace, &endpoint, from, to))
            .await
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, DataError> + Send + 'static,
) -> Result<T, DataError> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| DataError::Arrow {
            action: "work on",
            source: arrow::error::ArrowError::ExternalError(error.into()),
        })?
}
