//! What is written to the log and asked of it.

use trimtab_types::{Name, PredictionId, RevisionId, Time, WorkspaceId};

/// The values of one column of a request, one for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Integers.
    Int(Vec<Option<i64>>),
    /// Floating-point numbers.
    Float(Vec<Option<f64>>),
    /// Text.
    Text(Vec<Option<String>>),
    /// Booleans.
    Bool(Vec<Option<bool>>),
}

impl Column {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether the answer of this revision went to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServedAs {
    /// It did.
    Served,
    /// It was only compared.
    Shadow,
}

impl ServedAs {
    /// The text in the column `served_as`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Shadow => "shadow",
        }
    }
}

/// One request to one revision; its rows are `0..row_keys.len()`.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionEvent {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Which endpoint answered.
    pub endpoint: Name,
    /// When it happened.
    pub event_time: Time,
    /// When it reached us, in real time.
    pub received_at: Time,
    /// The id that the caller was given; a shadow event has the id of the answer that it shadows.
    pub prediction_id: PredictionId,
    /// The caller's own id.
    pub client_request_id: Option<String>,
    /// What the assignment to a revision was drawn by: the unit of statistics.
    pub assignment_key: String,
    /// Which revision answered.
    pub revision: RevisionId,
    /// The model version of that revision.
    pub model_version: i64,
    /// Whether the caller saw this answer.
    pub served_as: ServedAs,
    /// The row keys; their number is the number of rows.
    pub row_keys: Vec<Option<String>>,
    /// The score of each row.
    pub scores: Vec<Option<f64>>,
    /// Features by name, without the prefix `in.`.
    pub inputs: Vec<(String, Column)>,
    /// Outputs by name, without the prefix `out.`.
    pub outputs: Vec<(String, Column)>,
    /// How long the answer took.
    pub latency_us: i64,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// What became of a prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// The sender's id of this event: posted twice, it counts once.
    pub event_id: Option<String>,
    /// The endpoint that predicted.
    pub endpoint: Name,
    /// Which row it speaks of.
    pub address: FeedbackAddress,
    /// When the outcome was known.
    pub event_time: Time,
    /// The outcome.
    pub value: FeedbackValue,
}

/// How feedback names the row that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedbackAddress {
    /// By the prediction's id; the row may be left out when the request had one.
    Prediction {
        /// The id that the caller was given.
        id: PredictionId,
        /// Which row of the request, counted from 0.
        row: Option<u32>,
    },
    /// By row key.
    RowKey(String),
    /// By the caller's own request id, for requests of one row.
    ClientRequestId(String),
}

impl std::fmt::Display for FeedbackAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prediction { id, row: Some(row) } => write!(f, "prediction {id}:{row}"),
            Self::Prediction { id, row: None } => write!(f, "prediction {id}"),
            Self::RowKey(key) => write!(f, "row key `{key}`"),
            Self::ClientRequestId(id) => write!(f, "client request id `{id}`"),
        }
    }
}

/// An outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedbackValue {
    /// A number, or a class 0 or 1.
    Number(f64),
    /// A class by name.
    Text(String),
}

/// What became of posted feedback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackReceipt {
    /// Items that are stored now and were not before.
    pub accepted: u64,
    /// Items whose event id was known already.
    pub duplicates: u64,
    /// The row of each item, in the order of the items.
    pub rows: Vec<(PredictionId, u32)>,
}

/// Which events to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which endpoint.
    pub endpoint: Name,
    /// The first event time.
    pub from: Time,
    /// The event time before which it ends.
    pub to: Time,
    /// Only answers that went out, or only shadow answers.
    pub served_as: Option<ServedAs>,
    /// Which columns (`in.x`, `score` …), in this order; those that no event has are left out. `None`: all.
    pub columns: Option<Vec<String>>,
}
