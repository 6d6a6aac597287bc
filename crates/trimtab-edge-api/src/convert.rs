//! From the services' types to the wire's, field by field.

pub(crate) mod access;
pub(crate) mod data;
pub(crate) mod endpoint;
pub(crate) mod ingest;
pub(crate) mod model;
pub(crate) mod monitor;
pub(crate) mod plan;
pub(crate) mod rollout;

use trimtab_types::Time;

use crate::wire::Timestamp;

/// A time that may be absent.
pub(crate) fn at(time: Option<Time>) -> Option<Timestamp> {
    time.map(Timestamp)
}

/// A number that JSON can hold.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
