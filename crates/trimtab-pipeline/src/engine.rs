//! One stage at a time: decide, run, keep. The same for a server's worktree and for a user's folder.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use trimtab_dvc::{
    Cache, DvcError, Graph, Lock, LockedStage, Pipeline, Reason, RunCache, Snapshot, Stage,
    hash_path,
};
use trimtab_exec::{CancellationToken, Executor, Job, LogSink, Outcome};
use trimtab_types::Coded;

use crate::{PipelineError, StageStatus, gitignore};

/// Everything that a stage needs to run.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The folder of the `dvc.yaml`.
    pub(crate) root: PathBuf,
    pub(crate) cache: Cache,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) env_remove: Vec<String>,
    /// A folder for logs; without one, output goes to the terminal.
    pub(crate) logs: Option<PathBuf>,
    pub(crate) marker: Option<PathBuf>,
    pub(crate) is_forced: bool,
    /// Whether outputs are added to `.gitignore`, as DVC does.
    pub(crate) keeps_gitignore: bool,
}

impl Setting {
    pub(crate) fn log(&self, stage: &str) -> PathBuf {
        self.logs
            .as_ref()
            .map_or_else(PathBuf::new, |folder| folder.join(format!("{stage}.log")))
    }
}

/// What became of a stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageDone {
    pub(crate) status: StageStatus,
    pub(crate) seconds: f64,
    pub(crate) message: String,
    pub(crate) is_cancelled: bool,
}

/// A stage that is about to run: what is told to those who watch.
pub(crate) type Starting<'a> = &'a (dyn Fn(&str, &str) + Sync);

#[derive(Debug, Clone)]
pub(crate) struct Engine {
    setting: Arc<Setting>,
    pipeline: Arc<Pipeline>,
    order: Vec<String>,
    executor: Arc<dyn Executor>,
}

enum Decision {
    Skip(String),
    Run {
        stage: Box<Stage>,
        snapshot: Box<Snapshot>,
        reason: Reason,
    },
}

impl Engine {
    /// Reads the pipeline and puts the wanted stages in order.
    pub(crate) fn open(
        setting: Setting,
        executor: Arc<dyn Executor>,
        wanted: &[String],
    ) -> Result<Self, PipelineError> {
        let pipeline = Pipeline::read(&setting.root.join("dvc.yaml"))?;
        let order = Graph::new(&pipeline)?.order(wanted)?;
        Lock::read(&setting.root.join("dvc.lock"))?;
        Ok(Self {
            setting: Arc::new(setting),
            pipeline: Arc::new(pipeline),
            order,
            executor,
        })
    }

    pub(crate) fn order(&self) -> &[String] {
        &self.order
    }

    /// Brings one stage up to date. What a person must mend in the project is a failed stage, not an error.
    pub(crate) async fn stage(
        &self,
        name: &str,
        cancel: &CancellationToken,
        starting: Starting<'_>,
    ) -> Result<StageDone, PipelineError> {
        let begun = Instant::now();
        let result = self.attempt(name, cancel, starting).await;
        let (status, message, is_cancelled) = match result {
            Ok((status, message, is_cancelled)) => (status, message, is_cancelled),
            Err(PipelineError::Dvc(error)) => (StageStatus::Failed, explain(&error), false),
            Err(PipelineError::Exec(error)) => (StageStatus::Failed, explain(&error), false),
            Err(error) => return Err(error),
        };
        Ok(StageDone {
            status,
            seconds: begun.elapsed().as_secs_f64(),
            message,
            is_cancelled,
        })
    }

