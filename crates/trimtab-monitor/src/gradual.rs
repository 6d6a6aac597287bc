//! Growth is no change of unit. A column that grows passes every known factor on its way, and stands for a day where miles
//! given as kilometres would; a unit changes from one window to the next.

use crate::{FeatureDrift, MonitorWindow, Severity, WindowCheck, judge};

/// The check that [`soften`] looks at.
const UNIT: &str = "unit";
/// A column that was at least so far on its way in the window before has been moving for longer.
const ON_ITS_WAY: f64 = 0.5;

/// Makes a warning of a failed unit check where the column had moved at least half as far in the window before and no
/// unit check failed there: it drifts, and counts as drift again.
pub(crate) fn soften(
    checks: &mut [WindowCheck],
    features: &mut [FeatureDrift],
    before: Option<&MonitorWindow>,
) {
    let Some(before) = before else { return };
    let is_unit = |check: &WindowCheck| check.check == UNIT && check.is_failure();
    for check in checks.iter_mut().filter(|check| is_unit(check)) {
        let of_column = |drift: &&mut FeatureDrift| Some(&drift.column) == check.column.as_ref();
        let Some(drift) = features.iter_mut().find(of_column) else {
            continue;
        };
        let was_broken = before
            .checks
            .iter()
            .any(|old| is_unit(old) && old.column == check.column);
        let moved = before
            .features
            .iter()
            .find(|old| old.column == drift.column)
            .map_or(0.0, |old| old.value);
        if was_broken || moved < ON_ITS_WAY * drift.value {
            continue;
        }
        check.severity = Severity::Warning;
        check
            .message
            .push_str("; it has been moving for longer, so growth is more likely");
        drift.suppressed = false;
        judge::decide(drift);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passed: bool) -> WindowCheck {
        WindowCheck {
            check: UNIT.to_owned(),
            column: Some("spend".to_owned()),
            severity: Severity::Error,
            passed,
            observed: String::new(),
            expected: String::new(),
            message: "`spend` looks scaled by 1.6093 (miles given as kilometres?)".to_owned(),
        }
    }

    fn drift(value: f64, suppressed: bool) -> FeatureDrift {
        FeatureDrift {
            column: "spend".to_owned(),
            test: "wasserstein".to_owned(),
            value,
            threshold: 0.3,
            p_value: Some(0.0),
            q_value: Some(0.0),
            drifted: false,
            importance: None,
            suppressed,
            means: None,
            reference: None,
            current: None,
        }
    }

    /// What a window with this drift and failed check is told as, after one with that drift.
    fn after(before: (f64, bool), now: f64) -> (Severity, bool) {
        let window = MonitorWindow {
            id: trimtab_types::MonitorWindowId::new(),
            monitor: "m".parse().unwrap(),
            endpoint: "e".parse().unwrap(),
            from: trimtab_types::Time::from_micros(0),
            to: trimtab_types::Time::from_micros(1),
            model_version: Some(1),
            rows: 400,
            judged_rows: 400,
            labelled_rows: 0,
            checks: vec![check(!before.1)],
            features: vec![drift(before.0, before.1)],
            prediction: None,
            performance: None,
            other_performance: Vec::new(),
            stretch: None,
            is_worse: false,
            verdict: crate::Verdict::Ok,
            judged_at: trimtab_types::Time::from_micros(1),
            history: Vec::new(),
        };
        let (mut checks, mut features) = ([check(false)], [drift(now, true)]);
        soften(&mut checks, &mut features, Some(&window));
        (checks[0].severity, features[0].drifted)
    }

    #[test]
    fn growth_on_its_way_is_drift_and_a_step_is_a_unit() {
        assert_eq!(after((1.4, false), 1.5), (Severity::Warning, true));
        assert_eq!(after((0.1, false), 1.5), (Severity::Error, false));
        // The second day of a change of unit.
        assert_eq!(after((1.5, true), 1.5), (Severity::Error, false));
    }
}
