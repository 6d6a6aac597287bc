//! Off the request's path: the other revisions' answers during a rollout, and the writing of events.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};
use trimtab_events::{EventLog, PredictionEvent, ServedAs};
use trimtab_infer::{InferError, Tensor, TensorData};
use trimtab_telemetry::Tasks;
use trimtab_types::{Coded, Name, PredictionId, Time, WorkspaceId};

use crate::{columns, metrics::ServingMetrics, route::Arm, score::ScoreRule};

/// Requests that wait to be compared. When it is full, live traffic drops the comparison and counts it; under
/// the replay clock the request waits, because decisions must not hang on speed.
const QUEUE: usize = 4_096;
/// Bytes of inputs that may wait; wide inputs fill it before the queue is full.
const QUEUE_BYTES: usize = 256 << 20;
/// How often an event is offered under the replay clock; others fill the queue at the same time.
const ATTEMPTS: u32 = 16;
/// Comparisons that one trip to a blocking thread makes.
const AT_ONCE: usize = 64;

/// What all events of one request share.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) workspace: WorkspaceId,
    pub(crate) endpoint: Name,
    pub(crate) event_time: Time,
    pub(crate) received_at: Time,
    pub(crate) prediction_id: PredictionId,
    pub(crate) client_request_id: Option<String>,
    pub(crate) assignment_key: String,
    pub(crate) row_keys: Vec<Option<String>>,
    pub(crate) inputs: Arc<Vec<Tensor>>,
}

/// A comparison to be made.
#[derive(Debug)]
struct Job {
    asked: Arc<Asked>,
    arm: Arm,
}

/// Writes events and makes comparisons.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    events: EventLog,
    metrics: ServingMetrics,
    sender: mpsc::Sender<Job>,
    pending: watch::Sender<Pending>,
    waits: bool,
}

/// Comparisons not yet in the event log's hands.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    jobs: usize,
    bytes: usize,
}

impl Asked {
    /// Roughly what the inputs take in memory.
    fn bytes(&self) -> usize {
        let bytes = |tensor: &Tensor| match tensor.data() {
            TensorData::Bytes(values) => values.iter().map(|value| value.len() + 32).sum(),
            numbers => numbers.len() * numbers.data_type().size().unwrap_or(8),
        };
        self.inputs.iter().map(bytes).sum()
    }

