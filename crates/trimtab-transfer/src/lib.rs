//! Records in and out: from MLflow's database or server into Trimtab, and from Trimtab to an MLflow server.
//!
//! A [`deliver`]y is an import of what was spooled while the server was away: experiments are found by name, and runs
//! that began at the server are gone on with.
//!
//! It knows no command line and opens no data folder: it reads a [`Source`], talks to a Trimtab server by `/api/v1`,
//! and answers a report. What was brought is marked on the server, so every run of it goes on where the last one ended.

mod error;
mod export;
mod files;
mod http_source;
mod import;
mod peer;
mod place;
mod report;
mod source;
mod sql_source;
mod wire;

pub use error::TransferError;
pub use export::{ExportOptions, export};
pub use import::{Begun, ImportOptions, deliver, import};
pub use peer::Peer;
pub use place::{ArtifactRoot, Artifacts};
pub use report::{ExportReport, ImportReport, LeftInPlace, Progress};
pub use source::Source;
