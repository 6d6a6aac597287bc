//! `trimtab repro`: a pipeline in a folder at hand, as `dvc repro` does it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use trimtab_dvc::{Cache, LinkType};
use trimtab_exec::{CancellationToken, Executor, LocalExecutor};

use crate::{
    ExecutionStatus, PipelineError, StageResult, StageStatus,
    engine::{Engine, Setting},
    python,
};

/// What may be chosen for a reproduction.
#[derive(Debug, Clone, Default)]
pub struct ReproOptions {
    /// Run stages that have not changed, too.
    pub force: bool,
    /// Where outputs are kept; without it DVC's cache of the repository, or `.trimtab/cache`.
    pub cache: Option<PathBuf>,
    /// The Python that stages find first; without it [`crate::find_python`]'s.
    pub python: Option<PathBuf>,
    /// Variables for the commands.
    pub env: Vec<(String, String)>,
    /// Ends the running command and the reproduction.
    pub cancel: CancellationToken,
    /// Runs the commands; without it they are plain processes of this machine.
    pub executor: Option<Arc<dyn Executor>>,
}

/// What happens during a reproduction.
#[derive(Debug, Clone, PartialEq)]
pub enum ReproEvent {
    /// These stages will be looked at, in this order.
    Planned {
        /// Their names.
        stages: Vec<String>,
    },
    /// A stage's command begins.
    Started {
        /// The stage.
        stage: String,
        /// Why it must run.
        reason: String,
    },
    /// A stage is done with.
    Ended(StageResult),
}

/// How a reproduction ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ReproReport {
    /// As a whole.
    pub status: ExecutionStatus,
    /// The stages that were reached.
    pub stages: Vec<StageResult>,
}

/// Brings the stages named (all, when none is) of the `dvc.yaml` in `dir` up to date, with what they need. Blocks;
/// the commands write to our own output. Cancelling ends the running command with its children.
pub fn repro(
    dir: &Path,
    targets: &[String],
    options: ReproOptions,
    progress: &(dyn Fn(ReproEvent) + Sync),
) -> Result<ReproReport, PipelineError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(PipelineError::file("start work in", dir))?;
    // On a thread of its own, so that it may be called from inside another runtime.
    std::thread::scope(|scope| {
        let work = scope.spawn(|| runtime.block_on(reproduce(dir, targets, options, progress)));
        work.join().unwrap_or_else(|_| {
            Err(PipelineError::Lost {
                what: dir.display().to_string(),
            })
        })
    })
}

async fn reproduce(
    dir: &Path,
    targets: &[String],
    options: ReproOptions,
    progress: &(dyn Fn(ReproEvent) + Sync),
) -> Result<ReproReport, PipelineError> {
    let root = fs::canonicalize(dir).map_err(PipelineError::file("read", dir))?;
    let own = own_folder(&root)?;
    let lock =
        File::create(own.join("repro.lock")).map_err(PipelineError::file("write in", &own))?;
    if lock.try_lock().is_err() {
        return Err(PipelineError::Busy { folder: root });
    }
    let mut env = python::variables(
        options
            .python
            .clone()
            .or_else(|| python::find_python(&root))
            .as_deref(),
    );
    env.extend(options.env);
    let setting = Setting {
        cache: cache(&root, &own, options.cache),
        env,
        env_remove: Vec::new(),
        logs: None,
        marker: None,
        is_forced: options.force,
        keeps_gitignore: true,
        root,
    };
    let executor = options
        .executor
        .unwrap_or_else(|| Arc::new(LocalExecutor::new(Duration::from_secs(10))));
    let engine = Engine::open(setting, executor, targets)?;
    progress(ReproEvent::Planned {
        stages: engine.order().to_vec(),
    });
    let mut report = ReproReport {
        status: ExecutionStatus::Succeeded,
        stages: Vec::new(),
    };
    for name in engine.order() {
        if options.cancel.is_cancelled() {
            report.status = ExecutionStatus::Cancelled;
            break;
        }
        let starting = |stage: &str, reason: &str| {
            progress(ReproEvent::Started {
                stage: stage.to_owned(),
                reason: reason.to_owned(),
            });
        };
        let done = engine.stage(name, &options.cancel, &starting).await?;
        let result = StageResult {
            name: name.clone(),
            status: done.status,
            seconds: done.seconds,
            message: done.message,
            log_tail: String::new(),
            log: PathBuf::new(),
        };
        progress(ReproEvent::Ended(result.clone()));
        report.stages.push(result);
        if done.status == StageStatus::Failed {
            report.status = if done.is_cancelled {
                ExecutionStatus::Cancelled
            } else {
                ExecutionStatus::Failed
            };
            break;
        }
    }
    Ok(report)
}

/// `.trimtab/` in the folder, which git ignores by itself.
fn own_folder(root: &Path) -> Result<PathBuf, PipelineError> {
    let own = root.join(".trimtab");
    fs::create_dir_all(&own).map_err(PipelineError::file("make", &own))?;
    let ignore = own.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(PipelineError::file("write", &ignore))?;
    }
    Ok(own)
}

fn cache(root: &Path, own: &Path, chosen: Option<PathBuf>) -> Cache {
    if let Some(chosen) = chosen {
        return Cache::new(chosen, LinkType::default());
    }
    let Some(dvc) = root
        .ancestors()
        .map(|ancestor| ancestor.join(".dvc"))
        .find(|dvc| dvc.is_dir())
    else {
        return Cache::new(own.join("cache"), LinkType::default());
    };
    // The local file stands over the shared one.
    let setting = |key: &str| {
        ["config.local", "config"].iter().find_map(|name| {
            let text = fs::read_to_string(dvc.join(name)).ok()?;
            ini(&text, "cache", key)
        })
    };
    let folder = setting("dir").map_or_else(|| dvc.join("cache"), |folder| dvc.join(folder));
    let links = setting("type").unwrap_or_default();
    let links = links.split(',').map(str::trim).find_map(|kind| match kind {
        "hardlink" => Some(LinkType::Hardlink),
        "symlink" => Some(LinkType::Symlink),
        "copy" | "reflink" => Some(LinkType::Copy),
        _ => None,
    });
    Cache::new(folder, links.unwrap_or_default())
}

/// A value of an INI file, as git and DVC write them.
fn ini(text: &str, section: &str, key: &str) -> Option<String> {
    let mut is_inside = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_inside = name.trim() == section;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_inside)
            && name.trim() == key
        {
            found = Some(value.trim().trim_matches('"').to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_dvc_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("sub");
        fs::create_dir(&root).unwrap();
        let own = root.join(".trimtab");
        assert_eq!(cache(&root, &own, None).root(), own.join("cache"));
        let dvc = folder.path().join(".dvc");
        fs::create_dir(&dvc).unwrap();
        assert_eq!(cache(&root, &own, None).root(), dvc.join("cache"));
        fs::write(
            dvc.join("config"),
            "[core]\n    dir = no\n[cache]\n    dir = ../shared\n    type = \"hardlink,copy\"\n",
        )
        .unwrap();
        assert_eq!(
            cache(&root, &own, None),
            Cache::new(dvc.join("../shared"), LinkType::Hardlink)
        );
        fs::write(dvc.join("config.local"), "[cache]\ndir = /elsewhere\n").unwrap();
        assert_eq!(cache(&root, &own, None).root(), Path::new("/elsewhere"));
    }
}
