//! How long searches take, by the planner and sorted by the database: a measurement, which is not run with the tests.

use trimtab_db::{Db, DbError, Dialect, Lane, testing};
use trimtab_types::{Clock, Scope, filter::parse_filter};

use super::super::{Limits, Question, find};
use crate::{TrackingError, View, run_rows, run_search::Order, search};

/// Runs with a metric of distinct values, one of few values, two params and a tag.
async fn seed(db: &Db, runs: i64) {
    let is_sqlite = db.dialect() == Dialect::Sqlite;
    db.write(Lane::Bulk, move |tx| {
        let id = if is_sqlite {
            "printf('%032x', i)"
        } else {
            "lpad(to_hex(i), 32, '0')"
        };
        let numbers = format!(
            "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {runs})"
        )
        .replace("BIGINT", if is_sqlite { "INTEGER" } else { "BIGINT" });
        tx.execute("INSERT INTO experiment (key, workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES (1000, 'default', 1000, 'big', 'mlflow-artifacts:/1000', 0, 0, 0, 'x')", &[])?;
        for (key, name) in [(1, "acc"), (2, "loss")] {
            tx.execute(&format!("INSERT INTO metric_key (key, experiment, name) VALUES ({key}, 1000, '{name}')"), &[])?;
        }
        tx.execute(&format!("INSERT INTO run (key, workspace_id, id, experiment, name, user_id, status, start_at, end_at, artifact_uri, stage, received_at, created_by) {numbers} SELECT i, 'default', {id}, 1000, 'run', 'x', 'FINISHED', i * 1000, i * 1000 + 5, 'x', 0, 0, 'x' FROM n"), &[])?;
        tx.execute(&format!("INSERT INTO latest_metric (run, key, step, at_ms, class, value, start_neg) {numbers} SELECT i, 1, 0, 0, 0, (i * 7919 % 1000003) / 1000003.0, -i * 1000 FROM n"), &[])?;
        tx.execute(&format!("INSERT INTO latest_metric (run, key, step, at_ms, class, value, start_neg) {numbers} SELECT i, 2, 0, 0, 0, (i * 31 % 7) / 7.0, -i * 1000 FROM n"), &[])?;
        tx.execute(&format!("INSERT INTO param (run, key, value, experiment, start_neg) {numbers} SELECT i, 'lr', CAST(i % 5000 AS TEXT), 1000, -i * 1000 FROM n"), &[])?;
        tx.execute(&format!("INSERT INTO param (run, key, value, experiment, start_neg) {numbers} SELECT i, 'opt', CASE WHEN i % 3 = 0 THEN 'adam' ELSE 'sgd' END, 1000, -i * 1000 FROM n"), &[])?;
        tx.execute(&format!("INSERT INTO tag (run, key, value, experiment, start_neg) {numbers} SELECT i, 'team', 'red', 1000, -i * 1000 FROM n"), &[])?;
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

fn question(filter: &str, order: &[&str], token: Option<&str>) -> Question {
    let order: Vec<String> = order.iter().map(ToString::to_string).collect();
    let order = Order::read(&order).unwrap();
    let paging = search::paging(&order.columns, token, 100, 100, 1_000).unwrap();
    Question {
        workspace: Scope::local().workspace,
        experiments: vec![1_000],
        view: View::ActiveOnly,
        comparisons: parse_filter(filter).unwrap(),
        order,
        paging,
    }
}

/// The milliseconds of one page, the median of five, and the token after it.
async fn page(
    db: &Db,
    filter: &str,
    order: &[&str],
    token: Option<&str>,
    limits: Limits,
) -> (f64, Option<String>) {
    let clock = Clock::system();
    let mut times = Vec::new();
    let mut next = None;
    for _ in 0..5 {
        let question = question(filter, order, token);
        let began = clock.now();
        next = db
            .read(move |tx| {
                let page = find(tx, &question, limits)?;
                run_rows::read(tx, &page.items)?;
                Ok::<_, TrackingError>(page.next)
            })
            .await
            .unwrap()
            .map(|token| token.as_str().to_owned());
        times.push(clock.now().since(began).as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    (times[2], next)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn pages_of_many_runs() {
    const ALL: &[&[trimtab_db::Migration]] = &[trimtab_blob::MIGRATIONS, crate::MIGRATIONS];
    let runs: i64 = std::env::var("TRIMTAB_RUNS").map_or(10_000, |runs| runs.parse().unwrap());
    let by_database = Limits {
        few: 0,
        probes: 0,
        cursors: 0,
        step: 2,
    };
    for db in testing::databases(ALL).await.unwrap() {
        seed(&db, runs).await;
        println!(
            "{:?}, {runs} runs: planner ms, page 50 ms, by the database ms",
            db.dialect()
        );
        for (filter, order) in [
            ("", &[][..]),
            ("metrics.acc > 0.5", &["metrics.acc DESC"]),
            (
                "metrics.acc > 0.5 AND params.opt = 'adam'",
                &["metrics.acc DESC"],
            ),
            ("", &["metrics.acc DESC"]),
            ("", &["metrics.acc ASC"]),
            ("", &["metrics.loss DESC"]),
            ("params.lr = '77'", &["metrics.acc DESC"]),
            ("tags.team = 'red' AND params.opt = 'adam'", &[]),
            ("", &["params.opt ASC"]),
            ("metrics.acc > 0.99999", &["metrics.loss ASC"]),
            (
                "start_time > 500 AND start_time < 600",
                &["metrics.acc ASC"],
            ),
        ] {
            let (first, mut token) = page(&db, filter, order, None, Limits::default()).await;
            for _ in 0..48 {
                if let Some(known) = token.clone() {
                    token = page_once(&db, filter, order, &known).await;
                }
            }
            let later = match &token {
                Some(token) => {
                    page(&db, filter, order, Some(token), Limits::default())
                        .await
                        .0
                }
                None => f64::NAN,
            };
            let (sorted, _) = page(&db, filter, order, None, by_database).await;
            println!(
                "{first:8.2} {later:8.2} {sorted:9.2}  ×{:.0}  {filter} {order:?}",
                sorted / first
            );
        }
    }
}

async fn page_once(db: &Db, filter: &str, order: &[&str], token: &str) -> Option<String> {
    let question = question(filter, order, Some(token));
    db.read(move |tx| find(tx, &question, Limits::default()))
        .await
        .unwrap()
        .next
        .map(|token| token.as_str().to_owned())
}
