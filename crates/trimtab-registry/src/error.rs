//! What can go wrong in the registry.

use trimtab_db::DbError;
use trimtab_types::{Coded, ErrorCode, PageTokenError, filter::FilterError};

/// An error of the registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No model of that name.
    #[error("Registered Model with name={name} not found")]
    ModelNotFound {
        /// The name.
        name: String,
    },
    /// No such version.
    #[error("Model Version (name={model}, version={version}) not found")]
    VersionNotFound {
        /// The model.
        model: String,
        /// The number, as the caller gave it.
        version: String,
    },
    /// The model has no such alias.
    #[error("Registered model alias {alias} not found.")]
    AliasNotFound {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// The name is taken.
    #[error("{} (name={name}) already exists.", if *is_prompt { "Prompt" } else { "Registered Model" })]
    AlreadyExists {
        /// The name.
        name: String,
        /// Whether it is a prompt's.
        is_prompt: bool,
    },
    /// A prompt has the name that a model should have, or the other way round.
    #[error(
        "The name '{name}' is already taken by a {}: a model and a prompt cannot have the same name.",
        if *is_prompt { "prompt" } else { "registered model" }
    )]
    TakenByOther {
        /// The name.
        name: String,
        /// Whether it is a prompt's.
        is_prompt: bool,
    },
    /// No such webhook.
    #[error("Webhook with ID {id} not found.")]
    WebhookNotFound {
        /// The id, as the caller gave it.
        id: String,
    },
    /// The client that calls webhooks could not be made.
    #[error("the client for webhooks could not be made")]
    WebhookClient(#[source] reqwest::Error),
    /// An input is wrong.
    #[error("{message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The filter or an order clause is not in the grammar.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The page token is not ours.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl RegistryError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }
}

impl Coded for RegistryError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::ModelNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::WebhookNotFound { .. } => ErrorCode::NotFound,
            // MLflow's own answer for a known model without that alias.
            Self::AliasNotFound { .. } => ErrorCode::invalid("alias"),
            Self::AlreadyExists { .. } | Self::TakenByOther { .. } => ErrorCode::AlreadyExists,
            Self::WebhookClient(_) => ErrorCode::Internal,
            Self::Invalid { field, .. } => ErrorCode::invalid(*field),
            Self::Filter(_) => ErrorCode::invalid("filter"),
            Self::PageToken(_) => ErrorCode::invalid("page_token"),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Db(error) => error.hint(),
            Self::ModelNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::TakenByOther { .. }
            | Self::WebhookNotFound { .. }
            | Self::WebhookClient(_)
            | Self::Invalid { .. }
            | Self::Filter(_)
            | Self::PageToken(_) => None,
        }
    }
}
