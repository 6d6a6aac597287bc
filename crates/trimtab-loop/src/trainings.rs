//! Trainings under way. One may take hours: monitors judge, rollouts move and people abort meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::{
    Notify, Semaphore,
    oneshot::{self, error::TryRecvError},
};
use trimtab_telemetry::Tasks;
use trimtab_types::{PlanId, Scope, WorkspaceId};

use crate::{Loop, LoopError, Plan, steps::Outcome};

/// What a training stage is told beside its own environment: how it reaches this server, which Python it finds first.
pub trait TrainingEnv: Send + Sync + std::fmt::Debug {
    /// The variables for a stage of this workspace.
    fn of(&self, workspace: &WorkspaceId) -> Vec<(String, String)>;
}

/// The same for every workspace.
impl TrainingEnv for Vec<(String, String)> {
    fn of(&self, _: &WorkspaceId) -> Vec<(String, String)> {
        self.clone()
    }
}

type Ended = oneshot::Receiver<Result<Outcome, LoopError>>;

/// The trainings that this process has begun.
#[derive(Debug)]
pub(crate) struct Trainings {
    /// Where they run; without it (the replay clock, which waits for all work) a training is awaited in the tick.
    tasks: OnceLock<Tasks>,
    /// One at a time: a training takes the whole machine.
    turn: Arc<Semaphore>,
    under_way: Mutex<HashMap<PlanId, Ended>>,
    ended: Arc<Notify>,
}

impl Default for Trainings {
    fn default() -> Self {
        Self {
            tasks: OnceLock::new(),
            turn: Arc::new(Semaphore::new(1)),
            under_way: Mutex::default(),
            ended: Arc::default(),
        }
    }
}

impl Trainings {
    /// From now on trainings run beside the tick.
    pub(crate) fn run_beside(&self, tasks: &Tasks) {
        // A second call comes with the same process's register.
        let _same = self.tasks.set(tasks.clone());
    }

    /// Resolves when a training has ended since it was last asked.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    pub(crate) fn is_under_way(&self, plan: PlanId) -> bool {
        self.under_way().contains_key(&plan)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<PlanId, Ended>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What a training came to; `None` while it runs.
    fn look(&self, plan: PlanId) -> Option<Result<Outcome, LoopError>> {
        let mut under_way = self.under_way();
        let ended = match under_way.get_mut(&plan)?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Ok(outcome) => outcome,
            Err(TryRecvError::Closed) => Err(LoopError::Invalid {
                field: format!("plan {plan}"),
                problem: "the training was cut off".to_owned(),
            }),
        };
        under_way.remove(&plan);
        Some(ended)
    }
}

impl Loop {
    /// Begins a plan's training, or answers what the one under way came to.
    pub(crate) async fn training(&self, scope: &Scope, plan: &Plan) -> Result<Outcome, LoopError> {
        let trainings = &self.0.trainings;
        let Some(tasks) = trainings.tasks.get() else {
            return self.train(scope, plan).await;
        };
        if trainings.is_under_way(plan.id) {
            return trainings.look(plan.id).unwrap_or(Ok(Outcome::Waiting));
        }
        let (sender, receiver) = oneshot::channel();
        trainings.under_way().insert(plan.id, receiver);
        let (this, scope, plan) = (self.clone(), scope.clone(), plan.clone());
        tasks.spawn("training", async move {
            let trainings = &this.0.trainings;
            let _turn = trainings.turn.acquire().await;
            let outcome = this.train(&scope, &plan).await;
            // Nobody listens when the process is ending; the next one begins the step anew.
            let _unheard = sender.send(outcome);
            trainings.ended.notify_one();
        });
        Ok(Outcome::Waiting)
    }
}
