//! The types of `/api/v1`, as they are on the wire. They belong to this edge alone: services know none of them,
//! and every one is made by an explicit conversion (`src/convert/`). Times are RFC 3339 text in UTC; ids are 32
//! hexadecimal digits; a number that is NaN or infinite is `null`.

mod alias;
mod common;
mod data;
mod endpoint;
mod home;
mod ingest;
mod keeping;
mod lineage;
mod model;
mod monitor;
mod plan;
mod request;
mod rollout;
mod run;
mod table;

pub use alias::AliasMove;
pub use common::{
    AuditRow, ClockState, ErrorBody, ErrorDetail, List, NewTokenAnswer, NewWorkspace, ObjectRef,
    Problem, ServerInfo, Timestamp, TokenInfo, WorkspaceInfo,
};
pub use data::{
    ColumnProfile, ColumnSchema, DatasetVersion, NumericProfile, QuarantineRow, ValueCount,
};
pub use endpoint::{Endpoint, EventBounds, Revision, Share, Traffic};
pub use home::{
    Home, HomeChampion, HomeChecks, HomeData, HomeDrift, HomeHealth, HomeRollout, HomeRow, HomeRun,
};
pub use ingest::{
    IngestAlias, IngestCheck, IngestCollision, IngestDataset, IngestExperiment, IngestFile,
    IngestKey, IngestLoggedModel, IngestMark, IngestModel, IngestModelMetric, IngestOutput,
    IngestPrint, IngestPrinter, IngestPrintsOf, IngestReceipt, IngestRequest, IngestRoot,
    IngestRun, IngestSeries, IngestState, IngestValue, IngestVersion,
};
pub use keeping::{Backup, BackupFile, GcAnswer, GcRequest};
pub use lineage::{Lineage, LineageEdge, PredictionsTouched};
pub use model::{Alias, Model, ModelSummary, ModelVersion};
pub use monitor::{
    Alert, FeatureDrift, Histogram, Monitor, MonitorWindow, Performance, Rescore, WindowCheck,
};
pub use plan::{Decision, Plan, PlanStep, Trigger};
pub use request::{
    AbortRollout, Applied, AppliedObject, ApplyRequest, ClockTo, DatasetFromEvents, FeedbackItem,
    FeedbackReceipt, FeedbackRequest, FireTrigger, Fired, NewToken, ProjectInfo, ProjectSource,
    StartRollout,
};
pub use rollout::{Guardrail, HistoryItem, Rollout, RolloutEnd, RolloutStep};
pub use run::{
    ArtifactEntry, MetricHistory, MetricLast, MetricPoint, Pair, Run, RunDataset, RunSummary,
    VersionRef,
};
pub use table::{
    ExperimentSummary, Measure, MetricKey, RunKeys, RunRow, RunsQuery, Series, SeriesQuery, TextKey,
};
