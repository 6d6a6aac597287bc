//! From windows to alerts: one per incident. Pure.
//!
//! An incident begins when two of the last three windows say so (a failed check of the inputs: one is enough), is widened by every
//! window that says so again, and ends after a number of quiet windows, or when the endpoint has another champion, since
//! then another reference counts.

use serde_json::json;
use trimtab_types::{AlertId, MonitorWindowId, Time};

use crate::{
    Alert, AlertKind, FeatureDrift, Monitor, MonitorWindow, Severity, WindowCheck, labels,
};

/// Of so many windows …
const LAST: usize = 3;
/// … so many must say so.
const NEEDED: usize = 2;
/// An alert names at most this many windows: the first and the latest.
const WINDOWS: usize = 100;
/// A feature that the model hardly uses raises nothing alone.
const LEAST_IMPORTANCE: f64 = 0.01;

/// What became of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Raised,
    Updated,
    Closed,
}

impl Change {
    /// The outbox topic that tells of it.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Raised => "monitor.alert-raised",
            Self::Updated => "monitor.alert-updated",
            Self::Closed => "monitor.alert-closed",
        }
    }
}

impl AlertKind {
    fn severity(self) -> Severity {
        match self {
            Self::Checks | Self::Labels | Self::Performance => Severity::Error,
            Self::DataDrift | Self::PredictionDrift => Severity::Warning,
        }
    }

    /// Windows in a row without a sign that end an incident.
    pub(crate) fn quiet(self) -> usize {
        match self {
            Self::Checks => 1,
            // A stretch of performance is seven windows already, and an outcome is as certain as a window allows.
            Self::Labels | Self::Performance => 3,
            Self::DataDrift | Self::PredictionDrift => 7,
        }
    }

    fn needed(self) -> usize {
        if self == Self::Checks { 1 } else { NEEDED }
    }

    /// Whether a window has something to say about this kind.
    fn is_judged(self, window: &MonitorWindow) -> bool {
        match self {
            Self::Checks => window.rows > 0,
            Self::Labels => window.performance.is_some(),
            Self::DataDrift => !window.features.is_empty(),
            Self::PredictionDrift => window.prediction.is_some(),
            Self::Performance => window.stretch.is_some(),
        }
    }

