//! What starts plans: alerts, under the policy's autonomy and the trigger's cooldown; and what broken data does.

use trimtab_loop::{Autonomy, LoopError, PlanState, TriggerSpec};
use trimtab_types::{Coded as _, Duration, ErrorCode};

use crate::world::{DAY, NEW, OLD, World, day, name, policy, rows, trigger};

#[tokio::test]
async fn autonomy_says_how_far_the_loop_goes_and_cooldown_how_often() {
    for world in World::all().await {
        let dataset = world.with_champion().await;
        world.monitor(&dataset).await;
        world
            .apply(trigger(Some("curve")), policy(Autonomy::Observe))
            .await;
        for number in 0..12 {
            world.live(&rows(number, NEW, true)).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
        }
        assert!(!world.told_of("alert").await.is_empty());
        assert_eq!(
            world.plans().await.len(),
            1,
            "watched and told, and started nothing"
        );

        world
            .apply(trigger(Some("curve")), policy(Autonomy::Recommend))
            .await;
        world.training(NEW, world.controller.tick()).await.unwrap();
        let plans = world.plans().await;
        assert_eq!(plans.len(), 2);
        assert_eq!(plans[0].state, PlanState::Recommended, "{:#?}", plans[0]);
        assert_eq!(plans[0].trigger, Some(name("retrain")));
        let recommended = world.told_of("recommended").await;
        assert_eq!(
            recommended,
            ["version 2 passed the gate; start it with `trimtab rollout start curve --version 2`"]
        );
        assert_eq!(world.champion().await, Some(1));

        // The alert is still open; two days are not over yet.
        world.live(&rows(12, NEW, true)).await;
        world.controller.advance(day(13)).await.unwrap();
        assert_eq!(world.plans().await.len(), 2);
        world.live(&rows(13, NEW, true)).await;
        world
            .training(NEW, world.controller.advance(day(14)))
            .await
            .unwrap();
        assert_eq!(world.plans().await.len(), 3);

        // The person follows the recommendation.
        let plan = world
            .controller
            .start_rollout(&world.scope, &name("curve"), 2, true)
            .await
            .unwrap();
        world.controller.tick().await.unwrap();
        assert_eq!(world.plan(plan).await.state, PlanState::Running);
    }
}

#[tokio::test]
async fn broken_rows_are_quarantined_as_far_as_the_alert_reaches_and_start_nothing() {
    for world in World::all().await {
        let dataset = world.with_champion().await;
        world.monitor(&dataset).await;
        world
            .apply(trigger(Some("curve")), policy(Autonomy::Act))
            .await;
        for number in 0..2 {
            world.live(&rows(number, OLD, false)).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
        }
        let mut reach = Vec::new();
        for number in 2..5 {
            world.live_broken(number).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
            world.controller.tick().await.unwrap();
            let quarantines = world
                .services
                .data
                .quarantines(&world.scope, &name("curve"))
                .await
                .unwrap();
            let from = quarantines.iter().map(|one| one.from).min();
            let to = quarantines.iter().map(|one| one.to).max();
            reach.push((from, to));
        }
        // From the window before the first broken one, to the end of the last.
        let expected: Vec<_> = (2..5)
            .map(|number| (Some(day(1)), Some(day(number) + DAY)))
            .collect();
        assert_eq!(reach, expected);
        assert_eq!(world.told_of("alert").await.len(), 1);
        assert_eq!(
            world.told_of("quarantine").await.len(),
            1,
            "told once, however far it reaches"
        );
        assert_eq!(
            world.plans().await.len(),
            1,
            "broken data is not learned from"
        );
    }
}

