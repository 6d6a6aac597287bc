//! Monitors, windows, alerts.

use trimtab_monitor as monitor;

use crate::{
    convert::{at, finite},
    wire::{
        Alert, FeatureDrift, Histogram, Monitor, MonitorWindow, Performance, Rescore, WindowCheck,
    },
};

pub(crate) fn monitor(monitor: monitor::Monitor) -> Monitor {
    Monitor {
        name: monitor.name.to_string(),
        endpoint: monitor.endpoint.to_string(),
        project: monitor.project,
        window: monitor.window.to_string(),
        last_judged_to: at(monitor.last_judged_to),
    }
}

pub(crate) fn window(window: monitor::MonitorWindow) -> MonitorWindow {
    MonitorWindow {
        id: window.id.to_string(),
        monitor: window.monitor.to_string(),
        endpoint: window.endpoint.to_string(),
        from: window.from.into(),
        to: window.to.into(),
        model_version: window.model_version,
        rows: window.rows,
        labelled_rows: window.labelled_rows,
        checks: window.checks.into_iter().map(check).collect(),
        features: window.features.into_iter().map(feature).collect(),
        prediction: window.prediction.map(feature),
        performance: window.performance.map(performance),
        other_performance: window
            .other_performance
            .into_iter()
            .map(performance)
            .collect(),
        verdict: window.verdict.as_str().to_owned(),
        judged_at: window.judged_at.into(),
        rescores: window.history.into_iter().map(rescore).collect(),
    }
}

fn check(check: monitor::WindowCheck) -> WindowCheck {
    WindowCheck {
        check: check.check,
        column: check.column,
        severity: check.severity.as_str().to_owned(),
        passed: check.passed,
        observed: check.observed,
        expected: check.expected,
        message: check.message,
    }
}

fn feature(feature: monitor::FeatureDrift) -> FeatureDrift {
    FeatureDrift {
        column: feature.column,
        test: feature.test,
        value: feature.value,
        threshold: feature.threshold,
        p_value: feature.p_value,
        q_value: feature.q_value,
        drifted: feature.drifted,
        importance: feature.importance,
        suppressed: feature.suppressed,
        reference_mean: feature.means.and_then(|(reference, _)| finite(reference)),
        current_mean: feature.means.and_then(|(_, current)| finite(current)),
        reference: feature.reference.map(histogram),
        current: feature.current.map(histogram),
    }
}

fn histogram(histogram: monitor::Histogram) -> Histogram {
    Histogram {
        edges: histogram.edges,
        values: histogram.values,
        counts: histogram.counts,
        below: histogram.below,
        above: histogram.above,
        other: histogram.other,
        nulls: histogram.nulls,
        n: histogram.n,
    }
}

fn performance(performance: monitor::Performance) -> Performance {
    Performance {
        metric: performance.metric,
        value: performance.value,
        low: performance.low,
        high: performance.high,
        baseline: performance.baseline,
        rows: performance.rows,
    }
}

fn rescore(rescore: monitor::Rescore) -> Rescore {
    Rescore {
        judged_at: rescore.judged_at.into(),
        rows: rescore.rows,
        labelled_rows: rescore.labelled_rows,
        performance: rescore.performance.map(performance),
        verdict: rescore.verdict.as_str().to_owned(),
    }
}

pub(crate) fn alert(alert: monitor::Alert) -> Alert {
    Alert {
        id: alert.id.to_string(),
        monitor: alert.monitor.to_string(),
        endpoint: alert.endpoint.to_string(),
        kind: alert.kind.as_str().to_owned(),
        severity: alert.severity.as_str().to_owned(),
        cause: alert.cause,
        columns: alert.columns,
        from: alert.from.into(),
        to: alert.to.into(),
        opened_at: alert.opened_at.into(),
        closed_at: at(alert.closed_at),
        windows: alert.windows.iter().map(ToString::to_string).collect(),
        evidence: alert.evidence,
    }
}
