//! The event stream: what services tell each other, to a console that listens. A reader that comes back says where
//! it was (`Last-Event-ID`) and misses nothing.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use serde::Deserialize;
use tokio::sync::watch;
use trimtab_db::OutboxEvent;
use trimtab_edge::{CallScope, Failure};
use trimtab_types::WorkspaceId;

use crate::{extract::Query, state::Api};

/// How many messages are read at once.
const BATCH: u32 = 200;
/// Another process's messages do not wake us; they are looked for this often.
const LOOK: Duration = Duration::from_secs(5);

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
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(events.take_until(ending)).keep_alive(KeepAlive::default()))
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
