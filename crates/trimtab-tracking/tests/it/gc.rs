use std::io;

use bytes::Bytes;
use futures::stream;
use trimtab_tracking::{
    ArtifactPath, Batch, CreateExperiment, CreateLoggedModel, CreateRun, ExperimentRef, GcPlan,
    GcReport, Run, Tracking,
};
use trimtab_types::{Coded, Duration, ErrorCode, Scope};

use crate::{all, point, run};

async fn put(tracking: &Tracking, path: &str, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    tracking
        .artifact_put(
            &Scope::local(),
            &ArtifactPath::parse(path).unwrap(),
            stream::iter([Ok::<_, io::Error>(bytes)]),
        )
        .await
        .unwrap();
}

async fn has(tracking: &Tracking, path: &str) -> bool {
    tracking
        .artifact_blob(&Scope::local(), &ArtifactPath::parse(path).unwrap())
        .await
        .is_ok()
}

async fn gc(tracking: &Tracking, plan: GcPlan) -> GcReport {
    tracking.gc(&Scope::local(), plan).await.unwrap()
}

fn root(run: &Run) -> String {
    run.artifact_uri
        .strip_prefix("mlflow-artifacts:/")
        .unwrap()
        .to_owned()
}

async fn deleted_run(tracking: &Tracking, start_ms: i64) -> Run {
    let made = run(tracking, start_ms).await;
    let scope = Scope::local();
    let batch = Batch {
        metrics: vec![point("loss", 1.0, start_ms, 0)],
        params: vec![("p".to_owned(), "1".to_owned())],
        tags: vec![("t".to_owned(), "1".to_owned())],
    };
    tracking.log_batch(&scope, made.id, batch).await.unwrap();
    put(
        tracking,
        &format!("{}/own.txt", root(&made)),
        &format!("of {start_ms}"),
    )
    .await;
    put(
        tracking,
        &format!("{}/shared.txt", root(&made)),
        "the same everywhere",
    )
    .await;
    tracking.delete_run(&scope, made.id).await.unwrap();
    made
}

#[tokio::test]
async fn what_was_deleted_goes_and_what_others_share_stays() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let gone = deleted_run(&tracking, 1).await;
        let kept = run(&tracking, 2).await;
        put(
            &tracking,
            &format!("{}/shared.txt", root(&kept)),
            "the same everywhere",
        )
        .await;
        let report = gc(&tracking, GcPlan::default()).await;
        assert_eq!((report.runs, report.files, report.kept), (1, 2, 0));
        let missing = tracking.get_run(&scope, gone.id).await.unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
        assert!(tracking.restore_run(&scope, gone.id).await.is_err());
        assert!(!has(&tracking, &format!("{}/own.txt", root(&gone))).await);
        assert!(has(&tracking, &format!("{}/shared.txt", root(&kept))).await);
        assert_eq!(gc(&tracking, GcPlan::default()).await, GcReport::default());
    }
}

#[tokio::test]
async fn only_what_is_named_goes_and_only_when_it_is_deleted_and_old_enough() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let (first, second) = (
            deleted_run(&tracking, 1).await,
            deleted_run(&tracking, 2).await,
        );
        let active = run(&tracking, 3).await;
        let refused = |plan| async { tracking.gc(&scope, plan).await.unwrap_err() };
        let named = |runs: Vec<_>, older_than| GcPlan {
            runs: Some(runs),
            older_than,
            ..GcPlan::default()
        };
        let error = refused(named(vec![first.id, active.id], None)).await;
        assert!(error.to_string().contains("is not deleted"), "{error}");
        let day = Some(Duration::from_days(1));
        let error = refused(named(vec![first.id], day)).await;
        assert!(error.to_string().contains("1d"), "{error}");
        let error = refused(named(
            vec!["0123456789abcdef0123456789abcdef".parse().unwrap()],
            None,
        ))
        .await;
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert_eq!(
            gc(
                &tracking,
                GcPlan {
                    older_than: day,
                    ..GcPlan::default()
                }
            )
            .await
            .runs,
            0
        );
        assert_eq!(gc(&tracking, named(vec![second.id], None)).await.runs, 1);
        tracking.restore_run(&scope, first.id).await.unwrap();
        assert_eq!(gc(&tracking, GcPlan::default()).await.runs, 0);
        let back = tracking.get_run(&scope, first.id).await.unwrap();
        assert_eq!((back.params.len(), back.metrics.len()), (1, 1));
    }
}

