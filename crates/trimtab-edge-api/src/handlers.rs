//! The handlers of `/api/v1`, by noun: decode, ask a service, convert.

pub(crate) mod access;
pub(crate) mod alias;
pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod data;
pub(crate) mod endpoint;
pub(crate) mod experiment;
pub(crate) mod feedback;
pub(crate) mod gc;
pub(crate) mod home;
pub(crate) mod ingest;
pub(crate) mod lineage;
pub(crate) mod model;
pub(crate) mod monitor;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod rollout;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod stream;

use serde::Deserialize;
use trimtab_edge::Failure;

pub(crate) type Answer<T> = Result<axum::Json<T>, Failure>;

/// The parameters of every paged list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Paging {
    pub(crate) limit: Option<u32>,
    pub(crate) page: Option<String>,
}

/// What is asked for, within bounds.
pub(crate) fn bounded(limit: Option<u32>, default: u32, most: u32) -> u32 {
    limit.unwrap_or(default).clamp(1, most)
}

/// The place that a page token stands for.
pub(crate) fn place<K: serde::de::DeserializeOwned>(
    page: Option<&str>,
) -> Result<Option<K>, Failure> {
    page.map(trimtab_types::PageToken::decode)
        .transpose()
        .map_err(|error| Failure::invalid("page", error.to_string()))
}
