//! Endpoints: spec and status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, Timestamp};

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The project that owns it.
    pub project: String,
    /// The registered model that it follows.
    pub model: String,
    /// The alias that the controller moves at promotion.
    pub alias: String,
    /// The version at which that alias is; another than the champion's was refused, or waits its turn.
    pub alias_version: Option<i64>,
    /// The input column that identifies a row.
    pub row_key: Option<String>,
    /// `server` or `caller`.
    pub event_time: String,
    /// The label's column in datasets made from its events.
    pub label: String,
    /// The output that is the score.
    pub score: Option<String>,
    /// The version that it stays at.
    pub pin: Option<i64>,
    /// How much the loop may do by itself: `observe`, `recommend` or `act`.
    pub autonomy: String,
    /// Its revisions, newest first.
    pub revisions: Vec<Revision>,
    /// Who answers.
    pub traffic: Traffic,
    /// Why nobody answers, where nobody does.
    pub waiting: Option<Problem>,
    /// Its events.
    pub events: EventBounds,
}

/// A model version with an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// Its endpoint.
    pub endpoint: String,
    /// The registered model.
    pub model: String,
    /// The version of that model.
    pub version: i64,
    /// `loading`, `ready`, `failed` or `retired`.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Traffic {
    /// The revision that answers what no other does.
    pub champion: Option<String>,
    /// The revision that answers a share.
    pub canary: Option<Share>,
    /// The revision that scores and does not answer.
    pub shadow: Option<String>,
    /// Grows by one with every change.
    pub generation: i64,
}

/// A share of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The revision.
    pub revision: String,
    /// Of 10,000 requests.
    pub weight: u32,
}

/// The span of an endpoint's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventBounds {
    /// Event time of the first.
    pub first: Option<Timestamp>,
    /// Event time of the last.
    pub last: Option<Timestamp>,
    /// Rows served.
    pub rows: u64,
}
