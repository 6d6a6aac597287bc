//! The verbs.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use trimtab_db::{Db, Lane, Message};
use trimtab_dvc::{Cache, LinkType, Lock};
use trimtab_exec::{CancellationToken, Executor, log_tail};
use trimtab_types::{Clock, ExecutionId, Name, Scope, WorkspaceId};

use crate::{
    Execution, ExecutionSpec, ExecutionStatus, Outline, PipelineDirs, PipelineError, Project,
    StageResult, StageStatus,
    engine::{Engine, Setting, StageDone, explain},
    git::Mirror,
    live::{Lives, Waiting, locked},
    python,
    sql::{self, ExecutionRow, StageRow},
    workspace::{Workspace, inside},
};

const LOG_TAIL_BYTES: u64 = 8_192;

/// Projects and executions; cheap to clone.
#[derive(Debug, Clone)]
pub struct Pipelines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    clock: Clock,
    dirs: PipelineDirs,
    python: Option<PathBuf>,
    executor: Arc<dyn Executor>,
    /// One git command at a time in a project's clone.
    clones: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
    live: Lives,
}

impl Pipelines {
    /// The service. Stages find `python` as PATH has it; see [`Pipelines::with_python`].
    pub fn new(db: Db, clock: Clock, dirs: PipelineDirs, executor: Arc<dyn Executor>) -> Self {
        // Commands and git run elsewhere: what they are told must not depend on where we stand.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let dirs = PipelineDirs {
            worktrees: absolute(dirs.worktrees),
            dvc_cache: absolute(dirs.dvc_cache),
        };
        Self(Arc::new(Shared {
            db,
            clock,
            dirs,
            python: None,
            executor,
            clones: Mutex::default(),
            live: Lives::default(),
        }))
    }

    /// The same service, whose stages find this Python first.
    #[must_use]
    pub fn with_python(self, python: Option<PathBuf>) -> Self {
        let shared = &self.0;
        Self(Arc::new(Shared {
            db: shared.db.clone(),
            clock: shared.clock.clone(),
            dirs: shared.dirs.clone(),
            python,
            executor: Arc::clone(&shared.executor),
            clones: Mutex::default(),
            live: Lives::default(),
        }))
    }

    /// What registering a project would register: its commit, and the stages of its `dvc.yaml`. Nothing is written but
    /// the clone of the repository.
    pub async fn outline(
        &self,
        scope: &Scope,
        mut project: Project,
    ) -> Result<Outline, PipelineError> {
        let subfolder = project.subfolder.trim_matches('/').trim_start_matches("./");
        project.subfolder = if subfolder == "." {
            String::new()
        } else {
            subfolder.to_owned()
        };
        if !project.subfolder.is_empty() {
            inside("subfolder", &project.subfolder)?;
        }
        if project.git.is_empty() || project.git.starts_with('-') {
            return Err(PipelineError::Path {
                field: "git",
                path: project.git,
            });
        }
        if Path::new(&project.git).exists() {
            let path = std::fs::canonicalize(&project.git)
                .map_err(PipelineError::file("read", &project.git))?;
            project.git = path.display().to_string();
        }
        let (mirror, turn) = self.mirror(&scope.workspace, &project.name).await?;
        let turn = turn.lock().await;
        project.commit = mirror.resolve(&project.git, &project.commit).await?;
        let file = if project.subfolder.is_empty() {
            "dvc.yaml".to_owned()
        } else {
            format!("{}/dvc.yaml", project.subfolder)
        };
        let text = mirror.show(&project.commit, &file).await;
        drop(turn);
        let text = text.ok_or_else(|| PipelineError::NoPipeline {
            file: file.clone(),
            commit: project.commit.clone(),
        })?;
        Outline::parse(project, &file, &text)
    }

    /// Registers a project, or moves it to another commit. `commit` may be a branch, a tag or `HEAD`; the answer has
    /// the commit. Its `dvc.yaml` must be there and sound.
    pub async fn register(
        &self,
        scope: &Scope,
        project: Project,
    ) -> Result<Project, PipelineError> {
        let Outline { project, .. } = self.outline(scope, project).await?;
        let (workspace, row, at, by) = (
            scope.workspace.clone(),
            project.clone(),
            self.0.clock.now(),
            scope.principal.name.to_string(),
        );
        self.0
            .db
            .write(Lane::Control, move |tx| {
                sql::put_project(tx, &workspace, &row, at, &by)
            })
            .await?;
        Ok(project)
    }

    /// A project.
    pub async fn project(&self, scope: &Scope, name: &Name) -> Result<Project, PipelineError> {
        let (workspace, wanted) = (scope.workspace.clone(), name.clone());
        let found = self
            .0
            .db
            .read(move |tx| sql::get_project(tx, &workspace, &wanted))
            .await?;
        found.ok_or_else(|| PipelineError::NoProject {
            name: name.to_string(),
        })
    }

    /// All projects, by name.
    pub async fn projects(&self, scope: &Scope) -> Result<Vec<Project>, PipelineError> {
        let workspace = scope.workspace.clone();
        Ok(self
            .0
            .db
            .read(move |tx| sql::list_projects(tx, &workspace))
            .await?)
    }

    /// Executes, and answers when it is done. The same id again is the same execution: one that has ended answers its
    /// result, one that was broken off goes on where it stopped, one that runs is waited for. Dropping the future
    /// breaks it off and ends its processes.
    pub async fn execute(
        &self,
        scope: &Scope,
        spec: ExecutionSpec,
    ) -> Result<Execution, PipelineError> {
        for (dep, _) in &spec.inputs {
            inside("inputs", dep)?;
        }
        let row = self.begin(scope, &spec).await?;
        let waiting = self.0.live.join(spec.id);
        self.take_turn(scope, row, &spec, &waiting).await
    }

    async fn take_turn(
        &self,
        scope: &Scope,
        row: ExecutionRow,
        spec: &ExecutionSpec,
        waiting: &Waiting<'_>,
    ) -> Result<Execution, PipelineError> {
        let _turn = waiting.turn().lock().await;
        let row = self.row(scope, row.id).await?;
        let workspace = Workspace::new(&self.0.dirs.worktrees, row.id, &row.subfolder);
        self.0.executor.reap(&workspace.marker()).await?;
        let (mirror, _) = self.mirror(&scope.workspace, &row.project).await?;
        if row.status == ExecutionStatus::Running {
            let (status, message) = match self
                .run(scope, &row, spec, &workspace, waiting.cancel())
                .await
            {
                Ok(ended) => ended,
                Err(error) if is_final(&error) => (ExecutionStatus::Failed, Some(explain(&error))),
                Err(error) => return Err(error),
            };
            let lock =
                std::fs::read_to_string(workspace.root().join("dvc.lock")).unwrap_or_default();
            self.end(scope, &row, status, message, lock).await?;
        }
        // Again after a crash between the end and this.
        let turn = self.turn(&self.clone_path(&scope.workspace, &row.project));
        let _turn = turn.lock().await;
        workspace.clean(&mirror).await?;
        self.execution(scope, row.id).await
    }

    async fn run(
        &self,
        scope: &Scope,
        row: &ExecutionRow,
        spec: &ExecutionSpec,
        workspace: &Workspace,
        cancel: &CancellationToken,
    ) -> Result<(ExecutionStatus, Option<String>), PipelineError> {
        let (mirror, turn) = self.mirror(&scope.workspace, &row.project).await?;
        {
            let _turn = turn.lock().await;
            let project = self.project(scope, &row.project).await?;
            mirror.ensure(&project.git, &row.commit).await?;
            workspace.prepare(&mirror, &row.commit, spec).await?;
        }
        let setting = self.setting(spec, workspace, row.project.as_str());
        let (executor, wanted) = (Arc::clone(&self.0.executor), spec.stages.clone());
        let engine = Engine::open(setting, executor, &wanted)?;
        for (position, name) in engine.order().iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok((
                    ExecutionStatus::Cancelled,
                    Some("it was cancelled".to_owned()),
                ));
            }
            let done = engine.stage(name, cancel, &|stage, reason| tracing::info!(execution = %row.id, stage, reason, "stage begins")).await?;
            self.note_stage(scope, row, position, name, &done).await?;
            if done.is_cancelled {
                return Ok((
                    ExecutionStatus::Cancelled,
                    Some("it was cancelled".to_owned()),
                ));
            }
            if done.status == StageStatus::Failed {
                return Ok((
                    ExecutionStatus::Failed,
                    Some(format!("the stage `{name}` failed: {}", done.message)),
                ));
            }
        }
        Ok((ExecutionStatus::Succeeded, None))
    }

    fn setting(&self, spec: &ExecutionSpec, workspace: &Workspace, project: &str) -> Setting {
        // Our own settings and secrets, and those of a git that may have called us, are not the stage's.
        let env_remove = std::env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| name.starts_with("TRIMTAB_") || name.starts_with("GIT_"))
            .collect();
        let mut env = vec![
            ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
            // The machine serves, too: OpenMP's threads wait for each other without spinning.
            ("OMP_WAIT_POLICY".to_owned(), "PASSIVE".to_owned()),
            ("TRIMTAB_EXECUTION_ID".to_owned(), spec.id.to_string()),
            ("TRIMTAB_PROJECT".to_owned(), project.to_owned()),
        ];
        env.extend(python::variables(self.0.python.as_deref()));
        env.extend(spec.env.iter().cloned());
        Setting {
            root: workspace.root(),
            cache: Cache::new(&self.0.dirs.dvc_cache, LinkType::Copy),
            env,
            env_remove,
            logs: Some(workspace.logs()),
            marker: Some(workspace.marker()),
            is_forced: false,
            keeps_gitignore: false,
        }
    }

    /// Ends an execution; its processes hear of it first. One that nobody runs just now is ended in the books.
    pub async fn cancel(&self, scope: &Scope, id: ExecutionId) -> Result<(), PipelineError> {
        let row = self.row(scope, id).await?;
        if row.status != ExecutionStatus::Running {
            return Ok(());
        }
        if self.0.live.cancel(id) {
            return Ok(());
        }
        let workspace = Workspace::new(&self.0.dirs.worktrees, id, &row.subfolder);
        self.0.executor.reap(&workspace.marker()).await?;
        self.end(
            scope,
            &row,
            ExecutionStatus::Cancelled,
            Some("it was cancelled".to_owned()),
            String::new(),
        )
        .await
    }

    /// An execution, as far as it is.
    pub async fn execution(
        &self,
        scope: &Scope,
        id: ExecutionId,
    ) -> Result<Execution, PipelineError> {
        let row = self.row(scope, id).await?;
        self.full(scope, row).await
    }

    /// The latest executions of a project, newest first; `before` pages on.
    pub async fn executions(
        &self,
        scope: &Scope,
        project: &Name,
        before: Option<ExecutionId>,
        limit: u32,
    ) -> Result<Vec<Execution>, PipelineError> {
        let (workspace, name) = (scope.workspace.clone(), project.clone());
        let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let rows = self
            .0
            .db
            .read(move |tx| sql::list_executions(tx, &workspace, &name, &before, limit.min(1000)))
            .await?;
        let mut found = Vec::new();
        for row in rows {
            found.push(self.full(scope, row).await?);
        }
        Ok(found)
    }

    /// Executions that were begun and have not ended.
    pub async fn running(&self, scope: &Scope) -> Result<Vec<ExecutionId>, PipelineError> {
        let workspace = scope.workspace.clone();
        Ok(self
            .0
            .db
            .read(move |tx| sql::running_executions(tx, &workspace))
            .await?)
    }

    /// Puts an output of an ended execution at a path, from the cache.
    pub async fn checkout(
        &self,
        scope: &Scope,
        id: ExecutionId,
        out: &str,
        to: &Path,
    ) -> Result<(), PipelineError> {
        let row = self.row(scope, id).await?;
        let lock = Lock::parse("dvc.lock", &row.lock)?;
        let entry = lock
            .stages()
            .into_iter()
            .find_map(|stage| stage.out(out).cloned());
        let digest =
            entry
                .and_then(|entry| entry.digest)
                .ok_or_else(|| PipelineError::NoOutput {
                    id,
                    out: out.to_owned(),
                })?;
        let (cache, to) = (
            Cache::new(&self.0.dirs.dvc_cache, LinkType::Copy),
            to.to_owned(),
        );
        let done = tokio::task::spawn_blocking(move || {
            cache.checkout(&digest.md5, digest.is_executable, &to)
        })
        .await;
        done.map_err(|_| PipelineError::Lost {
            what: format!("`{out}`"),
        })??;
        Ok(())
    }

    async fn row(&self, scope: &Scope, id: ExecutionId) -> Result<ExecutionRow, PipelineError> {
        let workspace = scope.workspace.clone();
        let found = self
            .0
            .db
            .read(move |tx| sql::get_execution(tx, &workspace, id))
            .await?;
        found.ok_or(PipelineError::NoExecution { id })
    }

    async fn full(&self, scope: &Scope, row: ExecutionRow) -> Result<Execution, PipelineError> {
        let (workspace, id) = (scope.workspace.clone(), row.id);
        let stages = self
            .0
            .db
            .read(move |tx| sql::stages(tx, &workspace, id))
            .await?;
        let place = Workspace::new(&self.0.dirs.worktrees, id, &row.subfolder);
        let stages = stages
            .into_iter()
            .map(|stage| {
                let log = place.logs().join(format!("{}.log", stage.name));
                StageResult {
                    log_tail: log_tail(&log, LOG_TAIL_BYTES),
                    log,
                    name: stage.name,
                    status: stage.status,
                    seconds: stage.seconds,
                    message: stage.message,
                }
            })
            .collect();
        Ok(Execution {
            id,
            project: row.project,
            status: row.status,
            commit: row.commit,
            message: row.message,
            stages,
            worktree: place.folder().to_owned(),
            lock: row.lock,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }

    /// Writes the execution down, or finds it.
    async fn begin(
        &self,
        scope: &Scope,
        spec: &ExecutionSpec,
    ) -> Result<ExecutionRow, PipelineError> {
        let (workspace, id, name) = (scope.workspace.clone(), spec.id, spec.project.clone());
        let (at, by, document) = (
            self.0.clock.now(),
            scope.principal.name.to_string(),
            document(spec),
        );
        self.0
            .db
            .write(Lane::Control, move |tx| {
                if let Some(row) = sql::get_execution(tx, &workspace, id)? {
                    return if row.spec == document && row.project == name {
                        Ok(row)
                    } else {
                        Err(PipelineError::OtherSpec { id })
                    };
                }
                let project = sql::get_project(tx, &workspace, &name)?.ok_or_else(|| {
                    PipelineError::NoProject {
                        name: name.to_string(),
                    }
                })?;
                let row = ExecutionRow {
                    id,
                    project: name,
                    commit: project.commit,
                    subfolder: project.subfolder,
                    spec: document,
                    status: ExecutionStatus::Running,
                    message: None,
                    lock: String::new(),
                    created_at: at,
                    created_by: by,
                    ended_at: None,
                };
                sql::insert_execution(tx, &workspace, &row)?;
                Ok(row)
            })
            .await
    }

    async fn note_stage(
        &self,
        scope: &Scope,
        row: &ExecutionRow,
        position: usize,
        name: &str,
        done: &StageDone,
    ) -> Result<(), PipelineError> {
        let (workspace, id) = (scope.workspace.clone(), row.id);
        let stage = StageRow {
            name: name.to_owned(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            status: done.status,
            seconds: done.seconds,
            message: done.message.clone(),
        };
        Ok(self
            .0
            .db
            .write(Lane::Control, move |tx| {
                sql::put_stage(tx, &workspace, id, &stage)
            })
            .await?)
    }

    async fn end(
        &self,
        scope: &Scope,
        row: &ExecutionRow,
        status: ExecutionStatus,
        message: Option<String>,
        lock: String,
    ) -> Result<(), PipelineError> {
        let (workspace, id, project, at) = (
            scope.workspace.clone(),
            row.id,
            row.project.clone(),
            self.0.clock.now(),
        );
        self.0
            .db
            .write(Lane::Control, move |tx| {
                if sql::end_execution(tx, &workspace, id, status, message.as_deref(), &lock, at)? {
                    tx.publish(&Message {
                        workspace,
                        topic: "pipeline.execution-ended",
                        version: 1,
                        payload: serde_json::json!({"id": id, "project": project, "status": status, "message": message}),
                        at,
                    })?;
                }
                Ok(())
            })
            .await
    }

    fn clone_path(&self, workspace: &WorkspaceId, project: &Name) -> PathBuf {
        self.0
            .dirs
            .worktrees
            .join("clones")
            .join(workspace.as_str())
            .join(format!("{project}.git"))
    }

    fn turn(&self, path: &Path) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(locked(&self.0.clones).entry(path.to_owned()).or_default())
    }

    async fn mirror(
        &self,
        workspace: &WorkspaceId,
        project: &Name,
    ) -> Result<(Mirror, Arc<tokio::sync::Mutex<()>>), PipelineError> {
        let path = self.clone_path(workspace, project);
        let turn = self.turn(&path);
        let guard = turn.lock().await;
        let mirror = Mirror::open(path).await?;
        drop(guard);
        Ok((mirror, turn))
    }
}

/// What makes two calls the same execution. Where an input's file lies is no part of it, nor is the environment.
fn document(spec: &ExecutionSpec) -> String {
    let inputs: Vec<&String> = spec.inputs.iter().map(|(dep, _)| dep).collect();
    serde_json::json!({"version": 1, "stages": spec.stages, "inputs": inputs, "params": spec.params}).to_string()
}

/// Whether trying again cannot help.
fn is_final(error: &PipelineError) -> bool {
    match error {
        PipelineError::Dvc(trimtab_dvc::DvcError::File { .. }) => false,
        PipelineError::Dvc(_)
        | PipelineError::Input { .. }
        | PipelineError::Path { .. }
        | PipelineError::NoCommit { .. } => true,
        _ => false,
    }
}
