//! Whether outcomes can be right at all.
//!
//! A champion that ranks a window's rows significantly worse than chance did not learn the opposite overnight: the
//! outcomes were flipped, or joined to the wrong rows. Such a window says nothing about the champion's performance, and
//! nothing may be learned from it.

use crate::{MonitorWindow, Severity, WindowCheck, performance::Scored};

/// The check's name; the gate uses the same.
pub(crate) const LABELS_AGREE: &str = "labels_agree";
/// Two-sided 99.9 % in standard deviations: by chance one window of 2,000 with a champion that knows nothing.
const Z: f64 = 3.290_526_731_491_926;

/// The check of a window's outcomes; `None` where they are not 0 and 1, or are few.
pub(crate) fn check(scored: &Scored, label: Option<&str>) -> Option<WindowCheck> {
    let auc = scored.auc(Z)?;
    let label = label.unwrap_or("label");
    let passed = auc.high >= 0.5;
    let observed = format!("{:.3} ({:.3} to {:.3})", auc.estimate, auc.low, auc.high);
    let message = if passed {
        format!("the champion's scores rank `{label}` no worse than chance")
    } else {
        format!(
            "`{label}` cannot be right: the champion ranks it worse than chance (area under the ROC curve {observed}); \
             were the outcomes flipped, or joined to the wrong rows?"
        )
    };
    Some(WindowCheck {
        check: LABELS_AGREE.to_owned(),
        column: Some(label.to_owned()),
        severity: Severity::Error,
        passed,
        observed,
        expected: "99.9 % interval that reaches 0.5".to_owned(),
        message,
    })
}

/// Whether a check is this one.
pub(crate) fn is_of_labels(check: &WindowCheck) -> bool {
    check.check == LABELS_AGREE
}

/// Whether a window's outcomes cannot be right.
pub(crate) fn are_wrong(window: &MonitorWindow) -> bool {
    window
        .checks
        .iter()
        .any(|check| is_of_labels(check) && !check.passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(flipped: bool, rows: usize) -> Scored {
        let positive = |i: usize| (i * 7919) % 10 < 3;
        let labels: Vec<f64> = (0..rows)
            .map(|i| f64::from(u8::from(positive(i) != flipped)))
            .collect();
        let scores: Vec<f64> = (0..rows)
            .map(|i| f64::from(u8::from(positive(i))) * 0.1 + ((i * 31) % 97) as f64 / 200.0)
            .collect();
        Scored::new(&labels, &scores)
    }

    #[test]
    fn flipped_outcomes_are_named_and_right_ones_are_not() {
        let right = check(&scored(false, 800), Some("late")).unwrap();
        assert!(right.passed, "{right:?}");
        let flipped = check(&scored(true, 800), Some("late")).unwrap();
        assert!(!flipped.passed && flipped.message.contains("`late` cannot be right"));
        assert!(check(&scored(true, 50), None).is_none());
        let numbers: Vec<f64> = (0..800).map(f64::from).collect();
        assert!(check(&Scored::new(&numbers, &numbers), None).is_none());
    }

    #[test]
    fn scores_that_know_nothing_blame_no_outcome() {
        let blamed = (0..500_u64)
            .filter(|day| {
                let draw = |row: u64, salt: u64| {
                    let mut x =
                        (day * 1_000_003 + row * 97 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
                };
                let labels: Vec<f64> = (0..400)
                    .map(|row| f64::from(u8::from(draw(row, 1) < 0.2)))
                    .collect();
                let scores: Vec<f64> = (0..400).map(|row| draw(row, 2)).collect();
                !check(&Scored::new(&labels, &scores), None).unwrap().passed
            })
            .count();
        assert!(blamed <= 2, "{blamed} of 500");
    }
}
