//! The workers of one model: a queue in front of them, a thread for each that starts, asks, replaces and ends it.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Limits,
    frame::Encoded,
    process::{Failure, Process},
    suspects::Suspects,
};
use crate::{Answer, Asked, Engine, InferError, Signature, Tensor};

/// How often a thread without work looks after its worker.
const LOOK: Duration = Duration::from_millis(100);
/// The pauses before a worker is started again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// So many ends within this time, and requests are refused at once until a start succeeds.
const MANY_ENDS: usize = 5;
const ENDS_WITHIN: Duration = Duration::from_mins(1);
/// How much longer than its deadline a caller waits for the thread that keeps it.
const SLACK: Duration = Duration::from_secs(1);

/// A model in workers of its own.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    signature: Signature,
}

#[derive(Debug)]
struct Shared {
    python: PathBuf,
    model: PathBuf,
    limits: Limits,
    queue: Mutex<Queue>,
    wake: Condvar,
    suspects: Suspects,
    next_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_closed: bool,
    /// Workers that can take a request.
    living: usize,
    /// Why requests are refused while none lives.
    down: Option<String>,
}

#[derive(Debug)]
struct Job {
    question: Encoded,
    until: Instant,
    reply: Reply,
}

#[derive(Debug)]
enum Reply {
    Thread(mpsc::SyncSender<Result<Answer, InferError>>),
    Task(oneshot::Sender<Result<Answer, InferError>>),
}

impl Reply {
    fn send(self, answer: Result<Answer, InferError>) {
        // Who asked may have left.
        match self {
            Self::Thread(sender) => drop(sender.try_send(answer)),
            Self::Task(sender) => drop(sender.send(answer)),
        }
    }

    fn is_awaited(&self) -> bool {
        match self {
            Self::Thread(_) => true,
            Self::Task(sender) => !sender.is_closed(),
        }
    }
}

impl Pool {
    /// Starts the workers; answers when the first has loaded the model.
    pub(super) fn start(
        python: PathBuf,
        model: PathBuf,
        limits: Limits,
    ) -> Result<Self, InferError> {
        let first = Process::start(&python, &model, &limits)?;
        let signature = super::signature::read(first.ready().signature.as_ref());
        let shared = Arc::new(Shared {
            python,
            model,
            queue: Mutex::default(),
            wake: Condvar::new(),
            suspects: Suspects::default(),
            next_id: AtomicU64::new(1),
            limits,
        });
        let mut first = Some(first);
        for _ in 0..shared.limits.instances.max(1) {
            let keeper = Keeper::new(Arc::clone(&shared), first.take());
            thread::spawn(move || keeper.run());
        }
        Ok(Self { shared, signature })
    }

    fn submit(&self, inputs: &[Tensor], reply: Reply) -> Result<(), InferError> {
        let question = Encoded::of(inputs);
        self.shared.suspects.check(&question)?;
        let mut queue = self.shared.queue();
        if queue.living == 0
            && let Some(reason) = &queue.down
        {
            return Err(self.shared.unavailable(reason.clone()));
        }
        if queue.jobs.len() >= self.shared.limits.waiting {
            return Err(InferError::Busy {
                waiting: queue.jobs.len(),
            });
        }
        queue.jobs.push_back(Job {
            question,
            until: Instant::now() + self.shared.limits.deadline,
            reply,
        });
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    fn late(&self) -> InferError {
        InferError::Late {
            deadline: self.shared.limits.deadline,
        }
    }
}

impl Engine for Pool {
    fn platform(&self) -> &'static str {
        "mlflow_pyfunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, InferError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(inputs, Reply::Thread(sender))?;
        let answer = receiver
            .recv_timeout(self.shared.limits.deadline + SLACK)
            .unwrap_or_else(|_| Err(self.late()))?;
        Ok(in_order(answer, &self.signature).outputs)
    }

    fn ask(&self, inputs: &Arc<Vec<Tensor>>) -> Option<Asked> {
        let (sender, receiver) = oneshot::channel();
        let submitted = self.submit(inputs, Reply::Task(sender));
        let (late, wait) = (self.late(), self.shared.limits.deadline + SLACK);
        let signature = self.signature.clone();
        Some(Box::pin(async move {
            submitted?;
            match tokio::time::timeout(wait, receiver).await {
                Ok(Ok(answer)) => answer.map(|answer| in_order(answer, &signature)),
                Ok(Err(_)) | Err(_) => Err(late),
            }
        }))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue().is_closed = true;
        self.shared.wake.notify_all();
    }
}

