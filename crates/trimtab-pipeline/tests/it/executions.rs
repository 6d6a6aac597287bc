//! Executions in worktrees.

use std::fs;

use serde_json::json;
use trimtab_pipeline::{ExecutionStatus, PipelineError, StageStatus};
use trimtab_types::{ExecutionId, Scope, WorkspaceId};

use crate::support::{World, worlds};

async fn registered() -> Vec<World> {
    let worlds = worlds().await;
    for world in &worlds {
        world
            .pipelines
            .register(&world.scope, world.project("sub", "HEAD"))
            .await
            .unwrap();
    }
    worlds
}

#[tokio::test]
async fn stages_run_in_a_worktree_with_inputs_and_params_put_in() {
    for world in registered().await {
        let mut spec = world.spec();
        let input = world.folder.path().join("input");
        fs::write(&input, "from outside\n").unwrap();
        spec.inputs = vec![("raw.txt".to_owned(), input.clone())];
        spec.params = vec![("model.trees".to_owned(), json!(7))];
        let execution = world
            .pipelines
            .execute(&world.scope, spec.clone())
            .await
            .unwrap();
        assert_eq!(
            execution.status,
            ExecutionStatus::Succeeded,
            "{execution:?}"
        );
        let stages: Vec<_> = execution
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.status))
            .collect();
        assert_eq!(
            stages,
            [("prepare", StageStatus::Ran), ("train", StageStatus::Ran)]
        );
        assert!(execution.lock.contains("model.trees: 7") && execution.ended_at.is_some());
        let to = world.folder.path().join("out");
        world
            .pipelines
            .checkout(&world.scope, spec.id, "model", &to)
            .await
            .unwrap();
        let weights = fs::read_to_string(to.join("weights")).unwrap();
        assert_eq!(weights, "FROM OUTSIDE\n# about\nmodel:\n  trees: 7 # few\n");
        // The user's tree was not touched, and the worktree is gone.
        assert_eq!(
            fs::read_to_string(world.repository().join("sub/raw.txt")).unwrap(),
            "abc\n"
        );
        assert!(!world.repository().join("sub/model").exists());
        assert_eq!(world.worktrees(), 0);

        // The same id again: the same answer, though the file is gone; another question under the id: refused.
        fs::remove_file(&input).unwrap();
        assert_eq!(
            world
                .pipelines
                .execute(&world.scope, spec.clone())
                .await
                .unwrap(),
            execution
        );
        assert_eq!(world.count(), "prepare train ");
        spec.params.clear();
        let error = world
            .pipelines
            .execute(&world.scope, spec)
            .await
            .unwrap_err();
        assert!(matches!(error, PipelineError::OtherSpec { .. }));
    }
}

#[tokio::test]
async fn unchanged_stages_are_taken_from_the_run_cache() {
    for world in registered().await {
        world
            .pipelines
            .execute(&world.scope, world.spec())
            .await
            .unwrap();
        let again = world
            .pipelines
            .execute(&world.scope, world.spec())
            .await
            .unwrap();
        assert!(
            again
                .stages
                .iter()
                .all(|stage| stage.status == StageStatus::Skipped),
            "{again:?}"
        );
        let mut other = world.spec();
        other.params = vec![("model.trees".to_owned(), json!(4))];
        let other = world.pipelines.execute(&world.scope, other).await.unwrap();
        let statuses: Vec<_> = other.stages.iter().map(|stage| stage.status).collect();
        assert_eq!(statuses, [StageStatus::Skipped, StageStatus::Ran]);
        assert_eq!(world.count(), "prepare train train ");
        assert!(again.lock.contains("model.trees: 3"));
        let listed = world
            .pipelines
            .executions(&world.scope, &"p".parse().unwrap(), None, 2)
            .await
            .unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].id, other.id);
    }
}

