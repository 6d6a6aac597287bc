use trimtab_tracking::{
    Batch, CreateExperiment, CreateRun, Lifecycle, RunStatus, RunUpdate, TrackingError,
};
use trimtab_types::{Coded, ErrorCode, RunId, Scope, Time};

use crate::{all, other_workspace, point, run};

#[tokio::test]
async fn a_run_with_a_chosen_id_is_made_once_with_its_experiment() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let id = RunId::new();
        let create = CreateRun {
            id: Some(id),
            experiment: "flights".into(),
            name: Some("retrain".to_owned()),
            start_time: Some(Time::from_micros(1_234_567)),
            user: Some("loop".to_owned()),
            tags: vec![("plan".to_owned(), "1".to_owned())],
        };
        let first = tracking.create_run(&scope, create.clone()).await.unwrap();
        assert_eq!((first.id, first.start_time), (id, Time::from_millis(1_234)));
        let again = tracking
            .create_run(
                &scope,
                CreateRun {
                    name: Some("other".to_owned()),
                    ..create
                },
            )
            .await
            .unwrap();
        assert_eq!(again, first);
        let experiment = tracking
            .get_experiment_by_name(&scope, "flights")
            .await
            .unwrap();
        assert_eq!(experiment.id, first.experiment);
        tracking
            .finish_run(&scope, id, RunStatus::Failed)
            .await
            .unwrap();
        let ended = tracking.get_run(&scope, id).await.unwrap();
        tracking
            .finish_run(&scope, id, RunStatus::Finished)
            .await
            .unwrap();
        assert_eq!(
            tracking.get_run(&scope, id).await.unwrap(),
            ended,
            "what is over stays as it is"
        );
        assert_eq!(ended.status, RunStatus::Failed);
    }
}

#[tokio::test]
async fn another_workspace_sees_nothing_and_has_its_own_numbers() {
    for (_folder, tracking) in all().await {
        let mine = run(&tracking, 1).await;
        let other = other_workspace();
        let refused = tracking.get_run(&other, mine.id).await;
        assert!(matches!(refused, Err(TrackingError::NotFound { .. })));
        let refused = tracking.set_tag(&other, mine.id, "k", "v").await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(
            tracking.get_experiment(&other, 0).await.unwrap().name,
            "Default"
        );
        let made = tracking
            .create_experiment(
                &other,
                trimtab_tracking::CreateExperiment {
                    name: "e".to_owned(),
                    ..Default::default()
                },
            )
            .await
            .unwrap();
        assert_eq!(made.id, 1);
        let found = tracking
            .search_runs(
                &other,
                trimtab_tracking::RunSearch {
                    experiments: vec![0, 1],
                    ..Default::default()
                },
            )
            .await
            .unwrap();
        assert_eq!(found.items, []);
    }
}

#[tokio::test]
async fn concurrent_batches_to_one_run_lose_nothing_and_agree_on_the_latest() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let run = run(&tracking, 1).await;
        let writers = (0..8_i64).map(|writer| {
            let (tracking, scope, id) = (tracking.clone(), scope.clone(), run.id);
            async move {
                for part in 0..5_i64 {
                    let metrics = (0..60_i64)
                        .flat_map(|i| {
                            let step = part * 60 + i;
                            [
                                point("shared", (step * 8 + writer) as f64, step, step),
                                point(&format!("own{writer}"), 1.0, step, step),
                            ]
                        })
                        .collect();
                    tracking
                        .log_batch(
                            &scope,
                            id,
                            Batch {
                                metrics,
                                ..Batch::default()
                            },
                        )
                        .await
                        .unwrap();
                }
            }
        });
        futures::future::join_all(writers).await;
        let history = tracking
            .metric_history(&scope, run.id, "shared", 0, None)
            .await
            .unwrap();
        assert_eq!(history.points.len(), 8 * 300);
        let found = tracking.get_run(&scope, run.id).await.unwrap();
        assert_eq!(found.metrics.len(), 9);
        let latest = found.metrics.iter().find(|m| m.key == "shared").unwrap();
        assert_eq!((latest.step, latest.value), (299, 299.0 * 8.0 + 7.0));
    }
}

#[tokio::test]
async fn the_latest_point_is_the_greatest_by_step_time_value() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let run = run(&tracking, 1).await;
        for (value, time, step) in [
            (5.0, 10, 1),
            (1.0, 5, 2),
            (0.5, 4, 2),
            (2.0, 5, 2),
            (9.0, 99, 1),
        ] {
            tracking
                .log_metric(&scope, run.id, point("m", value, time, step))
                .await
                .unwrap();
        }
        let latest = tracking
            .get_run(&scope, run.id)
            .await
            .unwrap()
            .metrics
            .remove(0);
        assert_eq!(
            (latest.value, latest.timestamp_ms, latest.step),
            (2.0, 5, 2)
        );
        let history = tracking
            .metric_history(&scope, run.id, "m", 0, None)
            .await
            .unwrap();
        let times: Vec<i64> = history.points.iter().map(|p| p.timestamp_ms).collect();
        assert_eq!(times, [4, 5, 5, 10, 99]);
    }
}

