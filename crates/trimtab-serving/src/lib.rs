//! Endpoints, their revisions and their traffic: who answers a prediction, and what is written down about it.
//!
//! It knows no protocol, no registry and no rollout policy: edges bring tensors, a [`ModelSource`] brings model
//! folders, and the loop sets the traffic. An endpoint's spec is declared, its champion, revisions and weights
//! are status and are written only by [`Serving::set_traffic`] and its neighbours. The routing table is swapped
//! whole: a request sees one generation of it and takes no lock.

mod columns;
mod error;
mod folder;
mod layout;
mod metrics;
mod mirror;
mod model;
mod predict;
mod route;
mod rows;
mod score;
mod service;
mod sql;
mod statistics;
mod traffic;
mod waiting;

pub use error::{FetchError, ServingError};
pub use layout::{Layout, LayoutColumn};
pub use model::{
    Applied, Change, Endpoint, EndpointSpec, EventTimeSource, ModelInfo, ModelSource,
    PredictRequest, Prediction, Restored, Revision, RevisionState, Scored,
};
pub use service::{Deployed, REPOSITORY, Serving};
pub use sql::MIGRATIONS;
pub use statistics::{BatchStatistics, RevisionStatistics, Spent, Timed};
pub use traffic::{FULL_WEIGHT, Traffic};
pub use waiting::Waiting;
