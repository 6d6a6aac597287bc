//! Any text as a filter or an order: an answer or a refusal of the caller's input, never a failure of ours.

use proptest::{prelude::*, test_runner::TestRunner};
use trimtab_tracking::{LoggedModelOrder, LoggedModelSearch, RunSearch, Search};
use trimtab_types::{Coded, ErrorCode, Scope};

use crate::{all, point, run};

fn filters() -> impl Strategy<Value = String> {
    let entity = prop_oneof![
        "metrics",
        "params",
        "tags",
        "attributes",
        "datasets",
        "attr",
        "[a-z]{0,3}"
    ];
    let key = prop_oneof![
        "m",
        "name",
        "start_time",
        "run_id",
        "status",
        "`[^`]{0,6}`",
        "\"[^\"]{0,6}\"",
        "[a-zé._/-]{0,6}"
    ];
    let operator = prop_oneof![
        "=",
        "!=",
        ">",
        "<=",
        "LIKE",
        "ilike",
        "IN",
        "NOT IN",
        "IS NULL",
        "is not null",
        "[<>=!]{0,3}"
    ];
    let value = prop_oneof![
        "'[^']{0,8}'",
        "\"[^\"]{0,8}\"",
        "-?[0-9]{1,25}",
        "[0-9]{1,3}\\.[0-9e+-]{0,6}",
        "\\('a', 'b'\\)",
        "1e999",
        "[ -~]{0,6}"
    ];
    let comparison = (entity, key, operator, value, any::<bool>()).prop_map(
        |(entity, key, operator, value, is_bare)| {
            if is_bare {
                format!("{key} {operator} {value}")
            } else {
                format!("{entity}.{key} {operator} {value}")
            }
        },
    );
    prop_oneof![
        4 => prop::collection::vec(comparison, 1..4).prop_map(|parts| parts.join(" AND ")),
        1 => "\\PC{0,40}",
        1 => any::<String>(),
    ]
}

fn orders() -> impl Strategy<Value = String> {
    prop_oneof![
        "metrics\\.m( (asc|DESC))?",
        "(params|tags|attributes|datasets)\\.[a-z_]{0,9}( DESC)?",
        "start_time",
        "\\PC{0,20}"
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_an_answer_or_a_clean_refusal() {
    let databases = all().await;
    for (_folder, tracking) in &databases {
        let made = run(tracking, 1).await;
        tracking
            .log_metric(&Scope::local(), made.id, point("m", 1.0, 1, 1))
            .await
            .unwrap();
    }
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        TestRunner::default()
            .run(
                &(filters(), orders(), any::<String>()),
                |(filter, order, token)| {
                    for (_folder, tracking) in &databases {
                        let scope = Scope::local();
                        let (filter, order, token) =
                            (filter.clone(), order.clone(), Some(token.clone()));
                        let codes = handle.block_on(async {
                            let runs = RunSearch {
                                experiments: vec![0],
                                filter: filter.clone(),
                                order_by: vec![order.clone()],
                                ..RunSearch::default()
                            };
                            let with_token = RunSearch {
                                page_token: token,
                                ..runs.clone()
                            };
                            let search = Search {
                                filter: filter.clone(),
                                order_by: vec![order.clone()],
                                ..Search::default()
                            };
                            let order = LoggedModelOrder {
                                field: order,
                                is_ascending: true,
                                dataset: None,
                            };
                            let models = LoggedModelSearch {
                                experiments: vec![0],
                                filter,
                                order_by: vec![order],
                                ..LoggedModelSearch::default()
                            };
                            [
                                tracking
                                    .search_runs(&scope, runs)
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                                tracking
                                    .search_runs(&scope, with_token)
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                                tracking
                                    .search_experiments(&scope, search)
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                                tracking
                                    .search_logged_models(&scope, models)
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                            ]
                        });
                        for (code, text) in codes.into_iter().flatten() {
                            prop_assert!(
                                matches!(code, ErrorCode::Invalid { .. }),
                                "{:?}: {}",
                                code,
                                text
                            );
                        }
                    }
                    Ok(())
                },
            )
            .unwrap();
    });
}
