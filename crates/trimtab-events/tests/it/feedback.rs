//! Feedback finds its row, counts once, and the last word wins.

use trimtab_events::{EventsError, FeedbackAddress, FeedbackValue};
use trimtab_types::{Coded, Duration, ErrorCode, PredictionId};

use crate::support::{all, by_key, day, event, fixtures, keys, open, outcome, scope, texts};

#[tokio::test]
async fn labels_join_their_rows_as_far_as_they_were_known() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        log.log_prediction(event(day(0), &["a", "b", "c"]));
        log.log_prediction(event(day(1), &["d"]));
        for is_sealed in [false, true] {
            // Posted again after sealing: the row is found in the file, and the outcome is corrected.
            let correction = if is_sealed { 1.0 } else { 0.0 };
            let receipt = log
                .post_feedback(
                    &scope(),
                    vec![
                        by_key("a", day(1), correction),
                        by_key("b", day(1), 1.0),
                        by_key("d", day(2), 1.0),
                    ],
                )
                .await
                .unwrap();
            assert_eq!((receipt.accepted, receipt.duplicates), (3, 0));
            assert_eq!(
                receipt.rows.iter().map(|(_, row)| *row).collect::<Vec<_>>(),
                [0, 1, 0]
            );
            let early = log.labelled(&all(), day(1)).await.unwrap();
            assert_eq!(keys(&early), ["a", "b"]);
            assert_eq!(
                texts(&early, "label"),
                [format!("{correction:.1}"), "1.0".to_owned()]
            );
            let late = log.labelled(&all(), day(2)).await.unwrap();
            assert_eq!(keys(&late), ["a", "b", "d"]);
            assert!(log.labelled(&all(), day(0)).await.unwrap().is_empty());
            log.seal().await.unwrap();
            assert_eq!(log.labelled(&all(), day(2)).await.unwrap(), late);
        }
    }
}

#[tokio::test]
async fn a_correction_supersedes_only_what_is_known_by_then() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        log.log_prediction(event(day(0), &["a"]));
        let post = async |time, value| {
            log.post_feedback(&scope(), vec![by_key("a", time, value)])
                .await
                .unwrap();
        };
        post(day(1), 0.0).await;
        log.seal().await.unwrap();
        post(day(3), 1.0).await;
        let label = async |as_of| texts(&log.labelled(&all(), as_of).await.unwrap(), "label");
        assert_eq!(label(day(2)).await, ["0.0"]);
        assert_eq!(label(day(3)).await, ["1.0"]);
        // Received last wins, even with an earlier event time.
        post(day(2), 0.5).await;
        assert_eq!(label(day(9)).await, ["0.5"]);
        // A class by name.
        let mut named = by_key("a", day(4), 0.0);
        named.value = FeedbackValue::Text("late".to_owned());
        log.post_feedback(&scope(), vec![named]).await.unwrap();
        let labelled = log.labelled(&all(), day(9)).await.unwrap();
        assert_eq!(
            (texts(&labelled, "label"), texts(&labelled, "label_text")),
            (vec!["-".to_owned()], vec!["late".to_owned()])
        );
    }
}

