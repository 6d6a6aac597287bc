//! Days of traffic judged.

use trimtab_monitor::{Alert, AlertKind, MonitorSpec, MonitorWindow, Verdict};
use trimtab_types::Duration;

use crate::support::{DAY, House, baseline, day, name, rows};

async fn watch(house: &House) {
    let spec = MonitorSpec {
        name: name("m"),
        endpoint: name("e"),
        window: None,
    };
    house
        .monitors
        .apply(&house.scope, "p", vec![spec])
        .await
        .unwrap();
}

async fn alerts(house: &House) -> Vec<Alert> {
    let mut alerts = house
        .monitors
        .alerts(&house.scope, None, false, 100)
        .await
        .unwrap();
    alerts.reverse();
    alerts
}

async fn windows(house: &House) -> Vec<MonitorWindow> {
    let mut windows = house
        .monitors
        .windows(&house.scope, &name("m"), None, None, 1000)
        .await
        .unwrap();
    windows.reverse();
    windows
}

/// Everything of alerts but their ids, as text.
fn told(alerts: &[Alert]) -> Vec<String> {
    let tell = |a: &Alert| {
        let times = (a.from, a.to, a.opened_at, a.closed_at);
        format!(
            "{:?} {} {:?} {times:?} {} {}",
            a.kind,
            a.cause,
            a.columns,
            a.windows.len(),
            a.evidence
        )
    };
    alerts.iter().map(tell).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_days_raise_nothing_and_outcomes_are_joined_when_they_come() {
    for house in House::all(Some(baseline(0.7))).await {
        watch(&house).await;
        for i in 0..6 {
            house.serve(&rows(i, 400, 0.0, 1.0), 1, true).await;
        }
        let judged = house.judge(day(6)).await;
        assert!(
            judged.len() > 6,
            "closed and judged again: {}",
            judged.len()
        );
        let windows = windows(&house).await;
        assert_eq!(windows.len(), 6);
        assert!(
            windows.iter().all(|window| window.verdict == Verdict::Ok),
            "{windows:#?}"
        );
        assert!(alerts(&house).await.is_empty());
        // Known a day after: of the last day only its first row's outcome is known yet, of the others all.
        assert_eq!(
            windows.iter().map(|w| w.labelled_rows).collect::<Vec<_>>(),
            [400, 400, 400, 400, 400, 1]
        );
        let first = &windows[0];
        let performance = first.performance.as_ref().unwrap();
        assert!(performance.low < performance.value && performance.value < performance.high);
        assert_eq!(first.history[0].labelled_rows, 1);
        assert_eq!(first.model_version, Some(1));
        let features: Vec<&str> = first
            .features
            .iter()
            .map(|drift| drift.column.as_str())
            .collect();
        assert_eq!(features.len(), 3, "{features:?}");
        assert!(first.features.iter().all(|drift| drift.reference.is_none()));

        let whole = house.monitors.window(&house.scope, first.id).await.unwrap();
        for drift in &whole.features {
            let (reference, current) = (
                drift.reference.as_ref().unwrap(),
                drift.current.as_ref().unwrap(),
            );
            assert_eq!((reference.n, current.n), (12_000, 400));
            assert_eq!(reference.counts.len(), current.counts.len());
            assert_eq!(
                current.counts.iter().sum::<u64>() + current.below + current.above + current.other,
                400
            );
        }
        assert_eq!(whole.checks.len(), 2);
        assert!(serde_json::to_string(&whole).unwrap().len() < 20_000);
        // Nothing is due: nothing happens.
        assert!(house.judge(day(6)).await.is_empty());
        assert!(
            house
                .tasks
                .shutdown(std::time::Duration::from_secs(5))
                .await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_raises_one_alert_that_closes_with_the_next_champion() {
    for house in House::all(Some(baseline(0.7))).await {
        watch(&house).await;
        for i in 0..10 {
            house
                .serve(&rows(i, 400, if i >= 3 { 3.0 } else { 0.0 }, 1.0), 1, true)
                .await;
        }
        house.judge(day(8)).await;
        let raised = alerts(&house).await;
        assert_eq!(raised.len(), 1, "{raised:#?}");
        let alert = &raised[0];
        assert_eq!(
            (alert.kind, alert.columns.as_slice()),
            (AlertKind::DataDrift, ["x".to_owned()].as_slice())
        );
        assert_eq!(
            (alert.from, alert.to, alert.opened_at),
            (day(3), day(8), day(5))
        );
        assert_eq!((alert.window, alert.closed_at), (DAY, None));
        assert_eq!(windows(&house).await[4].verdict, Verdict::Drift);
        house.champion.promote(2);
        house.judge(day(9)).await;
        let closed = alerts(&house).await;
        assert_eq!((closed.len(), closed[0].closed_at), (1, Some(day(9))));
        // The same reference under another name: the new champion's windows drift too, and say so anew.
        house.judge(day(10)).await;
        assert_eq!(alerts(&house).await.len(), 2);
        let topics: Vec<String> = house
            .db
            .outbox_next("test", 1000)
            .await
            .unwrap()
            .into_iter()
            .map(|event| event.topic)
            .collect();
        let count = |topic: &str| topics.iter().filter(|told| *told == topic).count();
        assert_eq!(
            (count("monitor.alert-raised"), count("monitor.alert-closed")),
            (2, 1)
        );
        assert!(count("monitor.window-judged") >= 10 && count("monitor.alert-updated") == 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_alerts_at_once_and_is_not_drift() {
    for house in House::all(Some(baseline(0.7))).await {
        watch(&house).await;
        for i in 0..8 {
            let mut served = rows(i, 400, 0.0, 1.0);
            if (2..5).contains(&i) {
                served.x.iter_mut().for_each(|x| *x *= 1000.0);
            }
            house.serve(&served, 1, true).await;
        }
        house.judge(day(8)).await;
        let raised = alerts(&house).await;
        assert_eq!(raised.len(), 1, "{raised:#?}");
        let alert = &raised[0];
        assert_eq!(
            (alert.kind, alert.cause.as_str()),
            (AlertKind::Checks, "`x` looks scaled by 1000")
        );
        assert_eq!(
            (alert.from, alert.to, alert.closed_at),
            (day(2), day(5), Some(day(6)))
        );
        let failed = &windows(&house).await[3];
        assert_eq!(failed.verdict, Verdict::Failed);
        let drift = failed
            .features
            .iter()
            .find(|drift| drift.column == "x")
            .unwrap();
        assert!(drift.suppressed && !drift.drifted && drift.value > drift.threshold);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_outcomes_are_told_apart_from_a_champion_that_got_worse() {
    // From the first days of a champion on: what the gate saw of it, or chance, says that they are wrong.
    for stated in [Some(baseline(0.74)), None] {
        for house in House::all(stated.clone()).await {
            watch(&house).await;
            for i in 0..20 {
                let mut served = rows(i, 400, 0.0, 1.0);
                if (1..8).contains(&i) {
                    for label in &mut served.labels {
                        *label = 1.0 - *label;
                    }
                }
                house.serve(&served, 1, true).await;
            }
            house.judge(day(20)).await;
            let raised = alerts(&house).await;
            assert_eq!(raised.len(), 1, "{raised:#?}");
            let alert = &raised[0];
            assert_eq!(
                (alert.kind, alert.from, alert.to),
                (AlertKind::Labels, day(1), day(8))
            );
            assert!(
                alert.cause.starts_with("`late` cannot be right"),
                "{}",
                alert.cause
            );
            assert!(
                alert.opened_at <= day(5) && alert.closed_at.is_some(),
                "{alert:#?}"
            );
            let all = windows(&house).await;
            let wrong: Vec<_> = all
                .iter()
                .filter(|window| window.verdict == Verdict::Failed)
                .map(|window| window.from)
                .collect();
            assert_eq!(wrong, (1..8).map(day).collect::<Vec<_>>());
            assert!(all.iter().all(|window| !window.is_worse));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_that_lost_its_skill_is_noticed_by_outcomes_alone() {
    // With a stated expectation, and with one learned from the first windows.
    for stated in [Some(baseline(0.74)), None] {
        for house in House::all(stated.clone()).await {
            watch(&house).await;
            for i in 0..24 {
                house
                    .serve(&rows(i, 400, 0.0, if i < 9 { 1.0 } else { 0.0 }), 1, true)
                    .await;
            }
            house.judge(day(24)).await;
            let raised = alerts(&house).await;
            let of_performance: Vec<&Alert> = raised
                .iter()
                .filter(|alert| alert.kind == AlertKind::Performance)
                .collect();
            assert_eq!(of_performance.len(), 1, "{raised:#?}");
            let alert = of_performance[0];
            assert!((day(9)..day(20)).contains(&alert.opened_at), "{alert:#?}");
            assert!(
                alert.closed_at.is_none() && alert.cause.starts_with("roc_auc is 0."),
                "{}",
                alert.cause
            );
            assert!(
                raised
                    .iter()
                    .all(|alert| alert.kind != AlertKind::DataDrift)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_arrival_order_nor_the_pace_of_judging_matters() {
    let mut stories = Vec::new();
    for pace in [1_i64, 3, 16] {
        for house in House::all(Some(baseline(0.74))).await {
            watch(&house).await;
            let mut days: Vec<i64> = (0..16).collect();
            if pace == 16 {
                days.reverse();
            }
            for i in days {
                let shift = if (5..8).contains(&i) { 3.0 } else { 0.0 };
                house
                    .serve(&rows(i, 400, shift, if i > 8 { 0.0 } else { 1.0 }), 1, true)
                    .await;
            }
            for to in (1..=16).filter(|to| to % pace == 0 || *to == 16) {
                house.judge(day(to)).await;
            }
            let windows: Vec<String> = windows(&house)
                .await
                .into_iter()
                .map(|window| {
                    format!(
                        "{} {:?} {:?} {:?}",
                        window.from, window.verdict, window.features, window.performance
                    )
                })
                .collect();
            stories.push((windows, told(&alerts(&house).await)));
        }
    }
    assert!(!stories[0].1.is_empty());
    for story in &stories[1..] {
        assert_eq!(story, &stories[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_with_few_rows_are_judged_together() {
    for house in House::all(Some(baseline(0.74))).await {
        watch(&house).await;
        for i in 0..40 {
            house
                .serve(&rows(i, 14, if i >= 20 { 4.0 } else { 0.0 }, 1.0), 1, true)
                .await;
        }
        house.judge(day(40)).await;
        let windows = windows(&house).await;
        assert_eq!(windows.len(), 40);
        assert_eq!(
            (windows[0].judged_rows, windows[0].verdict),
            (14, Verdict::TooFew)
        );
        assert!(
            windows[19].judged_rows >= 200 && windows[19].verdict == Verdict::Ok,
            "{:#?}",
            windows[19]
        );
        let raised = alerts(&house).await;
        assert!(
            raised
                .iter()
                .any(|alert| alert.kind == AlertKind::DataDrift && alert.columns == ["x"]),
            "{raised:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_are_passed_over_and_late_rows_are_taken_in_when_judged_again() {
    for house in House::all(Some(baseline(0.74))).await {
        watch(&house).await;
        house.serve(&rows(0, 400, 0.0, 1.0), 1, false).await;
        house.serve(&rows(9, 400, 0.0, 1.0), 1, false).await;
        house.judge(day(10)).await;
        let judged = windows(&house).await;
        assert_eq!(
            judged.iter().map(|window| window.from).collect::<Vec<_>>(),
            [day(0), day(9)]
        );
        house.serve(&rows(9, 100, 0.0, 1.0), 1, false).await;
        house.judge(day(11)).await;
        let again = windows(&house).await;
        assert_eq!((again[1].rows, again[1].id), (500, judged[1].id));
        assert_eq!(again[1].history.len(), 1);
        // An endpoint that sleeps costs nothing, and wakes.
        assert!(house.judge(day(9000)).await.len() <= 6);
        house.serve(&rows(9000, 400, 0.0, 1.0), 1, false).await;
        house.judge(day(9001)).await;
        assert_eq!(windows(&house).await.last().unwrap().from, day(9000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_judges_at_once_do_the_work_once_and_a_restart_goes_on() {
    for house in House::all(Some(baseline(0.74))).await {
        watch(&house).await;
        for i in 0..8 {
            house
                .serve(&rows(i, 200, if i > 3 { 3.0 } else { 0.0 }, 1.0), 1, true)
                .await;
        }
        house.clock.advance_to(day(8)).unwrap();
        let workspace = house.scope.workspace.clone();
        let (one, two) = tokio::join!(
            house.monitors.judge_due(&workspace),
            house.monitors.judge_due(&workspace)
        );
        one.unwrap();
        two.unwrap();
        assert_eq!(windows(&house).await.len(), 8);
        assert_eq!(alerts(&house).await.len(), 1);
        assert!(house.folder().exists());
        let again = trimtab_monitor::Monitors::new(
            house.db.clone(),
            house.clock.clone(),
            house.events.clone(),
            house.champion.clone(),
            std::sync::Arc::new(crate::support::RangeCheck),
        );
        house.serve(&rows(8, 200, 3.0, 1.0), 1, true).await;
        house.clock.advance_to(day(9)).unwrap();
        assert!(!again.judge_due(&workspace).await.unwrap().is_empty());
        assert_eq!(windows(&house).await.len(), 9);
        assert_eq!(alerts(&house).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_may_be_windows() {
    for house in House::all(None).await {
        let spec = MonitorSpec {
            name: name("m"),
            endpoint: name("e"),
            window: Some(Duration::from_hours(6)),
        };
        house
            .monitors
            .apply(&house.scope, "p", vec![spec])
            .await
            .unwrap();
        house.serve(&rows(0, 480, 0.0, 1.0), 1, true).await;
        house.judge(day(1)).await;
        let windows = windows(&house).await;
        assert_eq!(
            windows.iter().map(|window| window.rows).collect::<Vec<_>>(),
            [150, 100, 150, 80]
        );
    }
}
