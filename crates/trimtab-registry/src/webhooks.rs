//! Webhooks: who is called when a model, a version, a prompt, a tag or an alias changes.
//!
//! A secret goes in and never comes out: no type that leaves this module holds one. What is called is checked where
//! the connection is made, so that a name which changes its address between two look-ups gains nothing.

mod address;
mod delivery;
mod event;
mod model;
mod rows;
mod sender;
mod verbs;
mod worker;

use std::sync::{Arc, OnceLock};

use trimtab_db::Db;
use trimtab_types::Clock;

pub use event::WebhookEvent;
pub use model::{CreateWebhook, UpdateWebhook, Webhook, WebhookId, WebhookPolicy, WebhookTest};

/// Webhooks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    policy: WebhookPolicy,
    /// Made when the first call is.
    client: OnceLock<reqwest::Client>,
}

impl Webhooks {
    /// Webhooks on a database that has [`crate::MIGRATIONS`]. Nothing is called before [`Webhooks::run`].
    pub fn new(db: Db, clock: Clock, policy: WebhookPolicy) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            policy,
            client: OnceLock::new(),
        }))
    }
}
