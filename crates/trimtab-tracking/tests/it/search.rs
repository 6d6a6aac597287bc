use trimtab_tracking::{Batch, RunSearch, Tracking};
use trimtab_types::Scope;

use crate::{all, point, run};

/// Names of the runs that a search finds, page by page of this size, all pages in a row.
async fn names(tracking: &Tracking, filter: &str, order: &[&str], page: u32) -> Vec<String> {
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let found = tracking
            .search_runs(
                &Scope::local(),
                RunSearch {
                    experiments: vec![0],
                    filter: filter.to_owned(),
                    order_by: order.iter().map(ToString::to_string).collect(),
                    limit: page,
                    page_token: token,
                    ..RunSearch::default()
                },
            )
            .await
            .unwrap();
        assert!(found.items.len() <= page as usize);
        names.extend(found.items.into_iter().map(|run| run.name));
        match found.next {
            Some(next) => token = Some(next.as_str().to_owned()),
            None => return names,
        }
    }
}

#[tokio::test]
async fn pages_in_any_order_are_the_whole_list_once() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        let values = [
            f64::NAN,
            1.0,
            f64::INFINITY,
            -0.0,
            0.0,
            f64::NEG_INFINITY,
            1.0,
            f64::NAN,
            5e-324,
            f64::MAX,
        ];
        for (i, value) in values.into_iter().enumerate() {
            let start = i64::try_from(i).unwrap();
            let made = run(&tracking, start / 2).await;
            if i != 6 {
                tracking
                    .log_metric(&scope, made.id, point("m", value, 1, 1))
                    .await
                    .unwrap();
            }
            if i % 3 == 0 {
                let params = vec![("p".to_owned(), format!("{}", i % 2))];
                tracking
                    .log_batch(
                        &scope,
                        made.id,
                        Batch {
                            params,
                            ..Batch::default()
                        },
                    )
                    .await
                    .unwrap();
            }
            if i % 4 == 0 {
                tracking
                    .finish_run(&scope, made.id, trimtab_tracking::RunStatus::Finished)
                    .await
                    .unwrap();
            }
        }
        for order in [
            &[][..],
            &["metrics.m"],
            &["metrics.m DESC"],
            &["params.p", "metrics.m DESC"],
            &["params.p DESC", "start_time ASC"],
            &["attributes.end_time"],
            &["end_time DESC", "tags.x"],
            &["status", "run_id DESC"],
            &["metrics.none"],
        ] {
            let whole = names(&tracking, "", order, 1_000).await;
            assert_eq!(whole.len(), values.len());
            for page in [1, 3, 10] {
                assert_eq!(
                    names(&tracking, "", order, page).await,
                    whole,
                    "{order:?} by {page}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_filter_is_the_conjunction_of_its_parts() {
    for (_folder, tracking) in all().await {
        let scope = Scope::local();
        for i in 0..12_i64 {
            let made = run(&tracking, i).await;
            let batch = Batch {
                metrics: vec![point("m", i as f64, 1, 1)],
                params: vec![
                    ("p".to_owned(), format!("v_{}%", i % 3)),
                    ("back".to_owned(), format!("a\\{i}")),
                ],
                tags: vec![("Größe".to_owned(), format!("T{}", i % 2))],
            };
            tracking.log_batch(&scope, made.id, batch).await.unwrap();
        }
        for (filter, expected) in [
            ("metrics.m >= 10", &["r11", "r10"][..]),
            ("metrics.m < 1 AND params.p = 'v_0%'", &["r0"]),
            ("params.p LIKE 'v__\\%'", &[]),
            ("params.p LIKE 'v\\_0%'", &[]),
            ("params.back LIKE 'a\\1%'", &["r11", "r10", "r1"]),
            ("params.p like 'V%'", &[]),
            ("params.p ilike 'V_0%' and metrics.m > 6", &["r9"]),
            ("tags.Größe = 'T1' and metrics.m > 8", &["r11", "r9"]),
            ("tags.`Größe` != 'T1' and metrics.m > 8", &["r10"]),
            ("attributes.start_time = 5", &["r5"]),
            ("created > 9.5", &["r11", "r10"]),
            ("params.p IS NULL", &[]),
            ("metrics.other != 3", &[]),
            (
                "metrics.m != 3 and metrics.m <= 4 and metrics.m > 1",
                &["r4", "r2"],
            ),
        ] {
            assert_eq!(names(&tracking, filter, &[], 5).await, expected, "{filter}");
        }
    }
}

#[tokio::test]
async fn the_default_page_is_a_walk_of_its_index() {
    let db = trimtab_db::testing::sqlite(&[trimtab_tracking::MIGRATIONS])
        .await
        .unwrap();
    let plan: Vec<String> = db
        .read(|tx| {
            tx.query(
                "EXPLAIN QUERY PLAN SELECT r.key FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.experiment = ?1 AND r.stage = 0 ORDER BY r.start_at DESC, r.id ASC LIMIT ?2",
                trimtab_db::params![1_i64, 100_i64],
            )?
            .iter()
            .map(|row| row.get::<String>(3))
            .collect::<Result<_, _>>()
        })
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("run_by_start") && !plan.contains("TEMP B-TREE"),
        "{plan}"
    );
}
