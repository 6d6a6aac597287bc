//! The rows of webhooks.

use trimtab_db::{DbError, Row, Tx, params};
use trimtab_types::{Secret, WorkspaceId};

use super::{Webhook, WebhookEvent, WebhookId};
use crate::RegistryError;

/// The columns that [`read`] reads, in its order.
pub(crate) const COLUMNS: &str =
    "id, name, url, description, events, is_active, created_at, updated_at, created_by";

/// A webhook and what only a call needs.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) workspace: WorkspaceId,
    pub(crate) webhook: Webhook,
    pub(crate) secret: Option<Secret<String>>,
    /// The last message that is older than the webhook.
    pub(crate) since: i64,
}

pub(crate) fn read(row: &Row) -> Result<Webhook, DbError> {
    let (id, events): (String, String) = (row.get(0)?, row.get(4)?);
    Ok(Webhook {
        id: id.parse::<WebhookId>().map_err(|_| DbError::Decode {
            column: 0,
            expected: "the id of a webhook",
            found: "other text".to_owned(),
        })?,
        name: row.get(1)?,
        url: row.get(2)?,
        description: row.get(3)?,
        events: events.split(' ').filter_map(WebhookEvent::parse).collect(),
        is_active: row.get::<i64>(5)? == 1,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        created_by: row.get(8)?,
    })
}

fn called(row: &Row) -> Result<Called, DbError> {
    Ok(Called {
        webhook: read(row)?,
        workspace: row.get(9)?,
        secret: row.get::<Option<String>>(10)?.map(Secret::new),
        since: row.get(11)?,
    })
}

pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: WebhookId,
) -> Result<Called, RegistryError> {
    tx.query_opt(
        &format!("SELECT {COLUMNS}, workspace_id, secret, since FROM webhook WHERE workspace_id = ?1 AND id = ?2"),
        params![workspace, id.to_string()],
    )?
    .map(|row| called(&row))
    .transpose()?
    .ok_or_else(|| RegistryError::WebhookNotFound { id: id.to_string() })
}

/// Every webhook of every workspace: the worker's view.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Called>, DbError> {
    tx.query(
        &format!(
            "SELECT {COLUMNS}, workspace_id, secret, since FROM webhook ORDER BY workspace_id, id"
        ),
        params![],
    )?
    .iter()
    .map(called)
    .collect()
}

/// The events as they are stored.
pub(crate) fn event_names(events: &[WebhookEvent]) -> String {
    let mut names: Vec<String> = events.iter().map(|event| event.name()).collect();
    names.sort();
    names.dedup();
    names.join(" ")
}
