//! Registered models, their versions, aliases and tags, and the lineage read model.
//!
//! It knows no file, no run and no endpoint: a version's source is text whose owner checks it, and lineage nodes are
//! kinds and ids that their owners report.
//!
//! A version number is given once per name, for ever: neither deleting a version nor deleting and making the model
//! again gives it a second time, because lineage names versions as `NAME/VERSION`.

mod error;
mod lineage;
mod model;
mod search;
mod service;
mod sql;
mod validate;
mod versions;

pub use error::RegistryError;
pub use lineage::{Direction, LineageEdge, NodeRef};
pub use model::{CreateVersion, ModelVersion, RegisteredModel, Search, Stage, VersionStatus};
pub use service::Registry;
pub use sql::MIGRATIONS;

/// Outbox topic: a model version was made; the payload is `{model, version, run_id, created_by}`.
pub const VERSION_CREATED: &str = "registry.version-created";
/// Outbox topic: an alias was set; the payload is `{model, alias, version, before, by}`.
pub const ALIAS_SET: &str = "registry.alias-set";