    async fn attempt(
        &self,
        name: &str,
        cancel: &CancellationToken,
        starting: Starting<'_>,
    ) -> Result<(StageStatus, String, bool), PipelineError> {
        let (stage, snapshot, reason) = match self.blocking(name, Self::decide).await? {
            Decision::Skip(message) => return Ok((StageStatus::Skipped, message, false)),
            Decision::Run {
                stage,
                snapshot,
                reason,
            } => (stage, snapshot, reason),
        };
        starting(name, &reason.to_string());
        for line in stage.commands() {
            let job = self.job(&stage, line);
            let finished = self.executor.run(job, cancel.clone()).await?;
            if !finished.outcome.is_success() {
                let message = format!("`{line}`: {}", finished.outcome);
                return Ok((
                    StageStatus::Failed,
                    message,
                    finished.outcome == Outcome::Cancelled,
                ));
            }
        }
        self.blocking(name, move |engine, _| engine.finish(&stage, &snapshot))
            .await?;
        Ok((StageStatus::Ran, reason.to_string(), false))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Self, &str) -> Result<T, PipelineError> + Send + 'static,
    ) -> Result<T, PipelineError> {
        let (engine, stage) = (self.clone(), name.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&engine, &stage)).await;
        done.map_err(|_| PipelineError::Lost {
            what: format!("the stage `{name}`"),
        })?
    }

    fn lock_path(&self) -> PathBuf {
        self.setting.root.join("dvc.lock")
    }

    fn place(&self, stage: &Stage, path: &str) -> PathBuf {
        self.setting.root.join(stage.resolve(path))
    }

    fn decide(&self, name: &str) -> Result<Decision, PipelineError> {
        let stage = self.pipeline.stage(name).ok_or_else(|| DvcError::NoStage {
            name: name.to_owned(),
            known: Vec::new(),
        })?;
        let locked = Lock::read(&self.lock_path())?.stage(name);
        if stage.is_frozen {
            return self.frozen(stage, locked.as_ref());
        }
        let snapshot = Snapshot::take(stage, &self.setting.root)?;
        let mut reason = if self.setting.is_forced {
            Some(Reason::Forced)
        } else {
            snapshot.reason(stage, locked.as_ref())
        };
        if reason.is_none()
            && let Some(locked) = &locked
        {
            reason = stage.out_reason(&self.setting.root, locked)?;
            if reason.is_some() && self.restore(stage, locked)? {
                return Ok(Decision::Skip(
                    "its outputs were taken from the cache".to_owned(),
                ));
            }
        }
        let Some(reason) = reason else {
            return Ok(Decision::Skip("nothing changed".to_owned()));
        };
        if !self.setting.is_forced {
            let inputs = snapshot.locked(stage, HashMap::new());
            if let Some(earlier) = RunCache::new(&self.setting.cache).find(stage, &inputs)
                && self.restore(stage, &earlier)?
            {
                self.note(stage, &earlier)?;
                return Ok(Decision::Skip(
                    "an earlier run had the same inputs; its outputs were taken from the cache"
                        .to_owned(),
                ));
            }
        }
        for out in stage.outs.iter().filter(|out| !out.is_persistent) {
            trimtab_dvc::remove(&self.place(stage, &out.path))?;
        }
        for out in &stage.outs {
            // DVC makes the folder around an output, so that commands need not.
            if let Some(folder) = self.place(stage, &out.path).parent() {
                std::fs::create_dir_all(folder).map_err(PipelineError::file("make", folder))?;
            }
        }
        Ok(Decision::Run {
            stage: Box::new(stage.clone()),
            snapshot: Box::new(snapshot),
            reason,
        })
    }

    fn frozen(
        &self,
        stage: &Stage,
        locked: Option<&LockedStage>,
    ) -> Result<Decision, PipelineError> {
        let missing = stage
            .outs
            .iter()
            .find(|out| !self.place(stage, &out.path).exists());
        if let Some(out) = missing {
            let is_restored = match locked {
                Some(locked) => self.restore(stage, locked)?,
                None => false,
            };
            if !is_restored {
                return Err(DvcError::MissingOutput {
                    stage: stage.name.clone(),
                    path: out.path.clone(),
                }
                .into());
            }
        }
        Ok(Decision::Skip("it is frozen".to_owned()))
    }

    /// Puts outputs in place that are in the cache; `false` when one of them is not, or must not be.
    fn restore(&self, stage: &Stage, locked: &LockedStage) -> Result<bool, PipelineError> {
        let digests: Option<Vec<_>> = stage
            .outs
            .iter()
            .map(|out| {
                locked
                    .out(&out.path)
                    .and_then(|entry| entry.digest.clone())
                    .map(|digest| (out, digest))
            })
            .collect();
        let Some(digests) = digests.filter(|_| RunCache::applies(stage)) else {
            return Ok(false);
        };
        if !digests
            .iter()
            .all(|(_, digest)| self.setting.cache.contains(&digest.md5))
        {
            return Ok(false);
        }
        for (out, digest) in digests {
            self.setting.cache.checkout(
                &digest.md5,
                digest.is_executable,
                &self.place(stage, &out.path),
            )?;
        }
        Ok(true)
    }

    fn note(&self, stage: &Stage, locked: &LockedStage) -> Result<(), PipelineError> {
        let mut lock = Lock::read(&self.lock_path())?;
        lock.set(&stage.name, locked);
        lock.write(&self.lock_path())?;
        if self.setting.keeps_gitignore {
            for out in stage.outs.iter().filter(|out| out.is_cached) {
                gitignore::add(&self.place(stage, &out.path))?;
            }
        }
        Ok(())
    }

    fn finish(&self, stage: &Stage, snapshot: &Snapshot) -> Result<(), PipelineError> {
        let mut digests = HashMap::new();
        for out in &stage.outs {
            let place = self.place(stage, &out.path);
            if !place.exists() {
                return Err(DvcError::MissingOutput {
                    stage: stage.name.clone(),
                    path: out.path.clone(),
                }
                .into());
            }
            // The run cache needs the content of metrics that are kept in git, too.
            let is_kept = out.is_cached || RunCache::keeps(stage);
            let digest = if is_kept {
                self.setting.cache.add(&place)?
            } else {
                hash_path(&place)?.0
            };
            digests.insert(out.path.clone(), digest);
        }
        let locked = snapshot.locked(stage, digests);
        self.note(stage, &locked)?;
        RunCache::new(&self.setting.cache).save(stage, &locked)?;
        Ok(())
    }

    fn job(&self, stage: &Stage, line: &str) -> Job {
        let mut argv = shell();
        argv.push(line.to_owned());
        let mut env = self.setting.env.clone();
        env.push((
            "DVC_ROOT".to_owned(),
            self.setting.root.display().to_string(),
        ));
        env.push(("DVC_STAGE".to_owned(), stage.name.clone()));
        Job {
            name: stage.name.clone(),
            argv,
            cwd: self.place(stage, ""),
            env,
            env_remove: self.setting.env_remove.clone(),
            log: if self.setting.logs.is_some() {
                LogSink::File(self.setting.log(&stage.name))
            } else {
                LogSink::Inherit
            },
            timeout: None,
            marker: self.setting.marker.clone(),
        }
    }
}

/// An error with its causes and its hint, on one line.
pub(crate) fn explain(error: &(impl Coded + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    match error.hint() {
        Some(hint) => format!("{text}; hint: {hint}"),
        None => text,
    }
}

/// The shell that DVC would use: the user's own, without its start-up files.
fn shell() -> Vec<String> {
    let own = std::env::var("SHELL")
        .ok()
        .filter(|shell| Path::new(shell).is_absolute() && Path::new(shell).exists());
    let shell = own.unwrap_or_else(|| "/bin/sh".to_owned());
    let name = Path::new(&shell)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let flags: &[&str] = match name.as_str() {
        "zsh" => &["--no-rcs"],
        "bash" => &["--noprofile", "--norc"],
        "fish" => &["--no-config"],
        _ => &[],
    };
    std::iter::once(shell)
        .chain(flags.iter().map(|flag| (*flag).to_owned()))
        .chain(["-c".to_owned()])
        .collect()
}
