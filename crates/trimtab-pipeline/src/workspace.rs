//! The folder of one execution: the worktree of its commit, with inputs and parameters put in.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use trimtab_dvc::{Value, override_params, write_atomically};
use trimtab_types::ExecutionId;

use crate::{ExecutionSpec, PipelineError, git::Mirror};

const DEFAULT_PARAMS: &str = "params.yaml";

/// Where an execution keeps its files.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    folder: PathBuf,
    subfolder: String,
}

impl Workspace {
    pub(crate) fn new(worktrees: &Path, id: ExecutionId, subfolder: &str) -> Self {
        Self {
            folder: worktrees.join(id.to_string()),
            subfolder: subfolder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// The project's folder in the worktree.
    pub(crate) fn root(&self) -> PathBuf {
        self.tree().join(&self.subfolder)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    pub(crate) fn marker(&self) -> PathBuf {
        self.folder.join("running")
    }

    /// Says that the worktree is complete, so that a second attempt goes on in it.
    fn ready(&self) -> PathBuf {
        self.folder.join("ready")
    }

    pub(crate) async fn prepare(
        &self,
        mirror: &Mirror,
        commit: &str,
        spec: &ExecutionSpec,
    ) -> Result<(), PipelineError> {
        if self.ready().exists() && self.root().is_dir() {
            return Ok(());
        }
        fs::create_dir_all(self.logs()).map_err(PipelineError::file("make", self.logs()))?;
        mirror.add_worktree(commit, &self.tree()).await?;
        let (this, spec) = (self.clone(), spec.clone());
        let filled = tokio::task::spawn_blocking(move || this.fill(&spec)).await;
        filled.map_err(|_| PipelineError::Lost {
            what: "the inputs".to_owned(),
        })?
    }

    fn fill(&self, spec: &ExecutionSpec) -> Result<(), PipelineError> {
        let root = self.root();
        for (dep, file) in &spec.inputs {
            let failed = |source| PipelineError::Input {
                dep: dep.clone(),
                file: file.clone(),
                source,
            };
            let to = root.join(inside("inputs", dep)?);
            trimtab_dvc::remove(&to)?;
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
            let mut from = fs::File::open(file).map_err(failed)?;
            let mut target = fs::File::create_new(&to).map_err(failed)?;
            std::io::copy(&mut from, &mut target).map_err(failed)?;
        }
        for (key, value) in &spec.params {
            let (file, key) = split_param(key);
            let path = root.join(inside("params", file)?);
            let text = fs::read_to_string(&path).map_err(PipelineError::file("read", &path))?;
            let edited = override_params(file, &text, key, &Value::from(value))?;
            write_atomically(&path, edited.as_bytes())?;
        }
        write_atomically(&self.ready(), b"trimtab-execution 1\n")?;
        Ok(())
    }

    /// Removes everything but the logs.
    pub(crate) async fn clean(&self, mirror: &Mirror) -> Result<(), PipelineError> {
        mirror.remove_worktree(&self.tree()).await?;
        trimtab_dvc::remove(&self.ready())?;
        Ok(())
    }
}

/// `file:key.path`, or a key path of `params.yaml`.
fn split_param(key: &str) -> (&str, &str) {
    key.split_once(':').unwrap_or((DEFAULT_PARAMS, key))
}

/// A relative path that stays where it is put.
pub(crate) fn inside<'p>(field: &'static str, path: &'p str) -> Result<&'p Path, PipelineError> {
    let parts = Path::new(path).components();
    let is_inside = !path.is_empty()
        && parts
            .clone()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let is_git = parts
        .clone()
        .any(|part| part.as_os_str().eq_ignore_ascii_case(".git"));
    if is_inside && !is_git {
        return Ok(Path::new(path));
    }
    Err(PipelineError::Path {
        field,
        path: path.to_owned(),
    })
}
