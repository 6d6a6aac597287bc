//! Endpoints made by loading a model, and what revisions did for their callers.

use trimtab_serving::{Deployed, REPOSITORY, RevisionState, ServingError, Timed, Traffic};
use trimtab_types::{Coded as _, ErrorCode};

use crate::world::{World, flights, name, number, spec};

#[tokio::test]
async fn an_endpoint_is_deployed_with_its_model_and_taken_away_with_it() {
    for world in World::all().await {
        let (serving, scope) = (&world.serving, &world.scope);
        let endpoint = name("delay");
        let revision = serving.deploy(scope, spec("delay"), 1).await.unwrap();
        let found = serving.endpoint(scope, &endpoint).await.unwrap();
        assert_eq!(found.spec.project, REPOSITORY);
        assert_eq!(found.traffic.champion, Some(revision.id));
        let answer = serving.predict(scope, &endpoint, flights()).await.unwrap();
        assert_eq!(answer.revision, revision.id);
        let deployed = Deployed {
            name: endpoint.clone(),
            model: "delay".to_owned(),
            versions: vec![1],
            waiting: None,
        };
        assert_eq!(serving.deployed(scope), [deployed]);
        // It is there once, and no file can take it over.
        let again = serving.deploy(scope, spec("delay"), 2).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::Conflict);
        let apply = serving.apply(scope, "flights", vec![spec("delay")]).await;
        let hint = apply.unwrap_err().hint().unwrap();
        assert!(hint.contains("unload it first"), "{hint}");
        // It comes back with the process.
        let restarted = world.restarted();
        restarted.restore().await.unwrap();
        assert!(restarted.is_ready(scope, &endpoint, None).unwrap());
        serving.undeploy(scope, &endpoint).await.unwrap();
        let gone = serving.predict(scope, &endpoint, flights()).await;
        assert!(matches!(
            gone.unwrap_err(),
            ServingError::EndpointNotFound(_)
        ));
        assert!(serving.deployed(scope).is_empty());
        assert_eq!(world.events("delay").await.len(), 1);
        let restarted = world.restarted();
        assert!(restarted.restore().await.unwrap().is_empty());
        // And again, as if it had never been.
        let second = serving.deploy(scope, spec("delay"), 2).await.unwrap();
        let revisions = serving.revisions(scope, &endpoint).await.unwrap();
        let states: Vec<_> = revisions.iter().map(|r| (r.id, r.state.clone())).collect();
        assert_eq!(
            states,
            [
                (second.id, RevisionState::Ready),
                (revision.id, RevisionState::Retired)
            ]
        );
    }
}

#[tokio::test]
async fn what_cannot_be_served_leaves_nothing_behind() {
    for world in World::all().await {
        let error = world
            .serving
            .deploy(&world.scope, spec("delay"), 9)
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        let endpoints = world.serving.endpoints(&world.scope).await.unwrap();
        assert!(endpoints.is_empty() && world.serving.deployed(&world.scope).is_empty());
    }
}

#[tokio::test]
async fn what_a_file_declares_and_what_is_in_a_rollout_stays() {
    for world in World::all().await {
        let (serving, scope) = (&world.serving, &world.scope);
        world.endpoint(spec("flights"), 1).await;
        let error = serving.undeploy(scope, &name("flights")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "endpoint `flights` is declared by project `flights`"
        );
        let champion = serving.deploy(scope, spec("delay"), 1).await.unwrap().id;
        let endpoint = name("delay");
        let canary = serving.add_revision(scope, &endpoint, 2).await.unwrap().id;
        let traffic = |canary| Traffic {
            champion: Some(champion),
            canary,
            ..Traffic::default()
        };
        let rollout = traffic(Some((canary, 100)));
        serving
            .set_traffic(scope, &endpoint, rollout)
            .await
            .unwrap();
        let error = serving.undeploy(scope, &endpoint).await.unwrap_err();
        assert!(matches!(error, ServingError::InRollout(_)), "{error}");
        serving
            .set_traffic(scope, &endpoint, traffic(None))
            .await
            .unwrap();
        // The one that lost may still be the way back.
        let error = serving.undeploy(scope, &endpoint).await.unwrap_err();
        assert!(matches!(error, ServingError::InRollout(_)), "{error}");
        serving
            .retire_revision(scope, &endpoint, canary)
            .await
            .unwrap();
        serving.undeploy(scope, &endpoint).await.unwrap();
        let error = serving.undeploy(scope, &endpoint).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn statistics_count_rows_runs_and_failures() {
    for world in World::all().await {
        let (serving, scope) = (&world.serving, &world.scope);
        world.models.put(3, world.mlflow_folder(3, "picky.fake"));
        world.models.put(4, world.mlflow_folder(4, "twice.fake"));
        let endpoint = name("flights");
        world.endpoint(spec("flights"), 3).await;
        serving.add_revision(scope, &endpoint, 4).await.unwrap();
        for value in [1.0, 2.0, 3.0, -1.0] {
            let _ = serving.predict(scope, &endpoint, number(value, "k")).await;
        }
        let refused = serving.predict(scope, &endpoint, flights()).await;
        assert!(refused.is_err());
        let of = |version| serving.statistics(scope, Some(&endpoint), version).unwrap();
        let found = of(Some(3)).remove(0);
        assert_eq!((found.version, found.rows, found.executions), (3, 3, 3));
        assert_eq!((found.success.count, found.fail.count), (3, 2));
        assert!(
            found
                .last_inference
                .is_some_and(|at| at <= world.clock.wall())
        );
        let parts = [found.queue, found.input, found.infer, found.output];
        assert!(parts.iter().all(|part| part.count == 3));
        let sum: u64 = parts.iter().map(|part| part.ns).sum();
        assert!(found.infer.ns > 0 && sum <= found.success.ns, "{found:?}");
        assert_eq!((found.batches.len(), found.batches[0].rows), (1, 1));
        // The other version did nothing, and a request for it alone counts as its own.
        assert_eq!(of(Some(4))[0].success, Timed::default());
        let mut pinned = number(-1.0, "k");
        pinned.version = Some(4);
        serving.predict(scope, &endpoint, pinned).await.unwrap();
        let all = serving.statistics(scope, None, None).unwrap();
        let counts: Vec<_> = all.iter().map(|s| (s.version, s.executions)).collect();
        assert_eq!(counts, [(3, 3), (4, 1)]);
        assert!(
            serving
                .statistics(scope, Some(&name("none")), None)
                .is_err()
        );
    }
}
