//! Lists read an index in their own order, however much history there is.

use trimtab_db::{Dialect, params, testing};

use crate::world::MIGRATIONS;

/// The lists of `sql.rs`, and the index that each walks.
const LISTS: &[(&str, &str)] = &[
    (
        "SELECT doc FROM plan WHERE workspace_id = 'w' AND (created_at, id) < (1, 'x') ORDER BY created_at DESC, id DESC LIMIT 9",
        "plan_by_time",
    ),
    (
        "SELECT doc FROM plan WHERE workspace_id = 'w' AND state = 'running' ORDER BY created_at, id",
        "plan_by_state",
    ),
    (
        "SELECT doc FROM plan WHERE workspace_id = 'w' AND endpoint = 'e' AND state = 'running'",
        "plan_open",
    ),
    (
        "SELECT doc FROM plan WHERE workspace_id = 'w' AND endpoint = 'e' ORDER BY created_at DESC, id DESC LIMIT 100",
        "plan_by_endpoint_time",
    ),
    (
        "SELECT state, created_at FROM plan WHERE workspace_id = 'w' AND trigger_name = 't' ORDER BY created_at DESC, id DESC LIMIT 9",
        "plan_by_trigger",
    ),
    (
        "SELECT doc FROM rollout WHERE workspace_id = 'w' ORDER BY created_at DESC, id DESC LIMIT 9",
        "rollout_by_time",
    ),
    (
        "SELECT doc FROM rollout WHERE workspace_id = 'w' AND endpoint = 'e' ORDER BY created_at DESC, id DESC LIMIT 9",
        "rollout_by_endpoint",
    ),
    (
        "SELECT seq, text FROM decision WHERE workspace_id = 'w' AND seq > 5 ORDER BY seq LIMIT 9",
        "decision_by_workspace",
    ),
    (
        "SELECT seq, text FROM decision WHERE workspace_id = 'w' AND seq < 5 ORDER BY seq DESC LIMIT 9",
        "decision_by_workspace",
    ),
    (
        "SELECT seq, text FROM decision WHERE workspace_id = 'w' AND endpoint = 'e' AND seq > 5 ORDER BY seq LIMIT 9",
        "decision_by_endpoint",
    ),
    (
        "SELECT seq, text FROM decision WHERE workspace_id = 'w' AND endpoint = 'e' AND seq < 5 ORDER BY seq DESC LIMIT 9",
        "decision_by_endpoint",
    ),
    (
        "SELECT 1 FROM decision WHERE workspace_id = 'w' AND kind = 'k' AND object_kind = 'plan' AND object_id = 'x' LIMIT 1",
        "decision_by_object",
    ),
    (
        "SELECT DISTINCT workspace_id FROM plan WHERE state = 'running'",
        "plan_by_state",
    ),
];

#[tokio::test]
async fn every_list_has_its_index() {
    let db = testing::sqlite(MIGRATIONS).await.unwrap();
    assert_eq!(db.dialect(), Dialect::Sqlite);
    for (sql, index) in LISTS {
        let steps: Vec<String> = db
            .read(move |tx| {
                tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), params![])?
                    .iter()
                    .map(|row| row.get(3))
                    .collect::<Result<_, trimtab_db::DbError>>()
            })
            .await
            .unwrap();
        let text = steps.join("; ");
        assert!(
            text.contains(&format!("INDEX {index} ")) || text.ends_with(&format!("INDEX {index}")),
            "{sql}\n{text}"
        );
        assert!(!text.contains("TEMP B-TREE"), "{sql}\n{text}");
    }
}
