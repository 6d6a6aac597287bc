//! The registry as a service, on SQLite and on PostgreSQL.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod aliases;
mod webhooks;

use proptest::{prelude::*, test_runner::TestRunner};
use trimtab_db::{Db, Migration, testing};
use trimtab_registry::{
    CreateVersion, Direction, LineageEdge, MIGRATIONS, NodeRef, Registry, RegistryError, Search,
    Stage,
};
use trimtab_types::{Clock, Coded, ErrorCode, Principal, Role, RunId, Scope, Time, WorkspaceId};

const ALL: &[&[Migration]] = &[MIGRATIONS];

async fn all() -> Vec<(Db, Registry)> {
    let databases = testing::databases(ALL).await.unwrap();
    databases
        .into_iter()
        .map(|db| (db.clone(), Registry::new(db, Clock::system())))
        .collect()
}

fn other() -> Scope {
    Scope {
        workspace: WorkspaceId::new("other").unwrap(),
        principal: Principal {
            name: "eve".into(),
            role: Role::Editor,
        },
    }
}

fn from_run(model: &str, run: RunId) -> CreateVersion {
    CreateVersion {
        model: model.to_owned(),
        source: format!("runs:/{run}/model"),
        run_id: Some(run),
        ..CreateVersion::default()
    }
}

async fn numbers(registry: &Registry, model: &str, n: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    for _ in 0..n {
        let version = registry
            .create_version(&Scope::local(), from_run(model, RunId::new()))
            .await
            .unwrap();
        numbers.push(version.version);
    }
    numbers
}

#[tokio::test]
async fn a_number_is_given_once_for_ever() {
    for (_, registry) in all().await {
        let scope = Scope::local();
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        assert_eq!(numbers(&registry, "m", 3).await, [1, 2, 3]);
        registry.delete_version(&scope, "m", 3).await.unwrap();
        assert_eq!(numbers(&registry, "m", 1).await, [4]);
        registry.rename_model(&scope, "m", "n").await.unwrap();
        assert_eq!(numbers(&registry, "n", 1).await, [5]);
        registry.delete_model(&scope, "n").await.unwrap();
        registry.create_model(&scope, "n", None, &[]).await.unwrap();
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        assert_eq!(
            numbers(&registry, "n", 1).await,
            [6],
            "a new model of the old name"
        );
        assert_eq!(
            numbers(&registry, "m", 1).await,
            [5],
            "a new model of the name before"
        );
    }
}