#[tokio::test]
async fn every_address_finds_its_row_or_says_why_not() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        let mut single = event(day(0), &["a"]);
        single.client_request_id = Some("mine".to_owned());
        let single_id = single.prediction_id;
        let mut double = event(day(0), &["b", "twice"]);
        double.client_request_id = Some("double".to_owned());
        let double_id = double.prediction_id;
        let again = event(day(1), &["twice"]);
        // Champion and shadow have one id: one row.
        let mut shadow = single.clone();
        shadow.served_as = trimtab_events::ServedAs::Shadow;
        for event in [single, double, again, shadow] {
            assert!(log.log_prediction(event));
        }
        for is_sealed in [false, true] {
            if is_sealed {
                log.seal().await.unwrap();
            }
            let prediction = |id, row| FeedbackAddress::Prediction { id, row };
            let request = |id: &str| FeedbackAddress::ClientRequestId(id.to_owned());
            let key = |key: &str| FeedbackAddress::RowKey(key.to_owned());
            for (address, expected) in [
                (prediction(single_id, None), Ok((single_id, 0))),
                (prediction(single_id, Some(0)), Ok((single_id, 0))),
                (prediction(single_id, Some(1)), Err(ErrorCode::NotFound)),
                (prediction(double_id, Some(1)), Ok((double_id, 1))),
                (prediction(double_id, None), Err(ErrorCode::Conflict)),
                (
                    prediction(PredictionId::new(), None),
                    Err(ErrorCode::NotFound),
                ),
                (request("mine"), Ok((single_id, 0))),
                (request("double"), Err(ErrorCode::Conflict)),
                (request("none"), Err(ErrorCode::NotFound)),
                (key("b"), Ok((double_id, 0))),
                (key("twice"), Err(ErrorCode::Conflict)),
                (key("mine"), Err(ErrorCode::NotFound)),
            ] {
                let answer = log
                    .post_feedback(&scope(), vec![outcome(address.clone(), day(1), 1.0)])
                    .await;
                let found = answer
                    .map(|receipt| receipt.rows[0])
                    .map_err(|error| error.code());
                assert_eq!(found, expected, "{address:?}");
            }
            let mut elsewhere = by_key("a", day(1), 1.0);
            elsewhere.endpoint = "other".parse().unwrap();
            let error = log
                .post_feedback(&scope(), vec![elsewhere])
                .await
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "endpoint `other` has no prediction for row key `a` (1 of the posted items are unknown)"
            );
            let error = log
                .post_feedback(&scope(), vec![by_key("twice", day(1), 1.0)])
                .await
                .unwrap_err();
            assert!(
                error.to_string().contains(&format!("{double_id}:1")),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_post_is_stored_whole_or_not_at_all() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        log.log_prediction(event(day(0), &["a", "b"]));
        let error = log
            .post_feedback(
                &scope(),
                vec![
                    by_key("a", day(1), 1.0),
                    by_key("x", day(1), 1.0),
                    by_key("y", day(1), 1.0),
                ],
            )
            .await
            .unwrap_err();
        assert!(
            matches!(&error, EventsError::UnknownAddress { items, .. } if items == &[1, 2]),
            "{error}"
        );
        let bad = log
            .post_feedback(
                &scope(),
                vec![by_key("a", day(1), 1.0), by_key("b", day(1), f64::NAN)],
            )
            .await;
        assert_eq!(
            bad.unwrap_err().code(),
            ErrorCode::invalid("items[1].value")
        );
        assert!(log.labelled(&all(), day(9)).await.unwrap().is_empty());
        let many = vec![by_key("a", day(1), 1.0); 10_001];
        assert!(matches!(
            log.post_feedback(&scope(), many).await,
            Err(EventsError::TooMany { .. })
        ));
        assert_eq!(
            log.post_feedback(&scope(), vec![]).await.unwrap().accepted,
            0
        );
    }
}

#[tokio::test]
async fn an_event_id_counts_once_for_ever() {
    for fixture in fixtures().await {
        let log = fixture.log;
        log.log_prediction(event(day(0), &["a", "b"]));
        let item = |key: &str, id: &str, value| {
            let mut item = by_key(key, day(0) + Duration::from_hours(1), value);
            item.event_id = Some(id.to_owned());
            item
        };
        let receipt = log
            .post_feedback(
                &scope(),
                vec![
                    item("a", "1", 0.0),
                    item("a", "1", 1.0),
                    item("b", "2", 1.0),
                ],
            )
            .await
            .unwrap();
        assert_eq!(
            (receipt.accepted, receipt.duplicates, receipt.rows.len()),
            (2, 1, 3)
        );
        let again = log
            .post_feedback(&scope(), vec![item("a", "1", 1.0)])
            .await
            .unwrap();
        assert_eq!(
            (again.accepted, again.duplicates, &again.rows[..]),
            (0, 1, &receipt.rows[..1])
        );
        log.seal().await.unwrap();
        let again = log
            .post_feedback(&scope(), vec![item("a", "1", 1.0), item("b", "3", 0.0)])
            .await
            .unwrap();
        assert_eq!((again.accepted, again.duplicates), (1, 1));
        log.close().await;
        drop(log);
        let log = open(fixture.folder.path(), &fixture.db, &fixture.tasks).await;
        let again = log
            .post_feedback(&scope(), vec![item("a", "1", 1.0), item("b", "3", 1.0)])
            .await
            .unwrap();
        assert_eq!((again.accepted, again.duplicates), (0, 2));
        assert_eq!(
            texts(&log.labelled(&all(), day(9)).await.unwrap(), "label"),
            ["0.0", "0.0"]
        );
        // The order of arrival goes on where it stood: a new word wins over all before it.
        log.post_feedback(&scope(), vec![item("b", "4", 1.0)])
            .await
            .unwrap();
        assert_eq!(
            texts(&log.labelled(&all(), day(9)).await.unwrap(), "label"),
            ["0.0", "1.0"]
        );
    }
}
