//! Adding, failing, retiring, restoring.

use std::fs;

use trimtab_serving::{RevisionState, ServingError, Traffic, Waiting};
use trimtab_types::{Coded as _, ErrorCode};

use crate::world::{World, flights, name, spec};

#[tokio::test]
async fn a_revision_is_added_once_and_again_after_it_was_retired() {
    for world in World::all().await {
        let endpoint = name("flights");
        let first = world.endpoint(spec("flights"), 1).await;
        let add = async || {
            world
                .serving
                .add_revision(&world.scope, &endpoint, 2)
                .await
                .unwrap()
        };
        let second = add().await;
        assert_eq!(second.state, RevisionState::Ready);
        assert_eq!(add().await, second);
        let retire = async |id| {
            world
                .serving
                .retire_revision(&world.scope, &endpoint, id)
                .await
        };
        let error = retire(first.id).await.unwrap_err();
        assert!(matches!(error, ServingError::InUse { .. }));
        assert_eq!(
            retire(second.id).await.unwrap().state,
            RevisionState::Retired
        );
        assert_eq!(
            retire(second.id).await.unwrap().state,
            RevisionState::Retired
        );
        let third = add().await;
        assert_ne!(third.id, second.id);
        let all = world
            .serving
            .revisions(&world.scope, &endpoint)
            .await
            .unwrap();
        let ids: Vec<_> = all.iter().map(|revision| revision.id).collect();
        assert_eq!(ids, [third.id, second.id, first.id]);
        let info = world
            .serving
            .model_info(&world.scope, &endpoint, None)
            .unwrap();
        assert_eq!((info.version, info.versions), (1, vec![1, 2]));
    }
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why_and_is_tried_again() {
    for world in World::all().await {
        let endpoint = name("flights");
        world.endpoint(spec("flights"), 1).await;
        let add = async |version| {
            world
                .serving
                .add_revision(&world.scope, &endpoint, version)
                .await
        };
        let state = async |version| {
            let all = world
                .serving
                .revisions(&world.scope, &endpoint)
                .await
                .unwrap();
            let found = all.into_iter().find(|found| found.version == version);
            found.unwrap()
        };

        let error = add(3).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert_eq!(error.hint().as_deref(), Some("register it"));
        let failed = state(3).await;
        assert_eq!(
            failed.state,
            RevisionState::Failed {
                error: "cannot fetch version 3 of model `delay`: model `delay` has no version 3"
                    .to_owned()
            }
        );
        world
            .models
            .put(3, world.mlflow_folder(3, "flights_2.onnx"));
        let ready = add(3).await.unwrap();
        assert_eq!((ready.id, ready.state), (failed.id, RevisionState::Ready));

        let folder = world.mlflow_folder(4, "flights_1.onnx");
        fs::write(folder.join("flights_1.onnx"), b"broken").unwrap();
        world.models.put(4, folder);
        let error = add(4).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::invalid("model"));

        let folder = world.mlflow_folder(5, "flights_1.onnx");
        fs::write(
            folder.join("MLmodel"),
            "flavors:\n  sklearn: {pickled_model: model.pkl}\n",
        )
        .unwrap();
        world.models.put(5, folder);
        let error = add(5).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.to_string().contains("it has sklearn"), "{error}");
        assert!(error.hint().unwrap().contains("mlflow.onnx.log_model"));

        // Nothing that failed can get traffic, and the champion still answers.
        let traffic = Traffic {
            champion: Some(state(5).await.id),
            ..Traffic::default()
        };
        let set = world
            .serving
            .set_traffic(&world.scope, &endpoint, traffic)
            .await;
        assert!(set.is_err());
        let answer = world
            .serving
            .predict(&world.scope, &endpoint, flights())
            .await
            .unwrap();
        assert_eq!(answer.version, 1);
    }
}

