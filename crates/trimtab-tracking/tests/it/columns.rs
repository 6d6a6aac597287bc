//! What the console's table of runs asks: some columns of some runs, and which columns there are.

use trimtab_tracking::{Batch, KeyRange, RunColumns, RunSearch};
use trimtab_types::{RunId, Scope};

use crate::{all, other_workspace, point, run};

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn runs_come_with_the_asked_columns_alone() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let (first, second) = (run(&tracking, 1_000).await, run(&tracking, 2_000).await);
        for (id, lr, loss) in [(first.id, "0.1", f64::NAN), (second.id, "0.2", 3.0)] {
            let batch = Batch {
                metrics: vec![
                    point("loss", 9.0, 1, 0),
                    point("loss", loss, 2, 1),
                    point("other", 1.0, 1, 0),
                ],
                params: vec![pair("lr", lr), pair("seed", "0")],
                tags: vec![pair("team", "a"), pair("mine", "b")],
            };
            tracking.log_batch(&scope, id, batch).await.unwrap();
        }
        let columns = RunColumns {
            metrics: vec!["loss".to_owned(), "absent".to_owned()],
            params: vec!["lr".to_owned()],
            tags: vec!["team".to_owned()],
        };
        let search = RunSearch {
            experiments: vec![0],
            columns: Some(columns.clone()),
            ..RunSearch::default()
        };
        let found = tracking.search_runs(&scope, search).await.unwrap().items;
        // By ids: in the order of the ids, unknown ones left out, and nothing to be seen from another workspace.
        let ids = [second.id, RunId::new(), first.id];
        let by_id = tracking
            .runs_by_id(&scope, &ids, Some(columns.clone()))
            .await
            .unwrap();
        assert_eq!(
            by_id.iter().map(|run| run.id).collect::<Vec<_>>(),
            [second.id, first.id]
        );
        assert_eq!(format!("{found:?}"), format!("{by_id:?}"));
        let hidden = tracking
            .runs_by_id(&other_workspace(), &ids, Some(columns))
            .await
            .unwrap();
        assert_eq!(hidden, []);

        let newest = &found[0];
        assert_eq!(newest.params, [pair("lr", "0.2")].into());
        assert_eq!(newest.tags, [pair("team", "a")].into());
        let metrics: Vec<_> = newest
            .metrics
            .iter()
            .map(|point| (point.key.as_str(), point.value, point.step))
            .collect();
        assert_eq!(metrics, [("loss", 3.0, 1)]);
        assert!(found[1].metrics[0].value.is_nan());

        let none = tracking
            .runs_by_id(&scope, &[first.id], Some(RunColumns::default()))
            .await
            .unwrap();
        assert!(none[0].metrics.is_empty() && none[0].params.is_empty() && none[0].tags.is_empty());
        let whole = tracking
            .runs_by_id(&scope, &[first.id], None)
            .await
            .unwrap();
        assert_eq!((whole[0].metrics.len(), whole[0].params.len()), (2, 2));
    }
}

#[tokio::test]
async fn the_keys_of_an_experiment_have_the_ends_of_their_values() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        for (start, lr, loss) in [(1, "0.1", 5.0), (2, "0.01", -1.0), (3, "0.2", 2.0)] {
            let made = run(&tracking, start).await;
            let batch = Batch {
                metrics: vec![point("loss", loss, 1, 0), point("same", 1.0, 1, 0)],
                params: vec![pair("lr", lr), pair("seed", "0"), pair("ä b", "x")],
                tags: vec![pair("team", "a")],
            };
            tracking.log_batch(&scope, made.id, batch).await.unwrap();
        }
        let keys = tracking.run_keys(&scope, &[0, 99]).await.unwrap();
        let range = |low: f64, high: f64| KeyRange { low, high };
        assert_eq!(keys.metrics["loss"], range(-1.0, 5.0));
        assert_eq!(keys.metrics["same"], range(1.0, 1.0));
        let text = |low: &str, high: &str| KeyRange {
            low: low.to_owned(),
            high: high.to_owned(),
        };
        assert_eq!(keys.params["lr"], text("0.01", "0.2"));
        assert_eq!(keys.params["seed"], text("0", "0"));
        assert_eq!(
            keys.params.keys().collect::<Vec<_>>(),
            ["lr", "seed", "ä b"]
        );
        assert_eq!(keys.tags["team"], text("a", "a"));
        assert!(!keys.is_cut);

        let hidden = tracking.run_keys(&other_workspace(), &[0]).await.unwrap();
        assert_eq!(hidden, trimtab_tracking::RunKeys::default());
    }
}
