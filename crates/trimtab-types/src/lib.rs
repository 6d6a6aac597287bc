//! The words that every other crate speaks: ids, names, scope, time and clock, error codes, paging, secrets.
//!
//! It knows no database, no protocol and no runtime (no tokio): anything here may be used from the purest crate.

mod error;
pub mod filter;
mod id;
mod name;
mod page;
mod scope;
mod secret;
mod time;

pub use error::{Coded, ErrorCode};
pub use id::{
    AlertId, DatasetVersionId, ExecutionId, IdError, LoggedModelId, MonitorWindowId, PlanId,
    PredictionId, RevisionId, RolloutId, RunId, TokenId,
};
pub use name::{Name, NameError};
pub use page::{Page, PageToken, PageTokenError};
pub use scope::{Principal, Role, Scope, Verb, WorkspaceId};
pub use secret::Secret;
pub use time::{Clock, ClockError, Duration, Time, TimeError};
