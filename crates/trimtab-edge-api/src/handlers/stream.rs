//! The event stream: what services tell each other, to a console that listens. A reader that comes back says where
//! it was (`Last-Event-ID`) and misses nothing.
//!
//! Between those come notes of runs that were written to (`tracking.runs-changed`), gathered for a second. They have no
//! place in the stream: a reader that comes back reads its runs again anyway.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    time::Duration,
};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use trimtab_db::OutboxEvent;
use trimtab_edge::{CallScope, Failure};
use trimtab_tracking::RunsChanged;
use trimtab_types::{RunId, WorkspaceId};

use crate::{extract::Query, state::Api};

/// How many messages are read at once.
const BATCH: u32 = 200;
/// Another process's messages do not wake us; they are looked for this often.
const LOOK: Duration = Duration::from_secs(5);

/// The topic of notes of changed runs.
const RUNS_CHANGED: &str = "tracking.runs-changed";
/// Notes of changed runs are gathered for this long: a run that logs a thousand times a second is one note.
const GATHER: Duration = Duration::from_secs(1);
/// Runs that one note names of an experiment; of more, the console reads its tables anyway.
const NAMED: usize = 500;

#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<i64>,
}

struct Reader {
    api: Api,
    workspace: WorkspaceId,
    seq: i64,
    waiting: VecDeque<OutboxEvent>,
    changes: watch::Receiver<u64>,
}

pub(crate) async fn events(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let resumed = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    let seq = match resumed.or(query.after) {
        Some(seq) => seq,
        None => api.db.outbox_head().await?,
    };
    let reader = Reader {
        changes: api.db.outbox_changes(),
        workspace: scope.workspace,
        waiting: VecDeque::new(),
        seq,
        api,
    };
    let ending = reader.api.stopping.clone().cancelled_owned();
    let notes = RunNotes {
        workspace: reader.workspace.clone(),
        changes: reader.api.tracking.changes(),
        waiting: VecDeque::new(),
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    let notes = stream::unfold(notes, |mut notes| async move {
        let event = notes.next().await?;
        Some((Ok(event), notes))
    });
    let both = stream::select(events, notes);
    Ok(Sse::new(both.take_until(ending)).keep_alive(KeepAlive::default()))
}

/// Which runs are written to, second by second.
struct RunNotes {
    workspace: WorkspaceId,
    changes: broadcast::Receiver<RunsChanged>,
    waiting: VecDeque<Event>,
}

impl RunNotes {
    /// The next note; `None` when tracking is gone.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let mut found: BTreeMap<i64, BTreeSet<RunId>> = BTreeMap::new();
            let first = self.changes.recv().await;
            self.take(first, &mut found)?;
            if found.is_empty() {
                continue;
            }
            // Whatever more comes within the time belongs to the same note.
            let _ = tokio::time::timeout(GATHER, async {
                loop {
                    let more = self.changes.recv().await;
                    if self.take(more, &mut found).is_none() {
                        break;
                    }
                }
            })
            .await;
            self.waiting = found
                .into_iter()
                .map(|(experiment, runs)| note(experiment, &runs))
                .collect();
        }
    }

    fn take(
        &self,
        received: Result<RunsChanged, broadcast::error::RecvError>,
        found: &mut BTreeMap<i64, BTreeSet<RunId>>,
    ) -> Option<()> {
        match received {
            Ok(change) if change.workspace == self.workspace => {
                let runs = found.entry(change.experiment).or_default();
                if runs.len() < NAMED {
                    runs.insert(change.run);
                }
                Some(())
            }
            // Missed ones are seen at the next change of their run, or when the page is read again.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Some(()),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn note(experiment: i64, runs: &BTreeSet<RunId>) -> Event {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let data = serde_json::json!({
        "topic": RUNS_CHANGED,
        "version": 1,
        "payload": { "experiment": experiment.to_string(), "runs": runs },
    });
    Event::default().event(RUNS_CHANGED).data(data.to_string())
}

impl Reader {
    /// The next message; `None` when the database is gone, which ends the stream and lets the console reconnect.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.seq = message.seq;
                return Some(spell(&message));
            }
            self.changes.mark_unchanged();
            let found = self
                .api
                .db
                .outbox_since(&self.workspace, self.seq, BATCH)
                .await;
            match found {
                Ok(found) if found.is_empty() => {
                    // Either a change woke us or it is time to look: both mean to read again.
                    let _ = tokio::time::timeout(LOOK, self.changes.changed()).await;
                }
                Ok(found) => self.waiting = found.into(),
                Err(error) => {
                    tracing::warn!(%error, "an event stream ended: the outbox cannot be read");
                    return None;
                }
            }
        }
    }
}

fn spell(message: &OutboxEvent) -> Event {
    let data = serde_json::json!({
        "seq": message.seq,
        "topic": message.topic,
        "version": message.version,
        "at": message.at,
        "payload": message.payload,
    });
    Event::default()
        .id(message.seq.to_string())
        .event(&message.topic)
        .data(data.to_string())
}
