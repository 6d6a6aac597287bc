//! Training tables from the event log, and what quarantine keeps out of them.

use trimtab_data::{DataError, DatasetSource, FromEvents, Quarantine};
use trimtab_events::{Column, Feedback, FeedbackAddress, FeedbackValue, PredictionEvent, ServedAs};
use trimtab_types::{Duration, PredictionId, RevisionId, Time, WorkspaceId};

use crate::support::{Fixture, column, day, fixtures, scope};

async fn flight(fixture: &Fixture, key: &str, time: Time, label: Option<FeedbackValue>) {
    let event = PredictionEvent {
        workspace: WorkspaceId::default(),
        endpoint: "flights".parse().unwrap(),
        event_time: time,
        received_at: time,
        prediction_id: PredictionId::new(),
        client_request_id: None,
        assignment_key: key.to_owned(),
        revision: RevisionId::new(),
        model_version: 1,
        served_as: ServedAs::Served,
        row_keys: vec![Some(key.to_owned())],
        scores: vec![Some(0.5)],
        inputs: vec![
            (
                "carrier".to_owned(),
                Column::Text(vec![Some("UA".to_owned())]),
            ),
            ("distance".to_owned(), Column::Float(vec![Some(733.0)])),
        ],
        outputs: vec![],
        latency_us: 1,
        error: None,
    };
    let mut shadow = event.clone();
    shadow.served_as = ServedAs::Shadow;
    assert!(fixture.log.log_prediction(event));
    assert!(fixture.log.log_prediction(shadow));
    if let Some(value) = label {
        let item = Feedback {
            event_id: None,
            endpoint: "flights".parse().unwrap(),
            address: FeedbackAddress::RowKey(key.to_owned()),
            event_time: time + Duration::from_days(1),
            value,
        };
        fixture
            .log
            .post_feedback(&scope(), vec![item])
            .await
            .unwrap();
    }
}

fn spec() -> FromEvents {
    FromEvents {
        endpoint: "flights".parse().unwrap(),
        from: day(0),
        to: day(10),
        labelled: true,
        exclude_quarantined: true,
        as_of: day(20),
        label_name: "late".to_owned(),
        key_name: Some("flight_id".to_owned()),
    }
}

fn quarantine(from: Time, to: Time) -> Quarantine {
    Quarantine {
        endpoint: "flights".parse().unwrap(),
        from,
        to,
        columns: vec!["distance".to_owned()],
        cause: "kilometres".to_owned(),
        alert: None,
        at: day(5),
    }
}

#[tokio::test]
async fn a_training_table_has_served_rows_with_their_outcomes_under_their_own_names() {
    for fixture in fixtures().await {
        flight(&fixture, "c", day(2), Some(FeedbackValue::Number(0.0))).await;
        flight(&fixture, "a", day(0), Some(FeedbackValue::Number(1.0))).await;
        flight(&fixture, "cancelled", day(1), None).await;
        flight(&fixture, "after", day(10), Some(FeedbackValue::Number(1.0))).await;
        let version = fixture
            .data
            .version_from_events(&scope(), "train", spec())
            .await
            .unwrap();
        let names: Vec<&str> = version.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            ["event_time", "flight_id", "carrier", "distance", "late"]
        );
        let rows = fixture.data.read(&scope(), version.id).await.unwrap();
        assert_eq!(column(&rows, "flight_id"), ["a", "c"]);
        assert_eq!(column(&rows, "late"), ["1", "0"]);
        assert_eq!((version.from, version.to), (Some(day(0)), Some(day(2))));
        let again = fixture
            .data
            .version_from_events(&scope(), "train", spec())
            .await
            .unwrap();
        assert_eq!(again.id, version.id);

        let unlabelled = FromEvents {
            labelled: false,
            key_name: None,
            ..spec()
        };
        let version = fixture
            .data
            .version_from_events(&scope(), "asked", unlabelled)
            .await
            .unwrap();
        assert_eq!((version.rows, version.columns.len()), (3, 3));

        let early = FromEvents {
            as_of: day(0),
            ..spec()
        };
        let error = fixture
            .data
            .version_from_events(&scope(), "train", early)
            .await
            .unwrap_err();
        assert!(
            matches!(error, DataError::NoEvents { excluded: 0, .. }),
            "{error}"
        );
        let backwards = FromEvents {
            to: day(0),
            ..spec()
        };
        assert!(matches!(
            fixture
                .data
                .version_from_events(&scope(), "train", backwards)
                .await,
            Err(DataError::EmptyRange { .. })
        ));
        let clash = FromEvents {
            label_name: "carrier".to_owned(),
            ..spec()
        };
        assert!(matches!(
            fixture
                .data
                .version_from_events(&scope(), "train", clash)
                .await,
            Err(DataError::DuplicateColumn { .. })
        ));

        flight(
            &fixture,
            "named",
            day(3),
            Some(FeedbackValue::Text("late".to_owned())),
        )
        .await;
        let version = fixture
            .data
            .version_from_events(&scope(), "train", spec())
            .await
            .unwrap();
        let rows = fixture.data.read(&scope(), version.id).await.unwrap();
        assert_eq!(column(&rows, "late"), ["1", "0", "late"]);
    }
}

