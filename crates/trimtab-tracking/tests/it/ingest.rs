//! Records from elsewhere: ids and times kept, the same again changes nothing, what was made here is never overwritten.

use bytes::Bytes;
use futures::stream;
use trimtab_tracking::{
    ArtifactPath, GcPlan, IngestExperiment, IngestKey, IngestKind, IngestMark, IngestRun,
    Lifecycle, RunStatus, Tracking,
};
use trimtab_types::{RunId, Scope, Time};

use super::{all, other_workspace, point, run};

fn experiment(id: i64, name: &str) -> IngestExperiment {
    IngestExperiment {
        id,
        name: name.to_owned(),
        artifact_location: format!("mlflow-artifacts:/{id}"),
        lifecycle: Lifecycle::Active,
        created_at: Time::from_millis(5),
        updated_at: Time::from_millis(6),
        tags: vec![("of".to_owned(), name.to_owned())],
        origin: "5".to_owned(),
        mark: "first".to_owned(),
    }
}

fn ingest_run(id: RunId, experiment: i64) -> IngestRun {
    IngestRun {
        id,
        experiment,
        name: "old".to_owned(),
        user: "ann".to_owned(),
        status: RunStatus::Failed,
        start_time: Time::from_millis(1_000),
        end_time: Some(Time::from_millis(2_000)),
        artifact_uri: "s3://bucket/old".to_owned(),
        reference: None,
        lifecycle: Lifecycle::Deleted,
        deleted_at: Some(Time::from_millis(3_000)),
        params: vec![("p".to_owned(), "x".repeat(7_000))],
        tags: vec![("mlflow.runName".to_owned(), "old".to_owned())],
        datasets: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
        mark: "partial".to_owned(),
    }
}

fn key(kind: IngestKind, id: &str, origin: &str, name: Option<&str>) -> IngestKey {
    IngestKey {
        kind,
        id: id.to_owned(),
        origin: origin.to_owned(),
        name: name.map(str::to_owned),
    }
}

