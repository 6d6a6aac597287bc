//! Projects, executions, and what became of their stages.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};
use trimtab_dvc::{Graph, Pipeline};
use trimtab_types::{ExecutionId, Name, Time};

use crate::PipelineError;

/// Where code comes from: a git repository, a folder in it, and the commit that executions use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: Name,
    /// URL of the repository, or its path on this machine.
    pub git: String,
    /// The folder that holds `dvc.yaml`, relative to the repository's root; empty for the root.
    pub subfolder: String,
    /// The commit; a branch or tag given to `register` is resolved there and then.
    pub commit: String,
}

/// A project's stages as its `dvc.yaml` has them at a commit.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The project, its commit resolved.
    pub project: Project,
    /// The stages in the order of the file, each with its deps relative to the project's folder.
    stages: Vec<(String, Vec<String>)>,
    graph: Graph,
}

impl Outline {
    /// Reads the text of a `dvc.yaml`; `file` is what errors call it.
    pub fn parse(project: Project, file: &str, text: &str) -> Result<Self, PipelineError> {
        let pipeline = Pipeline::parse(file, text)?;
        let graph = Graph::new(&pipeline)?;
        let stages = pipeline.stages.iter().map(|stage| {
            let deps = stage.deps.iter().map(|dep| stage.resolve(dep));
            let deps = deps.map(|dep| dep.display().to_string());
            (stage.name.clone(), deps.collect())
        });
        Ok(Self {
            project,
            stages: stages.collect(),
            graph,
        })
    }

    /// The names of the stages, in the order of the file.
    pub fn stages(&self) -> Vec<&str> {
        self.stages.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What these stages, and those that they need, depend on; an unknown stage depends on nothing.
    pub fn deps(&self, wanted: &[String]) -> Vec<&str> {
        let order = self.graph.order(wanted).unwrap_or_default();
        let executed = self.stages.iter().filter(|(name, _)| order.contains(name));
        executed
            .flat_map(|(_, deps)| deps.iter().map(String::as_str))
            .collect()
    }
}

/// What to execute. The id is the caller's, so that a repeated call is the same execution.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionSpec {
    /// The id.
    pub id: ExecutionId,
    /// The project, at the commit that it is registered with when the execution begins.
    pub project: Name,
    /// The stages wanted; what they depend on comes along. Empty: all.
    pub stages: Vec<String>,
    /// Files to put at the path of a dep, relative to the project's folder.
    pub inputs: Vec<(String, PathBuf)>,
    /// Values to put into `params.yaml` (`a.b`), or into another file (`file.yaml:a.b`).
    pub params: Vec<(String, serde_json::Value)>,
    /// Variables for the commands. Values are not stored.
    pub env: Vec<(String, String)>,
}

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    /// Begun, and not ended; after a crash the next call with its id goes on with it.
    Running,
    /// Every wanted stage is up to date.
    Succeeded,
    /// A stage failed, or could not begin.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// What became of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// Its command ran, to its end.
    Ran,
    /// Nothing that it depends on had changed, or an earlier run with the same inputs left its outputs.
    Skipped,
    /// Its command failed, or what it needs or promised was not there.
    Failed,
}

macro_rules! spellings {
    ($($type:ident { $($variant:ident = $text:literal),* $(,)? })*) => {$(
        impl $type {
            /// The spelling in the database and in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($text => Ok(Self::$variant),)* other => Err(other.to_owned()) }
            }
        }
    )*};
}

spellings! {
    ExecutionStatus { Running = "running", Succeeded = "succeeded", Failed = "failed", Cancelled = "cancelled" }
    StageStatus { Ran = "ran", Skipped = "skipped", Failed = "failed" }
}

/// One stage of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct StageResult {
    /// The stage.
    pub name: String,
    /// What became of it.
    pub status: StageStatus,
    /// How long it took.
    pub seconds: f64,
    /// Why it ran, was skipped, or failed.
    pub message: String,
    /// The end of its output.
    pub log_tail: String,
    /// Where all of its output is.
    pub log: PathBuf,
}

/// An execution, as far as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// The id.
    pub id: ExecutionId,
    /// The project.
    pub project: Name,
    /// How far it is.
    pub status: ExecutionStatus,
    /// The commit of its worktree.
    pub commit: String,
    /// Why it failed or was cancelled.
    pub message: Option<String>,
    /// The stages that were reached, in order.
    pub stages: Vec<StageResult>,
    /// Its folder: logs, and the worktree while it runs.
    pub worktree: PathBuf,
    /// The text of its `dvc.lock`; empty while it runs and when no stage succeeded.
    pub lock: String,
    /// When it was asked for.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// Where pipelines keep their files, and which Python the stages find first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineDirs {
    /// One folder per execution, and one clone per project.
    pub worktrees: PathBuf,
    /// Outputs by content, and the run cache: DVC's layout.
    pub dvc_cache: PathBuf,
}
