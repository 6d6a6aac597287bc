//! What is still to be sent: a row for each webhook and message, so that nothing is lost with the process and nothing
//! is sent for a message twice because it was read twice.

use trimtab_db::{DbError, Lane, OutboxEvent, params};
use trimtab_types::{Duration, Time, WorkspaceId};
use uuid::Uuid;

use super::{
    Webhooks,
    event::of_message,
    rows::{self, Called},
    sender::Outcome,
    verbs::body,
};
use crate::RegistryError;

/// Attempts of a call, with pauses of 1, 2, 4 … 60 seconds between them: about five minutes in all.
const ATTEMPTS: i64 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long the record of what was sent is kept.
const KEPT: Duration = Duration::from_days(7);
const CONSUMER: &str = "webhooks";
const BATCH: u32 = 500;

const WAITING: i64 = 0;
const SENT: i64 = 1;
const GIVEN_UP: i64 = 2;

/// A call that is due.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) webhook: String,
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) workspace: WorkspaceId,
    pub(crate) event: String,
    pub(crate) body: String,
    pub(crate) attempts: i64,
}

impl Webhooks {
    /// Turns new messages into calls to be made.
    pub(crate) async fn take_messages(&self) -> Result<(), RegistryError> {
        let called = self.0.db.read(rows::all).await?;
        // What is older than every webhook concerns none: without this a first webhook would read the whole outbox.
        let Some(oldest) = called.iter().map(|one| one.since).min() else {
            return Ok(());
        };
        let mut is_first = true;
        loop {
            let messages = self.0.db.outbox_next(CONSUMER, BATCH).await?;
            let Some(last) = messages.last().map(|message| message.seq) else {
                return Ok(());
            };
            if is_first && last < oldest {
                self.0.db.outbox_done(CONSUMER, oldest).await?;
                is_first = false;
                continue;
            }
            self.put(&messages, &called).await?;
            self.0.db.outbox_done(CONSUMER, last).await?;
        }
    }

    async fn put(&self, messages: &[OutboxEvent], called: &[Called]) -> Result<(), RegistryError> {
        let now = self.0.clock.wall();
        let mut calls = Vec::new();
        for message in messages {
            let Some((event, data)) = of_message(&message.topic, &message.payload) else {
                continue;
            };
            for one in called {
                let wants = one.workspace == message.workspace
                    && one.since < message.seq
                    && one.webhook.is_active
                    && one.webhook.events.contains(&event);
                if wants {
                    calls.push((
                        one.webhook.id.to_string(),
                        message.seq,
                        one.workspace.clone(),
                        event.name(),
                        body(event, &data, now),
                    ));
                }
            }
        }
        if calls.is_empty() {
            return Ok(());
        }
        self.0
            .db
            .write(Lane::Control, move |tx| {
                for (webhook, seq, workspace, event, body) in &calls {
                    tx.execute(
                        "INSERT INTO webhook_delivery (webhook, seq, id, workspace_id, event, body, state, attempts, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)
                         ON CONFLICT (webhook, seq) DO NOTHING",
                        params![webhook, *seq, Uuid::now_v7().to_string(), workspace, event, body, WAITING, now],
                    )?;
                }
                // Where there is traffic, old records go.
                tx.execute(
                    "DELETE FROM webhook_delivery WHERE state <> ?1 AND next_at < ?2",
                    params![WAITING, now - KEPT],
                )?;
                Ok(())
            })
            .await
    }

    /// The calls that are due, oldest first, and when the next one will be.
    pub(crate) async fn due(&self, limit: u32) -> Result<(Vec<Due>, Option<Time>), RegistryError> {
        let now = self.0.clock.wall();
        self.0
            .db
            .read(move |tx| {
                let due = tx
                    .query(
                        "SELECT webhook, seq, id, workspace_id, event, body, attempts FROM webhook_delivery
                         WHERE state = ?1 AND next_at <= ?2 ORDER BY next_at, webhook, seq LIMIT ?3",
                        params![WAITING, now, limit],
                    )?
                    .iter()
                    .map(|row| {
                        Ok(Due {
                            webhook: row.get(0)?,
                            seq: row.get(1)?,
                            id: row.get(2)?,
                            workspace: row.get(3)?,
                            event: row.get(4)?,
                            body: row.get(5)?,
                            attempts: row.get(6)?,
                        })
                    })
                    .collect::<Result<_, DbError>>()?;
                let next = tx
                    .query_one(
                        "SELECT MIN(next_at) FROM webhook_delivery WHERE state = ?1 AND next_at > ?2",
                        params![WAITING, now],
                    )?
                    .get(0)?;
                Ok((due, next))
            })
            .await
    }

