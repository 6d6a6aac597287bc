//! The git command line: a clone of ours per project, and a worktree of it per execution. A user's own tree is
//! only ever fetched from.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::PipelineError;

/// Variables of a calling git (a hook, say) that would lead ours astray.
const STRAY: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// A bare clone.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    path: PathBuf,
}

async fn git(attempt: &str, folder: &Path, arguments: &[&str]) -> Result<String, PipelineError> {
    let failed = |said: String| PipelineError::Git {
        attempt: attempt.to_owned(),
        said,
    };
    let mut command = Command::new("git");
    for name in STRAY {
        command.env_remove(name);
    }
    command
        .args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "protocol.ext.allow=never",
            "-c",
            "gc.auto=0",
        ])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command
        .output()
        .await
        .map_err(|error| failed(format!("git cannot be run ({error})")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("no reason given");
    Err(failed(last.trim_start_matches("fatal: ").to_owned()))
}

impl Mirror {
    /// The clone in this folder, made when it is not there.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, PipelineError> {
        if !path.join("HEAD").exists() {
            std::fs::create_dir_all(&path).map_err(PipelineError::file("make", &path))?;
            git("make a clone", &path, &["init", "--quiet", "--bare", "."]).await?;
        }
        Ok(Self { path })
    }

    async fn run(&self, attempt: &str, arguments: &[&str]) -> Result<String, PipelineError> {
        git(attempt, &self.path, arguments).await
    }

    /// Brings branches, tags and HEAD of the repository here.
    async fn fetch(&self, source: &str) -> Result<(), PipelineError> {
        let attempt = format!("fetch {source}");
        let specs = [
            "+HEAD:refs/trimtab/head",
            "+refs/heads/*:refs/trimtab/heads/*",
            "+refs/tags/*:refs/tags/*",
        ];
        let mut arguments = vec!["fetch", "--quiet", "--no-auto-maintenance", "--", source];
        arguments.extend(specs);
        self.run(&attempt, &arguments).await.map(drop)
    }

    async fn parse(&self, name: &str) -> Option<String> {
        let name = format!("{name}^{{commit}}");
        let found = self
            .run(
                "resolve a commit",
                &[
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    "--end-of-options",
                    &name,
                ],
            )
            .await;
        found.ok().map(|commit| commit.trim().to_owned())
    }

    /// The full name of a commit, branch or tag of the repository; keeps it from being collected.
    pub(crate) async fn resolve(
        &self,
        source: &str,
        wanted: &str,
    ) -> Result<String, PipelineError> {
        self.fetch(source).await?;
        let is_hex =
            (7..=64).contains(&wanted.len()) && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut names = vec![
            format!("refs/trimtab/heads/{wanted}"),
            format!("refs/tags/{wanted}"),
        ];
        if wanted == "HEAD" || wanted.is_empty() {
            names = vec!["refs/trimtab/head".to_owned()];
        } else if is_hex {
            names.insert(0, wanted.to_owned());
        }
        for name in &names {
            if let Some(commit) = self.parse(name).await {
                let kept = format!("refs/trimtab/kept/{commit}");
                self.run("keep a commit", &["update-ref", &kept, &commit])
                    .await?;
                return Ok(commit);
            }
        }
        Err(PipelineError::NoCommit {
            git: source.to_owned(),
            commit: wanted.to_owned(),
        })
    }

    /// Makes sure that a commit, by its full name, is here.
    pub(crate) async fn ensure(&self, source: &str, commit: &str) -> Result<(), PipelineError> {
        if self.parse(commit).await.is_none() {
            self.resolve(source, commit).await?;
        }
        Ok(())
    }

    /// The text of a file at a commit; `None` when it is not there.
    pub(crate) async fn show(&self, commit: &str, path: &str) -> Option<String> {
        self.run(
            "read a file",
            &["show", "--end-of-options", &format!("{commit}:{path}")],
        )
        .await
        .ok()
    }

    /// Checks a commit out in a new worktree.
    pub(crate) async fn add_worktree(&self, commit: &str, to: &Path) -> Result<(), PipelineError> {
        self.remove_worktree(to).await?;
        let to = to.display().to_string();
        let arguments = [
            "worktree", "add", "--quiet", "--force", "--detach", &to, commit,
        ];
        self.run(&format!("check out {commit}"), &arguments)
            .await
            .map(drop)
    }

    /// Removes a worktree, whatever is left of it.
    pub(crate) async fn remove_worktree(&self, path: &Path) -> Result<(), PipelineError> {
        trimtab_dvc::remove(path)?;
        self.run(
            "forget a worktree",
            &["worktree", "prune", "--expire", "now"],
        )
        .await
        .map(drop)
    }
}
