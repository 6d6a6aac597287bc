//! A script as a run: the [`Relay`] between it and the server, and the [`Spool`] that stands in while the server is away.
//!
//! The script's own client speaks to the relay, which knows from its requests which runs the script makes. What is seen
//! of the process from outside is recorded by `trimtab-record`.

mod permission;
mod relay;
mod session;
mod sink;
mod spool;
mod stages;

pub(crate) use relay::{Relay, RelayOptions, RunSeen};
pub(crate) use session::{RecordedRun, Session, SessionOptions};
pub(crate) use sink::Sink;
pub(crate) use spool::{Delivery, Spool, deliver, spools};
pub(crate) use stages::RecordedStages;
