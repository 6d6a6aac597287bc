//! Registering projects.

use trimtab_pipeline::PipelineError;
use trimtab_types::{Coded, ErrorCode};

use crate::support::{git, worlds};

#[tokio::test]
async fn a_project_is_registered_at_a_commit_and_moved() {
    for world in worlds().await {
        let first = git(&world.repository(), &["rev-parse", "HEAD"]);
        let project = world
            .pipelines
            .register(&world.scope, world.project("./sub/", "HEAD"))
            .await
            .unwrap();
        assert_eq!(
            (project.commit.as_str(), project.subfolder.as_str()),
            (first.as_str(), "sub")
        );
        let second = world.commit(&[("sub/raw.txt", "new\n")]);
        git(&world.repository(), &["tag", "v1", &first]);
        for (wanted, commit) in [
            ("main", &second),
            ("v1", &first),
            (&second[..10], &second),
            ("", &second),
        ] {
            let moved = world
                .pipelines
                .register(&world.scope, world.project("sub", wanted))
                .await
                .unwrap();
            assert_eq!(moved.commit, *commit, "{wanted}");
        }
        assert_eq!(
            world
                .pipelines
                .project(&world.scope, &project.name)
                .await
                .unwrap()
                .commit,
            second
        );
        assert_eq!(
            world.pipelines.projects(&world.scope).await.unwrap().len(),
            1
        );
        // The repository was only read: no worktree, no ref of ours in it.
        assert_eq!(
            git(&world.repository(), &["worktree", "list"])
                .lines()
                .count(),
            1
        );
        assert!(!git(&world.repository(), &["for-each-ref"]).contains("trimtab"));
    }
}

#[tokio::test]
async fn what_cannot_be_executed_is_not_registered() {
    for world in worlds().await {
        world.commit(&[
            ("cycle/dvc.yaml", "stages:\n  a: {cmd: x, deps: [b], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n"),
            ("later/dvc.yaml", "stages:\n  a:\n    foreach: [1]\n    do: {cmd: x}\n"),
        ]);
        let refuse = async |subfolder: &str, commit: &str| {
            let error = world
                .pipelines
                .register(&world.scope, world.project(subfolder, commit))
                .await
                .unwrap_err();
            (error.to_string(), error.code())
        };
        let cases = [
            (
                "sub",
                "no-such-branch",
                "`no-such-branch` is not a commit of",
                ErrorCode::invalid("commit"),
            ),
            (
                "sub",
                "0000000000000000000000000000000000000000",
                "is not a commit of",
                ErrorCode::invalid("commit"),
            ),
            (
                "sub",
                "--upload-pack=x",
                "is not a commit of",
                ErrorCode::invalid("commit"),
            ),
            (
                "nowhere",
                "HEAD",
                "there is no nowhere/dvc.yaml at commit",
                ErrorCode::invalid("subfolder"),
            ),
            (
                "../x",
                "HEAD",
                "is not a path inside the project",
                ErrorCode::invalid("subfolder"),
            ),
            (
                "cycle",
                "HEAD",
                "the stages `a`, `b` depend on each other",
                ErrorCode::invalid("stages"),
            ),
            (
                "later",
                "HEAD",
                "later/dvc.yaml:3: `foreach` is not supported yet",
                ErrorCode::Unsupported,
            ),
        ];
        for (subfolder, commit, text, code) in cases {
            let (found, found_code) = refuse(subfolder, commit).await;
            assert!(found.contains(text), "{found}");
            assert_eq!(found_code, code, "{found}");
        }
        let mut elsewhere = world.project("", "HEAD");
        elsewhere.git = world.folder.path().join("none").display().to_string();
        let error = world
            .pipelines
            .register(&world.scope, elsewhere.clone())
            .await
            .unwrap_err();
        assert!(matches!(error, PipelineError::Git { .. }), "{error}");
        elsewhere.git = "ext::sh -c true".to_owned();
        assert!(matches!(
            world.pipelines.register(&world.scope, elsewhere).await,
            Err(PipelineError::Git { .. })
        ));
        let missing = world
            .pipelines
            .project(&world.scope, &"p".parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
    }
}
