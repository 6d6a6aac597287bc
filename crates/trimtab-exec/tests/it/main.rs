//! Local jobs, with real processes.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{fs, path::Path, time::Duration};

use trimtab_exec::{
    CancellationToken, ExecError, Executor, Finished, Job, LocalExecutor, LogSink, Outcome,
    log_tail,
};

fn job(folder: &Path, script: &str) -> Job {
    Job {
        name: "test".to_owned(),
        argv: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
        cwd: folder.to_owned(),
        env: vec![("GREETING".to_owned(), "hello".to_owned())],
        env_remove: vec!["HOME".to_owned()],
        log: LogSink::File(folder.join("logs/job.log")),
        timeout: None,
        marker: Some(folder.join("marker")),
    }
}

async fn run(job: Job) -> Finished {
    LocalExecutor::default()
        .run(job, CancellationToken::new())
        .await
        .unwrap()
}

/// Waits until the job has written this file: readiness is an event of the job, not a guess about its speed.
async fn until_written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => tokio::task::yield_now().await,
        }
    }
}

fn is_alive(pid: &str) -> bool {
    // A zombie still has a folder there; its state is Z.
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until_dead(pid: &str) {
    while is_alive(pid) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn output_environment_and_exit_status_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let finished = run(job(
        folder.path(),
        "echo $GREETING ${HOME-none}; echo oops >&2; exit 3",
    ))
    .await;
    assert_eq!(finished.outcome, Outcome::Exited(3));
    assert_eq!(
        fs::read_to_string(folder.path().join("logs/job.log")).unwrap(),
        "hello none\noops\n"
    );
    assert_eq!(log_tail(&folder.path().join("logs/job.log"), 7), "oops\n");
    assert_eq!(log_tail(Path::new("/nowhere"), 7), "");
    assert!(!folder.path().join("marker").exists());
}

#[tokio::test]
async fn what_a_job_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let finished = run(job(folder.path(), "sleep 1000 & echo $! > child")).await;
    assert!(finished.outcome.is_success());
    until_dead(&until_written(&folder.path().join("child")).await).await;
}

#[tokio::test]
async fn a_job_ends_when_its_time_is_over_and_hears_of_it_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = job(
        folder.path(),
        "trap 'echo bye > bye; exit 0' TERM; sleep 1000 & wait",
    );
    slow.timeout = Some(Duration::from_millis(300));
    assert_eq!(run(slow).await.outcome, Outcome::TimedOut);
    assert_eq!(
        fs::read_to_string(folder.path().join("bye")).unwrap(),
        "bye\n"
    );
}

#[tokio::test]
async fn a_job_that_will_not_end_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let stubborn = job(
        folder.path(),
        "trap '' TERM; (trap '' TERM; echo ready > ready; while :; do sleep 1000; done) & echo $! > child; wait; wait",
    );
    let executor = LocalExecutor::new(Duration::from_millis(50));
    let (finished, child) = tokio::join!(executor.run(stubborn, cancel.clone()), async {
        until_written(&folder.path().join("ready")).await;
        let child = until_written(&folder.path().join("child")).await;
        cancel.cancel();
        child
    });
    assert_eq!(finished.unwrap().outcome, Outcome::Cancelled);
    until_dead(&child).await;
    // Told before it began, it does not begin.
    let late = executor
        .run(job(folder.path(), "echo begun > begun"), cancel)
        .await
        .unwrap();
    assert_eq!(late.outcome, Outcome::Cancelled);
    assert!(!folder.path().join("begun").exists());
}

#[tokio::test]
async fn dropping_the_future_kills_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let executor = LocalExecutor::default();
    let path = folder.path().join("child");
    let child = tokio::select! {
        finished = executor.run(job(folder.path(), "sleep 1000 & echo $! > child; wait"), CancellationToken::new()) => {
            panic!("ended: {finished:?}")
        }
        child = until_written(&path) => child,
    };
    until_dead(&child).await;
}

#[tokio::test]
async fn a_later_process_ends_what_a_killed_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    let executor = LocalExecutor::default();
    let child = tokio::select! {
        finished = executor.run(job(folder.path(), "sleep 1000 & echo $! > child; wait"), CancellationToken::new()) => {
            assert_eq!(finished.unwrap().outcome, Outcome::Signalled(9));
            until_written(&folder.path().join("child")).await
        }
        () = async {
            until_written(&folder.path().join("child")).await;
            until_written(&marker).await;
            // As after kill -9: nobody waits, and all that is known is the marker.
            assert!(executor.reap(&marker).await.unwrap());
            std::future::pending::<()>().await;
        } => unreachable!(),
    };
    until_dead(&child).await;
    assert!(!executor.reap(&marker).await.unwrap());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut missing = job(folder.path(), "");
    missing.argv = vec!["no-such-program".to_owned()];
    let error = LocalExecutor::default()
        .run(missing, CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(&error, ExecError::Start { program, .. } if program == "no-such-program"));
    assert!(trimtab_types::Coded::hint(&error).unwrap().contains("PATH"));
    let mut empty = job(folder.path(), "");
    empty.argv.clear();
    assert!(matches!(
        LocalExecutor::default()
            .run(empty, CancellationToken::new())
            .await,
        Err(ExecError::Empty { .. })
    ));
}
