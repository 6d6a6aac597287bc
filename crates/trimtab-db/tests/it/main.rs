//! The database layer, on SQLite and on PostgreSQL.

use std::time::Duration;

use trimtab_db::{Db, DbError, Insert, Kind, Lane, Message, Migration, params, testing};
use trimtab_types::{Time, WorkspaceId};

const MIGRATIONS: &[&[Migration]] = &[&[Migration {
    service: "fixture",
    number: 1,
    sql: "CREATE TABLE thing (workspace_id TEXT NOT NULL, name TEXT NOT NULL, n BIGINT, x DOUBLE PRECISION, bytes BYTEA, PRIMARY KEY (workspace_id, name));\n",
}]];

async fn insert(db: &Db, name: &'static str, fail: bool) -> Result<(), DbError> {
    db.write(Lane::Control, move |tx| {
        tx.execute(
            "INSERT INTO thing (workspace_id, name, n, x, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            params!["default", name, 7_i64, 0.5, vec![1_u8, 2]],
        )?;
        tx.publish(&Message {
            workspace: WorkspaceId::default(),
            topic: "fixture.made",
            version: 1,
            payload: serde_json::json!({ "name": name }),
            at: Time::from_micros(1),
        })?;
        if fail { Err(DbError::NoRow) } else { Ok(()) }
    })
    .await
}

#[tokio::test]
async fn a_failed_command_leaves_nothing_and_its_neighbours_stay() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let (good, bad, twice) = tokio::join!(
            insert(&db, "good", false),
            insert(&db, "bad", true),
            async {
                insert(&db, "twice", false).await.unwrap();
                insert(&db, "twice", false).await
            }
        );
        good.unwrap();
        assert!(matches!(bad, Err(DbError::NoRow)));
        assert!(matches!(twice, Err(DbError::Unique { .. })), "{twice:?}");
        let names: Vec<String> = db
            .read(|tx| {
                tx.query(
                    "SELECT name, n, x, bytes FROM thing ORDER BY name",
                    params![],
                )?
                .iter()
                .map(|row| {
                    assert_eq!((row.get::<i64>(1)?, row.get::<f64>(2)?), (7, 0.5));
                    assert_eq!(row.get::<Vec<u8>>(3)?, [1, 2]);
                    row.get(0)
                })
                .collect::<Result<_, DbError>>()
            })
            .await
            .unwrap();
        assert_eq!(names, ["good", "twice"]);
    }
}

#[tokio::test]
async fn outbox_gives_each_consumer_everything_once_past_its_cursor() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let changes = db.outbox_changes();
        insert(&db, "a", false).await.unwrap();
        assert!(changes.has_changed().unwrap());
        insert(&db, "b", true).await.unwrap_err();
        insert(&db, "c", false).await.unwrap();
        let events = db.outbox_next("one", 10).await.unwrap();
        let names: Vec<&str> = events
            .iter()
            .filter_map(|e| e.payload["name"].as_str())
            .collect();
        assert_eq!(names, ["a", "c"]);
        db.outbox_done("one", events[0].seq).await.unwrap();
        assert_eq!(db.outbox_next("one", 10).await.unwrap().len(), 1);
        assert_eq!(db.outbox_next("two", 10).await.unwrap().len(), 2);
        let here = events[0].workspace.clone();
        let elsewhere = trimtab_types::WorkspaceId::new("elsewhere").unwrap();
        assert_eq!(db.outbox_since(&here, 0, 10).await.unwrap(), events);
        assert_eq!(db.outbox_since(&here, 0, 1).await.unwrap(), events[..1]);
        assert!(db.outbox_since(&elsewhere, 0, 10).await.unwrap().is_empty());
        assert_eq!(db.outbox_head().await.unwrap(), events[1].seq);
        assert_eq!(db.outbox_time().await.unwrap(), Some(events[1].at));
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_lost_one_stops_its_writes() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let first = db.acquire_lease("loop", "a", 0).await.unwrap().unwrap();
        let second = db
            .acquire_lease("loop", "b", 60_000)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((first.epoch, second.epoch), (1, 2));
        assert_eq!(db.acquire_lease("loop", "a", 60_000).await.unwrap(), None);
        let refused = db
            .write(Lane::Control, move |tx| tx.require_lease(&first))
            .await;
        assert!(matches!(refused, Err(DbError::LeaseLost { .. })));
        db.write(Lane::Control, move |tx| tx.require_lease(&second))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_by_name() {
    const OLD: &[&[Migration]] = &[&[Migration {
        service: "fixture",
        number: 0,
        sql: "",
    }]];
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let refused = db.migrate(OLD).await;
        assert!(
            matches!(refused, Err(DbError::Newer { number: 1, .. })),
            "{refused:?}"
        );
        db.migrate(MIGRATIONS).await.unwrap();
    }
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let db = testing::sqlite(MIGRATIONS).await.unwrap();
    insert(&db, "before", false).await.unwrap();
    db.close().await;
    assert!(matches!(
        insert(&db, "after", false).await,
        Err(DbError::Closed)
    ));
}

