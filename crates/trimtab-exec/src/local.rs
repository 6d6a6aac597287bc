//! Commands as processes of this machine, each in a process group of its own.

use std::{
    fs::OpenOptions,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::{ExecError, Executor, Finished, Job, LogSink, Outcome, marker};

/// Runs jobs as local processes. A job's processes end with it: what its leader leaves behind is killed.
#[derive(Debug, Clone)]
pub struct LocalExecutor {
    grace: Duration,
}

impl Default for LocalExecutor {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
        }
    }
}

impl LocalExecutor {
    /// An executor that gives a job `grace` between SIGTERM and SIGKILL.
    pub fn new(grace: Duration) -> Self {
        Self { grace }
    }
}

/// Kills the group when dropped: when the job ended, and when the caller's future went away.
struct Group {
    id: Pid,
    marker: Option<std::path::PathBuf>,
}

impl Group {
    fn signal(&self, signal: Signal) {
        // The only failure is that nobody is left.
        let _ = killpg(self.id, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(marker) = &self.marker
            && let Err(error) = std::fs::remove_file(marker)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %marker.display(), %error, "cannot remove a job's marker");
        }
    }
}

fn command(job: &Job) -> Result<Command, ExecError> {
    let (program, arguments) = job.argv.split_first().ok_or_else(|| ExecError::Empty {
        job: job.name.clone(),
    })?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&job.cwd)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    for name in &job.env_remove {
        command.env_remove(name);
    }
    command.envs(job.env.iter().map(|(name, value)| (name, value)));
    if let LogSink::File(path) = &job.log {
        let file = |source| ExecError::File {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(file)?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(file)?;
        command.stdout(log.try_clone().map_err(file)?).stderr(log);
    }
    Ok(command)
}

fn start(job: &Job) -> Result<(Child, Group), ExecError> {
    let mut command = command(job)?;
    let failed = |source| ExecError::Start {
        program: job.argv.first().cloned().unwrap_or_default(),
        cwd: job.cwd.clone(),
        source,
    };
    let child = command.spawn().map_err(failed)?;
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
    let group = Group {
        id: Pid::from_raw(id),
        marker: job.marker.clone(),
    };
    if let Some(path) = &job.marker {
        marker::write(path, id).map_err(|source| ExecError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok((child, group))
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => Outcome::Exited(code),
        (None, signal) => Outcome::Signalled(signal.unwrap_or_default()),
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn run(&self, job: Job, cancel: CancellationToken) -> Result<Finished, ExecError> {
        let begun = Instant::now();
        if cancel.is_cancelled() {
            return Ok(Finished {
                outcome: Outcome::Cancelled,
                wall: Duration::ZERO,
            });
        }
        let (mut child, group) = start(&job)?;
        let time_is_over = async {
            match job.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let lost = |source| ExecError::Wait {
            job: job.name.clone(),
            source,
        };
        let forced = tokio::select! {
            status = child.wait() => {
                return Ok(Finished { outcome: outcome(status.map_err(lost)?), wall: begun.elapsed() });
            }
            () = cancel.cancelled() => Outcome::Cancelled,
            () = time_is_over => Outcome::TimedOut,
        };
        group.signal(Signal::SIGTERM);
        if tokio::time::timeout(self.grace, child.wait())
            .await
            .is_err()
        {
            group.signal(Signal::SIGKILL);
            child.wait().await.map_err(lost)?;
        }
        Ok(Finished {
            outcome: forced,
            wall: begun.elapsed(),
        })
    }

    async fn reap(&self, marker: &Path) -> Result<bool, ExecError> {
        marker::reap(marker).map_err(|source| ExecError::File {
            path: marker.to_owned(),
            source,
        })
    }
}
