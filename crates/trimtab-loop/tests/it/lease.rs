//! One controller at a time.

use trimtab_db::{DbError, Lane, params};
use trimtab_loop::{LoopError, StepName, StepState};
use trimtab_types::{Coded as _, ErrorCode};

use crate::world::{DAY, OLD, World, day, name};

#[tokio::test]
async fn a_second_loop_does_nothing_while_the_first_holds_the_lease() {
    for world in World::all().await {
        let second = world.other_process();
        world.controller.tick().await.unwrap();
        let plan = second
            .fire(&world.scope, &name("retrain"), None)
            .await
            .unwrap();
        second.tick().await.unwrap();
        assert!(
            world
                .plan(plan)
                .await
                .steps
                .iter()
                .all(|step| step.state == StepState::Pending)
        );
        // The clock's promise, that all work is done, cannot be kept by a standby.
        let refused = second.advance(day(0) + DAY).await.unwrap_err();
        assert!(matches!(refused, LoopError::Standby));
        assert_eq!(refused.code(), ErrorCode::Unavailable);
        world.controller.tick().await.unwrap();
        assert!(world.plan(plan).await.state.is_ended());
    }
}

#[tokio::test]
async fn what_a_loop_writes_after_it_lost_the_lease_is_refused() {
    for world in World::all().await {
        let dataset = world.first_dataset().await;
        let plan = world
            .controller
            .fire(&world.scope, &name("retrain"), Some(dataset.id))
            .await
            .unwrap();
        let (ticked, ()) = tokio::join!(world.controller.tick(), async {
            let training = world.plan_in_training().await;
            world.register(OLD, Some(training.ids.run)).await;
            take_over(&world).await;
            world.let_training_end().await;
        });
        let refused = ticked.unwrap_err();
        assert!(
            matches!(refused, LoopError::Db(DbError::LeaseLost { .. })),
            "{refused}"
        );
        let left = world.plan(plan).await;
        assert_eq!(left.current(), Some(StepName::Train));
        assert!(world.told_of("trained").await.is_empty());
        // It holds back until the other is gone, and then goes on.
        world.controller.tick().await.unwrap();
        assert_eq!(world.plan(plan).await.current(), Some(StepName::Train));
        give_up(&world).await;
        world.controller.tick().await.unwrap();
        let ended = world.plan(plan).await;
        assert_eq!(ended.state.as_str(), "promoted", "{ended:#?}");
        assert_eq!(world.told_of("trained").await.len(), 1);
    }
}

/// Another process becomes the controller, as it may when a lease has run out.
async fn take_over(world: &World) {
    let taken = world.db.write(Lane::Control, |tx| {
        tx.execute(
            "UPDATE lease SET holder = 'another', epoch = epoch + 1",
            params![],
        )
    });
    taken.await.unwrap();
}

async fn give_up(world: &World) {
    let given = world.db.write(Lane::Control, |tx| {
        tx.execute("UPDATE lease SET expires_at = 0", params![])
    });
    given.await.unwrap();
}
