//! Registered models, their versions, aliases and tags, and the lineage read model.
//!
//! It knows no file, no run and no endpoint: a version's source is text whose owner checks it, and lineage nodes are
//! kinds and ids that their owners report.
//!
//! A version number is given once per name, for ever: neither deleting a version nor deleting and making the model
//! again gives it a second time, because lineage names versions as `NAME/VERSION`.

mod aliases;
mod changes;
mod error;
mod ingest;
mod lineage;
mod model;
mod search;
mod service;
mod sql;
mod validate;
mod versions;
mod webhooks;

pub use error::RegistryError;
pub use ingest::{IngestModel, IngestVersion};
pub use lineage::{Direction, LineageEdge, NodeRef};
pub use model::{
    AliasMove, CreateVersion, ModelVersion, RegisteredModel, Search, Stage, VersionStatus,
};
pub use service::Registry;
pub use sql::MIGRATIONS;
pub use webhooks::{
    CreateWebhook, UpdateWebhook, Webhook, WebhookEvent, WebhookId, WebhookPolicy, WebhookTest,
    Webhooks,
};

/// Outbox topic: a model or prompt was made; the payload is `{model, tags, description, is_prompt, by}`.
pub const MODEL_CREATED: &str = "registry.model-created";
/// Outbox topic: a model has another name; the payload is `{model, new_name, is_prompt, by}`.
pub const MODEL_RENAMED: &str = "registry.model-renamed";
/// Outbox topic: a model is gone, with its versions; the payload is `{model, is_prompt, by}`.
pub const MODEL_DELETED: &str = "registry.model-deleted";
/// Outbox topic: a tag of a model was set; the payload is `{model, key, value, is_prompt, by}`.
pub const MODEL_TAG_SET: &str = "registry.model-tag-set";
/// Outbox topic: a tag of a model was deleted; the payload is `{model, key, is_prompt, by}`.
pub const MODEL_TAG_DELETED: &str = "registry.model-tag-deleted";
/// Outbox topic: a model version was made; the payload is `{model, version, source, run_id, tags, description,
/// created_by, is_prompt, by}`.
pub const VERSION_CREATED: &str = "registry.version-created";
/// Outbox topic: a version is gone; the payload is `{model, version, is_prompt, by}`.
pub const VERSION_DELETED: &str = "registry.version-deleted";
/// Outbox topic: a tag of a version was set; the payload is `{model, version, key, value, is_prompt, by}`.
pub const VERSION_TAG_SET: &str = "registry.version-tag-set";
/// Outbox topic: a tag of a version was deleted; the payload is `{model, version, key, is_prompt, by}`.
pub const VERSION_TAG_DELETED: &str = "registry.version-tag-deleted";
/// Outbox topic: an alias was set; the payload is `{model, alias, version, before, is_prompt, by}`.
pub const ALIAS_SET: &str = "registry.alias-set";
/// Outbox topic: an alias is gone, or its version is; the payload is `{model, alias, before, is_prompt, by}`.
pub const ALIAS_DELETED: &str = "registry.alias-deleted";