    /// The event of one revision's answer.
    pub(crate) fn event(
        &self,
        arm: &Arm,
        served_as: ServedAs,
        outputs: Result<&[Tensor], &InferError>,
        latency: Duration,
    ) -> PredictionEvent {
        let rows = self.row_keys.len();
        let layout = arm.loaded.layout.as_deref();
        let (outputs, scores, error) = match outputs {
            Ok(outputs) => (
                columns::flatten(outputs, rows, None),
                ScoreRule::scores(arm.score.as_ref(), outputs, rows),
                None,
            ),
            Err(error) => (Vec::new(), vec![None; rows], Some(chain(error))),
        };
        PredictionEvent {
            workspace: self.workspace.clone(),
            endpoint: self.endpoint.clone(),
            event_time: self.event_time,
            received_at: self.received_at,
            prediction_id: self.prediction_id,
            client_request_id: self.client_request_id.clone(),
            assignment_key: self.assignment_key.clone(),
            revision: arm.loaded.revision.id,
            model_version: arm.loaded.revision.version,
            served_as,
            row_keys: self.row_keys.clone(),
            scores,
            inputs: columns::flatten(&self.inputs, rows, layout),
            outputs,
            latency_us: i64::try_from(latency.as_micros()).unwrap_or(i64::MAX),
            error,
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Coded) -> String {
    crate::FetchError::of(error).message
}

impl Mirror {
    pub(crate) fn new(
        events: EventLog,
        metrics: ServingMetrics,
        tasks: &Tasks,
        waits: bool,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (pending, _) = watch::channel(Pending::default());
        let this = Self {
            events,
            metrics,
            sender,
            pending,
            waits,
        };
        let worker = Worker {
            events: this.events.clone(),
            metrics: this.metrics.clone(),
            pending: this.pending.clone(),
            waits,
        };
        let cancelled = tasks.cancelled();
        tasks.spawn("serving-compare", worker.run(receiver, cancelled));
        this
    }

    /// Writes an event down.
    pub(crate) async fn record(&self, event: PredictionEvent) {
        record(&self.events, &self.metrics, self.waits, event).await;
    }

    /// Has another revision answer too.
    pub(crate) async fn compare(&self, asked: &Arc<Asked>, arm: &Arm) {
        let job = Job {
            asked: Arc::clone(asked),
            arm: arm.clone(),
        };
        let bytes = asked.bytes();
        self.pending.send_modify(|pending| {
            pending.jobs += 1;
            pending.bytes += bytes;
        });
        let is_taken = if self.waits {
            self.sender.send(job).await.is_ok()
        } else {
            self.pending.borrow().bytes <= QUEUE_BYTES && self.sender.try_send(job).is_ok()
        };
        if !is_taken {
            self.metrics.compared_dropped.inc();
            done(&self.pending, 1, bytes);
        }
    }

    /// Everything that the event log took is readable after this.
    pub(crate) async fn flush(&self) -> Result<(), trimtab_events::EventsError> {
        self.events.flush().await
    }

    /// Waits until all comparisons asked for so far are in the event log's hands.
    pub(crate) async fn drain(&self) {
        // This handle holds the sender, so the wait cannot fail.
        let _ = self
            .pending
            .subscribe()
            .wait_for(|pending| pending.jobs == 0)
            .await;
    }
}

fn done(pending: &watch::Sender<Pending>, jobs: usize, bytes: usize) {
    pending.send_modify(|pending| {
        pending.jobs -= jobs;
        pending.bytes -= bytes;
    });
}

async fn record(events: &EventLog, metrics: &ServingMetrics, waits: bool, event: PredictionEvent) {
    if !waits {
        if !events.log_prediction(event) {
            metrics.events_dropped.inc();
        }
        return;
    }
    // A flush empties the queue, so that a second refusal is no matter of speed.
    for _ in 0..ATTEMPTS {
        if events.log_prediction(event.clone()) {
            return;
        }
        if let Err(error) = events.flush().await {
            tracing::error!(error = chain(&error), "the event log does not write");
            break;
        }
    }
    metrics.events_dropped.inc();
}

#[derive(Debug)]
struct Worker {
    events: EventLog,
    metrics: ServingMetrics,
    pending: watch::Sender<Pending>,
    waits: bool,
}

impl Worker {
    async fn run(
        self,
        mut receiver: mpsc::Receiver<Job>,
        cancelled: impl Future<Output = ()> + Send,
    ) {
        let mut cancelled = std::pin::pin!(cancelled);
        let mut is_ending = false;
        let mut jobs = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                () = &mut cancelled, if !is_ending => {
                    // What waits is still done; nothing new comes in.
                    receiver.close();
                    is_ending = true;
                }
                count = receiver.recv_many(&mut jobs, AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                    self.compare(std::mem::replace(&mut jobs, Vec::with_capacity(AT_ONCE)))
                        .await;
                }
            }
        }
    }

    async fn compare(&self, jobs: Vec<Job>) {
        let count = jobs.len();
        let bytes = jobs.iter().map(|job| job.asked.bytes()).sum();
        let run = move || -> Vec<PredictionEvent> {
            jobs.iter()
                .map(|Job { asked, arm }| {
                    let (outputs, took) = arm.loaded.run_here(&asked.inputs);
                    asked.event(arm, ServedAs::Shadow, outputs.as_deref(), took)
                })
                .collect()
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(events) => {
                for event in events {
                    record(&self.events, &self.metrics, self.waits, event).await;
                    self.metrics.compared.inc();
                }
            }
            Err(error) => {
                tracing::error!(%error, "comparisons were lost");
                self.metrics.compared_dropped.inc_by(count as u64);
            }
        }
        done(&self.pending, count, bytes);
    }
}