#[tokio::test]
async fn many_rows_at_once_and_one_by_one() {
    const INSERT: Insert = Insert {
        table: "thing",
        columns: &[
            ("workspace_id", Kind::Text),
            ("name", Kind::Text),
            ("n", Kind::Int),
            ("x", Kind::Real),
            ("bytes", Kind::Blob),
        ],
        tail: "ON CONFLICT (workspace_id, name) DO UPDATE SET n = excluded.n WHERE excluded.n > thing.n",
    };
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let put = |from: i64, n: i64| {
            let db = db.clone();
            async move {
                db.write(Lane::Bulk, move |tx| {
                    let mut rows = (from..from + 100).map(|i| {
                        params!["w", format!("{i:03}"), n, None::<f64>, vec![7_u8]].to_vec()
                    });
                    tx.insert_many(&INSERT, &mut rows)
                })
                .await
            }
        };
        assert_eq!(put(0, 1).await.unwrap(), 100);
        assert_eq!(put(50, 2).await.unwrap(), 100);
        assert_eq!(put(0, 1).await.unwrap(), 0);
        assert_eq!(put(0, 0).await.unwrap(), 0);
        let (mut count, mut sum) = (0, 0);
        let (count, sum) = db
            .read(move |tx| {
                tx.each("SELECT n, x, bytes FROM thing", params![], &mut |row| {
                    assert_eq!(row.get::<Option<f64>>(1)?, None);
                    assert_eq!(row.get::<Vec<u8>>(2)?, [7]);
                    count += 1;
                    sum += row.get::<i64>(0)?;
                    Ok(())
                })?;
                Ok::<_, DbError>((count, sum))
            })
            .await
            .unwrap();
        assert_eq!((count, sum), (150, 250));
    }
}

#[tokio::test]
async fn a_read_ends_with_its_budget_and_the_next_one_is_whole() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let count = |budget_ms: u64, rows: i64| {
            let db = db.clone();
            async move {
                db.read_within(Duration::from_millis(budget_ms), move |tx| {
                    tx.query_one(
                        "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1) SELECT COUNT(*) FROM numbers",
                        params![rows],
                    )?
                    .get::<i64>(0)
                })
                .await
            }
        };
        for _ in 0..6 {
            let refused = count(20, 1_000_000_000).await;
            assert!(matches!(refused, Err(DbError::Budget)), "{refused:?}");
        }
        assert_eq!(count(20_000, 1_000).await.unwrap(), 1_000);
        let plain: i64 = db
            .read(|tx| tx.query_one("SELECT CAST(7 AS BIGINT)", params![])?.get(0))
            .await
            .unwrap();
        assert_eq!(plain, 7);
    }
}

/// Two commands that take two rows in opposite orders, each with the other's in hand: one of them is undone and run
/// again, and nobody sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_wait_for_each_other_all_get_through() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        insert(&db, "a", false).await.unwrap();
        insert(&db, "b", false).await.unwrap();
        let both = std::sync::Arc::new(std::sync::Barrier::new(2));
        let has_one_writer = db.dialect() == trimtab_db::Dialect::Sqlite;
        let raise = |first: &'static str, second: &'static str| {
            let (db, both) = (db.clone(), std::sync::Arc::clone(&both));
            async move {
                let mut runs = 0;
                db.write_again(Lane::Bulk, move |tx| {
                    runs += 1;
                    if !has_one_writer {
                        tx.execute("SET LOCAL deadlock_timeout = '20ms'", params![])?;
                    }
                    let sql = "UPDATE thing SET n = n + 1 WHERE name = ?1";
                    tx.execute(sql, params![first])?;
                    if runs == 1 && !has_one_writer {
                        both.wait();
                    }
                    tx.execute(sql, params![second])?;
                    Ok::<_, DbError>(runs)
                })
                .await
            }
        };
        let (left, right) = tokio::join!(raise("a", "b"), raise("b", "a"));
        let runs = left.unwrap() + right.unwrap();
        assert_eq!(runs, if has_one_writer { 2 } else { 3 });
        for name in ["a", "b"] {
            let n: i64 = db
                .read(move |tx| {
                    tx.query_one("SELECT n FROM thing WHERE name = ?1", params![name])?
                        .get(0)
                })
                .await
                .unwrap();
            assert_eq!(n, 9, "{name}");
        }
    }
}
