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
