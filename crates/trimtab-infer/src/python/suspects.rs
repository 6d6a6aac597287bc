//! Requests that ended a worker: one that does so twice is asked no more.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::frame::Encoded;
use crate::InferError;

/// Requests that are remembered; the oldest goes.
const REMEMBERED: usize = 256;
/// A request that ended so many workers is refused.
const REFUSED_AT: u8 = 2;

/// What ended workers, and how often. A request that was answered since is forgotten.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    known: Mutex<VecDeque<([u8; 32], u8)>>,
    /// Whether any is known: requests are hashed only then.
    is_any: AtomicBool,
}

impl Suspects {
    /// Refuses a request that ended two workers.
    pub(super) fn check(&self, question: &Encoded) -> Result<(), InferError> {
        if !self.is_any.load(Ordering::Acquire) {
            return Ok(());
        }
        let hash = question.hash();
        let is_refused = self
            .known()
            .iter()
            .any(|(known, times)| *known == hash && *times >= REFUSED_AT);
        if is_refused {
            Err(InferError::Quarantined { times: REFUSED_AT })
        } else {
            Ok(())
        }
    }

    /// A request ended a worker.
    pub(super) fn add(&self, question: &Encoded) {
        let hash = question.hash();
        let mut known = self.known();
        let times = match known.iter().position(|(known, _)| *known == hash) {
            Some(at) => known.remove(at).map_or(0, |(_, times)| times),
            None => 0,
        };
        known.push_back((hash, times.saturating_add(1)));
        if known.len() > REMEMBERED {
            known.pop_front();
        }
        self.is_any.store(true, Ordering::Release);
    }

    /// A request was answered.
    pub(super) fn clear(&self, question: &Encoded) {
        if !self.is_any.load(Ordering::Acquire) {
            return;
        }
        let hash = question.hash();
        let mut known = self.known();
        known.retain(|(known, _)| *known != hash);
        self.is_any.store(!known.is_empty(), Ordering::Release);
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<([u8; 32], u8)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