#[tokio::test]
async fn a_training_set_never_holds_a_quarantined_row() {
    for fixture in fixtures().await {
        for n in 0..9 {
            flight(
                &fixture,
                &format!("flight-{n}"),
                day(n),
                Some(FeedbackValue::Number(1.0)),
            )
            .await;
        }
        // Some of it in segments, some in memory.
        fixture.log.seal().await.unwrap();
        flight(
            &fixture,
            "late-comer",
            day(3) + Duration::from_hours(1),
            Some(FeedbackValue::Number(1.0)),
        )
        .await;
        let data = &fixture.data;
        // The end is not included, ranges may overlap, and saying it twice changes nothing.
        for (from, to) in [(2, 4), (3, 5), (2, 4), (-9, 0)] {
            data.quarantine(&scope(), quarantine(day(from), day(to)))
                .await
                .unwrap();
        }
        let endpoint = "flights".parse().unwrap();
        let stored = data.quarantines(&scope(), &endpoint).await.unwrap();
        assert_eq!(
            stored,
            [
                quarantine(day(-9), day(0)),
                quarantine(day(2), day(4)),
                quarantine(day(3), day(5))
            ]
        );
        let version = data
            .version_from_events(&scope(), "train", spec())
            .await
            .unwrap();
        let rows = data.read(&scope(), version.id).await.unwrap();
        assert_eq!(
            column(&rows, "flight_id"),
            [0, 1, 5, 6, 7, 8].map(|n| format!("flight-{n}"))
        );
        assert!(
            matches!(
                version.source,
                DatasetSource::Events {
                    rows_excluded: 4,
                    ..
                }
            ),
            "{:?}",
            version.source
        );
        let with = FromEvents {
            exclude_quarantined: false,
            ..spec()
        };
        let with = data
            .version_from_events(&scope(), "train", with)
            .await
            .unwrap();
        assert_eq!(with.rows, 10);
        data.quarantine(&scope(), quarantine(day(0), day(10)))
            .await
            .unwrap();
        let error = data
            .version_from_events(&scope(), "train", spec())
            .await
            .unwrap_err();
        assert!(
            error.to_string().ends_with("(10 rows are in quarantine)"),
            "{error}"
        );
        let empty = data.quarantine(&scope(), quarantine(day(3), day(3))).await;
        assert!(matches!(empty, Err(DataError::EmptyRange { .. })));
        let topics = fixture.db.outbox_next("test", 100).await.unwrap();
        let quarantined = topics
            .iter()
            .filter(|event| event.topic == "data.quarantined");
        assert_eq!(quarantined.count(), 4);
    }
}