#[tokio::test]
async fn an_experiment_goes_with_its_runs_models_and_files_and_frees_its_name() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let create = || CreateExperiment {
            name: "old".to_owned(),
            ..CreateExperiment::default()
        };
        let made = tracking.create_experiment(&scope, create()).await.unwrap();
        let inside = tracking
            .create_run(
                &scope,
                CreateRun {
                    id: None,
                    experiment: ExperimentRef::Id(made.id),
                    name: None,
                    start_time: None,
                    user: None,
                    tags: Vec::new(),
                },
            )
            .await
            .unwrap();
        let model = tracking
            .create_logged_model(
                &scope,
                CreateLoggedModel {
                    experiment: made.id,
                    name: None,
                    model_type: None,
                    source_run: None,
                    params: vec![("a".to_owned(), "b".to_owned())],
                    tags: Vec::new(),
                },
            )
            .await
            .unwrap();
        put(&tracking, &format!("{}/x", root(&inside)), "x").await;
        put(
            &tracking,
            &format!("{}/models/m-{}/artifacts/MLmodel", made.id, model.id),
            "m",
        )
        .await;
        put(&tracking, &format!("{}/stray.txt", made.id), "nobody's").await;
        let alive = GcPlan {
            experiments: Some(vec![made.id]),
            ..GcPlan::default()
        };
        assert!(tracking.gc(&scope, alive.clone()).await.is_err());
        tracking.delete_experiment(&scope, made.id).await.unwrap();
        let report = gc(&tracking, alive).await;
        assert_eq!(
            (
                report.experiments,
                report.runs,
                report.logged_models,
                report.files
            ),
            (1, 1, 1, 3)
        );
        assert!(tracking.get_experiment(&scope, made.id).await.is_err());
        assert!(tracking.get_logged_model(&scope, model.id).await.is_err());
        tracking.create_experiment(&scope, create()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_model_version_needs_stays_until_the_version_goes() {
    for (_folder, tracking) in all().await {
        let held = deleted_run(&tracking, 1).await;
        let free = deleted_run(&tracking, 2).await;
        for uri in [
            format!("runs:/{}/model", held.id),
            format!("{}/model", held.artifact_uri),
            held.artifact_uri.clone(),
        ] {
            let report = gc(
                &tracking,
                GcPlan {
                    in_use: vec![uri, "s3://elsewhere/x".to_owned()],
                    ..GcPlan::default()
                },
            )
            .await;
            let kept = format!(
                "run {}: a version of a registered model has its files",
                held.id
            );
            assert_eq!(report.kept_names, [kept]);
        }
        assert!(tracking.get_run(&Scope::local(), free.id).await.is_err());
        assert!(has(&tracking, &format!("{}/own.txt", root(&held))).await);
        assert_eq!(gc(&tracking, GcPlan::default()).await.runs, 1);
    }
}

#[tokio::test]
async fn another_workspace_and_another_run_with_a_longer_name_keep_theirs() {
    for (_folder, tracking) in all().await {
        let gone = deleted_run(&tracking, 1).await;
        let beside = format!("{}-backup/keep.txt", root(&gone));
        put(&tracking, &beside, "not of that run").await;
        let other = crate::other_workspace();
        assert_eq!(
            tracking.gc(&other, GcPlan::default()).await.unwrap().runs,
            0
        );
        assert_eq!(gc(&tracking, GcPlan::default()).await.runs, 1);
        assert!(has(&tracking, &beside).await);
    }
}

#[tokio::test]
async fn the_number_of_a_collected_experiment_is_never_given_again() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let create = |name: &str| CreateExperiment {
            name: name.to_owned(),
            artifact_location: None,
            tags: Vec::new(),
        };
        let mut made = Vec::new();
        for name in ["first", "second"] {
            let experiment = tracking.create_experiment(&scope, create(name)).await;
            made.push(experiment.unwrap().id);
        }
        // The newest goes, then the one before it: the greatest number counts, whatever goes last.
        for id in made.iter().rev() {
            tracking.delete_experiment(&scope, *id).await.unwrap();
            assert_eq!(gc(&tracking, GcPlan::default()).await.experiments, 1);
        }
        let next = tracking.create_experiment(&scope, create("second")).await;
        assert_eq!(next.unwrap().id, made[1] + 1);
        // Another workspace counts for itself.
        let other = crate::other_workspace();
        let theirs = tracking.create_experiment(&other, create("first")).await;
        assert_eq!(theirs.unwrap().id, made[0]);
    }
}