#[tokio::test]
async fn a_failed_stage_tells_why_and_ends_the_execution() {
    for world in worlds().await {
        for (pipeline, stages, text, log) in [
            (
                "stages:\n  a: {cmd: 'echo to the log; exit 3', outs: [x]}\n  b: {cmd: x, deps: [x]}\n",
                vec![],
                "`echo to the log; exit 3`: exit status 3",
                "to the log\n",
            ),
            (
                "stages:\n  a: {cmd: 'true', outs: [x]}\n",
                vec![],
                "the stage `a` did not make its output `x`",
                "",
            ),
            (
                "stages:\n  a: {cmd: 'true', deps: [nope.csv]}\n",
                vec![],
                "the stage `a` depends on `nope.csv`, which does not exist",
                "",
            ),
            (
                "stages:\n  a: {cmd: 'true', params: [modl.trees]}\n",
                vec![],
                "`modl.trees` is not in params.yaml; hint: did you mean `model.trees`?",
                "",
            ),
            (
                "stages:\n  train: {cmd: 'true'}\n",
                vec!["trian".to_owned()],
                "there is no stage `trian`; hint: did you mean `train`?",
                "",
            ),
        ] {
            world.commit(&[("sub/dvc.yaml", pipeline)]);
            world
                .pipelines
                .register(&world.scope, world.project("sub", "HEAD"))
                .await
                .unwrap();
            let mut spec = world.spec();
            spec.stages = stages;
            let execution = world.pipelines.execute(&world.scope, spec).await.unwrap();
            assert_eq!(execution.status, ExecutionStatus::Failed);
            assert!(
                execution.message.as_ref().unwrap().contains(text),
                "{execution:?}"
            );
            if let Some(stage) = execution.stages.first() {
                assert_eq!(
                    (stage.log_tail.as_str(), stage.status),
                    (log, StageStatus::Failed)
                );
            }
            assert!(execution.stages.len() <= 1 && world.worktrees() == 0);
        }
    }
}

#[tokio::test]
async fn bad_inputs_and_params_fail_for_good() {
    for world in registered().await {
        let outcome = async |dep: &str, key: &str, value: serde_json::Value| {
            let mut spec = world.spec();
            spec.inputs = vec![(dep.to_owned(), world.folder.path().join("no-such-file"))];
            if dep.is_empty() {
                spec.inputs.clear();
            }
            spec.params = vec![(key.to_owned(), value)];
            if key.is_empty() {
                spec.params.clear();
            }
            match world.pipelines.execute(&world.scope, spec).await {
                Ok(execution) => (Some(execution.status), execution.message.unwrap()),
                Err(error) => (None, error.to_string()),
            }
        };
        let (status, message) = outcome("raw.txt", "", json!(0)).await;
        assert_eq!(status, Some(ExecutionStatus::Failed));
        assert!(message.contains("no-such-file at `raw.txt`"), "{message}");
        for path in ["../x", "/etc/x", "", ".git/config", "a/../../x"] {
            if path.is_empty() {
                continue;
            }
            let (status, message) = outcome(path, "", json!(0)).await;
            assert!(
                status.is_none() && message.contains("is not a path inside"),
                "{message}"
            );
        }
        let (status, message) = outcome("", "model.tree", json!(0)).await;
        assert!(
            status == Some(ExecutionStatus::Failed)
                && message.contains("did you mean `model.trees`"),
            "{message}"
        );
        let (status, message) = outcome("", "../params.yaml:a", json!(0)).await;
        assert!(
            status == Some(ExecutionStatus::Failed) && message.contains("is not a path inside"),
            "{message}"
        );
        let none = world
            .pipelines
            .execution(&world.scope, ExecutionId::new())
            .await
            .unwrap_err();
        assert!(matches!(none, PipelineError::NoExecution { .. }));
    }
}

