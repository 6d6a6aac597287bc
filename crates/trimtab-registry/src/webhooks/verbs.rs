//! Verbs on webhooks.

use serde_json::json;
use trimtab_db::{Lane, params};
use trimtab_types::{Page, PageToken, Scope, Secret, Time};
use uuid::Uuid;

use super::{
    CreateWebhook, UpdateWebhook, Webhook, WebhookEvent, WebhookId, WebhookTest, Webhooks, address,
    rows::{self, COLUMNS},
    sender::{Letter, Outcome},
};
use crate::RegistryError;

const DEFAULT_PAGE: u32 = 100;
const PAGE: u32 = 1_000;
/// Webhooks of a workspace: each message is compared with all of them.
const MOST: i64 = 1_000;

impl Webhooks {
    /// Makes a webhook. It is called for what happens from now on.
    pub async fn create(
        &self,
        scope: &Scope,
        webhook: CreateWebhook,
    ) -> Result<Webhook, RegistryError> {
        name(&webhook.name)?;
        events(&webhook.events)?;
        texts(webhook.description.as_deref(), webhook.secret.as_deref())?;
        self.check_url(&webhook.url).await?;
        let since = self.0.db.outbox_head().await?;
        let (scope, id, now) = (scope.clone(), WebhookId::make(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let count: i64 = tx
                    .query_one(
                        "SELECT COUNT(*) FROM webhook WHERE workspace_id = ?1",
                        params![&scope.workspace],
                    )?
                    .get(0)?;
                if count >= MOST {
                    return Err(RegistryError::invalid(
                        "name",
                        format!("there are {MOST} webhooks already, the most that a workspace may have"),
                    ));
                }
                tx.execute(
                    "INSERT INTO webhook (workspace_id, id, name, url, description, events, is_active, secret, since, created_at, updated_at, created_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)",
                    params![
                        &scope.workspace,
                        id.to_string(),
                        &webhook.name,
                        &webhook.url,
                        webhook.description.clone(),
                        rows::event_names(&webhook.events),
                        !webhook.is_disabled,
                        webhook.secret.clone().filter(|secret| !secret.is_empty()),
                        since,
                        now,
                        scope.principal.name.as_ref()
                    ],
                )?;
                Ok(rows::find(tx, &scope.workspace, id)?.webhook)
            })
            .await
    }

