//! The way to the writer: one bounded queue. Prediction events are refused when it is full (and counted as dropped);
//! feedback and commands wait for a place outside, so that they are few.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;
use trimtab_types::WorkspaceId;

use crate::{EventsError, Feedback, FeedbackReceipt, PredictionEvent};

/// The weight of the prediction events that wait, at most.
const QUEUE_BYTES: usize = 64 << 20;
/// Events that are worth writing at once.
const GROUP: usize = 512;
/// How long the first event of a group waits for company when nobody waits for it.
const LINGER: Duration = Duration::from_millis(4);

pub(crate) type Reply<T> = oneshot::Sender<Result<T, EventsError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Prediction(Box<PredictionEvent>),
    Feedback {
        workspace: WorkspaceId,
        items: Vec<Feedback>,
        reply: Reply<FeedbackReceipt>,
    },
    Flush(Reply<()>),
    Seal(Reply<()>),
    Close(Reply<()>),
}

#[derive(Debug, Default)]
struct Waiting {
    commands: VecDeque<Command>,
    bytes: usize,
    /// Somebody waits for an answer.
    is_urgent: bool,
    is_closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event, or says `false` when there is no place. `accepted` runs before the writer can see it.
    pub(crate) fn offer(&self, event: PredictionEvent, accepted: impl FnOnce()) -> bool {
        let weight = weight(&event);
        let mut waiting = self.lock();
        if waiting.is_closed || (waiting.bytes + weight > QUEUE_BYTES && waiting.bytes > 0) {
            return false;
        }
        accepted();
        waiting.bytes += weight;
        waiting
            .commands
            .push_back(Command::Prediction(Box::new(event)));
        let count = waiting.commands.len();
        drop(waiting);
        if count == 1 || count == GROUP {
            self.wake.notify_one();
        }
        true
    }

    /// Queues a command whose sender waits for its answer.
    pub(crate) fn send(&self, command: Command) -> Result<(), EventsError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(EventsError::Closed);
        }
        waiting.is_urgent = true;
        waiting.commands.push_back(command);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes nothing more; the writer ends when it has done what waits.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// What waits, in order; empty when nothing came for `idle`. `None` when it is closed and done.
    pub(crate) fn take(&self, idle: Duration) -> Option<VecDeque<Command>> {
        let mut waiting = self.lock();
        let is_still = |waiting: &mut Waiting| waiting.commands.is_empty() && !waiting.is_closed;
        (waiting, _) = self
            .wake
            .wait_timeout_while(waiting, idle, is_still)
            .unwrap_or_else(PoisonError::into_inner);
        let gathers = |waiting: &mut Waiting| {
            !waiting.commands.is_empty()
                && waiting.commands.len() < GROUP
                && !waiting.is_urgent
                && !waiting.is_closed
        };
        (waiting, _) = self
            .wake
            .wait_timeout_while(waiting, LINGER, gathers)
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.commands.is_empty() && waiting.is_closed {
            return None;
        }
        waiting.bytes = 0;
        waiting.is_urgent = false;
        Some(std::mem::take(&mut waiting.commands))
    }
}

/// Roughly the memory that an event takes.
fn weight(event: &PredictionEvent) -> usize {
    use crate::Column;
    let column = |(name, column): &(String, Column)| {
        64 + name.len()
            + match column {
                Column::Int(list) => list.len() * 16,
                Column::Float(list) => list.len() * 16,
                Column::Bool(list) => list.len() * 2,
                Column::Text(list) => list
                    .iter()
                    .map(|value| 24 + value.as_ref().map_or(0, String::len))
                    .sum(),
            }
    };
    let keys = event.row_keys.iter();
    256 + event.assignment_key.len()
        + event.client_request_id.as_ref().map_or(0, String::len)
        + event.error.as_ref().map_or(0, String::len)
        + keys
            .map(|key| 40 + key.as_ref().map_or(0, String::len))
            .sum::<usize>()
        + event
            .inputs
            .iter()
            .chain(&event.outputs)
            .map(column)
            .sum::<usize>()
}
