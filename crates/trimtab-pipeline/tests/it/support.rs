//! A git repository and a service in temporary folders.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use trimtab_db::{Db, Migration, testing};
use trimtab_exec::LocalExecutor;
use trimtab_pipeline::{ExecutionSpec, MIGRATIONS, PipelineDirs, Pipelines, Project};
use trimtab_types::{Clock, ExecutionId, Scope, Time};

const ALL: &[&[Migration]] = &[MIGRATIONS];

/// A pipeline of two stages that count how often they ran, in a folder outside.
pub(crate) const PIPELINE: &str = "stages:
  prepare:
    cmd: tr a-z A-Z < raw.txt > clean.txt && echo prepare >> $COUNT
    deps: [raw.txt]
    outs: [clean.txt]
  train:
    cmd:
      - mkdir -p model
      - cat clean.txt params.yaml > model/weights && echo train >> $COUNT
      - 'echo \"{}\" > metrics.json'
    deps: [clean.txt]
    params: [model.trees]
    outs: [model]
    metrics: [{metrics.json: {cache: false}}]
";

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) pipelines: Pipelines,
    pub(crate) db: Db,
    pub(crate) scope: Scope,
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl World {
    pub(crate) fn service(db: &Db, folder: &Path) -> Pipelines {
        let dirs = PipelineDirs {
            worktrees: folder.join("worktrees"),
            dvc_cache: folder.join("dvc-cache"),
        };
        let executor = Arc::new(LocalExecutor::new(Duration::from_secs(5)));
        Pipelines::new(
            db.clone(),
            Clock::replay(Time::from_micros(5)),
            dirs,
            executor,
        )
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        write(&self.repository(), files);
        git(&self.repository(), &["add", "-A"]);
        git(&self.repository(), &["commit", "-q", "-m", "x"]);
        git(&self.repository(), &["rev-parse", "HEAD"])
    }

    pub(crate) fn project(&self, subfolder: &str, commit: &str) -> Project {
        Project {
            name: "p".parse().unwrap(),
            git: self.repository().display().to_string(),
            subfolder: subfolder.to_owned(),
            commit: commit.to_owned(),
        }
    }

    pub(crate) fn spec(&self) -> ExecutionSpec {
        ExecutionSpec {
            id: ExecutionId::new(),
            project: "p".parse().unwrap(),
            stages: Vec::new(),
            inputs: Vec::new(),
            params: Vec::new(),
            env: vec![(
                "COUNT".to_owned(),
                self.folder.path().join("count").display().to_string(),
            )],
        }
    }

    pub(crate) fn count(&self) -> String {
        fs::read_to_string(self.folder.path().join("count"))
            .unwrap_or_default()
            .replace('\n', " ")
    }

    pub(crate) fn worktrees(&self) -> usize {
        let listed = git(
            &self.folder.path().join("worktrees/clones/default/p.git"),
            &["worktree", "list"],
        );
        listed.lines().count() - 1
    }
}

/// A world on each database, with the pipeline of two stages committed in `sub/`.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let world = World {
            pipelines: World::service(&db, folder.path()),
            folder,
            db,
            scope: Scope::local(),
        };
        fs::create_dir(world.repository()).unwrap();
        git(&world.repository(), &["init", "-q", "-b", "main"]);
        world.commit(&[
            ("sub/dvc.yaml", PIPELINE),
            ("sub/raw.txt", "abc\n"),
            ("sub/params.yaml", "# about\nmodel:\n  trees: 3 # few\n"),
            ("sub/.gitignore", "/clean.txt\n/model\n"),
        ]);
        worlds.push(world);
    }
    worlds
}
