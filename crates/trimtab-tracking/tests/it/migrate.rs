//! Data folders of earlier releases.

use trimtab_blob::BlobStore;
use trimtab_db::{DbError, Lane, Migration, params, testing};
use trimtab_tracking::{CreateExperiment, MIGRATIONS, RunSearch, Tracking};
use trimtab_types::{Clock, Scope};

use crate::ALL;

const FIRST: &[&[Migration]] = &[trimtab_blob::MIGRATIONS, MIGRATIONS.split_at(1).0];
const ID: &str = "0193f4c0000070008000000000000001";

#[tokio::test]
async fn runs_of_the_first_schema_are_found_and_their_columns_filled() {
    for db in testing::databases(FIRST).await.unwrap() {
        db.write(Lane::Control, |tx| {
            for statement in [
                "INSERT INTO experiment (workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES ('default', 0, 'Default', 'mlflow-artifacts:/0', 0, 1, 1, 'u')",
                "INSERT INTO experiment (workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES ('default', 1, 'gone', 'mlflow-artifacts:/1', 1, 1, 1, 'u')",
            ] {
                tx.execute(statement, params![])?;
            }
            tx.execute(
                "INSERT INTO run (workspace_id, id, experiment, name, user_id, status, start_at, artifact_uri, stage, received_at, created_by)
                 SELECT 'default', ?1, key, 'r', 'u', 'RUNNING', 5000, 'mlflow-artifacts:/0/r', 0, 1, 'u' FROM experiment WHERE id = 0",
                params![ID],
            )?;
            for statement in [
                "INSERT INTO param (run, key, value) SELECT key, 'p', '1' FROM run",
                "INSERT INTO tag (run, key, value) SELECT key, 't', 'x' FROM run",
                "INSERT INTO metric_key (experiment, name) SELECT key, 'm' FROM experiment WHERE id = 0",
                "INSERT INTO latest_metric (run, key, step, at_ms, class, value) SELECT r.key, k.key, 0, 1, 0, 2.5 FROM run r, metric_key k",
            ] {
                tx.execute(statement, params![])?;
            }
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
        db.migrate(ALL).await.unwrap();
        let copies: Vec<(i64, i64)> = db
            .read(|tx| {
                let experiment: i64 = tx
                    .query_one("SELECT key FROM experiment WHERE id = 0", params![])?
                    .get(0)?;
                let rows = tx.query(
                    "SELECT experiment - ?1, start_neg FROM param UNION ALL SELECT experiment - ?1, start_neg FROM tag
                     UNION ALL SELECT 0, start_neg FROM latest_metric",
                    params![experiment],
                )?;
                rows.iter()
                    .map(|row| Ok((row.get(0)?, row.get(1)?)))
                    .collect::<Result<_, DbError>>()
            })
            .await
            .unwrap();
        assert_eq!(copies, [(0, -5000); 3]);
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), Clock::system())
            .await
            .unwrap();
        let (tracking, scope) = (Tracking::new(db, Clock::system(), blobs), Scope::local());
        let search = RunSearch {
            experiments: vec![0],
            filter: "params.p = '1' AND tags.t = 'x' AND metrics.m > 2".to_owned(),
            ..RunSearch::default()
        };
        let found = tracking.search_runs(&scope, search).await.unwrap();
        assert_eq!(found.items.len(), 1);
        let made = tracking
            .create_experiment(
                &scope,
                CreateExperiment {
                    name: "gone".to_owned(),
                    ..CreateExperiment::default()
                },
            )
            .await
            .unwrap();
        assert_eq!(made.id, 2);
    }
}
