//! Plans from the trigger to the verdict.

use trimtab_loop::{LoopError, PlanState, StepName, StepState};
use trimtab_types::{Coded as _, ErrorCode};

use crate::world::{DAY, NEW, World, day, name, rows};

#[tokio::test]
async fn a_fired_trigger_goes_through_every_step_and_the_better_model_is_promoted() {
    for world in World::all().await {
        world.with_champion().await;
        assert_eq!(
            (world.champion().await, world.alias().await),
            (Some(1), Some(1))
        );
        for number in 0..12 {
            world.live(&rows(number, NEW, false)).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
        }

        let plan = world
            .controller
            .fire(&world.scope, &name("retrain"), None)
            .await
            .unwrap();
        world.training(NEW, world.controller.tick()).await.unwrap();
        let begun = world.plan(plan).await;
        assert_eq!(begun.current(), Some(StepName::Verdict), "{begun:#?}");
        let busy = world
            .controller
            .fire(&world.scope, &name("retrain"), None)
            .await
            .unwrap_err();
        assert!(
            matches!(&busy, LoopError::Busy { plan: open, .. } if *open == plan.to_string()),
            "{busy}"
        );
        assert_eq!(busy.code(), ErrorCode::Conflict);
        assert!(busy.hint().is_some());
        let by_hand = world
            .controller
            .start_rollout(&world.scope, &name("curve"), 1, true)
            .await;
        assert!(matches!(by_hand, Err(LoopError::Busy { .. })));

        for number in 12..18 {
            world.live(&rows(number, NEW, false)).await;
            world.controller.advance(day(number) + DAY).await.unwrap();
        }
        let ended = world.plan(plan).await;
        assert_eq!(ended.state, PlanState::Promoted, "{ended:#?}");
        assert!(
            ended.steps.iter().all(|step| step.state == StepState::Done),
            "{ended:#?}"
        );
        assert_eq!(
            (world.champion().await, world.alias().await),
            (Some(2), Some(2))
        );
        let told = world.told().await;
        let of_plan: Vec<&str> = told
            .iter()
            .map(|one| one.kind.as_str())
            .skip_while(|kind| *kind != "promoted")
            .skip(1)
            .collect();
        assert_eq!(
            of_plan,
            [
                "plan_started",
                "trained",
                "gate_passed",
                "rollout_step",
                "rollout_step",
                "promoted",
                "rollout_step"
            ]
        );
        // What it learned from ends before what it was judged on.
        let frozen: trimtab_types::Time =
            serde_json::from_value(ended.steps[0].output["evaluation_from"].clone()).unwrap();
        let dataset =
            serde_json::from_value(ended.steps[1].output["dataset_version"].clone()).unwrap();
        let dataset = world
            .services
            .data
            .get(&world.scope, dataset)
            .await
            .unwrap();
        assert!(dataset.to.unwrap() <= frozen);
    }
}

#[tokio::test]
async fn a_plan_that_cannot_go_on_fails_with_the_reason_and_frees_the_endpoint() {
    for world in World::all().await {
        let missing = world
            .controller
            .fire(&world.scope, &name("nightly"), None)
            .await
            .unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
        // There is nothing to learn from yet.
        let plan = world
            .controller
            .fire(&world.scope, &name("retrain"), None)
            .await
            .unwrap();
        world.controller.tick().await.unwrap();
        let failed = world.plan(plan).await;
        assert_eq!(failed.state, PlanState::Failed);
        let error = failed.steps[1].error.clone().unwrap();
        assert!(error.contains("has no champion yet"), "{error}");
        assert_eq!(world.told_of("plan_failed").await.len(), 1);

        // A training that registers nothing.
        let dataset = world.first_dataset().await;
        let plan = world
            .controller
            .fire(&world.scope, &name("retrain"), Some(dataset.id))
            .await
            .unwrap();
        let (ticked, ()) = tokio::join!(world.controller.tick(), async {
            world.plan_in_training().await;
            world.let_training_end().await;
        });
        ticked.unwrap();
        let failed = world.plan(plan).await;
        let error = failed.steps[3].error.clone().unwrap();
        assert!(
            error.contains("registered no version of `curve`"),
            "{error}"
        );

        world
            .controller
            .fire(&world.scope, &name("retrain"), Some(dataset.id))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn plans_are_paged_newest_first() {
    for world in World::all().await {
        let mut fired = Vec::new();
        for _ in 0..5 {
            fired.push(
                world
                    .controller
                    .fire(&world.scope, &name("retrain"), None)
                    .await
                    .unwrap(),
            );
            world.controller.tick().await.unwrap();
        }
        fired.reverse();
        let mut paged = Vec::new();
        let mut before = None;
        loop {
            let page = world
                .controller
                .plans(&world.scope, before, 2)
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.created_at, last.id));
            paged.extend(page.iter().map(|plan| plan.id));
        }
        assert_eq!(paged, fired);
    }
}

/// The seed that a plan has, and what its gate drew.
async fn gate_of(seed: u64) -> (u64, serde_json::Value) {
    let world = World::all().await.remove(0);
    world.controller.set_seed(seed);
    world.with_champion().await;
    for number in 0..12 {
        world.live(&rows(number, NEW, false)).await;
        world.controller.advance(day(number) + DAY).await.unwrap();
    }
    let plan = world
        .controller
        .fire(&world.scope, &name("retrain"), None)
        .await
        .unwrap();
    // What was given to the plan counts, whatever is set later.
    world.controller.set_seed(seed + 7);
    world.training(NEW, world.controller.tick()).await.unwrap();
    let plan = world.plan(plan).await;
    let gate = plan.steps.iter().find(|step| step.name == StepName::Gate);
    let gate = serde_json::to_value(gate.unwrap()).unwrap();
    (plan.given.seed, gate["output"]["difference"].clone())
}

#[tokio::test]
async fn the_gate_draws_from_the_seed_of_its_plan() {
    let (seed, zero) = gate_of(0).await;
    assert_eq!((seed, &zero), (0, &gate_of(0).await.1));
    let (seed, one) = gate_of(1).await;
    assert_eq!(seed, 1);
    assert!(zero["low"].is_f64() && one["low"].is_f64(), "{zero} {one}");
    assert_eq!(zero["estimate"], one["estimate"]);
    assert_ne!((&zero["low"], &zero["high"]), (&one["low"], &one["high"]));
}
