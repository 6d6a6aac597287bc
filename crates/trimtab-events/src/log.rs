//! The event log: what others see of it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use arrow::record_batch::RecordBatch;
use tokio::sync::{Semaphore, mpsc, oneshot};
use trimtab_db::Db;
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Duration, Name, PredictionId, Scope, Time, WorkspaceId};

use crate::{
    EventsError, Feedback, FeedbackReceipt, PredictionEvent, Scan,
    counter::Counter,
    hold::{Hold, Holds},
    index::{KeyHash, KeyKind},
    memory::{Owner, Span, State},
    open::{self, Opened},
    queue::{Command, Queue, Reply},
    resolve, scan, seal,
    writer::Writer,
};

/// Feedback items in one call, at most.
const MOST_ITEMS: usize = 10_000;
/// Calls with feedback that wait for the writer; later ones wait for a place.
const WAITING_POSTS: usize = 64;

/// What readers and writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) root: PathBuf,
    pub(crate) wal_folder: PathBuf,
    /// The writer's id, which its files carry.
    pub(crate) writer: String,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) queue: Queue,
    pub(crate) state: RwLock<State>,
    pub(crate) counter: Counter,
    pub(crate) holds: Arc<Holds>,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// How many prediction events went which way, since the log was made (dropped: since it was opened).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCounts {
    /// Taken by [`EventLog::log_prediction`].
    pub accepted: u64,
    /// Of these, written to the write-ahead log.
    pub written: u64,
    /// Of these, lost by a kill or a disk that refused.
    pub lost: u64,
    /// Refused, because the queue was full or the event was malformed.
    pub dropped: u64,
}

