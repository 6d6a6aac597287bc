//! Experiments, runs, metrics, params, tags, datasets, logged models, and the index of their artifacts.
//!
//! It knows no protocol and no registry: a logged model becomes a version elsewhere.
//!
//! Inside, runs, experiments and metric names are integers: points are clustered by (run, name, time), latest values by
//! (run, name) with an index by (name, value), so that a history is one range and an order by metric an index walk.

mod artifact_path;
mod artifacts;
mod batch;
mod columns;
mod error;
mod experiments;
mod gc;
mod ingest;
mod inputs;
mod keys;
mod logged_model_search;
mod logged_models;
mod metrics;
mod model;
mod names;
mod places;
mod planner;
mod points;
mod references;
mod run_rows;
mod run_search;
mod runs;
mod search;
mod service;
mod sql;
mod transfers;
mod validate;

pub use artifact_path::{ArtifactPath, ArtifactUri};
pub use artifacts::{ArtifactEntry, ArtifactListing};
pub use error::TrackingError;
pub use gc::{GcPlan, GcReport};
pub use ingest::{
    IngestExperiment, IngestKey, IngestKind, IngestLoggedModel, IngestMark, IngestRun, IngestState,
};
pub use keys::{KeyRange, RunKeys};
pub use metrics::HistoryPage;
pub use model::{
    Batch, CreateExperiment, CreateLoggedModel, CreateRun, Dataset, DatasetInput, DatasetRef,
    Experiment, ExperimentRef, Lifecycle, LoggedModel, LoggedModelMetric, LoggedModelOrder,
    LoggedModelSearch, LoggedModelStatus, MetricPoint, MetricValue, Run, RunColumns, RunSearch,
    RunStatus, RunUpdate, Search, View,
};
pub use places::{ArtifactFile, ArtifactPlace};
pub use service::{RunsChanged, Tracking};
pub use sql::MIGRATIONS;
pub use transfers::{Errand, Ticket, Upload};
pub use trimtab_blob::Pin as BlobPin;
