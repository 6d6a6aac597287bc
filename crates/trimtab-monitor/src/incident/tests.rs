use trimtab_types::Duration;

use super::*;
use crate::{Performance, Verdict};

const DAY: Duration = Duration::from_days(1);

fn monitor() -> Monitor {
    Monitor {
        name: "m".parse().unwrap(),
        endpoint: "e".parse().unwrap(),
        project: "p".to_owned(),
        window: DAY,
        last_judged_to: None,
        created_at: Time::from_micros(0),
    }
}

/// A day whose drifted features, failed check and performance are given.
fn day(number: i64, drifted: &[&str], is_broken: bool, is_worse: bool) -> MonitorWindow {
    let from = Time::from_micros(number * DAY.as_micros());
    let drift = |column: &str, drifted: bool| FeatureDrift {
        column: column.to_owned(),
        test: "wasserstein".to_owned(),
        value: if drifted { 2.0 } else { 0.5 },
        threshold: 1.0,
        p_value: Some(0.0),
        q_value: Some(0.0),
        drifted,
        importance: (column == "useless").then_some(0.0),
        suppressed: false,
        means: Some((1.0, 2.0)),
        reference: None,
        current: None,
    };
    let check = WindowCheck {
        check: "unit".to_owned(),
        column: Some("distance".to_owned()),
        severity: Severity::Error,
        passed: !is_broken,
        observed: "x".to_owned(),
        expected: "y".to_owned(),
        message: "`distance` looks scaled by 1.609".to_owned(),
    };
    let features = if drifted.is_empty() {
        vec![drift("a", false)]
    } else {
        drifted.iter().map(|column| drift(column, true)).collect()
    };
    MonitorWindow {
        id: MonitorWindowId::new(),
        monitor: "m".parse().unwrap(),
        endpoint: "e".parse().unwrap(),
        from,
        to: from + DAY,
        model_version: Some(1),
        rows: 500,
        judged_rows: 500,
        labelled_rows: 500,
        checks: vec![check],
        features,
        prediction: None,
        performance: None,
        other_performance: Vec::new(),
        stretch: Some(Performance {
            metric: "roc_auc".to_owned(),
            value: 0.6,
            low: 0.58,
            high: 0.62,
            baseline: Some(0.7),
            rows: 3500,
        }),
        is_worse,
        verdict: Verdict::Ok,
        judged_at: from + DAY,
        history: Vec::new(),
    }
}

/// Plays days one after the other and tells what became of the alert of a kind.
fn play(kind: AlertKind, days: &[MonitorWindow]) -> Vec<(i64, Change, Alert)> {
    let mut open: Option<Alert> = None;
    let mut told = Vec::new();
    for last in 0..days.len() {
        let recent: Vec<&MonitorWindow> = days[..=last].iter().rev().take(HISTORY).collect();
        if let Some((change, alert)) =
            advance(&monitor(), kind, &recent, open.as_ref(), days[last].to)
        {
            open = (change != Change::Closed).then(|| alert.clone());
            told.push((i64::try_from(last).unwrap(), change, alert));
        }
    }
    told
}

fn story(told: &[(i64, Change, Alert)]) -> Vec<(i64, Change)> {
    told.iter()
        .map(|(day, change, _)| (*day, *change))
        .collect()
}

#[test]
fn one_stray_day_raises_nothing_and_two_of_three_raise_one_alert() {
    let stray: Vec<_> = (0..10)
        .map(|i| day(i, if i == 4 { &["a"] } else { &[] }, false, false))
        .collect();
    assert!(play(AlertKind::DataDrift, &stray).is_empty());
    let drifted: Vec<_> = (0..20)
        .map(|i| {
            day(
                i,
                if (5..9).contains(&i) { &["a"] } else { &[] },
                false,
                false,
            )
        })
        .collect();
    let told = play(AlertKind::DataDrift, &drifted);
    assert_eq!(
        story(&told),
        [
            (6, Change::Raised),
            (7, Change::Updated),
            (8, Change::Updated),
            (15, Change::Closed)
        ]
    );
    let alert = &told.last().unwrap().2;
    assert_eq!((alert.from, alert.to), (drifted[5].from, drifted[8].to));
    assert_eq!(alert.windows.len(), 4);
    assert!(
        alert.cause.contains("`a` moved 2.00 standard deviations"),
        "{}",
        alert.cause
    );
}

