//! The history of aliases: who moved them when.

use trimtab_registry::AliasMove;
use trimtab_types::Scope;

use super::{all, numbers, other};

fn told(moves: &[AliasMove]) -> Vec<(&str, Option<i64>, Option<i64>, &str)> {
    moves
        .iter()
        .map(|one| (one.alias.as_str(), one.before, one.version, one.by.as_str()))
        .collect()
}

#[tokio::test]
async fn every_move_is_kept_with_who_made_it() {
    for (db, registry) in all().await {
        let scope = Scope::local();
        let mut eve = other();
        eve.workspace = scope.workspace.clone();
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        numbers(&registry, "m", 3).await;
        registry
            .set_alias(&scope, "m", "champion", 1)
            .await
            .unwrap();
        registry.set_alias(&eve, "m", "champion", 2).await.unwrap();
        registry.set_alias(&eve, "m", "champion", 2).await.unwrap();
        registry.set_alias(&scope, "m", "canary", 3).await.unwrap();
        registry.delete_version(&eve, "m", 3).await.unwrap();
        registry
            .delete_alias(&scope, "m", "champion")
            .await
            .unwrap();
        registry
            .delete_alias(&scope, "m", "champion")
            .await
            .unwrap();
        let page = registry
            .alias_history(&scope, "m", None, 100, None)
            .await
            .unwrap();
        assert_eq!(
            told(&page.items),
            [
                ("champion", Some(2), None, "local"),
                ("canary", Some(3), None, "eve"),
                ("canary", None, Some(3), "local"),
                ("champion", Some(1), Some(2), "eve"),
                ("champion", None, Some(1), "local"),
            ]
        );
        assert!(page.next.is_none());
        assert!(page.items.iter().all(|one| one.at.as_micros() > 0));
        // Page by page it is the same.
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = registry
                .alias_history(&scope, "m", None, 2, token.as_deref())
                .await
                .unwrap();
            found.extend(page.items);
            match page.next {
                Some(next) => token = Some(next.as_str().to_owned()),
                None => break,
            }
        }
        assert_eq!(found, page.items);
        let of_one = registry
            .alias_history(&scope, "m", Some("canary"), 100, None)
            .await
            .unwrap();
        assert_eq!(of_one.items.len(), 2);
        // It goes with the name, and outlives the model.
        registry.set_alias(&scope, "m", "last", 1).await.unwrap();
        registry.rename_model(&scope, "m", "n").await.unwrap();
        registry.delete_model(&eve, "n").await.unwrap();
        let page = registry
            .alias_history(&scope, "n", None, 100, None)
            .await
            .unwrap();
        assert_eq!(told(&page.items)[0], ("last", Some(1), None, "eve"));
        assert_eq!(page.items.len(), 7);
        assert_eq!(
            registry
                .alias_history(&scope, "m", None, 100, None)
                .await
                .unwrap()
                .items,
            []
        );
        assert_eq!(
            registry
                .alias_history(&other(), "n", None, 100, None)
                .await
                .unwrap()
                .items,
            []
        );
        assert!(
            registry
                .alias_history(&scope, "n", None, 1, Some("xx"))
                .await
                .is_err()
        );
        // Those who follow an alias hear of its end, however it came.
        let events = db.outbox_next("test", 100).await.unwrap();
        let ends: Vec<String> = events
            .iter()
            .filter(|event| event.topic == trimtab_registry::ALIAS_DELETED)
            .map(|event| event.payload["alias"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ends, ["canary", "champion", "last"]);
    }
}
