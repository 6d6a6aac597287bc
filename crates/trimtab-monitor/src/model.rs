//! Monitors, windows and alerts.

use serde::{Deserialize, Serialize};
use trimtab_types::{AlertId, Duration, MonitorWindowId, Name, Time};

/// What a monitor should be; everything but the names has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSpec {
    /// Its name.
    pub name: Name,
    /// The endpoint that it watches.
    pub endpoint: Name,
    /// How long a window is; one day when not said.
    pub window: Option<Duration>,
}

/// A monitor as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Its name.
    pub name: Name,
    /// The endpoint that it watches.
    pub endpoint: Name,
    /// The project that declares it.
    pub project: String,
    /// How long a window is.
    pub window: Duration,
    /// The end of the last window that was judged.
    pub last_judged_to: Option<Time>,
    /// When it was declared.
    pub created_at: Time,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Error,
}

impl Severity {
    /// The spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a window came out as: the worst of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few rows to say anything.
    TooFew,
    /// Like the reference.
    Ok,
    /// A check warned, or a single feature lies outside.
    Warning,
    /// Features, scores or performance drifted.
    Drift,
    /// A check failed: the data are wrong.
    Failed,
}

impl Verdict {
    /// The spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Drift => "drift",
            Self::Failed => "failed",
        }
    }
}

/// One check of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowCheck {
    /// What was looked for: `presence`, `type`, `nulls` …
    pub check: String,
    /// In which column, as the model names it.
    pub column: Option<String>,
    /// How bad a failure is.
    pub severity: Severity,
    /// Whether all is well.
    pub passed: bool,
    /// What was found.
    pub observed: String,
    /// What the reference says.
    pub expected: String,
    /// What happened, in words.
    pub message: String,
}

impl WindowCheck {
    /// Whether it says that the data are wrong. A warning (summer is warmer than the spring that was learned from) does
    /// not: that is what drift is.
    pub(crate) fn is_failure(&self) -> bool {
        !self.passed && self.severity == Severity::Error
    }
}

/// Counts by bins (numbers) or by value (text), for drawing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// The edges of the bins of a number, one more than counts.
    pub edges: Option<Vec<f64>>,
    /// The values of a text column; what is rarer than the last is in [`Self::other`].
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The column, as the model names it; `score` for predictions.
    pub column: String,
    /// The effect size: `wasserstein` (in standard deviations of the reference) for numbers, `jensen_shannon` (a
    /// distance, base 2, 0 to 1) for categories.
    pub test: String,
    /// Its value.
    pub value: f64,
    /// What the reference's own parts reach: a window beyond it is unusual.
    pub threshold: f64,
    /// Two-sample Kolmogorov-Smirnov (numbers) or chi-square homogeneity (categories).
    pub p_value: Option<f64>,
    /// The same after Benjamini-Hochberg over the window's features.
    pub q_value: Option<f64>,
    /// Whether value and q-value both say so.
    pub drifted: bool,
    /// The column's share of the model's importance, where that is known.
    pub importance: Option<f64>,
    /// Whether a failed check of this column explains it, so that it does not count as drift.
    pub suppressed: bool,
    /// Mean of the reference and of the window, for numbers.
    pub means: Option<(f64, f64)>,
    /// The reference, for drawing; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Histogram>,
    /// The window in the same bins; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Histogram>,
}

/// How well the champion did on the rows of a window whose outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// An earlier judgement of a window, kept when it was judged again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rescore {
    /// As of when.
    pub judged_at: Time,
    /// Rows then.
    pub rows: u64,
    /// Rows with an outcome then.
    pub labelled_rows: u64,
    /// The performance then.
    pub performance: Option<Performance>,
    /// The verdict then.
    pub verdict: Verdict,
}

/// One judged window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorWindow {
    /// Its id.
    pub id: MonitorWindowId,
    /// Of which monitor.
    pub monitor: Name,
    /// Of which endpoint.
    pub endpoint: Name,
    /// The first event time.
    pub from: Time,
    /// The event time before which it ends.
    pub to: Time,
    /// The champion whose reference it was judged by; `None` when there was none.
    pub model_version: Option<i64>,
    /// Rows served.
    pub rows: u64,
    /// Rows that features and scores were judged on: more than those served when windows with few rows are judged
    /// together with those before them.
    pub judged_rows: u64,
    /// Rows whose outcome is known.
    pub labelled_rows: u64,
    /// The checks; in lists only those that did not pass.
    pub checks: Vec<WindowCheck>,
    /// The features, the farthest from its threshold first.
    pub features: Vec<FeatureDrift>,
    /// The scores.
    pub prediction: Option<FeatureDrift>,
    /// The performance by the leading metric.
    pub performance: Option<Performance>,
    /// The performance by the other metrics.
    pub other_performance: Vec<Performance>,
    /// The performance of this window and the six before it together, without those whose outcomes cannot be right.
    pub stretch: Option<Performance>,
    /// Whether that is worse than expected.
    pub is_worse: bool,
    /// The worst of all that.
    pub verdict: Verdict,
    /// As of when it was judged (the latest time), by the loop's clock.
    pub judged_at: Time,
    /// Earlier judgements, oldest first.
    pub history: Vec<Rescore>,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The data are wrong.
    Checks,
    /// The outcomes cannot be right.
    Labels,
    /// Features drifted.
    DataDrift,
    /// Scores drifted.
    PredictionDrift,
    /// The champion does worse than expected.
    Performance,
}

impl AlertKind {
    /// All kinds, in the order in which they are judged.
    pub const ALL: [Self; 5] = [
        Self::Checks,
        Self::Labels,
        Self::DataDrift,
        Self::PredictionDrift,
        Self::Performance,
    ];

    /// The spelling in answers and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Labels => "labels",
            Self::DataDrift => "data_drift",
            Self::PredictionDrift => "prediction_drift",
            Self::Performance => "performance",
        }
    }
}

/// One incident: opened once, widened while it lasts, closed when it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The monitor that raised it.
    pub monitor: Name,
    /// The endpoint.
    pub endpoint: Name,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in words; the same in two replays of the same events.
    pub cause: String,
    /// The columns concerned, the farthest first.
    pub columns: Vec<String>,
    /// The begin of the first window concerned.
    pub from: Time,
    /// The end of the last window concerned.
    pub to: Time,
    /// The width of the monitor's windows.
    pub window: Duration,
    /// When it was raised, by the loop's clock.
    pub opened_at: Time,
    /// When it was over.
    pub closed_at: Option<Time>,
    /// The windows concerned, oldest first; of a long incident the first and the latest.
    pub windows: Vec<MonitorWindowId>,
    /// The figures that it rests on.
    pub evidence: serde_json::Value,
}

impl MonitorWindow {
    /// The window as lists show it: without histograms and without the checks that passed.
    pub(crate) fn summary(&self) -> Self {
        let mut summary = self.clone();
        summary.checks.retain(|check| !check.passed);
        for drift in summary.features.iter_mut().chain(&mut summary.prediction) {
            drift.reference = None;
            drift.current = None;
        }
        summary
    }
}
