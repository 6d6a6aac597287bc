//! Stages of pipelines, recorded as scripts are: each command runs under `trimtab run`.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use trimtab_exec::{CancellationToken, ExecError, Executor, Finished, Job};

/// An executor that puts `trimtab run` before every command.
#[derive(Debug)]
pub(crate) struct RecordedStages<E> {
    inner: E,
    program: PathBuf,
    server: String,
    /// The folder that has the spools; the command's own without it.
    root: Option<PathBuf>,
    /// The experiment of runs that no script makes; without it, the one that the command's environment names.
    experiment: Option<String>,
}

impl<E> RecordedStages<E> {
    /// Records at a server. Without a path of this program, which the system may not tell, nothing is recorded.
    pub(crate) fn new(inner: E, server: &str) -> Result<Self, E> {
        match std::env::current_exe() {
            Ok(program) => Ok(Self {
                inner,
                program,
                server: server.to_owned(),
                root: None,
                experiment: None,
            }),
            Err(_) => Err(inner),
        }
    }

    /// Spools lie in this folder, and runs that no script makes belong to an experiment of its name.
    pub(crate) fn of_project(mut self, root: &Path) -> Self {
        self.experiment = root
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        self.root = Some(root.to_owned());
        self
    }

    fn recorded(&self, mut job: Job) -> Job {
        let mut argv = vec![
            self.program.display().to_string(),
            "run".to_owned(),
            "--server".to_owned(),
            self.server.clone(),
            "--name".to_owned(),
            job.name.clone(),
            "--quiet".to_owned(),
        ];
        if let Some(experiment) = &self.experiment {
            argv.extend(["--experiment".to_owned(), experiment.clone()]);
        }
        if let Some(root) = &self.root {
            argv.extend(["--spool".to_owned(), root.display().to_string()]);
        }
        argv.push("--".to_owned());
        argv.append(&mut job.argv);
        Job { argv, ..job }
    }
}

#[async_trait]
impl<E: Executor> Executor for RecordedStages<E> {
    async fn run(&self, job: Job, cancel: CancellationToken) -> Result<Finished, ExecError> {
        self.inner.run(self.recorded(job), cancel).await
    }

    async fn reap(&self, marker: &Path) -> Result<bool, ExecError> {
        self.inner.reap(marker).await
    }
}
