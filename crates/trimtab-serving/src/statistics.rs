//! What a revision did for its callers since it was loaded: counts and durations, as the V2 protocol tells them.
//! Comparisons, the gate's scoring and warm-ups are nobody's requests and are not in them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use trimtab_types::{Name, Scope, Time};

use crate::{Serving, ServingError};

/// Sizes of executions that are told apart; those of a further size are only in the sums.
const MAX_SIZES: usize = 1_024;

/// How often something happened, and how long it took together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timed {
    /// How often.
    pub count: u64,
    /// Nanoseconds.
    pub ns: u64,
}

/// What one revision of an endpoint did for its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionStatistics {
    /// The endpoint.
    pub endpoint: Name,
    /// The version of its model.
    pub version: i64,
    /// When it answered last.
    pub last_inference: Option<Time>,
    /// Rows of answered requests.
    pub rows: u64,
    /// Runs of the model for them.
    pub executions: u64,
    /// Requests that were answered, and the time from their arrival in this service to the answer.
    pub success: Timed,
    /// Requests that were refused or failed.
    pub fail: Timed,
    /// Waiting until the model's run began.
    pub queue: Timed,
    /// Checking a request and finding its keys.
    pub input: Timed,
    /// The model's run, with handing tensors in and out.
    pub infer: Timed,
    /// Handing the answer to the event log and to comparisons.
    pub output: Timed,
    /// Executions by their rows, ascending.
    pub batches: Vec<BatchStatistics>,
}

/// The executions of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchStatistics {
    /// How many rows each had.
    pub rows: u64,
    /// See [`RevisionStatistics::input`].
    pub input: Timed,
    /// See [`RevisionStatistics::infer`].
    pub infer: Timed,
    /// See [`RevisionStatistics::output`].
    pub output: Timed,
}

/// Where an answered request's time went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// From the request's arrival in this service to the answer.
    pub total: Duration,
    /// See [`RevisionStatistics::input`].
    pub input: Duration,
    /// See [`RevisionStatistics::queue`].
    pub queue: Duration,
    /// See [`RevisionStatistics::infer`].
    pub infer: Duration,
    /// See [`RevisionStatistics::output`].
    pub output: Duration,
}

/// The counters of one loaded revision.
#[derive(Debug, Default)]
pub(crate) struct Statistics(Mutex<Counters>);

#[derive(Debug, Clone, Default)]
struct Counters {
    last_inference: Option<Time>,
    rows: u64,
    executions: u64,
    success: Timed,
    fail: Timed,
    queue: Timed,
    input: Timed,
    infer: Timed,
    output: Timed,
    by_size: BTreeMap<u64, BatchStatistics>,
}

impl Timed {
    fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.ns = self
            .ns
            .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Statistics {
    /// A request of so many rows was answered by one run.
    pub(crate) fn answered(&self, rows: usize, spent: Spent, now: Time) {
        let rows = rows as u64;
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.last_inference = Some(now);
        counters.rows += rows;
        counters.executions += 1;
        counters.success.add(spent.total);
        counters.queue.add(spent.queue);
        counters.input.add(spent.input);
        counters.infer.add(spent.infer);
        counters.output.add(spent.output);
        let has_room = counters.by_size.len() < MAX_SIZES;
        if has_room || counters.by_size.contains_key(&rows) {
            let batch = counters.by_size.entry(rows).or_default();
            batch.rows = rows;
            batch.input.add(spent.input);
            batch.infer.add(spent.infer);
            batch.output.add(spent.output);
        }
    }

    /// A request was refused or failed.
    pub(crate) fn failed(&self, total: Duration) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.fail.add(total);
    }

    fn of(&self, endpoint: &Name, version: i64) -> RevisionStatistics {
        let counters = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        RevisionStatistics {
            endpoint: endpoint.clone(),
            version,
            last_inference: counters.last_inference,
            rows: counters.rows,
            executions: counters.executions,
            success: counters.success,
            fail: counters.fail,
            queue: counters.queue,
            input: counters.input,
            infer: counters.infer,
            output: counters.output,
            batches: counters.by_size.into_values().collect(),
        }
    }
}

impl Serving {
    /// What the revisions of one endpoint (or one version of it) did, or those of every endpoint of the workspace:
    /// by name, then by version. The counts begin when a revision is loaded.
    pub fn statistics(
        &self,
        scope: &Scope,
        name: Option<&Name>,
        version: Option<i64>,
    ) -> Result<Vec<RevisionStatistics>, ServingError> {
        let routes = match name {
            Some(name) => vec![self.route(scope, name)?],
            None => self.table().of(&scope.workspace),
        };
        let mut found = Vec::new();
        for route in routes {
            let arms = match version {
                Some(version) => std::slice::from_ref(route.version(version)?),
                None => route.arms.as_slice(),
            };
            let before = found.len();
            found.extend(arms.iter().map(|arm| {
                let loaded = &arm.loaded;
                loaded
                    .statistics
                    .of(&route.spec.name, loaded.revision.version)
            }));
            found[before..].sort_by_key(|statistics| statistics.version);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_apart_until_there_are_too_many() {
        let statistics = Statistics::default();
        let spent = Spent {
            total: Duration::from_nanos(10),
            infer: Duration::from_nanos(4),
            ..Spent::default()
        };
        for rows in (1..=MAX_SIZES + 5).chain([2]) {
            statistics.answered(rows, spent, Time::MAX);
        }
        let found = statistics.of(&"e".parse().unwrap(), 3);
        let requests = MAX_SIZES as u64 + 6;
        assert_eq!(found.executions, requests);
        assert_eq!(
            found.success,
            Timed {
                count: requests,
                ns: 10 * requests
            }
        );
        assert_eq!(found.batches.len(), MAX_SIZES);
        assert_eq!(found.batches[1].infer, Timed { count: 2, ns: 8 });
    }
}
