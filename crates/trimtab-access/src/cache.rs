//! Verified tokens, so that a call costs one hash of 64 bytes and no query.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use trimtab_types::{Duration, Time, TokenId};

use crate::Token;

/// How many tokens are remembered; the least lately used goes first.
const CAPACITY: usize = 4_096;
/// How long a remembered token is believed without asking the database (another replica may have revoked it).
const BELIEVED: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_id: HashMap<TokenId, Entry>,
    tick: u64,
}

#[derive(Debug)]
struct Entry {
    hash: [u8; 32],
    token: Token,
    read_at: Time,
    used: u64,
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token and its stored hash, when read from the database lately.
    pub(crate) fn get(&self, id: &TokenId, now: Time) -> Option<([u8; 32], Token)> {
        let mut entries = self.lock();
        entries.tick += 1;
        let tick = entries.tick;
        let entry = entries.by_id.get_mut(id)?;
        if now.since(entry.read_at) > BELIEVED || now < entry.read_at {
            return None;
        }
        entry.used = tick;
        Some((entry.hash, entry.token.clone()))
    }

    pub(crate) fn put(&self, hash: [u8; 32], token: Token, now: Time) {
        let mut entries = self.lock();
        entries.tick += 1;
        let used = entries.tick;
        if entries.by_id.len() >= CAPACITY && !entries.by_id.contains_key(&token.id) {
            let oldest = entries
                .by_id
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                entries.by_id.remove(&oldest);
            }
        }
        entries.by_id.insert(
            token.id,
            Entry {
                hash,
                token,
                read_at: now,
                used,
            },
        );
    }

    pub(crate) fn forget(&self, id: &TokenId) {
        self.lock().by_id.remove(id);
    }
}