#[tokio::test]
async fn an_endpoint_without_a_champion_says_what_it_waits_for() {
    for world in World::all().await {
        let endpoint = name("flights");
        world
            .serving
            .apply(&world.scope, "flights", vec![spec("flights")])
            .await
            .unwrap();
        let asked = async || {
            let asked = world
                .serving
                .predict(&world.scope, &endpoint, flights())
                .await;
            asked.unwrap_err()
        };
        let error = asked().await;
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert_eq!(
            error.to_string(),
            "endpoint `flights` has no champion yet: it was declared a moment ago, and its model is being looked for"
        );
        let waiting = Waiting {
            why: "model `delay` has no alias `champion`".to_owned(),
            hint: Some("set it".to_owned()),
        };
        world.serving.explain(&world.scope, &endpoint, &waiting);
        let error = asked().await;
        assert_eq!(
            error.to_string(),
            "endpoint `flights` has no champion yet: model `delay` has no alias `champion`"
        );
        assert_eq!(error.hint().as_deref(), Some("set it"));
        assert_eq!(
            world.serving.waiting(&world.scope, &endpoint).unwrap(),
            Some(waiting)
        );
        world.endpoint(spec("flights"), 1).await;
        assert_eq!(
            world.serving.waiting(&world.scope, &endpoint).unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn traffic_names_only_what_is_ready_and_keeps_a_champion() {
    for world in World::all().await {
        let endpoint = name("flights");
        let first = world.endpoint(spec("flights"), 1).await;
        let set = async |traffic: Traffic| {
            world
                .serving
                .set_traffic(&world.scope, &endpoint, traffic)
                .await
        };
        let second = world
            .serving
            .add_revision(&world.scope, &endpoint, 2)
            .await
            .unwrap();
        let canary = Traffic {
            champion: Some(first.id),
            canary: Some((second.id, 500)),
            salt: "rollout-1".to_owned(),
            ..Traffic::default()
        };
        let stored = set(canary.clone()).await.unwrap();
        assert_eq!(stored.generation, 2);
        assert_eq!(set(canary.clone()).await.unwrap(), stored);
        assert_eq!(
            world
                .serving
                .traffic(&world.scope, &endpoint)
                .await
                .unwrap(),
            stored
        );
        let error = set(Traffic::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "traffic of endpoint `flights` cannot be set: an endpoint keeps a champion"
        );
        for (fault, traffic) in [
            (
                "above 10,000",
                Traffic {
                    canary: Some((second.id, 10_001)),
                    ..canary.clone()
                },
            ),
            (
                "the same revision",
                Traffic {
                    canary: Some((first.id, 1)),
                    ..canary.clone()
                },
            ),
            (
                "the same revision",
                Traffic {
                    shadow: Some(second.id),
                    ..canary.clone()
                },
            ),
        ] {
            let error = set(traffic).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::Conflict);
            assert!(error.to_string().contains(fault), "{error}");
        }
        // The topics tell of it, once for each change.
        let told = world.db.outbox_next("test", 100).await.unwrap();
        let generations: Vec<i64> = told
            .iter()
            .filter(|event| event.topic == "serving.traffic-set")
            .map(|event| event.payload["generation"].as_i64().unwrap())
            .collect();
        assert_eq!(generations, [1, 2]);
    }
}

#[tokio::test]
async fn a_restart_brings_back_what_ran_and_reports_what_it_cannot() {
    for world in World::all().await {
        let endpoint = name("flights");
        let champion = world.endpoint(spec("flights"), 1).await;
        let second = world
            .serving
            .add_revision(&world.scope, &endpoint, 2)
            .await
            .unwrap();

        let restarted = world.restarted();
        assert!(restarted.is_ready(&world.scope, &endpoint, None).is_err());
        let restored = restarted.restore().await.unwrap();
        assert!(restored.iter().all(|one| one.error.is_none()));
        assert_eq!(restored.len(), 2);
        assert!(restarted.is_ready(&world.scope, &endpoint, None).unwrap());
        let answer = restarted
            .predict(&world.scope, &endpoint, flights())
            .await
            .unwrap();
        assert_eq!(answer.revision, champion.id);

        world.models.take(1);
        let crippled = world.restarted();
        let restored = crippled.restore().await.unwrap();
        let failed: Vec<_> = restored
            .iter()
            .filter(|one| one.error.is_some())
            .map(|one| one.revision.id)
            .collect();
        assert_eq!(failed, [champion.id]);
        let error = crippled
            .predict(&world.scope, &endpoint, flights())
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.to_string().contains("has no version 1"), "{error}");
        assert!(crippled.is_ready(&world.scope, &endpoint, Some(2)).unwrap());
        // It had been ready: the cause may pass, so that the next start tries it again.
        let all = crippled.revisions(&world.scope, &endpoint).await.unwrap();
        assert!(all.iter().all(|one| one.state == RevisionState::Ready));
        assert_eq!(all[0].id, second.id);
    }
}