/// Why these cannot come, and the marks of those that came before.
async fn state(tracking: &Tracking, keys: Vec<IngestKey>) -> (Vec<String>, Vec<String>) {
    let state = tracking.ingest_state(&Scope::local(), keys).await.unwrap();
    (
        state.collisions.into_iter().map(|(_, why)| why).collect(),
        state.known.into_iter().map(|mark| mark.mark).collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn records_keep_their_ids_and_come_once() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let id: RunId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        for _ in 0..2 {
            tracking
                .ingest_experiments(&scope, vec![experiment(41, "alpha")])
                .await
                .unwrap();
            tracking
                .ingest_runs(&scope, vec![ingest_run(id, 41)])
                .await
                .unwrap();
            let points = vec![
                point("m", f64::NAN, 1, 1),
                point("m", 2.0, 2, 2),
                point("n", 1.0, 1, 1),
            ];
            tracking
                .ingest_points(&scope, vec![(id, points)])
                .await
                .unwrap();
        }
        let got = tracking.get_run(&scope, id).await.unwrap();
        assert_eq!(
            (got.experiment, got.user.as_str(), got.status, got.lifecycle),
            (41, "ann", RunStatus::Failed, Lifecycle::Deleted)
        );
        assert_eq!(got.end_time, Some(Time::from_millis(2_000)));
        assert_eq!(got.params["p"].len(), 7_000);
        let history = tracking
            .metric_history(&scope, id, "m", 0, None)
            .await
            .unwrap();
        assert_eq!(history.points.len(), 2);
        let experiment = tracking.get_experiment(&scope, 41).await.unwrap();
        assert_eq!(experiment.created_at, Time::from_millis(5));
        assert_eq!(experiment.tags["of"], "alpha");
        let mark = IngestMark {
            kind: IngestKind::Run,
            id: id.to_string(),
            origin: String::new(),
            mark: "whole".to_owned(),
        };
        tracking.ingest_marks(&scope, vec![mark]).await.unwrap();
        let asked = vec![
            key(IngestKind::Experiment, "41", "5", Some("alpha")),
            key(IngestKind::Run, &id.to_string(), "", None),
            key(IngestKind::Run, &RunId::new().to_string(), "", None),
        ];
        assert_eq!(
            state(&tracking, asked).await,
            (vec![], vec!["first".to_owned(), "whole".to_owned()])
        );
        // Another workspace knows nothing of it.
        let elsewhere = tracking
            .ingest_state(
                &other_workspace(),
                vec![key(IngestKind::Run, &id.to_string(), "", None)],
            )
            .await
            .unwrap();
        assert!(elsewhere.known.is_empty() && elsewhere.collisions.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_here_is_never_overwritten() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let own = run(&tracking, 1).await;
        tracking
            .ingest_experiments(&scope, vec![experiment(41, "alpha")])
            .await
            .unwrap();
        let asked = vec![
            key(IngestKind::Run, &own.id.to_string(), "", None),
            key(IngestKind::Experiment, "41", "6", Some("alpha")),
            key(IngestKind::Experiment, "42", "7", Some("alpha")),
            key(IngestKind::Experiment, "0", "8", Some("Default")),
        ];
        assert_eq!(
            state(&tracking, asked).await.0,
            [
                "it was made here",
                "another one of that id was imported",
                "experiment 41 has the name `alpha`"
            ]
        );
        assert!(
            tracking
                .ingest_runs(&scope, vec![ingest_run(own.id, 41)])
                .await
                .is_err()
        );
        assert!(
            tracking
                .ingest_points(&scope, vec![(own.id, vec![point("m", 1.0, 1, 1)])])
                .await
                .is_err()
        );
        assert!(
            tracking
                .ingest_experiments(&scope, vec![experiment(42, "alpha")])
                .await
                .is_err()
        );
        let got = tracking.get_run(&scope, own.id).await.unwrap();
        assert_eq!((got.name, got.experiment), (own.name, 0));
        assert!(got.metrics.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_files_lie_elsewhere_is_listed_there_and_under_its_own_path() {
    use trimtab_types::{Coded as _, ErrorCode};

    let text = |listing: trimtab_tracking::ArtifactListing| {
        let names = listing.entries.into_iter();
        let names: Vec<String> = names
            .map(|entry| format!("{} {:?}", entry.path, entry.size))
            .collect();
        names.join(", ")
    };
    for (folder, tracking) in all().await {
        let scope = Scope::local();
        let place = folder.path().join("old/41/run/artifacts");
        std::fs::create_dir_all(place.join("model")).unwrap();
        std::fs::write(place.join("model/MLmodel"), "flavors").unwrap();
        std::fs::write(place.join("a b.txt"), "hello").unwrap();
        let id: RunId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let experiments = vec![experiment(41, "alpha")];
        tracking
            .ingest_experiments(&scope, experiments)
            .await
            .unwrap();
        let mut old = ingest_run(id, 41);
        let ours = format!("mlflow-artifacts:/41/{id}/artifacts");
        old.artifact_uri.clone_from(&ours);
        old.reference = Some(format!("file://{}", place.display()));
        tracking.ingest_runs(&scope, vec![old]).await.unwrap();

        let of_run = format!("runs:/{id}");
        let read = async |uri: &str, below: &str| {
            let place = tracking.artifact_place(&scope, uri).await?;
            let place = place.join(&ArtifactPath::parse(below)?);
            tracking.artifact_list_place(&scope, &place).await.map(text)
        };
        // Until somebody who may says so, nothing there is read.
        for uri in [&of_run, &ours] {
            let refused = read(uri, "").await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::Unsupported, "{uri}");
        }
        let root = folder.path().join("old").display().to_string();
        tracking.ingest_root(&scope, &root).await.unwrap();
        for uri in [&of_run, &ours] {
            let all = read(uri, "").await.unwrap();
            assert_eq!(all, "a b.txt Some(5), model None", "{uri}");
            assert_eq!(
                read(uri, "model").await.unwrap(),
                "MLmodel Some(7)",
                "{uri}"
            );
            assert_eq!(read(uri, "nothing").await.unwrap(), "", "{uri}");
            let place = tracking.artifact_place(&scope, uri).await.unwrap();
            let file = place.join(&ArtifactPath::parse("a b.txt").unwrap());
            let file = tracking.artifact_file(&scope, &file).await.unwrap();
            let part = tracking
                .artifact_file_range(&scope, &file, 1..4)
                .await
                .unwrap();
            assert_eq!(part.collect().await.unwrap().as_ref(), b"ell");
        }
        // What is written to the run comes to us, and hides what lies there under its path.
        let path = ArtifactPath::parse(&format!("41/{id}/artifacts/a b.txt")).unwrap();
        let new = stream::iter([Ok::<_, std::io::Error>(Bytes::from("hello, again"))]);
        tracking.artifact_put(&scope, &path, new).await.unwrap();
        assert_eq!(
            read(&ours, "").await.unwrap(),
            "a b.txt Some(12), model None"
        );
        assert_eq!(
            std::fs::read_to_string(place.join("a b.txt")).unwrap(),
            "hello"
        );
        let dest = folder.path().join("exported");
        let count = tracking
            .artifact_export(&scope, &ours, &dest)
            .await
            .unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            std::fs::read_to_string(dest.join("a b.txt")).unwrap(),
            "hello, again"
        );
        // The folders on the way are there too.
        let on_the_way = read("mlflow-artifacts:/41", "").await.unwrap();
        assert_eq!(on_the_way, format!("{id} None"));
        // Nobody reaches them from another workspace, or by the path of a run that is none.
        let other = other_workspace();
        let stranger = tracking.artifact_place(&other, &ours).await.unwrap();
        let listed = tracking.artifact_list_place(&other, &stranger).await;
        assert_eq!(text(listed.unwrap()), "");
        let nobody = ours.replace(&id.to_string(), &"f".repeat(32));
        assert_eq!(read(&nobody, "").await.unwrap(), "");
        // Collection takes ours, and leaves what it only referred to.
        tracking.gc(&scope, GcPlan::default()).await.unwrap();
        assert_eq!(read(&ours, "").await.unwrap(), "");
        assert!(place.join("a b.txt").exists());
    }
}
