//! What a webhook is.

use std::{fmt, str::FromStr};

use trimtab_types::Time;
use uuid::Uuid;

use super::WebhookEvent;

/// The id of a webhook: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebhookId(Uuid);

impl WebhookId {
    pub(crate) fn make() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl FromStr for WebhookId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

/// What may be called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookPolicy {
    /// Addresses of private networks too, and `http:` beside `https:`.
    pub allow_private: bool,
}

/// A webhook. Its secret is not part of it: nobody but the receiver learns it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its name, which need not be unique.
    pub name: String,
    /// What is called.
    pub url: String,
    /// What its maker says about it.
    pub description: Option<String>,
    /// What it is called for.
    pub events: Vec<WebhookEvent>,
    /// Whether it is called at all.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Who made it.
    pub created_by: String,
}

/// A webhook about to be made.
#[derive(Clone, Default)]
pub struct CreateWebhook {
    /// Its name: letters, digits, `.`, `_`, `-`; at most 63.
    pub name: String,
    /// What is called.
    pub url: String,
    /// What its maker says about it.
    pub description: Option<String>,
    /// What it is called for: at least one.
    pub events: Vec<WebhookEvent>,
    /// What calls are signed with.
    pub secret: Option<String>,
    /// Made, but not called.
    pub is_disabled: bool,
}

/// What changes about a webhook; `None` stays as it is.
#[derive(Clone, Default)]
pub struct UpdateWebhook {
    /// Its name.
    pub name: Option<String>,
    /// What is called.
    pub url: Option<String>,
    /// What its maker says about it.
    pub description: Option<String>,
    /// What it is called for.
    pub events: Option<Vec<WebhookEvent>>,
    /// What calls are signed with; empty takes the signature away.
    pub secret: Option<String>,
    /// Whether it is called at all.
    pub is_active: Option<bool>,
}

impl fmt::Debug for CreateWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateWebhook")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UpdateWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateWebhook")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("events", &self.events)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// What came of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookTest {
    /// Whether the receiver took it.
    pub is_success: bool,
    /// The status that it answered with.
    pub status: Option<u16>,
    /// The beginning of what it answered.
    pub body: Option<String>,
    /// Why there is no answer.
    pub error: Option<String>,
}