#[tokio::test]
async fn a_project_cannot_take_what_another_declares() {
    for world in World::all().await {
        let theirs = TriggerSpec {
            project: name("other"),
            ..trigger(None)
        };
        let own = TriggerSpec {
            name: name("nightly"),
            ..theirs.clone()
        };
        let taken = world
            .controller
            .apply(&world.scope, &name("other"), vec![own, theirs], Vec::new())
            .await
            .unwrap_err();
        assert!(
            matches!(&taken, LoopError::OwnedElsewhere { owner, .. } if owner == "curve"),
            "{taken}"
        );
        assert_eq!(taken.code(), ErrorCode::Conflict);
        let names = |triggers: Vec<TriggerSpec>| {
            triggers
                .iter()
                .map(|one| one.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(world.controller.triggers(&world.scope).await.unwrap()),
            ["retrain"]
        );

        let of_endpoint = vec![(name("curve"), policy(Autonomy::Observe))];
        let taken = world
            .controller
            .apply(&world.scope, &name("other"), Vec::new(), of_endpoint)
            .await;
        assert!(
            matches!(
                taken,
                Err(LoopError::OwnedElsewhere {
                    kind: "endpoint",
                    ..
                })
            ),
            "{taken:?}"
        );
        let kept = world
            .controller
            .policy(&world.scope, &name("curve"))
            .await
            .unwrap();
        assert_eq!(kept.autonomy, Autonomy::Act);

        // Applying nothing removes what the project had, and nothing else.
        world
            .controller
            .apply(&world.scope, &name("other"), Vec::new(), Vec::new())
            .await
            .unwrap();
        assert_eq!(
            world.controller.triggers(&world.scope).await.unwrap().len(),
            1
        );
        world
            .controller
            .apply(&world.scope, &name("curve"), Vec::new(), Vec::new())
            .await
            .unwrap();
        assert!(
            world
                .controller
                .triggers(&world.scope)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_is_refused_by_the_name_of_its_field() {
    for world in World::all().await {
        let mut shrinking = policy(Autonomy::Act);
        shrinking.steps.swap(0, 1);
        shrinking.steps.insert(1, shrinking.steps[0]);
        let mut endless = policy(Autonomy::Act);
        endless.alpha = 1.5;
        let mut early_bake = policy(Autonomy::Act);
        early_bake.steps.swap(1, 2);
        for (policy, field) in [
            (shrinking, "steps"),
            (endless, "alpha"),
            (early_bake, "steps"),
        ] {
            let of_endpoint = vec![(name("curve"), policy)];
            let refused = world
                .controller
                .apply(&world.scope, &name("curve"), Vec::new(), of_endpoint)
                .await
                .unwrap_err();
            let wanted = format!("endpoints.curve.rollout.{field}");
            assert!(
                matches!(&refused, LoopError::Invalid { field, .. } if *field == wanted),
                "{refused}"
            );
        }
        assert_eq!(
            world.controller.triggers(&world.scope).await.unwrap()[0].cooldown,
            Some(Duration::from_days(2))
        );
    }
}

#[tokio::test]
async fn a_pinned_endpoint_is_told_of_a_better_version_and_keeps_its_own() {
    for world in World::all().await {
        let dataset = world.with_champion().await;
        world.monitor(&dataset).await;
        world
            .apply(trigger(Some("curve")), policy(Autonomy::Observe))
            .await;
        for number in 0..12 {
            world.live(&rows(number, NEW, true)).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
        }
        let serving = &world.services.serving;
        let mut spec = serving
            .endpoint(&world.scope, &name("curve"))
            .await
            .unwrap()
            .spec;
        spec.pin = Some(1);
        serving
            .apply(&world.scope, "curve", vec![spec])
            .await
            .unwrap();
        world
            .apply(trigger(Some("curve")), policy(Autonomy::Act))
            .await;
        world.training(NEW, world.controller.tick()).await.unwrap();
        assert_eq!(world.plans().await[0].state, PlanState::Recommended);
        let told = world.told_of("recommended").await;
        assert!(told[0].contains("pinned to version 1"), "{told:?}");
        assert_eq!(world.champion().await, Some(1));
    }
}
