//! MLflow's REST API, as the stock client of mlflow 3 speaks it: tracking, registry, artifacts, logged models.
//!
//! It holds no state and decides nothing: it reads MLflow's words, calls services, and answers in MLflow's words.

mod artifacts;
mod experiments;
mod fast;
mod history;
mod input;
mod logged_models;
mod models;
mod probes;
mod refusal;
mod run_json;
mod runs;
mod source;
mod table;
mod transfers;
mod versions;
mod webhooks;
mod wire;

use trimtab_edge::Routes;
use trimtab_registry::{Registry, Webhooks};
use trimtab_tracking::Tracking;

/// The version of MLflow whose API this is; what `/version` answers, and what clients derive features from.
pub const MLFLOW_VERSION: &str = "3.17.2";

/// What the handlers call.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) tracking: Tracking,
    pub(crate) registry: Registry,
}

/// The routes of this edge.
pub fn routes(tracking: Tracking, registry: Registry) -> Routes {
    table::routes().with_state(Services { tracking, registry })
}

/// The routes of webhooks, which are a service of their own: they call others.
pub fn webhook_routes(webhooks: Webhooks) -> Routes {
    webhooks::routes().with_state(webhooks)
}