/// Outputs in the signature's order; those that it does not name come last.
fn in_order(mut answer: Answer, signature: &Signature) -> Answer {
    let place = |tensor: &Tensor| {
        let mut names = signature.outputs.iter().map(|output| output.name.as_str());
        names
            .position(|name| name == tensor.name())
            .unwrap_or(usize::MAX)
    };
    answer.outputs.sort_by_key(place);
    answer
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unavailable(&self, reason: String) -> InferError {
        InferError::WorkerDown {
            model: self.model.clone(),
            reason,
        }
    }

    /// The next request; waits for one no longer than that.
    fn next(&self, wait: Duration) -> Option<Job> {
        let mut queue = self.queue();
        if queue.jobs.is_empty() && !queue.is_closed {
            queue = self
                .wake
                .wait_timeout(queue, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        queue.jobs.pop_front()
    }

    /// Refuses what waits, when no worker lives.
    fn refuse(&self, reason: &str) {
        let mut queue = self.queue();
        if queue.living > 0 {
            return;
        }
        queue.down = Some(reason.to_owned());
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        for job in jobs {
            job.reply.send(Err(self.unavailable(reason.to_owned())));
        }
    }
}

/// Looks after one worker.
struct Keeper {
    shared: Arc<Shared>,
    process: Option<Process>,
    /// The worker that will take this one's place.
    replacement: Option<JoinHandle<Result<Process, InferError>>>,
    not_before: Instant,
    pause: Duration,
    ends: VecDeque<Instant>,
}

impl Keeper {
    fn new(shared: Arc<Shared>, process: Option<Process>) -> Self {
        if process.is_some() {
            shared.queue().living += 1;
        }
        Self {
            shared,
            process,
            replacement: None,
            not_before: Instant::now(),
            pause: FIRST_PAUSE,
            ends: VecDeque::new(),
        }
    }

    fn run(mut self) {
        while !self.shared.queue().is_closed {
            if let Some(how) = self.process.as_mut().and_then(Process::ended) {
                self.ended(&how);
            }
            if self.process.is_none() {
                self.start();
                continue;
            }
            self.replace();
            if let Some(job) = self.shared.next(LOOK) {
                self.serve(job);
            }
        }
        if self.process.take().is_some() {
            self.shared.queue().living -= 1;
        }
        self.shared.refuse("the model is being unloaded");
    }

    /// Starts the worker again once its pause is over.
    fn start(&mut self) {
        let left = self.not_before.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let queue = self.shared.queue();
            // Waiting in short steps, so that an unloaded model ends.
            if !queue.is_closed {
                drop(queue);
                thread::sleep(left.min(LOOK));
            }
            return;
        }
        let Shared {
            python,
            model,
            limits,
            ..
        } = &*self.shared;
        match Process::start(python, model, limits) {
            Ok(process) => {
                self.process = Some(process);
                let mut queue = self.shared.queue();
                queue.living += 1;
                queue.down = None;
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(target: "model", model = %model.display(), reason, "a worker could not be started");
                self.back_off();
                self.shared.refuse(&reason);
            }
        }
    }

    fn back_off(&mut self) {
        self.not_before = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LAST_PAUSE);
    }

    /// The worker is gone; when that happens too often, requests are refused until one lives.
    fn ended(&mut self, how: &str) {
        if self.process.take().is_none() {
            return;
        }
        self.shared.queue().living -= 1;
        tracing::warn!(target: "model", model = %self.shared.model.display(), "a worker is gone: {how}");
        let now = Instant::now();
        while self
            .ends
            .front()
            .is_some_and(|end| now.duration_since(*end) > ENDS_WITHIN)
        {
            self.ends.pop_front();
        }
        if self.ends.is_empty() {
            self.pause = FIRST_PAUSE;
        }
        self.ends.push_back(now);
        self.back_off();
        if self.ends.len() >= MANY_ENDS {
            let within = ENDS_WITHIN.as_secs();
            self.shared.refuse(&format!(
                "its worker ended {} times within {within} s, the last time so: {how}",
                self.ends.len()
            ));
        }
    }

    /// Starts a worker in place of one that has grown or has served long, and changes over when it is ready.
    fn replace(&mut self) {
        if self
            .replacement
            .as_ref()
            .is_some_and(JoinHandle::is_finished)
        {
            match self.replacement.take().map(JoinHandle::join) {
                Some(Ok(Ok(process))) => self.process = Some(process),
                Some(Ok(Err(error))) => {
                    tracing::error!(target: "model", %error, "a worker could not be replaced");
                }
                Some(Err(_)) | None => {}
            }
        }
        let limits = &self.shared.limits;
        let is_due = self.process.as_ref().is_some_and(|process| {
            limits.requests.is_some_and(|most| process.asked() >= most)
                || (process.asked() > 0
                    && limits.memory.is_some_and(|most| process.memory() > most))
        });
        if is_due && self.replacement.is_none() {
            let shared = Arc::clone(&self.shared);
            tracing::info!(target: "model", model = %shared.model.display(), "a worker is replaced by a fresh one");
            self.replacement = Some(thread::spawn(move || {
                Process::start(&shared.python, &shared.model, &shared.limits)
            }));
        }
    }

    fn serve(&mut self, job: Job) {
        if !job.reply.is_awaited() {
            return;
        }
        let limits = &self.shared.limits;
        let late = InferError::Late {
            deadline: limits.deadline,
        };
        if Instant::now() >= job.until {
            job.reply.send(Err(late));
            return;
        }
        let Some(process) = &mut self.process else {
            return;
        };
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        // A worker past its limit is replaced between requests; one far past it is ended at once.
        let most = limits.memory.map(|most| most.saturating_mul(2));
        match process.ask(id, &job.question, job.until, most) {
            Ok(answer) => {
                self.shared.suspects.clear(&job.question);
                job.reply.send(answer);
            }
            Err(failure) => {
                self.shared.suspects.add(&job.question);
                let (how, error) = match failure {
                    Failure::Late => ("a request took too long".to_owned(), late),
                    Failure::Died(how) => (how.clone(), InferError::WorkerDied { how }),
                    Failure::Memory(bytes) => {
                        let how = format!("it took {} MiB of memory", bytes >> 20);
                        (how.clone(), InferError::WorkerDied { how })
                    }
                };
                job.reply.send(Err(error));
                self.ended(&how);
            }
        }
    }
}