    /// The webhook of that id.
    pub async fn get(&self, scope: &Scope, id: WebhookId) -> Result<Webhook, RegistryError> {
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| Ok(rows::find(tx, &workspace, id)?.webhook))
            .await
    }

    /// The webhooks of a workspace, newest first.
    pub async fn list(
        &self,
        scope: &Scope,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Page<Webhook>, RegistryError> {
        if limit > PAGE {
            return Err(RegistryError::invalid(
                "max_results",
                format!("max_results must be between 1 and {PAGE}."),
            ));
        }
        let limit = if limit == 0 { DEFAULT_PAGE } else { limit };
        let (at, id): (i64, String) = match page_token.filter(|token| !token.is_empty()) {
            Some(token) => PageToken::decode(token)?,
            None => (i64::MAX, String::new()),
        };
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| {
                let found = tx.query(
                    &format!(
                        "SELECT {COLUMNS} FROM webhook WHERE workspace_id = ?1 AND (created_at < ?2 OR (created_at = ?2 AND id < ?3))
                         ORDER BY created_at DESC, id DESC LIMIT ?4"
                    ),
                    params![&workspace, at, &id, i64::from(limit) + 1],
                )?;
                let has_more = found.len() > limit as usize;
                let items = found
                    .iter()
                    .take(limit as usize)
                    .map(rows::read)
                    .collect::<Result<Vec<_>, _>>()?;
                let next = items.last().filter(|_| has_more).map(|last| {
                    PageToken::encode(&(last.created_at.as_micros(), last.id.to_string()))
                });
                Ok(Page { items, next })
            })
            .await
    }

    /// Changes a webhook.
    pub async fn update(
        &self,
        scope: &Scope,
        id: WebhookId,
        change: UpdateWebhook,
    ) -> Result<Webhook, RegistryError> {
        if let Some(text) = &change.name {
            name(text)?;
        }
        if let Some(list) = &change.events {
            events(list)?;
        }
        texts(change.description.as_deref(), change.secret.as_deref())?;
        if let Some(url) = &change.url {
            self.check_url(url).await?;
        }
        let (workspace, now) = (scope.workspace.clone(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let before = rows::find(tx, &workspace, id)?;
                let webhook = before.webhook;
                let secret = match change.secret {
                    Some(secret) if secret.is_empty() => None,
                    Some(secret) => Some(secret),
                    None => before.secret.map(|secret: Secret<String>| secret.reveal().clone()),
                };
                tx.execute(
                    "UPDATE webhook SET name = ?3, url = ?4, description = ?5, events = ?6, is_active = ?7, secret = ?8, updated_at = ?9 WHERE workspace_id = ?1 AND id = ?2",
                    params![
                        &workspace,
                        id.to_string(),
                        change.name.unwrap_or(webhook.name),
                        change.url.unwrap_or(webhook.url),
                        change.description.or(webhook.description),
                        rows::event_names(&change.events.unwrap_or(webhook.events)),
                        change.is_active.unwrap_or(webhook.is_active),
                        secret,
                        now
                    ],
                )?;
                Ok(rows::find(tx, &workspace, id)?.webhook)
            })
            .await
    }

    /// Deletes a webhook, and what was still to be sent to it.
    pub async fn delete(&self, scope: &Scope, id: WebhookId) -> Result<(), RegistryError> {
        let workspace = scope.workspace.clone();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                rows::find(tx, &workspace, id)?;
                tx.execute(
                    "DELETE FROM webhook_delivery WHERE webhook = ?1",
                    params![id.to_string()],
                )?;
                tx.execute(
                    "DELETE FROM webhook WHERE workspace_id = ?1 AND id = ?2",
                    params![&workspace, id.to_string()],
                )?;
                Ok(())
            })
            .await
    }

    /// Sends an example of an event (its first, when none is named), once.
    pub async fn test(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: Option<WebhookEvent>,
    ) -> Result<WebhookTest, RegistryError> {
        let workspace = scope.workspace.clone();
        let called = self
            .0
            .db
            .read(move |tx| rows::find(tx, &workspace, id))
            .await?;
        let Some(event) = event.or_else(|| called.webhook.events.first().copied()) else {
            return Err(RegistryError::invalid("event", "the webhook has no event"));
        };
        let now = self.0.clock.wall();
        let letter = Letter {
            url: &called.webhook.url,
            secret: called.secret.as_ref(),
            id: &Uuid::now_v7().to_string(),
            body: &body(event, &event.example(), now),
        };
        let outcome = self.send(&letter, now).await?;
        let (is_success, error) = (outcome.is_success(), outcome.error());
        Ok(match outcome {
            Outcome::Answered { status, body, .. } => WebhookTest {
                is_success,
                status: Some(status),
                body: Some(body),
                error,
            },
            Outcome::Unreachable(_) | Outcome::Refused(_) => WebhookTest {
                is_success,
                error,
                ..WebhookTest::default()
            },
        })
    }

    async fn check_url(&self, url: &str) -> Result<(), RegistryError> {
        address::check(url, self.0.policy)
            .await
            .map_err(|why| RegistryError::invalid("url", why))?;
        Ok(())
    }
}

/// The body of a call.
pub(crate) fn body(event: WebhookEvent, data: &serde_json::Value, at: Time) -> String {
    json!({
        "entity": event.entity(), "action": event.action(), "timestamp": at.to_string(), "data": data,
    })
    .to_string()
}

fn name(name: &str) -> Result<(), RegistryError> {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_good = name.len() <= 63
        && is_end(name.chars().next())
        && is_end(name.chars().last())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if is_good {
        return Ok(());
    }
    Err(RegistryError::invalid(
        "name",
        format!(
            "Webhook name '{}' is invalid: it must begin and end with a letter or digit, have at most 63 characters, and only letters, digits, '.', '_' and '-'",
            name.chars().take(80).collect::<String>()
        ),
    ))
}

fn events(events: &[WebhookEvent]) -> Result<(), RegistryError> {
    if events.is_empty() {
        return Err(RegistryError::invalid(
            "events",
            "Webhook events cannot be empty",
        ));
    }
    Ok(())
}

fn texts(description: Option<&str>, secret: Option<&str>) -> Result<(), RegistryError> {
    for (field, text, most) in [
        ("description", description, 5_000),
        ("secret", secret, 1_000),
    ] {
        if text.is_some_and(|text| text.len() > most) {
            return Err(RegistryError::invalid(
                field,
                format!("'{field}' must be at most {most} bytes long"),
            ));
        }
    }
    Ok(())
}