#[tokio::test]
async fn deleting_an_experiment_deletes_its_runs_and_restoring_brings_them_back() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let run = run(&tracking, 1).await;
        tracking.delete_experiment(&scope, 0).await.unwrap();
        let found = tracking.get_run(&scope, run.id).await.unwrap();
        assert_eq!(found.lifecycle, Lifecycle::Deleted);
        let refused = tracking
            .update_run(&scope, run.id, RunUpdate::default())
            .await
            .unwrap_err();
        assert!(
            matches!(refused.code(), ErrorCode::Invalid { .. }),
            "{refused}"
        );
        assert_eq!(
            tracking
                .delete_experiment(&scope, 0)
                .await
                .unwrap_err()
                .code(),
            ErrorCode::NotFound
        );
        tracking.restore_experiment(&scope, 0).await.unwrap();
        assert_eq!(
            tracking.get_run(&scope, run.id).await.unwrap().lifecycle,
            Lifecycle::Active
        );
    }
}

#[tokio::test]
async fn a_deleted_experiment_frees_its_name() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let create = || CreateExperiment {
            name: "n".to_owned(),
            ..CreateExperiment::default()
        };
        let first = tracking.create_experiment(&scope, create()).await.unwrap();
        tracking.delete_experiment(&scope, first.id).await.unwrap();
        let gone = tracking.get_experiment_by_name(&scope, "n").await;
        assert_eq!(gone.unwrap_err().code(), ErrorCode::NotFound);
        let second = tracking.create_experiment(&scope, create()).await.unwrap();
        assert_ne!(second.id, first.id);
        let found = tracking.get_experiment_by_name(&scope, "n").await.unwrap();
        assert_eq!(found.id, second.id);
        let refused = tracking.restore_experiment(&scope, first.id).await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains(&format!("active experiment {}", second.id)),
            "{refused}"
        );
        let renamed = tracking.rename_experiment(&scope, second.id, "m").await;
        renamed.unwrap();
        tracking.restore_experiment(&scope, first.id).await.unwrap();
        let found = tracking.get_experiment_by_name(&scope, "n").await.unwrap();
        assert_eq!(found.id, first.id);
    }
}

/// What a history is, whatever way its points came: the set, by time, step and value.
#[tokio::test]
async fn points_one_by_one_and_in_batches_are_one_history() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let run = run(&tracking, 1).await;
        let mut expected = Vec::new();
        let mut log = async |points: Vec<(i64, f64)>| {
            let metrics = points
                .iter()
                .map(|(step, value)| point("m", *value, 1_000 + step / 3, *step))
                .collect();
            let batch = Batch {
                metrics,
                ..Batch::default()
            };
            tracking.log_batch(&scope, run.id, batch).await.unwrap();
            expected.extend(points);
        };
        let value = |step: i64| (step % 7) as f64;
        // Out of order, overlapping, long and short, and the same batch twice.
        for (from, to) in [
            (200, 400),
            (0, 5),
            (100, 300),
            (0, 120),
            (0, 120),
            (399, 401),
        ] {
            log((from..to).map(|step| (step, value(step))).collect()).await;
        }
        log(vec![(250, f64::NAN), (250, f64::INFINITY), (250, 9.0)]).await;
        log((240..260).map(|step| (step, f64::NEG_INFINITY)).collect()).await;
        let shown = |step: i64, value: f64| (1_000 + step / 3, step, format!("{value:?}"));
        let mut expected: Vec<_> = expected.iter().map(|(s, v)| shown(*s, *v)).collect();
        expected.sort();
        expected.dedup();
        for limit in [0, 7, 50, 421] {
            let (mut found, mut token) = (Vec::new(), None::<String>);
            loop {
                let page = tracking
                    .metric_history(&scope, run.id, "m", limit, token.as_deref())
                    .await
                    .unwrap();
                found.extend(
                    page.points
                        .iter()
                        .map(|p| (p.timestamp_ms, p.step, p.value)),
                );
                match page.next {
                    Some(next) => token = Some(next.as_str().to_owned()),
                    None => break,
                }
            }
            assert!(found.iter().map(|p| (p.0, p.1)).is_sorted());
            let mut found: Vec<_> = found.iter().map(|p| shown(p.1, p.2)).collect();
            found.sort();
            assert_eq!(found, expected, "limit {limit}");
        }
        let latest = tracking.get_run(&scope, run.id).await.unwrap().metrics;
        assert_eq!((latest[0].step, latest[0].value), (400, 1.0));
        let sample = tracking
            .metric_sample(&scope, run.id, "m", Some((10, 390)), 20)
            .await
            .unwrap();
        assert!((20..=22).contains(&sample.len()), "{}", sample.len());
        assert!(sample.iter().map(|p| p.step).is_sorted());
        assert_eq!((sample[0].step, sample[sample.len() - 1].step), (10, 390));
    }
}

#[tokio::test]
async fn changes_are_told_after_they_are_made() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let mut changes = tracking.changes();
        let run = run(&tracking, 1).await;
        tracking
            .log_metric(&scope, run.id, point("m", 1.0, 1, 1))
            .await
            .unwrap();
        for _ in 0..2 {
            let change = changes.try_recv().unwrap();
            assert_eq!((change.experiment, change.run), (0, run.id));
        }
        assert!(changes.try_recv().is_err());
    }
}
