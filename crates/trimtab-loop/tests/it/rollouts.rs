//! Rollouts by hand.

use trimtab_loop::{Autonomy, LoopError, PlanState, RolloutState};
use trimtab_types::{Coded as _, Duration, ErrorCode};

use crate::world::{NEW, World, day, name, policy, trigger};

#[tokio::test]
async fn a_person_stops_a_rollout_and_all_traffic_goes_back() {
    for world in World::all().await {
        world.with_champion().await;
        let version = world.register(NEW, None).await;
        let plan = world
            .controller
            .start_rollout(&world.scope, &name("curve"), version, true)
            .await
            .unwrap();
        world.controller.tick().await.unwrap();
        let serving = &world.services.serving;
        let traffic = serving.traffic(&world.scope, &name("curve")).await.unwrap();
        let (_, weight) = traffic.canary.unwrap();
        assert_eq!(weight, 5_000);
        let rollout = world.plan(plan).await.ids.rollout;

        let stopped = world
            .controller
            .abort_rollout(&world.scope, rollout, "too early")
            .await
            .unwrap();
        assert_eq!(stopped.state, RolloutState::Aborted);
        let traffic = serving.traffic(&world.scope, &name("curve")).await.unwrap();
        assert_eq!((traffic.canary, traffic.shadow), (None, None));
        assert_eq!(
            (world.champion().await, world.alias().await),
            (Some(1), Some(1))
        );
        assert_eq!(
            world.told_of("rolled_back").await,
            ["version 2 goes back: aborted by local: too early"]
        );
        let again = world
            .controller
            .abort_rollout(&world.scope, rollout, "again")
            .await
            .unwrap_err();
        assert!(matches!(again, LoopError::Ended { .. }));
        assert_eq!(again.code(), ErrorCode::Conflict);

        world
            .controller
            .advance(day(0) + Duration::from_hours(1))
            .await
            .unwrap();
        assert_eq!(world.plan(plan).await.state, PlanState::KeptChampion);
        assert_eq!(world.told_of("rolled_back").await.len(), 1);
        let listed = world
            .controller
            .rollouts(&world.scope, Some(&name("curve")), 10)
            .await
            .unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].id, rollout);
        assert!(
            world
                .controller
                .rollouts(&world.scope, Some(&name("other")), 10)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_or_is_the_champion_is_refused() {
    for world in World::all().await {
        world.with_champion().await;
        let missing = world
            .controller
            .start_rollout(&world.scope, &name("curve"), 9, false)
            .await
            .unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
        assert_eq!(missing.to_string(), "there is no model version `curve/9`");
        let unknown = world
            .controller
            .start_rollout(&world.scope, &name("curv"), 1, false)
            .await
            .unwrap_err();
        assert_eq!(unknown.to_string(), "there is no endpoint `curv`");
        let plan = world
            .controller
            .start_rollout(&world.scope, &name("curve"), 1, true)
            .await
            .unwrap();
        world.controller.tick().await.unwrap();
        let failed = world.plan(plan).await;
        assert_eq!(failed.state, PlanState::Failed);
        assert_eq!(world.champion().await, Some(1));
    }
}

#[tokio::test]
async fn a_move_of_the_alias_is_followed_once_and_again_when_it_comes_back() {
    for world in World::all().await {
        world.with_champion().await;
        world.register(NEW, None).await;
        let registry = &world.services.registry;
        let move_to = async |version| {
            registry
                .set_alias(&world.scope, "curve", "champion", version)
                .await
                .unwrap();
            world.controller.tick().await.unwrap();
            world.controller.tick().await.unwrap();
            world.plans().await.len()
        };
        assert_eq!(move_to(2).await, 2);
        let plan = &world.plans().await[0];
        assert_eq!(
            (plan.given.version, plan.state),
            (Some(2), PlanState::Refused),
            "no row has an outcome: {plan:#?}"
        );
        // Back at the champion, nothing is asked for; away from it again, it is a new wish.
        assert_eq!(move_to(1).await, 2);
        assert_eq!(move_to(2).await, 3);
        assert_eq!(world.champion().await, Some(1));
    }
}

#[tokio::test]
async fn an_alias_moved_during_a_rollout_is_told_of_stays_and_is_followed_afterwards() {
    for world in World::all().await {
        world.with_champion().await;
        world.controller.tick().await.unwrap();
        world.register(NEW, None).await;
        world.register(NEW, None).await;
        let plan = world
            .controller
            .start_rollout(&world.scope, &name("curve"), 2, true)
            .await
            .unwrap();
        world.controller.tick().await.unwrap();
        let registry = &world.services.registry;
        registry
            .set_alias(&world.scope, "curve", "champion", 3)
            .await
            .unwrap();
        for _ in 0..2 {
            world.controller.tick().await.unwrap();
        }
        assert_eq!(
            world.told_of("alias_waits").await,
            [
                "alias `champion` of `curve` was moved to version 3 while version 2 is under way; it is followed when that has ended"
            ]
        );
        assert_eq!(world.plans().await.len(), 2);

        let rollout = world.plan(plan).await.ids.rollout;
        world
            .controller
            .abort_rollout(&world.scope, rollout, "too early")
            .await
            .unwrap();
        assert_eq!(
            (world.champion().await, world.alias().await),
            (Some(1), Some(3))
        );
        world.controller.tick().await.unwrap();
        world.controller.tick().await.unwrap();
        let newest = &world.plans().await[0];
        assert_eq!(
            (newest.given.version, newest.given.follows_alias),
            (Some(3), true)
        );
        let refused = world.told_of("gate_refused").await;
        assert!(
            refused[0].ends_with(
                "; alias `champion` stays where it was put, and version 1 goes on answering"
            ),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_without_a_champion_says_why_and_an_apply_tries_again() {
    for world in World::all().await {
        let waiting = || {
            let serving = &world.services.serving;
            serving
                .waiting(&world.scope, &name("curve"))
                .unwrap()
                .map(|waiting| waiting.why)
                .unwrap_or_default()
        };
        world.controller.tick().await.unwrap();
        assert_eq!(waiting(), "model `curve` has no alias `champion`");
        let registry = &world.services.registry;
        world.register(NEW, None).await;
        world.lose_model(1);
        registry
            .set_alias(&world.scope, "curve", "champion", 1)
            .await
            .unwrap();
        for _ in 0..2 {
            world.controller.tick().await.unwrap();
        }
        assert_eq!(world.plans().await.len(), 1);
        let why = waiting();
        assert!(
            why.starts_with("version 1 cannot be served: ")
                && why.ends_with("model `curve` has no version 1"),
            "{why}"
        );

        // Mended; nothing moved, so the loop asks nothing of its own.
        world.find_model(1);
        world.controller.tick().await.unwrap();
        assert_eq!(world.champion().await, None);
        world.apply(trigger(None), policy(Autonomy::Act)).await;
        world.controller.tick().await.unwrap();
        assert_eq!(world.champion().await, Some(1));
        assert_eq!(waiting(), "");
    }
}
