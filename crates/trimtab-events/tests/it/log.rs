//! What is logged is read, in one order, from memory and from segments.

use trimtab_events::{Column, Scan, ServedAs};
use trimtab_types::{Duration, PredictionId, Scope, WorkspaceId};

use crate::support::{all, day, event, fixtures, keys, names, open, row_numbers, scope, texts};

#[tokio::test]
async fn scans_are_sorted_whatever_the_order_of_arrival_and_wherever_rows_lie() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        for (time, row_keys) in [
            (day(2), ["f", "e"]),
            (day(0), ["b", "a"]),
            (day(1), ["d", "c"]),
        ] {
            assert!(log.log_prediction(event(time, &row_keys)));
        }
        log.flush().await.unwrap();
        let expected = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(keys(&log.predictions(&all()).await.unwrap()), expected);
        log.seal().await.unwrap();
        assert_eq!(keys(&log.predictions(&all()).await.unwrap()), expected);
        // Later rows in memory, between sealed ones.
        log.log_prediction(event(day(1), &["bb", "cc"]));
        log.flush().await.unwrap();
        let expected = ["a", "b", "bb", "c", "cc", "d", "e", "f"];
        assert_eq!(keys(&log.predictions(&all()).await.unwrap()), expected);
        let bounds = log
            .bounds(&WorkspaceId::default(), &all().endpoint)
            .await
            .unwrap();
        assert_eq!(bounds, Some((day(0), day(2), 8)));
        assert_eq!(
            log.bounds(&WorkspaceId::default(), &"other".parse().unwrap())
                .await
                .unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn a_scan_keeps_to_its_range_columns_role_endpoint_and_workspace() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        let served = event(day(0), &["a", "b"]);
        let mut shadow = served.clone();
        shadow.served_as = ServedAs::Shadow;
        shadow.model_version = 2;
        shadow.outputs = vec![("probability".to_owned(), Column::Float(vec![Some(0.5); 2]))];
        let mut elsewhere = event(day(0), &["x"]);
        elsewhere.workspace = WorkspaceId::new("other").unwrap();
        let mut other = event(day(0), &["y"]);
        other.endpoint = "other".parse().unwrap();
        for event in [served, shadow, elsewhere, other, event(day(1), &["c"])] {
            assert!(log.log_prediction(event));
        }
        for is_sealed in [false, true] {
            if is_sealed {
                log.seal().await.unwrap();
            }
            log.flush().await.unwrap();
            let both = log.predictions(&all()).await.unwrap();
            assert_eq!(keys(&both), ["a", "a", "b", "b", "c"]);
            assert_eq!(
                names(&both)[13..],
                ["in.distance", "in.carrier", "out.late", "out.probability"]
            );
            let q = Scan {
                to: day(1),
                served_as: Some(ServedAs::Shadow),
                columns: Some(
                    ["model_version", "row_key", "in.nothing", "in.distance"]
                        .map(str::to_owned)
                        .to_vec(),
                ),
                ..all()
            };
            let shadows = log.predictions(&q).await.unwrap();
            assert_eq!(keys(&shadows), ["a", "b"]);
            assert_eq!(names(&shadows), ["model_version", "row_key", "in.distance"]);
            assert_eq!(texts(&shadows, "model_version"), ["2", "2"]);
            let nothing = Scan {
                from: day(5),
                ..all()
            };
            assert!(log.predictions(&nothing).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn events_with_other_columns_and_types_are_united_with_nulls() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        let first = event(day(0), &["a"]);
        let mut second = event(day(1), &["b"]);
        second.inputs = vec![
            ("distance".to_owned(), Column::Int(vec![Some(100)])),
            ("delay".to_owned(), Column::Int(vec![None])),
        ];
        let mut third = event(day(2), &["c"]);
        third.inputs = vec![
            ("carrier".to_owned(), Column::Int(vec![Some(7)])),
            ("delay".to_owned(), Column::Bool(vec![Some(true)])),
        ];
        for (number, event) in [first, second, third].into_iter().enumerate() {
            assert!(log.log_prediction(event));
            // The second is sealed alone, so that files and memory differ.
            if number == 1 {
                log.seal().await.unwrap();
            }
        }
        log.flush().await.unwrap();
        let batches = log.predictions(&all()).await.unwrap();
        assert_eq!(
            names(&batches)[13..],
            ["in.carrier", "in.delay", "in.distance", "out.late"]
        );
        assert_eq!(texts(&batches, "in.carrier"), ["UA", "-", "7"]);
        assert_eq!(texts(&batches, "in.distance"), ["733.0", "100.0", "-"]);
        assert_eq!(texts(&batches, "in.delay"), ["-", "-", "true"]);
        log.seal().await.unwrap();
        assert_eq!(log.predictions(&all()).await.unwrap(), batches);
    }
}

#[tokio::test]
async fn a_prediction_is_found_by_its_id_in_its_workspace() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        let (one, two) = (event(day(0), &["a", "b"]), event(day(0), &["c"]));
        let (id, other) = (one.prediction_id, two.prediction_id);
        log.log_prediction(one);
        log.log_prediction(two);
        for is_sealed in [false, true] {
            if is_sealed {
                log.seal().await.unwrap();
            }
            log.flush().await.unwrap();
            let found = log.prediction(&scope(), id).await.unwrap().unwrap();
            assert_eq!(row_numbers(&found), [0, 1]);
            assert_eq!(
                keys(&[log.prediction(&scope(), other).await.unwrap().unwrap()]),
                ["c"]
            );
            assert_eq!(
                log.prediction(&scope(), PredictionId::new()).await.unwrap(),
                None
            );
            let elsewhere = Scope {
                workspace: WorkspaceId::new("b").unwrap(),
                ..scope()
            };
            assert_eq!(log.prediction(&elsewhere, id).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn malformed_events_and_events_after_the_end_are_dropped_and_counted() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        let mut uneven = event(day(0), &["a"]);
        uneven.inputs.push(("x".to_owned(), Column::Int(vec![])));
        assert!(!log.log_prediction(uneven));
        assert!(log.log_prediction(event(day(0), &["a"])));
        log.close().await;
        assert!(!log.log_prediction(event(day(0), &["b"])));
        let counts = log.counts();
        assert_eq!(
            (counts.accepted, counts.written, counts.dropped, counts.lost),
            (1, 1, 2, 0)
        );
        assert!(log.flush().await.is_err());
        log.close().await;
        assert!(
            fixture
                .tasks
                .shutdown(std::time::Duration::from_secs(10))
                .await
        );
    }
}

#[tokio::test]
async fn a_reopened_log_reads_what_was_sealed_and_what_was_not() {
    for fixture in fixtures().await {
        let log = fixture.log;
        log.log_prediction(event(day(0), &["a"]));
        log.seal().await.unwrap();
        log.log_prediction(event(day(0) + Duration::from_hours(1), &["b"]));
        log.close().await;
        drop(log);
        for _ in 0..3 {
            let log = open(fixture.folder.path(), &fixture.db, &fixture.tasks).await;
            assert_eq!(keys(&log.predictions(&all()).await.unwrap()), ["a", "b"]);
            log.seal().await.unwrap();
            assert_eq!(keys(&log.predictions(&all()).await.unwrap()), ["a", "b"]);
            assert_eq!(log.counts().written, 2);
            log.close().await;
        }
        let wals = walk(fixture.folder.path(), "wal");
        assert!(wals.len() <= 2, "sealed logs are removed: {wals:?}");
        assert_eq!(walk(fixture.folder.path(), "parquet").len(), 2);
        assert!(walk(fixture.folder.path(), "partial").is_empty());
    }
}

fn walk(folder: &std::path::Path, suffix: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path, suffix));
        } else if path.extension().is_some_and(|other| other == suffix) {
            found.push(path);
        }
    }
    found
}
