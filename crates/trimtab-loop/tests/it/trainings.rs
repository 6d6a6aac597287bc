//! A training goes on beside the loop.

use std::time::Duration as StdDuration;

use trimtab_loop::{StepName, StepState};
use trimtab_telemetry::Tasks;
use trimtab_types::{Coded as _, ErrorCode, RolloutId};

use crate::world::{OLD, World, name};

#[tokio::test(flavor = "multi_thread")]
async fn while_a_stage_runs_the_loop_ticks_and_people_are_answered() {
    for world in World::all().await {
        let dataset = world.first_dataset().await;
        let tasks = Tasks::new();
        tasks.spawn("loop", world.controller.clone().run(tasks.clone()));
        let plan = world
            .controller
            .fire(&world.scope, &name("retrain"), Some(dataset.id))
            .await
            .unwrap();
        let training = world.plan_in_training().await;
        // The stage waits for us: were it in the tick, neither of these would ever be answered.
        world.controller.tick().await.unwrap();
        world.controller.tick().await.unwrap();
        let refused = world
            .controller
            .abort_rollout(&world.scope, RolloutId::new(), "no such rollout")
            .await
            .unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NotFound);
        let meanwhile = world.plan(plan).await;
        let train = meanwhile
            .steps
            .iter()
            .find(|step| step.name == StepName::Train)
            .unwrap();
        assert_eq!(train.state, StepState::Running);
        assert!(!train.is_repeated, "looking is not beginning");

        world.register(OLD, Some(training.ids.run)).await;
        world.let_training_end().await;
        let ended = async {
            while !world.plan(plan).await.state.is_ended() {
                tokio::time::timeout(StdDuration::from_millis(2), std::future::pending::<()>())
                    .await
                    .ok();
            }
        };
        tokio::time::timeout(StdDuration::from_mins(1), ended)
            .await
            .unwrap();
        assert_eq!(world.plan(plan).await.state.as_str(), "promoted");
        assert_eq!(world.champion().await, Some(1));
        assert!(tasks.shutdown(StdDuration::from_secs(10)).await);
    }
}