#[test]
fn different_features_on_each_day_are_chance() {
    let days: Vec<_> = (0..6)
        .map(|i| {
            day(
                i,
                match i % 3 {
                    0 => &["a"],
                    1 => &["b"],
                    _ => &["c"],
                },
                false,
                false,
            )
        })
        .collect();
    assert!(play(AlertKind::DataDrift, &days).is_empty());
}

#[test]
fn a_feature_that_the_model_does_not_use_raises_nothing() {
    let days: Vec<_> = (0..6).map(|i| day(i, &["useless"], false, false)).collect();
    assert!(play(AlertKind::DataDrift, &days).is_empty());
}

#[test]
fn an_alert_that_lasts_takes_in_new_features() {
    let days: Vec<_> = (0..6)
        .map(|i| day(i, if i < 3 { &["a"] } else { &["a", "b"] }, false, false))
        .collect();
    let told = play(AlertKind::DataDrift, &days);
    assert_eq!(
        told.iter()
            .filter(|(_, change, _)| *change == Change::Raised)
            .count(),
        1
    );
    assert_eq!(told.last().unwrap().2.columns, ["a", "b"]);
}

#[test]
fn a_failed_check_alerts_at_once_and_ends_with_the_first_good_window() {
    let days: Vec<_> = (0..9)
        .map(|i| day(i, &[], (2..5).contains(&i), false))
        .collect();
    let told = play(AlertKind::Checks, &days);
    assert_eq!(
        story(&told),
        [
            (2, Change::Raised),
            (3, Change::Updated),
            (4, Change::Updated),
            (5, Change::Closed)
        ]
    );
    let alert = &told[3].2;
    assert_eq!((alert.from, alert.to), (days[2].from, days[4].to));
    assert_eq!(alert.cause, "`distance` looks scaled by 1.609");
    assert_eq!(alert.columns, ["distance"]);
}

#[test]
fn performance_needs_two_of_three_and_three_good_ones() {
    let days: Vec<_> = (0..12)
        .map(|i| day(i, &[], false, i == 1 || (4..7).contains(&i)))
        .collect();
    let told = play(AlertKind::Performance, &days);
    assert_eq!(
        story(&told),
        [
            (5, Change::Raised),
            (6, Change::Updated),
            (9, Change::Closed)
        ]
    );
    assert_eq!(
        told[0].2.cause,
        "roc_auc is 0.6000 (0.5800 to 0.6200) over 3500 rows with an outcome, expected 0.7000"
    );
}

#[test]
fn a_long_incident_stays_bounded() {
    let days: Vec<_> = (0..400).map(|i| day(i, &["a"], false, false)).collect();
    let told = play(AlertKind::DataDrift, &days);
    let alert = &told.last().unwrap().2;
    assert_eq!(alert.windows.len(), WINDOWS);
    assert_eq!(
        (alert.windows[0], alert.windows[WINDOWS - 1]),
        (days[0].id, days[399].id)
    );
}

#[test]
fn a_new_champion_ends_what_rested_on_the_old_one() {
    let days: Vec<_> = (0..3).map(|i| day(i, &["a"], false, false)).collect();
    let told = play(AlertKind::DataDrift, &days);
    let (change, closed) = close_for_champion(&told[0].2, 2, days[2].to);
    assert_eq!(
        (change, closed.closed_at),
        (Change::Closed, Some(days[2].to))
    );
    assert_eq!(closed.evidence["closed_by"]["champion"], 2);
}
