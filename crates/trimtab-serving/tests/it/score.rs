//! Scoring for the gate: no events, tables instead of tensors.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use trimtab_types::{Coded as _, ErrorCode};

use crate::world::{World, flights, name, spec};

#[tokio::test]
async fn tables_are_scored_as_requests_are_and_leave_no_event() {
    for world in World::all().await {
        let revision = world.endpoint(spec("flights"), 1).await;
        let scored = world
            .serving
            .score(
                &world.scope,
                &name("flights"),
                revision.id,
                flights().inputs,
            )
            .await
            .unwrap();
        let columns: [(&str, ArrayRef); 5] = [
            ("label", Arc::new(Float64Array::from(vec![0.0, 1.0]))),
            ("temp", Arc::new(Float64Array::from(vec![Some(10.0), None]))),
            ("carrier", Arc::new(StringArray::from(vec!["UA", "ZZ"]))),
            ("origin", Arc::new(StringArray::from(vec!["EWR", "JFK"]))),
            (
                "distance",
                Arc::new(Float64Array::from(vec![500.0, 1000.0])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let many: Vec<RecordBatch> = vec![batch.clone(); 3];
        let scores = world
            .serving
            .score_rows(&world.scope, &name("flights"), revision.id, &many)
            .await
            .unwrap();
        assert_eq!(scores.len(), 6);
        for pair in scores.chunks(2) {
            assert_eq!(pair, scored.scores);
        }
        let error = world
            .serving
            .score_rows(
                &world.scope,
                &name("flights"),
                revision.id,
                &[batch.project(&[0, 1, 2, 3]).unwrap()],
            )
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::invalid("distance"));
        assert!(world.events("flights").await.is_empty());
    }
}
