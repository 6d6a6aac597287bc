//! While a pin lives, no file of the store goes: a backup reads them one after the other.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::files;

/// Holds every file of the store; see [`crate::BlobStore::pin`].
#[derive(Debug)]
pub struct Pin(Arc<Pins>);

/// How many pins live, and what waits for the last of them to go.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: usize,
    waiting: Vec<PathBuf>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pin(self: &Arc<Self>) -> Pin {
        self.lock().count += 1;
        Pin(Arc::clone(self))
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.lock().count > 0
    }

    /// Removes a file now, or when the last pin goes. One that still waits when the process ends is left to a sweep.
    pub(crate) fn remove(&self, path: PathBuf) {
        let mut state = self.lock();
        if state.count > 0 {
            state.waiting.push(path);
        } else {
            drop(state);
            files::remove(&path);
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.count -= 1;
        if state.count > 0 {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for path in waiting {
            files::remove(&path);
        }
    }
}
