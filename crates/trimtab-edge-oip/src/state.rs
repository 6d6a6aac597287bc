//! What the handlers of every protocol work with.

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use trimtab_registry::Registry;
use trimtab_serving::Serving;

/// The services behind the inference protocols; cheap to clone.
#[derive(Debug, Clone, FromRef)]
pub struct Inference {
    /// Endpoints.
    pub serving: Serving,
    /// The registry, which is the model repository; a server of one model has none.
    pub registry: Option<Registry>,
    /// Cancelled when the process begins to shut down: it is no longer ready, and streams end.
    pub stopping: CancellationToken,
}
