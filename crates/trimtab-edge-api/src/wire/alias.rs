//! The history of aliases.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// One move of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AliasMove {
    /// The alias.
    pub alias: String,
    /// The version that it pointed to before; null when it was new.
    pub before: Option<i64>,
    /// The version that it points to since; null when it was taken away.
    pub version: Option<i64>,
    /// Who moved it: a person, or `loop`.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
