//! The event log: predictions and feedback, append-only, from a write-ahead log to Parquet segments, with scans by
//! endpoint, time and columns.
//!
//! It knows no model, no monitor and no HTTP. A prediction event is `async` (a bounded queue, one writer thread; what
//! is lost by a kill is counted), feedback is `durable` (synced before the answer) and is resolved to the row that it
//! speaks of when it is posted. Layout of the folder:
//!
//! ```text
//! wal/WRITER/accepted                    accepted prediction events, mapped into memory
//! wal/WRITER/00000001.wal                frames of one generation; deleted once its segments are in the manifest
//! segments/workspace=W/endpoint=E/kind=prediction/date=2013-02-01/WRITER-00000001.parquet
//! segments/workspace=W/endpoint=E/kind=feedback/date=2013-02-01/…   (the date of the prediction that it speaks of)
//! index/workspace=W/endpoint=E/WRITER-00000001.keys   sorted hashes of row keys, request ids and event ids
//! ```

mod codec;
mod columns;
mod counter;
mod error;
mod frame;
mod hold;
mod index;
mod log;
mod memory;
mod model;
mod open;
mod queue;
mod resolve;
mod scan;
mod seal;
mod segment;
mod sql;
mod union;
mod wal;
mod writer;

pub use error::EventsError;
pub use hold::Hold;
pub use log::{EventCounts, EventLog};
pub use model::{
    Column, Feedback, FeedbackAddress, FeedbackReceipt, FeedbackValue, PredictionEvent, Scan,
    ServedAs,
};
pub use sql::MIGRATIONS;