    /// What in a window points to an incident, the farthest first; empty when all is well.
    fn signs(self, window: &MonitorWindow) -> Vec<String> {
        match self {
            Self::Checks => {
                let mut columns: Vec<String> = self
                    .failures(window)
                    .map(|check| check.column.clone().unwrap_or_else(|| "*".to_owned()))
                    .collect();
                columns.dedup();
                columns
            }
            Self::Labels => self
                .failures(window)
                .filter_map(|check| check.column.clone())
                .collect(),
            Self::DataDrift => drifted(window).map(|drift| drift.column.clone()).collect(),
            Self::PredictionDrift => window
                .prediction
                .iter()
                .filter(|drift| drift.drifted)
                .map(|drift| drift.column.clone())
                .collect(),
            Self::Performance => {
                if window.is_worse {
                    vec!["score".to_owned()]
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// The failed checks of a window that are of this kind.
    fn failures(self, window: &MonitorWindow) -> impl Iterator<Item = &WindowCheck> {
        failures(window).filter(move |check| labels::is_of_labels(check) == (self == Self::Labels))
    }
}

pub(crate) fn failures(window: &MonitorWindow) -> impl Iterator<Item = &WindowCheck> {
    window.checks.iter().filter(|check| check.is_failure())
}

fn drifted(window: &MonitorWindow) -> impl Iterator<Item = &FeatureDrift> {
    window.features.iter().filter(|drift| {
        drift.drifted
            && drift
                .importance
                .is_none_or(|share| share >= LEAST_IMPORTANCE)
    })
}

/// The signs of a kind that enough of the last windows share. `recent` is newest first and of one model version.
pub(crate) fn persistent(kind: AlertKind, recent: &[&MonitorWindow]) -> Vec<String> {
    let last = if kind == AlertKind::Checks { 1 } else { LAST };
    let judged: Vec<&&MonitorWindow> = recent
        .iter()
        .filter(|window| kind.is_judged(window))
        .take(last)
        .collect();
    let signs: Vec<Vec<String>> = judged.iter().map(|window| kind.signs(window)).collect();
    let mut all: Vec<String> = Vec::new();
    for sign in signs.iter().flatten() {
        let times = signs
            .iter()
            .filter(|of_window| of_window.contains(sign))
            .count();
        if times >= kind.needed() && !all.contains(sign) {
            all.push(sign.clone());
        }
    }
    all
}

/// What follows for one kind of incident from a monitor's latest windows, newest first, the first one just judged, all of
/// the current model version (for checks: of any).
pub(crate) fn advance(
    monitor: &Monitor,
    kind: AlertKind,
    recent: &[&MonitorWindow],
    open: Option<&Alert>,
    now: Time,
) -> Option<(Change, Alert)> {
    let newest = recent.iter().find(|window| kind.is_judged(window))?;
    let signs = persistent(kind, recent);
    match open {
        None if signs.is_empty() => None,
        None => {
            let concerned: Vec<&&MonitorWindow> = recent
                .iter()
                .filter(|window| kind.is_judged(window))
                .take(LAST)
                .filter(|window| kind.signs(window).iter().any(|sign| signs.contains(sign)))
                .collect();
            let first = concerned.last().unwrap_or(&newest);
            let last = concerned.first().unwrap_or(&newest);
            let alert = Alert {
                id: AlertId::new(),
                monitor: monitor.name.clone(),
                endpoint: monitor.endpoint.clone(),
                kind,
                severity: kind.severity(),
                cause: cause(kind, last, &signs),
                columns: signs,
                from: first.from,
                to: last.to,
                window: monitor.window,
                opened_at: now,
                closed_at: None,
                windows: concerned.iter().rev().map(|window| window.id).collect(),
                evidence: evidence(kind, last),
            };
            Some((Change::Raised, alert))
        }
        Some(open) => {
            let quiet = recent
                .iter()
                .filter(|window| kind.is_judged(window) && window.to > open.to)
                .take_while(|window| kind.signs(window).is_empty())
                .count();
            if quiet >= kind.quiet() {
                return Some((
                    Change::Closed,
                    Alert {
                        closed_at: Some(now),
                        ..open.clone()
                    },
                ));
            }
            widen(open, kind, newest, &signs)
        }
    }
}

/// An open alert with one window more; `None` when the window adds nothing.
fn widen(
    open: &Alert,
    kind: AlertKind,
    newest: &MonitorWindow,
    signs: &[String],
) -> Option<(Change, Alert)> {
    let of_newest = kind.signs(newest);
    if of_newest.is_empty() || open.windows.contains(&newest.id) {
        return None;
    }
    let mut alert = open.clone();
    for sign in if kind == AlertKind::Checks {
        &of_newest
    } else {
        signs
    } {
        if !alert.columns.contains(sign) {
            alert.columns.push(sign.clone());
        }
    }
    alert.from = alert.from.min(newest.from);
    alert.to = alert.to.max(newest.to);
    push(&mut alert.windows, newest.id);
    alert.evidence = evidence(kind, newest);
    Some((Change::Updated, alert))
}

/// Closes an alert because the reference that it rests on counts no more.
pub(crate) fn close_for_champion(open: &Alert, model_version: i64, now: Time) -> (Change, Alert) {
    let mut alert = Alert {
        closed_at: Some(now),
        ..open.clone()
    };
    if let Some(evidence) = alert.evidence.as_object_mut() {
        evidence.insert("closed_by".to_owned(), json!({ "champion": model_version }));
    }
    (Change::Closed, alert)
}

fn push(windows: &mut Vec<MonitorWindowId>, id: MonitorWindowId) {
    windows.push(id);
    if windows.len() > WINDOWS {
        windows.remove(WINDOWS / 2);
    }
}

fn cause(kind: AlertKind, window: &MonitorWindow, signs: &[String]) -> String {
    match kind {
        AlertKind::Checks | AlertKind::Labels => {
            let mut messages: Vec<&str> = kind
                .failures(window)
                .map(|check| check.message.as_str())
                .collect();
            messages.dedup();
            let more = messages.len().saturating_sub(3);
            messages.truncate(3);
            let text = messages.join("; ");
            if more > 0 {
                format!("{text}; and {more} more checks failed")
            } else {
                text
            }
        }
        AlertKind::DataDrift => {
            let mut told: Vec<String> = signs
                .iter()
                .filter_map(|sign| window.features.iter().find(|drift| drift.column == *sign))
                .map(tell_drift)
                .collect();
            let more = told.len().saturating_sub(3);
            told.truncate(3);
            let text = told.join("; ");
            if more > 0 {
                format!("{text}; and {more} more features")
            } else {
                text
            }
        }
        AlertKind::PredictionDrift => window
            .prediction
            .as_ref()
            .map(tell_drift)
            .unwrap_or_default(),
        AlertKind::Performance => window
            .stretch
            .as_ref()
            .map(tell_performance)
            .unwrap_or_default(),
    }
}

fn tell_drift(drift: &FeatureDrift) -> String {
    let column = &drift.column;
    let (value, threshold) = (drift.value, drift.threshold);
    match drift.means {
        Some((before, now)) => format!(
            "`{column}` moved {value:.2} standard deviations from its reference, whose own parts stay within \
             {threshold:.2} (mean {before:.4}, now {now:.4})"
        ),
        None => format!(
            "the shares of `{column}` moved {value:.3} (Jensen-Shannon) from their reference, whose own parts stay \
             within {threshold:.3}"
        ),
    }
}

fn tell_performance(stretch: &crate::Performance) -> String {
    let expected = stretch
        .baseline
        .map(|value| format!(", expected {value:.4}"))
        .unwrap_or_default();
    format!(
        "{} is {:.4} ({:.4} to {:.4}) over {} rows with an outcome{expected}",
        stretch.metric, stretch.value, stretch.low, stretch.high, stretch.rows
    )
}

fn evidence(kind: AlertKind, window: &MonitorWindow) -> serde_json::Value {
    const SHOWN: usize = 20;
    let span = json!({ "from": window.from, "to": window.to, "rows": window.rows });
    let drift = |drift: &FeatureDrift| {
        json!({
            "column": drift.column, "test": drift.test, "value": drift.value, "threshold": drift.threshold,
            "p_value": drift.p_value, "q_value": drift.q_value, "importance": drift.importance, "means": drift.means,
        })
    };
    match kind {
        AlertKind::Checks | AlertKind::Labels => json!({
            "version": 1, "window": span,
            "checks": kind.failures(window).take(SHOWN).collect::<Vec<_>>(),
        }),
        AlertKind::DataDrift => json!({
            "version": 1, "window": span,
            "features": drifted(window).take(SHOWN).map(drift).collect::<Vec<_>>(),
        }),
        AlertKind::PredictionDrift => {
            json!({ "version": 1, "window": span, "prediction": window.prediction.as_ref().map(drift) })
        }
        AlertKind::Performance => json!({
            "version": 1, "window": span, "stretch": window.stretch, "window_performance": window.performance,
        }),
    }
}

/// How far back the windows reach that [`advance`] may want.
pub(crate) const HISTORY: usize = 10;

#[cfg(test)]
mod tests;