/// A hundred thousand deleted runs, each with its params, tags, points and a file; and what a writer notices of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_runs_go_while_others_write() {
    const RUNS: u64 = 100_000;
    let db = trimtab_db::testing::sqlite(crate::ALL).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = trimtab_types::Clock::system();
    let blobs = trimtab_blob::BlobStore::open(folder.path(), db.clone(), clock.clone());
    let tracking = Tracking::new(db.clone(), clock, blobs.await.unwrap());
    let made = deleted_run(&tracking, 1).await;
    let active = run(&tracking, 2).await;
    let template = made.id.to_string();
    db.write(trimtab_db::Lane::Bulk, move |tx| {
        let of = |id: &str| format!("SELECT key FROM run WHERE id = '{id}'");
        let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})", RUNS - 1);
        let mut copy = |sql: String| tx.execute(&sql, &[]);
        copy(format!(
            "INSERT INTO run (workspace_id, id, experiment, name, user_id, status, start_at, artifact_uri, stage, deleted_at, received_at, created_by) {numbers} SELECT workspace_id, printf('%032x', n.i), experiment, name, user_id, status, start_at + n.i, 'mlflow-artifacts:/0/' || printf('%032x', n.i) || '/artifacts', stage, deleted_at, received_at, created_by FROM run, n WHERE id = '{template}'"
        ))?;
        for table in ["param", "tag"] {
            copy(format!(
                "INSERT INTO {table} (run, key, value) SELECT r.key, t.key, t.value FROM run r, {table} t WHERE t.run = ({}) AND r.stage = 1 AND r.id <> '{template}'",
                of(&template)
            ))?;
        }
        copy(format!(
            "INSERT INTO metric (run, key, at_ms, step, class, value) SELECT r.key, m.key, m.at_ms, m.step, m.class, m.value FROM run r, metric m WHERE m.run = ({}) AND r.stage = 1 AND r.id <> '{template}'",
            of(&template)
        ))?;
        copy(format!(
            "INSERT INTO artifact (workspace_id, path, hash, size, created_at, created_by) SELECT a.workspace_id, '0/' || r.id || '/artifacts/shared.txt', a.hash, a.size, a.created_at, a.created_by FROM run r, artifact a WHERE a.path = '0/{template}/artifacts/shared.txt' AND r.stage = 1 AND r.id <> '{template}'"
        ))?;
        copy(format!("UPDATE blob SET refs = refs + {} WHERE hash = (SELECT hash FROM artifact WHERE path = '0/{template}/artifacts/shared.txt')", RUNS - 1))?;
        Ok::<_, trimtab_db::DbError>(())
    })
    .await
    .unwrap();
    let begun = std::time::Instant::now();
    let collecting = gc(&tracking, GcPlan::default());
    let mut collecting = std::pin::pin!(collecting);
    let (mut writes, mut longest) = (0_u32, std::time::Duration::ZERO);
    let report = loop {
        let write = std::time::Instant::now();
        let beat = writes.to_string();
        let scope = Scope::local();
        let written = tracking.set_tag(&scope, active.id, "beat", &beat);
        tokio::select! {
            biased;
            report = &mut collecting => break report,
            written = written => written.unwrap(),
        }
        longest = longest.max(write.elapsed());
        writes += 1;
    };
    let took = begun.elapsed();
    assert_eq!((report.runs, report.files), (RUNS, RUNS + 1));
    println!("{RUNS} runs in {took:?}; {writes} writes meanwhile, the longest {longest:?}");
    assert!(took < std::time::Duration::from_mins(2), "{took:?}");
    assert!(longest < std::time::Duration::from_secs(5), "{longest:?}");
    let left = tracking
        .gc(&Scope::local(), GcPlan::default())
        .await
        .unwrap();
    assert_eq!(left, GcReport::default());
}
