//! The one thread that writes: groups of prediction events, feedback with its sync, and the change of generations.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::sync::mpsc;
use trimtab_types::{Duration as Span, Time, WorkspaceId};

use crate::{
    EventsError, Feedback, FeedbackReceipt, FeedbackValue, PredictionEvent,
    codec::{self, FeedbackRecord},
    frame::{self, Head},
    index::{KeyHash, KeyKind},
    log::Shared,
    memory::Generation,
    queue::{Command, Reply},
    resolve,
    seal::Job,
    wal::Wal,
};

/// A generation is sealed when it holds this many rows,
const SEAL_ROWS: usize = 65_536;
/// or its file this many bytes,
const SEAL_BYTES: u64 = 64 << 20;
/// or when it is this old.
const SEAL_AGE: Span = Span::from_hours(1);
/// When sealing does not get on, memory takes this many rows and then no more.
const MOST_ROWS: usize = 8 * SEAL_ROWS;
/// How often an idle writer looks at the age of its generation.
const IDLE: Duration = Duration::from_mins(1);
/// One group of frames, at most (a single event may be longer).
const GROUP_BYTES: usize = 1 << 20;

/// An answer that waits for a sync.
enum Owed {
    Feedback(Reply<FeedbackReceipt>, FeedbackReceipt),
    Flush(Reply<()>),
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wal: Wal,
    pub(crate) wal_bytes: u64,
    pub(crate) next_seq: u64,
    pub(crate) jobs: mpsc::Sender<Job>,
    /// Frames that are not written yet, and the events in them.
    pub(crate) group: Vec<u8>,
    pub(crate) events: Vec<PredictionEvent>,
    /// When the open generation got its first row.
    pub(crate) since: Option<Time>,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(commands) = self.shared.queue.take(IDLE) {
            let mut owed = Vec::new();
            let mut seals = Vec::new();
            let mut closes = Vec::new();
            for command in commands {
                match command {
                    Command::Prediction(event) => self.add(*event),
                    Command::Feedback {
                        workspace,
                        items,
                        reply,
                    } => {
                        self.write_group();
                        match self.feedback(&workspace, items) {
                            Ok(receipt) => owed.push(Owed::Feedback(reply, receipt)),
                            Err(error) => answer(reply, Err(error)),
                        }
                    }
                    Command::Flush(reply) => owed.push(Owed::Flush(reply)),
                    Command::Seal(reply) => seals.push(reply),
                    Command::Close(reply) => closes.push(reply),
                }
            }
            self.write_group();
            self.settle(owed);
            for reply in seals {
                self.rotate(Some(reply));
            }
            self.rotate_when_due();
            for reply in closes {
                self.shared.queue.close();
                let synced = self.wal.sync();
                answer(reply, synced);
            }
        }
        if let Err(error) = self.wal.sync() {
            tracing::error!(%error, "the last sync of the event log failed");
        }
    }

    fn add(&mut self, event: PredictionEvent) {
        frame::push(&mut self.group, |out| codec::encode_prediction(out, &event));
        self.events.push(event);
        if self.group.len() >= GROUP_BYTES {
            self.write_group();
        }
    }

    /// Writes the waiting events and makes them readable.
    fn write_group(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.events);
        let count = events.len() as u64;
        let written = self.write_frames();
        let applied = written.and_then(|()| {
            self.shared.written.fetch_add(count, Ordering::Relaxed);
            let mut state = self.shared.write_state();
            events
                .into_iter()
                .try_for_each(|event| state.open.add_prediction(event))
        });
        if let Err(error) = applied {
            tracing::error!(%error, events = count, "prediction events are lost");
            let lost = self.shared.counter.get().lost + count;
            self.shared.counter.set_lost(lost);
        }
    }

    fn write_frames(&mut self) -> Result<(), EventsError> {
        let rows = self.shared.read_state().open.rows;
        let group = std::mem::take(&mut self.group);
        let written = if rows >= MOST_ROWS {
            Err(EventsError::Unwritable {
                reason: format!("{rows} rows wait for being sealed"),
            })
        } else {
            self.wal.write(&group)
        };
        if written.is_ok() {
            self.wal_bytes += group.len() as u64;
            self.since.get_or_insert_with(|| self.shared.clock.wall());
        }
        self.group = group;
        self.group.clear();
        written
    }

    /// Resolves, writes and applies one post; its sync comes with the group.
    fn feedback(
        &mut self,
        workspace: &WorkspaceId,
        items: Vec<Feedback>,
    ) -> Result<FeedbackReceipt, EventsError> {
        let received_at = self.shared.clock.wall();
        let mut receipt = FeedbackReceipt::default();
        let mut records: Vec<FeedbackRecord> = Vec::new();
        let mut within: HashMap<KeyHash, (trimtab_types::PredictionId, u32)> = HashMap::new();
        let mut unknown: Vec<usize> = Vec::new();
        let mut first_unknown = None;
        for (place, item) in items.into_iter().enumerate() {
            if matches!(item.value, FeedbackValue::Number(number) if !number.is_finite()) {
                return Err(EventsError::InvalidValue { item: place });
            }
            let owner = (workspace.clone(), item.endpoint.clone());
            let event_key = item
                .event_id
                .as_ref()
                .map(|id| KeyHash::of(KeyKind::EventId, id.as_bytes()));
            if let Some(key) = event_key {
                // Its row was resolved when it came first.
                let known = match within.get(&key) {
                    Some(row) => Some(*row),
                    None => resolve::hits(&self.shared, &owner, key)?
                        .first()
                        .map(|hit| (hit.prediction, hit.row)),
                };
                if let Some(row) = known {
                    receipt.duplicates += 1;
                    receipt.rows.push(row);
                    continue;
                }
            }
            let Some(row) = resolve::row(&self.shared, &owner, &item.address, place)? else {
                unknown.push(place);
                first_unknown.get_or_insert((item.endpoint, item.address));
                continue;
            };
            if let Some(key) = event_key {
                within.insert(key, (row.prediction, row.row));
            }
            receipt.accepted += 1;
            receipt.rows.push((row.prediction, row.row));
            records.push(FeedbackRecord {
                workspace: workspace.clone(),
                endpoint: item.endpoint,
                seq: self.next_seq + records.len() as u64,
                event_id: item.event_id,
                prediction_id: row.prediction,
                row: row.row,
                prediction_time: row.time,
                event_time: item.event_time,
                received_at,
                value: item.value,
            });
        }
        if let Some((endpoint, address)) = first_unknown {
            return Err(EventsError::UnknownAddress {
                endpoint,
                address: address.to_string(),
                items: unknown,
            });
        }
        for record in &records {
            frame::push(&mut self.group, |out| codec::encode_feedback(out, record));
        }
        self.write_frames()?;
        self.next_seq += records.len() as u64;
        let mut state = self.shared.write_state();
        for record in records {
            state.open.add_feedback(record);
        }
        Ok(receipt)
    }

    /// One sync for all that were promised durability, then their answers.
    fn settle(&mut self, owed: Vec<Owed>) {
        let needs_sync = owed
            .iter()
            .any(|owed| matches!(owed, Owed::Feedback(_, receipt) if receipt.accepted > 0));
        let failure = if needs_sync {
            self.wal.sync().err().map(|error| {
                tracing::error!(%error, "the event log cannot be synced");
                error.to_string()
            })
        } else {
            None
        };
        for owed in owed {
            match (owed, &failure) {
                (Owed::Feedback(reply, _), Some(reason)) => answer(
                    reply,
                    Err(EventsError::Unwritable {
                        reason: reason.clone(),
                    }),
                ),
                (Owed::Feedback(reply, receipt), None) => answer(reply, Ok(receipt)),
                (Owed::Flush(reply), _) => answer(reply, Ok(())),
            }
        }
    }

    fn rotate_when_due(&mut self) {
        let rows = self.shared.read_state().open.rows;
        let is_old = self
            .since
            .is_some_and(|since| self.shared.clock.wall().since(since) >= SEAL_AGE);
        if rows >= SEAL_ROWS || self.wal_bytes >= SEAL_BYTES || (rows > 0 && is_old) {
            self.rotate(None);
        }
    }

    /// Begins a new generation and hands the full one to be sealed. When that cannot be now, the open one goes on.
    fn rotate(&mut self, reply: Option<Reply<()>>) {
        let permit = match self.jobs.try_reserve() {
            Ok(permit) => permit,
            Err(error) => {
                if let Some(reply) = reply {
                    let reason = format!("sealing does not get on: {error}");
                    answer(reply, Err(EventsError::Unwritable { reason }));
                }
                return;
            }
        };
        let (number, rows) = {
            let state = self.shared.read_state();
            (state.open.number, state.open.rows)
        };
        if rows == 0 {
            permit.send(Job {
                generation: None,
                feedback_seq: self.next_seq,
                reply,
            });
            return;
        }
        let head = Head {
            generation: number + 1,
            written_before: self.shared.written.load(Ordering::Relaxed),
        };
        match Wal::create(&self.shared.wal_folder, head) {
            Ok(wal) => self.wal = wal,
            Err(error) => {
                tracing::error!(%error, "the write-ahead log cannot be changed");
                if let Some(reply) = reply {
                    answer(reply, Err(error));
                }
                return;
            }
        }
        self.wal_bytes = 0;
        self.since = None;
        let full = {
            let mut state = self.shared.write_state();
            let next = Generation::new(number + 1);
            let full = Arc::new(std::mem::replace(&mut state.open, next));
            state.sealing.push(Arc::clone(&full));
            full
        };
        permit.send(Job {
            generation: Some(full),
            feedback_seq: self.next_seq,
            reply,
        });
    }
}

/// A caller that went away no longer wants its answer.
pub(crate) fn answer<T>(reply: Reply<T>, value: Result<T, EventsError>) {
    let _ = reply.send(value);
}

impl Shared {
    pub(crate) fn read_state(&self) -> std::sync::RwLockReadGuard<'_, crate::memory::State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write_state(&self) -> std::sync::RwLockWriteGuard<'_, crate::memory::State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