/// The event log of one data folder; cheap to clone. When the last clone is dropped, the writer does what waits and ends.
#[derive(Debug, Clone)]
pub struct EventLog(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    places: Semaphore,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl EventLog {
    /// While it lives, no file of the log goes.
    pub fn hold(&self) -> Hold {
        self.0.shared.holds.hold()
    }

    /// Opens the log in a folder, takes up what an earlier process left, and begins to write.
    pub async fn open(
        dir: &Path,
        db: Db,
        clock: Clock,
        tasks: &Tasks,
    ) -> Result<Self, EventsError> {
        let Opened {
            shared,
            wal,
            next_seq,
            recovered,
        } = open::open(dir, db, clock).await?;
        let shared = Arc::new(shared);
        let (jobs, receiver) = mpsc::channel(recovered.len() + 4);
        for generation in recovered {
            let job = seal::Job {
                generation: Some(generation),
                feedback_seq: next_seq,
                reply: None,
            };
            // There is a place for each.
            if jobs.try_send(job).is_err() {
                return Err(EventsError::Closed);
            }
        }
        tasks.spawn(
            "events.seal",
            seal::run(Arc::clone(&shared), receiver, tasks.cancelled()),
        );
        let writer = Writer {
            shared: Arc::clone(&shared),
            wal,
            wal_bytes: 0,
            next_seq,
            jobs,
            group: Vec::new(),
            events: Vec::new(),
            since: None,
        };
        let thread = std::thread::Builder::new()
            .name("trimtab-events".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| EventsError::File {
                action: "start the writer of",
                path: dir.to_owned(),
                source,
            })?;
        Ok(Self(Arc::new(Handle {
            shared,
            places: Semaphore::new(WAITING_POSTS),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Takes an event; `false` when the queue is full (or its columns differ in length) and it is dropped and counted.
    pub fn log_prediction(&self, event: PredictionEvent) -> bool {
        let shared = &self.0.shared;
        let rows = event.row_keys.len();
        let columns = event.inputs.iter().chain(&event.outputs);
        let is_even =
            event.scores.len() == rows && columns.clone().all(|(_, column)| column.len() == rows);
        if !is_even {
            tracing::error!(
                prediction = %event.prediction_id,
                "a prediction event has columns of different length and is dropped"
            );
        }
        let is_taken = is_even && shared.queue.offer(event, || shared.counter.add());
        if !is_taken {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// How many prediction events went which way.
    pub fn counts(&self) -> EventCounts {
        let shared = &self.0.shared;
        let counts = shared.counter.get();
        EventCounts {
            accepted: counts.accepted,
            written: shared.written.load(Ordering::Relaxed),
            lost: counts.lost,
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, EventsError> {
        let (reply, answer) = oneshot::channel();
        self.0.shared.queue.send(command(reply))?;
        answer.await.map_err(|_| EventsError::Closed)?
    }

    /// Everything accepted so far is written and readable after this.
    pub async fn flush(&self) -> Result<(), EventsError> {
        self.ask(Command::Flush).await
    }

    /// Everything accepted so far is in segments after this, and its write-ahead log is gone.
    pub async fn seal(&self) -> Result<(), EventsError> {
        self.ask(Command::Seal).await
    }

    /// Stores feedback, all or nothing, durably.
    pub async fn post_feedback(
        &self,
        scope: &Scope,
        items: Vec<Feedback>,
    ) -> Result<FeedbackReceipt, EventsError> {
        if items.len() > MOST_ITEMS {
            return Err(EventsError::TooMany {
                found: items.len(),
                limit: MOST_ITEMS,
            });
        }
        let _place = self
            .0
            .places
            .acquire()
            .await
            .map_err(|_| EventsError::Closed)?;
        self.ask(|reply| Command::Feedback {
            workspace: scope.workspace.clone(),
            items,
            reply,
        })
        .await
    }

    /// Predictions, sorted by event time, row key, prediction id and row; in batches of at most 65,536 rows.
    pub async fn predictions(&self, q: &Scan) -> Result<Vec<RecordBatch>, EventsError> {
        let q = q.clone();
        self.read(move |shared| scan::predictions(shared, &q)).await
    }

    /// Predictions whose outcome was known at `as_of`, with `label`, `label_text` and `label_time`; of several
    /// outcomes of one row the one received last.
    pub async fn labelled(&self, q: &Scan, as_of: Time) -> Result<Vec<RecordBatch>, EventsError> {
        let q = q.clone();
        self.read(move |shared| scan::labelled(shared, &q, as_of))
            .await
    }

    /// All rows of one prediction, served and shadow.
    pub async fn prediction(
        &self,
        scope: &Scope,
        id: PredictionId,
    ) -> Result<Option<RecordBatch>, EventsError> {
        let workspace = scope.workspace.clone();
        self.read(move |shared| one(shared, &workspace, id)).await
    }

    /// The first and the last event time of an endpoint, and how many rows it served.
    #[expect(
        clippy::unused_async,
        reason = "a read like the others; with several writers it will ask the manifest"
    )]
    pub async fn bounds(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<(Time, Time, u64)>, EventsError> {
        let owner: Owner = (workspace.clone(), endpoint.clone());
        let state = self.0.shared.read_state();
        let mut bounds: Option<Span> = None;
        for segment in state.files.get(&owner).iter().flat_map(|f| &f.predictions) {
            Span::merge(&mut bounds, segment.span);
        }
        for span in state.tables(&owner).filter_map(|table| table.span) {
            Span::merge(&mut bounds, span);
        }
        Ok(bounds.map(|span| (span.first, span.last, span.served)))
    }

    /// Writes and syncs what waits, and ends the writer; later events are dropped.
    pub async fn close(&self) {
        match self.ask(Command::Close).await {
            Ok(()) | Err(EventsError::Closed) => {}
            Err(error) => tracing::error!(%error, "closing the event log failed"),
        }
        let this = self.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let thread = this.0.thread.lock();
            let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
            thread.map(JoinHandle::join)
        });
        if !matches!(joined.await, Ok(None | Some(Ok(())))) {
            tracing::error!("the writer of the event log failed");
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Shared) -> Result<T, EventsError> + Send + 'static,
    ) -> Result<T, EventsError> {
        let shared = Arc::clone(&self.0.shared);
        tokio::task::spawn_blocking(move || run(&shared))
            .await
            .map_err(|error| EventsError::Unwritable {
                reason: error.to_string(),
            })?
    }
}

fn one(
    shared: &Shared,
    workspace: &WorkspaceId,
    id: PredictionId,
) -> Result<Option<RecordBatch>, EventsError> {
    let owners = shared.read_state().owners(workspace);
    for owner in owners {
        let key = KeyHash::of(KeyKind::Prediction, id.as_bytes());
        let Some(hit) = resolve::hits(shared, &owner, key)?.first().copied() else {
            continue;
        };
        let q = Scan {
            workspace: owner.0,
            endpoint: owner.1,
            from: hit.time,
            to: hit.time + Duration::from_micros(1),
            served_as: None,
            columns: None,
        };
        let found = scan::predictions(shared, &q)?;
        return scan::only(&found, id);
    }
    Ok(None)
}
