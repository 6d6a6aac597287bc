//! Monitors, windows, alerts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// A monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Monitor {
    /// Its name.
    pub name: String,
    /// The endpoint that it watches.
    pub endpoint: String,
    /// The project that owns it.
    pub project: String,
    /// How long a window is, such as `1d`.
    pub window: String,
    /// The end of the last window judged.
    pub last_judged_to: Option<Timestamp>,
}

/// One judged window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonitorWindow {
    /// Its id.
    pub id: String,
    /// The monitor.
    pub monitor: String,
    /// The endpoint.
    pub endpoint: String,
    /// First event time.
    pub from: Timestamp,
    /// The event time before which it ends.
    pub to: Timestamp,
    /// The champion whose reference it was judged by.
    pub model_version: Option<i64>,
    /// Rows served.
    pub rows: u64,
    /// Rows whose outcome is known.
    pub labelled_rows: u64,
    /// The checks; in lists only those that did not pass.
    pub checks: Vec<WindowCheck>,
    /// The features; histograms only in the answer for one window.
    pub features: Vec<FeatureDrift>,
    /// The scores.
    pub prediction: Option<FeatureDrift>,
    /// The performance by the leading metric.
    pub performance: Option<Performance>,
    /// The performance by the others.
    pub other_performance: Vec<Performance>,
    /// `too_few`, `ok`, `warning`, `drift` or `failed`.
    pub verdict: String,
    /// As of when it was judged, by the loop's clock.
    pub judged_at: Timestamp,
    /// Earlier judgements, oldest first.
    pub rescores: Vec<Rescore>,
}

/// An earlier judgement of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rescore {
    /// As of when.
    pub judged_at: Timestamp,
    /// Rows then.
    pub rows: u64,
    /// Rows with an outcome then.
    pub labelled_rows: u64,
    /// The performance then.
    pub performance: Option<Performance>,
    /// The verdict then.
    pub verdict: String,
}

/// One check of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowCheck {
    /// `presence`, `type`, `nulls`, `domain`, `range`, `unit`…
    pub check: String,
    /// The column.
    pub column: Option<String>,
    /// `warning` or `error`.
    pub severity: String,
    /// Whether all is well.
    pub passed: bool,
    /// What was found.
    pub observed: String,
    /// What the reference says.
    pub expected: String,
    /// In words.
    pub message: String,
}

/// Counts by bins (numbers) or by value (text).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// The edges of a number's bins, one more than counts.
    pub edges: Option<Vec<f64>>,
    /// The values of a text column.
    pub values: Option<Vec<String>>,
    /// Rows by bin or value.
    pub counts: Vec<u64>,
    /// Rows below the first edge.
    pub below: u64,
    /// Rows above the last edge.
    pub above: u64,
    /// Rows with a value that is not listed.
    pub other: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// All rows.
    pub n: u64,
}

/// How far one column of a window lies from the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeatureDrift {
    /// The column.
    pub column: String,
    /// The effect size: `wasserstein` or `jensen_shannon`.
    pub test: String,
    /// Its value.
    pub value: f64,
    /// What the reference's own parts reach.
    pub threshold: f64,
    /// Of the matching two-sample test.
    pub p_value: Option<f64>,
    /// After correction over the window's features.
    pub q_value: Option<f64>,
    /// Whether both say so.
    pub drifted: bool,
    /// The column's share of the model's importance.
    pub importance: Option<f64>,
    /// Whether a failed check explains it.
    pub suppressed: bool,
    /// Mean of the reference, for numbers.
    pub reference_mean: Option<f64>,
    /// Mean of the window, for numbers.
    pub current_mean: Option<f64>,
    /// The reference, for drawing.
    pub reference: Option<Histogram>,
    /// The window in the same bins.
    pub current: Option<Histogram>,
}

/// How well the champion did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Performance {
    /// The metric.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// Lower end of the 95% interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What was expected.
    pub baseline: Option<f64>,
    /// Rows with an outcome.
    pub rows: u64,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// The monitor that raised it.
    pub monitor: String,
    /// The endpoint.
    pub endpoint: String,
    /// `checks`, `labels`, `data_drift`, `prediction_drift` or `performance`.
    pub kind: String,
    /// `warning` or `error`.
    pub severity: String,
    /// In words.
    pub cause: String,
    /// The columns concerned, the farthest first.
    pub columns: Vec<String>,
    /// The begin of the first window concerned.
    pub from: Timestamp,
    /// The end of the last.
    pub to: Timestamp,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
    /// The windows concerned, oldest first.
    pub windows: Vec<String>,
    /// The figures that it rests on.
    #[schema(value_type = Object)]
    pub evidence: serde_json::Value,
}