    /// The webhook that a call is for; `None` when it is gone or switched off since.
    pub(crate) async fn called(&self, due: &Due) -> Result<Option<Called>, RegistryError> {
        let (workspace, id) = (due.workspace.clone(), due.webhook.clone());
        let found = self
            .0
            .db
            .read(move |tx| match id.parse() {
                Ok(id) => rows::find(tx, &workspace, id),
                Err(_) => Err(RegistryError::WebhookNotFound { id }),
            })
            .await;
        match found {
            Ok(called) => Ok(Some(called).filter(|called| called.webhook.is_active)),
            Err(RegistryError::WebhookNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes down what came of an attempt; `None` is a call that nobody waits for any more.
    pub(crate) async fn note(
        &self,
        due: &Due,
        outcome: Option<&Outcome>,
    ) -> Result<(), RegistryError> {
        let attempts = due.attempts + 1;
        let (state, pause) = match outcome {
            Some(outcome) if outcome.is_success() => (SENT, Duration::default()),
            Some(outcome) if outcome.may_be_repeated() && attempts < ATTEMPTS => {
                (WAITING, pause(attempts, outcome))
            }
            Some(_) | None => (GIVEN_UP, Duration::default()),
        };
        let (status, error) = match outcome {
            Some(Outcome::Answered { status, .. }) => {
                (Some(i64::from(*status)), outcome.and_then(Outcome::error))
            }
            Some(Outcome::Unreachable(_) | Outcome::Refused(_)) => {
                (None, outcome.and_then(Outcome::error))
            }
            None => (None, Some("the webhook is gone or switched off".to_owned())),
        };
        if state == GIVEN_UP {
            tracing::warn!(
                webhook = due.webhook,
                event = due.event,
                attempts,
                error,
                "a webhook was not called"
            );
        }
        let next_at = self.0.clock.wall() + pause;
        let (webhook, seq) = (due.webhook.clone(), due.seq);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                tx.execute(
                    "UPDATE webhook_delivery SET state = ?3, attempts = ?4, next_at = ?5, status = ?6, error = ?7 WHERE webhook = ?1 AND seq = ?2",
                    params![&webhook, seq, state, attempts, next_at, status, error],
                )?;
                Ok(())
            })
            .await
    }
}

/// The pause after an attempt: it doubles, and is longer where the receiver asks for it.
fn pause(attempts: i64, outcome: &Outcome) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(6);
    let own = Duration::from_secs(1 << doublings).min(LONGEST_PAUSE);
    let asked = match outcome {
        Outcome::Answered {
            retry_after: Some(after),
            ..
        } => Duration::from_secs(i64::try_from(after.as_secs()).unwrap_or(i64::MAX).min(600)),
        Outcome::Answered { .. } | Outcome::Unreachable(_) | Outcome::Refused(_) => own,
    };
    own.max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_the_receiver_may_ask_for_more() {
        let gone = Outcome::Unreachable(String::new());
        let pauses: Vec<u64> = (1..ATTEMPTS)
            .map(|n| pause(n, &gone).to_std().as_secs())
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let busy = |secs| Outcome::Answered {
            status: 429,
            body: String::new(),
            retry_after: Some(std::time::Duration::from_secs(secs)),
        };
        assert_eq!(pause(1, &busy(7)).to_std().as_secs(), 7);
        assert_eq!(pause(4, &busy(7)).to_std().as_secs(), 8);
        assert_eq!(pause(1, &busy(u64::MAX)).to_std().as_secs(), 600);
    }
}
