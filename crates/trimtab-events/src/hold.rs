//! While a hold lives, no file of the log goes: a backup reads them one after the other.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Holds every file of the log; see [`crate::EventLog::hold`].
#[derive(Debug)]
pub struct Hold(pub(crate) Arc<Holds>);

/// How many holds live, and the write-ahead logs that wait for the last of them to go.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: usize,
    waiting: Vec<PathBuf>,
}

fn remove(path: &PathBuf) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, file = %path.display(), "a sealed write-ahead log is left to the next start");
    }
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.lock().count += 1;
        Hold(Arc::clone(self))
    }

    /// Removes a sealed write-ahead log now, or when the last hold goes.
    pub(crate) fn remove(&self, path: PathBuf) {
        let mut state = self.lock();
        if state.count > 0 {
            state.waiting.push(path);
        } else {
            drop(state);
            remove(&path);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.count -= 1;
        if state.count > 0 {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.iter().for_each(remove);
    }
}
