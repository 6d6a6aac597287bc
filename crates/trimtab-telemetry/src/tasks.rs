//! Every background task is spawned here: named, cancelled together, joined on shutdown.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The register of the process's tasks; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    cancelled: CancellationToken,
}

impl Tasks {
    /// An empty register.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task until it ends; it should end soon after [`Tasks::cancelled`] resolves.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(async move {
            tracing::debug!(task = name, "started");
            task.await;
            tracing::debug!(task = name, "ended");
        });
    }

    /// Resolves when the process is shutting down.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.cancelled.clone().cancelled_owned()
    }

    /// Whether the process is shutting down.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Cancels every task and waits for them; answers `false` when some had not ended in time.
    pub async fn shutdown(&self, within: Duration) -> bool {
        self.cancelled.cancel();
        self.tracker.close();
        tokio::time::timeout(within, self.tracker.wait())
            .await
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_cancels_and_joins() {
        let tasks = Tasks::new();
        let cancelled = tasks.cancelled();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tasks.spawn("waits", async move {
            cancelled.await;
            sender.send(()).unwrap();
        });
        assert!(tasks.shutdown(Duration::from_secs(5)).await);
        receiver.await.unwrap();
    }
}