#[tokio::test]
async fn an_execution_broken_off_goes_on_where_it_stopped() {
    for world in worlds().await {
        // The second stage stops at a gate, the first time.
        let gate = world.folder.path().join("gate");
        let pipeline = format!(
            "stages:\n  one: {{cmd: 'echo one >> $COUNT; touch a', outs: [a]}}\n  two:\n    cmd: echo two >> $COUNT; echo $$ > {gate}.pid; if [ ! -e {gate} ]; then sleep 1000 & wait; fi; touch b\n    deps: [a]\n    outs: [b]\n",
            gate = gate.display()
        );
        world.commit(&[("sub/dvc.yaml", &pipeline)]);
        world
            .pipelines
            .register(&world.scope, world.project("sub", "HEAD"))
            .await
            .unwrap();
        let spec = world.spec();
        let pid = gate.with_extension("pid");
        tokio::select! {
            done = world.pipelines.execute(&world.scope, spec.clone()) => panic!("ended: {done:?}"),
            () = async { while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) { tokio::task::yield_now().await } } => {}
        }
        // Dropped: the command is gone, the execution is on the books.
        let pid = fs::read_to_string(pid).unwrap();
        while fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
            .is_ok_and(|stat| !stat.contains(") Z "))
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            world.pipelines.running(&world.scope).await.unwrap(),
            [spec.id]
        );
        let half = world
            .pipelines
            .execution(&world.scope, spec.id)
            .await
            .unwrap();
        assert_eq!(
            (half.status, half.stages.len()),
            (ExecutionStatus::Running, 1)
        );

        // Another process of ours, later; a half-made worktree is another way to die.
        fs::write(&gate, "").unwrap();
        let later = World::service(&world.db, world.folder.path());
        let whole = later.execute(&world.scope, spec.clone()).await.unwrap();
        assert_eq!(whole.status, ExecutionStatus::Succeeded, "{whole:?}");
        let statuses: Vec<_> = whole.stages.iter().map(|stage| stage.status).collect();
        assert_eq!(statuses, [StageStatus::Ran, StageStatus::Ran]);
        assert_eq!(world.count(), "one two two ");
        assert!(later.running(&world.scope).await.unwrap().is_empty());

        let torn = world.spec();
        fs::create_dir_all(
            whole
                .worktree
                .parent()
                .unwrap()
                .join(torn.id.to_string())
                .join("tree/sub"),
        )
        .unwrap();
        let torn = later.execute(&world.scope, torn).await.unwrap();
        assert_eq!(torn.status, ExecutionStatus::Succeeded, "{torn:?}");
    }
}

#[tokio::test]
async fn cancelling_ends_the_command_and_the_execution() {
    for world in worlds().await {
        let started = world.folder.path().join("started");
        let pipeline = format!(
            "stages:\n  a: {{cmd: 'echo x > {}; sleep 1000', outs: [x]}}\n",
            started.display()
        );
        world.commit(&[("sub/dvc.yaml", &pipeline)]);
        world
            .pipelines
            .register(&world.scope, world.project("sub", "HEAD"))
            .await
            .unwrap();
        let spec = world.spec();
        let second = world.pipelines.clone();
        let (done, waited, ()) = tokio::join!(
            world.pipelines.execute(&world.scope, spec.clone()),
            second.execute(&world.scope, spec.clone()),
            async {
                while !started.exists() {
                    tokio::task::yield_now().await;
                }
                world.pipelines.cancel(&world.scope, spec.id).await.unwrap();
            }
        );
        let done = done.unwrap();
        assert_eq!(done.status, ExecutionStatus::Cancelled, "{done:?}");
        assert_eq!(waited.unwrap(), done);
        // It is over: cancelling again changes nothing.
        world.pipelines.cancel(&world.scope, spec.id).await.unwrap();
        assert_eq!(
            world
                .pipelines
                .execution(&world.scope, spec.id)
                .await
                .unwrap(),
            done
        );
    }
}

#[tokio::test]
async fn folders_may_be_given_relative() {
    for world in registered().await {
        let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
        let absolute = world.folder.path().join("elsewhere");
        let relative = format!("{up}{}", absolute.strip_prefix("/").unwrap().display());
        let pipelines = World::service(&world.db, relative.as_ref());
        let execution = pipelines.execute(&world.scope, world.spec()).await.unwrap();
        assert_eq!(
            execution.status,
            ExecutionStatus::Succeeded,
            "{execution:?}"
        );
        assert!(absolute.join("dvc-cache/files").exists());
    }
}

#[tokio::test]
async fn another_workspace_sees_nothing() {
    for world in registered().await {
        let execution = world
            .pipelines
            .execute(&world.scope, world.spec())
            .await
            .unwrap();
        let mut other = Scope::local();
        other.workspace = WorkspaceId::new("other").unwrap();
        assert!(matches!(
            world.pipelines.execution(&other, execution.id).await,
            Err(PipelineError::NoExecution { .. })
        ));
        assert!(matches!(
            world.pipelines.cancel(&other, execution.id).await,
            Err(PipelineError::NoExecution { .. })
        ));
        assert!(matches!(
            world.pipelines.project(&other, &execution.project).await,
            Err(PipelineError::NoProject { .. })
        ));
        assert!(matches!(
            world.pipelines.execute(&other, world.spec()).await,
            Err(PipelineError::NoProject { .. })
        ));
    }
}
