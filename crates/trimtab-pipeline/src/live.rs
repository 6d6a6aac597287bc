//! Executions that somebody in this process waits for: one at a time does the work, and any can be told to stop.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use trimtab_exec::CancellationToken;
use trimtab_types::ExecutionId;

/// An execution that somebody waits for.
#[derive(Debug, Clone, Default)]
struct Live {
    turn: Arc<tokio::sync::Mutex<()>>,
    cancel: CancellationToken,
}

/// The executions that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Lives(Mutex<HashMap<ExecutionId, Live>>);

impl Lives {
    /// Joins those who wait for an execution.
    pub(crate) fn join(&self, id: ExecutionId) -> Waiting<'_> {
        let mine = locked(&self.0).entry(id).or_default().clone();
        Waiting {
            lives: self,
            id,
            mine,
        }
    }

    /// Tells those who wait for an execution to stop; `false` when nobody does.
    pub(crate) fn cancel(&self, id: ExecutionId) -> bool {
        let live = locked(&self.0).get(&id).cloned();
        live.is_some_and(|live| {
            live.cancel.cancel();
            true
        })
    }
}

/// A place among those who wait. The last to leave, in whatever way, clears the execution away.
#[derive(Debug)]
pub(crate) struct Waiting<'l> {
    lives: &'l Lives,
    id: ExecutionId,
    mine: Live,
}

impl Waiting<'_> {
    /// One at a time.
    pub(crate) fn turn(&self) -> &tokio::sync::Mutex<()> {
        &self.mine.turn
    }

    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.mine.cancel
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut lives = locked(&self.lives.0);
        // Ours and the map's.
        if Arc::strong_count(&self.mine.turn) <= 2 {
            lives.remove(&self.id);
        }
    }
}

/// A poisoned lock guards nothing here that could be half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
