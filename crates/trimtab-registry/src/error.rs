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
    #[error("Registered Model (name={name}) already exists.")]
    AlreadyExists {
        /// The name.
        name: String,
    },
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
            Self::ModelNotFound { .. } | Self::VersionNotFound { .. } => ErrorCode::NotFound,
            // MLflow's own answer for a known model without that alias.
            Self::AliasNotFound { .. } => ErrorCode::invalid("alias"),
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
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
            | Self::Invalid { .. }
            | Self::Filter(_)
            | Self::PageToken(_) => None,
        }
    }
}