#[tokio::test]
async fn concurrent_versions_have_different_numbers() {
    for (_, registry) in all().await {
        registry
            .create_model(&Scope::local(), "m", None, &[])
            .await
            .unwrap();
        let many = (0..20).map(|_| numbers(&registry, "m", 1));
        let mut given: Vec<i64> = futures::future::join_all(many).await.concat();
        given.sort_unstable();
        assert_eq!(given, (1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn aliases_move_and_tell_of_it_once() {
    for (db, registry) in all().await {
        let scope = Scope::local();
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        numbers(&registry, "m", 2).await;
        for version in [1, 1, 2] {
            registry
                .set_alias(&scope, "m", "champion", version)
                .await
                .unwrap();
        }
        let found = registry
            .version_by_alias(&scope, "m", "champion")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.version, found.aliases),
            (2, vec!["champion".to_owned()])
        );
        assert_eq!(
            registry
                .version_by_alias(&scope, "m", "none")
                .await
                .unwrap(),
            None
        );
        let events = db.outbox_next("test", 100).await.unwrap();
        let told: Vec<String> = events
            .iter()
            .map(|e| format!("{} {}", e.topic, e.payload["version"]))
            .collect();
        assert_eq!(
            told,
            [
                "registry.model-created null",
                "registry.version-created 1",
                "registry.version-created 2",
                "registry.alias-set 1",
                "registry.alias-set 2"
            ]
        );
        assert_eq!(events[4].payload["before"], 1);
        registry.delete_version(&scope, "m", 2).await.unwrap();
        assert_eq!(
            registry
                .version_by_alias(&scope, "m", "champion")
                .await
                .unwrap(),
            None
        );
        let refused = registry.set_alias(&scope, "m", "champion", 2).await;
        assert!(matches!(
            refused,
            Err(RegistryError::VersionNotFound { .. })
        ));
    }
}

#[tokio::test]
async fn another_workspace_has_its_own_names() {
    for (_, registry) in all().await {
        registry
            .create_model(&Scope::local(), "m", None, &[])
            .await
            .unwrap();
        numbers(&registry, "m", 1).await;
        assert_eq!(
            registry
                .get_version(&other(), "m", 1)
                .await
                .unwrap_err()
                .code(),
            ErrorCode::NotFound
        );
        registry
            .create_model(&other(), "m", None, &[])
            .await
            .unwrap();
        registry.delete_model(&other(), "m").await.unwrap();
        registry.get_version(&Scope::local(), "m", 1).await.unwrap();
        let found = registry
            .search_models(&other(), Search::default())
            .await
            .unwrap();
        assert_eq!(found.items, []);
    }
}

#[tokio::test]
async fn versions_of_a_run_stages_and_tags() {
    for (_, registry) in all().await {
        let scope = Scope::local();
        let run = RunId::new();
        for model in ["a", "b"] {
            registry
                .create_model(
                    &scope,
                    model,
                    Some("d"),
                    &[("k".to_owned(), "v".to_owned())],
                )
                .await
                .unwrap();
            registry
                .create_version(&scope, from_run(model, run))
                .await
                .unwrap();
        }
        let made: Vec<String> = registry
            .versions_by_run(&scope, run)
            .await
            .unwrap()
            .into_iter()
            .map(|v| v.model)
            .collect();
        assert_eq!(made, ["a", "b"]);
        registry
            .set_version_tag(&scope, "a", 1, "k", "1")
            .await
            .unwrap();
        registry
            .set_version_tag(&scope, "a", 1, "k", "2")
            .await
            .unwrap();
        registry
            .set_stage(&scope, "a", 1, Stage::Production, false)
            .await
            .unwrap();
        let version = registry.get_version(&scope, "a", 1).await.unwrap();
        assert_eq!(
            (version.tags["k"].as_str(), version.stage),
            ("2", Stage::Production)
        );
        let refused = registry
            .set_stage(&scope, "a", 1, Stage::Archived, true)
            .await
            .unwrap_err();
        assert!(matches!(refused.code(), ErrorCode::Invalid { .. }));
    }
}

fn node(kind: &str, id: &str) -> NodeRef {
    NodeRef {
        kind: kind.to_owned(),
        id: id.to_owned(),
    }
}

#[tokio::test]
async fn lineage_is_walked_both_ways_and_through_cycles() {
    for (_, registry) in all().await {
        let scope = Scope::local();
        let edge = |from: NodeRef, relation: &str, to: NodeRef| LineageEdge {
            from,
            relation: relation.to_owned(),
            to,
            at: Time::from_micros(1),
        };
        let edges = vec![
            edge(
                node("revision", "r"),
                "serves",
                node("model_version", "m/1"),
            ),
            edge(node("model_version", "m/1"), "made_by", node("run", "x")),
            edge(node("run", "x"), "trained_on", node("dataset_version", "d")),
            edge(node("run", "x"), "ran_at", node("commit", "c")),
            edge(node("commit", "c"), "odd", node("revision", "r")),
        ];
        registry.record_edges(&scope, edges.clone()).await.unwrap();
        registry.record_edges(&scope, edges).await.unwrap();
        let up = registry
            .lineage(&scope, &node("revision", "r"), Direction::Upstream, 10)
            .await
            .unwrap();
        let to: Vec<&str> = up.iter().map(|edge| edge.to.id.as_str()).collect();
        assert_eq!(to, ["m/1", "x", "c", "d", "r"]);
        let down = registry
            .lineage(
                &scope,
                &node("dataset_version", "d"),
                Direction::Downstream,
                2,
            )
            .await
            .unwrap();
        let from: Vec<&str> = down.iter().map(|edge| edge.from.id.as_str()).collect();
        assert_eq!(from, ["x", "m/1"]);
        let none = registry
            .lineage(&other(), &node("revision", "r"), Direction::Upstream, 10)
            .await
            .unwrap();
        assert_eq!(none, []);
    }
}

#[tokio::test]
async fn searches_page_through_everything_once() {
    for (_, registry) in all().await {
        let scope = Scope::local();
        for name in ["b", "a", "C", "ä", "a_b", "a%b"] {
            let tags = [("n".to_owned(), name.to_owned())];
            registry
                .create_model(&scope, name, None, &tags)
                .await
                .unwrap();
            numbers(&registry, name, 2).await;
        }
        let names = async |filter: &str, order: &[&str], limit: u32| {
            let mut names = Vec::new();
            let mut page_token = None;
            loop {
                let search = Search {
                    filter: filter.to_owned(),
                    order_by: order.iter().map(ToString::to_string).collect(),
                    limit,
                    page_token,
                };
                let page = registry.search_models(&scope, search).await.unwrap();
                names.extend(page.items.into_iter().map(|model| model.name));
                match page.next {
                    Some(next) => page_token = Some(next.as_str().to_owned()),
                    None => return names,
                }
            }
        };
        for limit in [1, 2, 100] {
            assert_eq!(
                names("", &[], limit).await,
                ["C", "a", "a%b", "a_b", "b", "ä"]
            );
            assert_eq!(
                names("", &["name DESC"], limit).await,
                ["ä", "b", "a_b", "a%b", "a", "C"]
            );
            assert_eq!(
                names("", &["creation_timestamp DESC"], limit).await,
                ["a%b", "a_b", "ä", "C", "a", "b"]
            );
        }
        assert_eq!(names("name LIKE 'a_b'", &[], 9).await, ["a%b", "a_b"]);
        assert_eq!(names("name ILIKE 'c'", &[], 9).await, ["C"]);
        assert_eq!(names("tags.n = 'b' and name != 'x'", &[], 9).await, ["b"]);
        let search = Search {
            filter: "name = 'a' AND version_number >= 2".to_owned(),
            ..Search::default()
        };
        let found = registry.search_versions(&scope, search).await.unwrap();
        assert_eq!(
            found.items.iter().map(|v| v.version).collect::<Vec<_>>(),
            [2]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_as_filter_is_an_answer_or_a_clean_refusal() {
    let databases = all().await;
    for (_, registry) in &databases {
        registry
            .create_model(&Scope::local(), "m", None, &[])
            .await
            .unwrap();
        numbers(registry, "m", 1).await;
    }
    let filter = prop_oneof![
        3 => "(name|run_id|version_number|source_path|tags\\.[a-z]|tag\\.`[^`]{0,5}`) ?(=|!=|>|<=|LIKE|ilike|IN|NOT IN|IS NULL) ?('[^']{0,6}'|-?[0-9]{1,22}|\\('a'\\))",
        1 => any::<String>(),
    ];
    let order = prop_oneof![
        "(name|timestamp|version_number|creation_timestamp)( ASC| desc)?",
        "\\PC{0,10}"
    ];
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        TestRunner::default()
            .run(
                &(filter, order, any::<String>()),
                |(filter, order, token)| {
                    for (_, registry) in &databases {
                        let search = Search {
                            filter: filter.clone(),
                            order_by: vec![order.clone()],
                            limit: 3,
                            page_token: None,
                        };
                        let with_token = Search {
                            page_token: Some(token.clone()),
                            ..search.clone()
                        };
                        let codes = handle.block_on(async {
                            [
                                registry
                                    .search_models(&Scope::local(), search.clone())
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                                registry
                                    .search_versions(&Scope::local(), search)
                                    .await
                                    .err()
                                    .map(|e| (e.code(), e.to_string())),
                                registry
                                    .search_versions(&Scope::local(), with_token)
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
