//! What the handlers of every protocol work with.

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use trimtab_registry::Registry;
use trimtab_serving::Serving;

use crate::settings::Traces;

/// The services behind the inference protocols, and what clients set for this process; cheap to clone.
#[derive(Debug, Clone, FromRef)]
pub struct Inference {
    pub(crate) serving: Serving,
    pub(crate) registry: Option<Registry>,
    pub(crate) stopping: CancellationToken,
    pub(crate) traces: Traces,
}

impl Inference {
    /// Over these services. The registry is the model repository; a server of one model has none. When `stopping` is
    /// cancelled, the server is no longer ready, and streams end.
    pub fn new(serving: Serving, registry: Option<Registry>, stopping: CancellationToken) -> Self {
        Self {
            serving,
            registry,
            stopping,
            traces: Traces::default(),
        }
    }
}
