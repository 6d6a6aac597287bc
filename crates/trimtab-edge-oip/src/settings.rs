//! What V2 lets a client set while the server runs: how much is logged, and which requests are traced.

mod logs;
mod traces;

use std::collections::BTreeMap;

pub(crate) use self::{
    logs::{LogSettings, LogUpdate},
    traces::Traces,
};

/// Settings as the protocol writes them: texts by name.
pub(crate) type Texts = BTreeMap<&'static str, Vec<String>>;
/// Changes by name; none of a value sets its default again.
pub(crate) type Updates = BTreeMap<String, Option<Vec<String>>>;
