//! Who makes the calls: one process at a time, a few calls at once, each webhook with a share of its own so that a
//! slow receiver delays nobody else.

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use trimtab_db::Dialect;
use trimtab_telemetry::Tasks;
use uuid::Uuid;

use super::{Webhooks, delivery::Due, sender::Letter};
use crate::RegistryError;

/// Calls at once, in all and of one webhook.
const AT_ONCE: usize = 32;
const OF_ONE: usize = 4;
/// Rows looked at, more than can be sent at once: those of a busy webhook may be in front.
const LOOKED_AT: u32 = 512;
/// How long it waits when nothing is to be done: messages of other processes wake nobody here.
const IDLE: Duration = Duration::from_secs(5);
const LEASE: &str = "webhooks";
const LEASE_MS: i64 = 30_000;

impl Webhooks {
    /// Calls webhooks until the process shuts down. What is in flight then is sent again by the next process.
    pub async fn run(self, tasks: Tasks) {
        let holder = Uuid::now_v7().to_string();
        let mut changes = self.0.db.outbox_changes();
        let mut flying = FuturesUnordered::new();
        let mut of_webhook: HashMap<String, Vec<i64>> = HashMap::new();
        loop {
            let wait = match self.next_calls(&holder, &of_webhook, flying.len()).await {
                Ok((calls, wait)) => {
                    for due in calls {
                        of_webhook
                            .entry(due.webhook.clone())
                            .or_default()
                            .push(due.seq);
                        flying.push(self.call(due));
                    }
                    wait
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "webhooks could not be looked at; it is tried again"
                    );
                    IDLE
                }
            };
            tokio::select! {
                () = tasks.cancelled() => return,
                Some((webhook, seq)) = flying.next() => {
                    if let Some(list) = of_webhook.get_mut(&webhook) {
                        list.retain(|one| *one != seq);
                        if list.is_empty() {
                            of_webhook.remove(&webhook);
                        }
                    }
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The calls to begin now, and how long to wait for others.
    async fn next_calls(
        &self,
        holder: &str,
        of_webhook: &HashMap<String, Vec<i64>>,
        flying: usize,
    ) -> Result<(Vec<Due>, Duration), RegistryError> {
        // With SQLite the data folder's lock says that there is no other process.
        if self.0.db.dialect() == Dialect::Postgres
            && self
                .0
                .db
                .acquire_lease(LEASE, holder, LEASE_MS)
                .await?
                .is_none()
        {
            return Ok((Vec::new(), IDLE));
        }
        self.take_messages().await?;
        let (due, next) = self.due(LOOKED_AT).await?;
        let mut counts: HashMap<String, usize> = of_webhook
            .iter()
            .map(|(webhook, list)| (webhook.clone(), list.len()))
            .collect();
        let mut room = AT_ONCE.saturating_sub(flying);
        let mut calls = Vec::new();
        for one in due {
            let is_flying = of_webhook
                .get(&one.webhook)
                .is_some_and(|list| list.contains(&one.seq));
            let count = counts.entry(one.webhook.clone()).or_default();
            if is_flying || *count >= OF_ONE || room == 0 {
                continue;
            }
            *count += 1;
            room -= 1;
            calls.push(one);
        }
        let wait = next.map_or(IDLE, |next| {
            next.since(self.0.clock.wall()).to_std().min(IDLE)
        });
        Ok((calls, wait))
    }

    async fn call(&self, due: Due) -> (String, i64) {
        if let Err(error) = self.attempt(&due).await {
            tracing::error!(
                webhook = due.webhook,
                error = &error as &dyn std::error::Error,
                "a webhook could not be called; it is tried again"
            );
            // Its row says that it is still due: without a pause it would be tried in a circle.
            tokio::time::sleep(IDLE).await;
        }
        (due.webhook, due.seq)
    }

    async fn attempt(&self, due: &Due) -> Result<(), RegistryError> {
        let Some(called) = self.called(due).await? else {
            return self.note(due, None).await;
        };
        let letter = Letter {
            url: &called.webhook.url,
            secret: called.secret.as_ref(),
            id: &due.id,
            body: &due.body,
        };
        let outcome = self.send(&letter, self.0.clock.wall()).await?;
        self.note(due, Some(&outcome)).await
    }
}
