//! What a server removes by itself, with a clock in the test's hand.

use trimtab_tracking::{CreateExperiment, CreateLoggedModel, CreateRun, ExperimentRef};
use trimtab_types::{Coded as _, Duration, ErrorCode};

use super::*;
use crate::keeper;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_goes_after_the_set_days_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Time::from_millis(1_700_000_000_000);
    let clock = Clock::by_hand(begun);
    let config = ServerConfig::default();
    let data = DataFolder::open(&folder.path().join("data"), ClockKind::Live).unwrap();
    let db = open_database(None, &data.path).await.unwrap();
    let access = Access::open(db.clone(), clock.clone(), AccessMode::Open)
        .await
        .unwrap();
    let tasks = Tasks::new();
    let services = build(
        &config,
        "http://127.0.0.1:0",
        &data,
        db,
        clock,
        access,
        Metrics::default(),
        &tasks,
    )
    .await
    .unwrap();
    let (tracking, scope) = (&services.tracking, Scope::local());
    let experiment = CreateExperiment {
        name: "old".to_owned(),
        artifact_location: None,
        tags: Vec::new(),
    };
    let experiment = tracking
        .create_experiment(&scope, experiment)
        .await
        .unwrap();
    let run = |name: &str| CreateRun {
        id: None,
        experiment: ExperimentRef::Id(0),
        name: Some(name.to_owned()),
        start_time: Some(begun),
        user: None,
        tags: Vec::new(),
    };
    let early = tracking.create_run(&scope, run("early")).await.unwrap().id;
    let late = tracking.create_run(&scope, run("late")).await.unwrap().id;
    let active = tracking.create_run(&scope, run("active")).await.unwrap().id;
    let model = CreateLoggedModel {
        experiment: 0,
        name: None,
        model_type: None,
        source_run: None,
        params: Vec::new(),
        tags: Vec::new(),
    };
    let model = tracking
        .create_logged_model(&scope, model)
        .await
        .unwrap()
        .id;
    tracking.delete_run(&scope, early).await.unwrap();
    tracking.delete_logged_model(&scope, model).await.unwrap();
    tracking
        .delete_experiment(&scope, experiment.id)
        .await
        .unwrap();
    let kept = Some(Duration::from_days(30));
    let at = async |days: i64| {
        let now = begun + Duration::from_days(days);
        services.clock.advance_to(now).unwrap();
        if days == 10 {
            tracking.delete_run(&scope, late).await.unwrap();
        }
        keeper::round(&services, kept).await;
        let mut left = Vec::new();
        for (name, id) in [("early", early), ("late", late), ("active", active)] {
            match tracking.get_run(&scope, id).await {
                Ok(_) => left.push(name),
                Err(error) => assert_eq!(error.code(), ErrorCode::NotFound),
            }
        }
        if tracking.get_logged_model(&scope, model).await.is_ok() {
            left.push("model");
        }
        if tracking.get_experiment(&scope, experiment.id).await.is_ok() {
            left.push("experiment");
        }
        left.join(" ")
    };
    assert_eq!(at(10).await, "early late active experiment");
    assert_eq!(at(29).await, "early late active experiment");
    assert_eq!(at(31).await, "late active");
    assert_eq!(at(39).await, "late active");
    assert_eq!(at(41).await, "active");
    keeper::round(&services, None).await;
    assert_eq!(at(4_000).await, "active");
}
