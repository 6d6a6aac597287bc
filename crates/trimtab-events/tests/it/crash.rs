//! A process that is killed loses nothing that was written.

use std::{
    collections::HashSet,
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use trimtab_db::Db;
use trimtab_telemetry::Tasks;

use crate::support::{ALL, all, by_key, day, event, keys, open, scope};

const CHILD: &str = "TRIMTAB_TEST_CRASH_CHILD";
const ROUND: &str = "TRIMTAB_TEST_CRASH_ROUND";

async fn database(folder: &Path) -> Db {
    let db = Db::open_sqlite(&folder.join("trimtab.db")).unwrap();
    db.migrate(ALL).await.unwrap();
    db
}

/// The body of the child: logs, flushes, says what is written, seals now and then, until it is killed.
#[tokio::test]
async fn child_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let round = std::env::var(ROUND).unwrap();
    let folder = PathBuf::from(folder);
    let db = database(&folder).await;
    let log = open(&folder.join("events"), &db, &Tasks::new()).await;
    for number in 0_i64.. {
        let key = format!("{round}-{number:08}");
        log.log_prediction(event(day(number % 40), &[&key]));
        if number % 50 == 49 {
            log.flush().await.unwrap();
            let (prediction, label) = (number + 1, number);
            log.post_feedback(
                &scope(),
                vec![by_key(&format!("{round}-{label:08}"), day(50), 1.0)],
            )
            .await
            .unwrap();
            println!("\nWRITTEN {prediction}");
        }
        if number % 1_000 == 999 {
            let log = log.clone();
            Tasks::new().spawn("seal", async move {
                let _ = log.seal().await;
            });
        }
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    // Killed at different moments, each time on what the last one left.
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut written = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(count) = line.unwrap().strip_prefix("WRITTEN ") {
                written = count.parse().unwrap();
                if written >= 400 * round {
                    child.kill().unwrap();
                    break;
                }
            }
        }
        child.wait().unwrap();
        let db = database(folder.path()).await;
        let log = open(&folder.path().join("events"), &db, &Tasks::new()).await;
        for is_sealed in [false, true] {
            if is_sealed {
                log.seal().await.unwrap();
            }
            let rows = keys(&log.predictions(&all()).await.unwrap());
            assert!(rows.len() >= before + written, "{} rows", rows.len());
            let distinct: HashSet<&String> = rows.iter().collect();
            assert_eq!(distinct.len(), rows.len(), "each row is there once");
            let counts = log.counts();
            assert_eq!(counts.written, rows.len() as u64);
            assert_eq!(counts.accepted, counts.written + counts.lost);
            let labels = log.labelled(&all(), day(60)).await.unwrap();
            assert!(
                keys(&labels).len() >= (before + written) / 50,
                "each answered feedback is there"
            );
        }
        before += written;
        log.close().await;
        db.close().await;
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let events = folder.path().join("events");
    let tasks = Tasks::new();
    let log = open(&events, &db, &tasks).await;
    log.log_prediction(event(day(0), &["a"]));
    log.log_prediction(event(day(0), &["b"]));
    log.close().await;
    drop(log);
    let wal = only_wal(&events);
    let whole = std::fs::metadata(&wal).unwrap().len();
    OpenOptions::new()
        .append(true)
        .open(&wal)
        .unwrap()
        .write_all(&[9, 0, 0, 0, 1, 2, 3])
        .unwrap();
    let before = std::fs::read(&wal).unwrap();
    // A lost last byte takes its record with it, and only that.
    for (content, expected) in [
        (&before[..], &["a", "b"][..]),
        (&before[..usize::try_from(whole).unwrap() - 1], &["a"]),
        (&before[..10], &[]),
    ] {
        let copy = tempfile::tempdir().unwrap();
        let db = database(copy.path()).await;
        let target = copy
            .path()
            .join("events")
            .join(wal.strip_prefix(&events).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(&target, content).unwrap();
        let log = open(&copy.path().join("events"), &db, &tasks).await;
        log.log_prediction(event(day(1), &["c"]));
        log.flush().await.unwrap();
        let rows = keys(&log.predictions(&all()).await.unwrap());
        assert_eq!(rows[..rows.len() - 1], *expected);
        assert_eq!(rows[rows.len() - 1], "c");
        log.close().await;
    }
}

#[tokio::test]
async fn a_kill_between_the_manifest_and_the_end_of_the_log_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let events = folder.path().join("events");
    let log = open(&events, &db, &Tasks::new()).await;
    log.log_prediction(event(day(0), &["a"]));
    log.post_feedback(&scope(), vec![by_key("a", day(1), 1.0)])
        .await
        .unwrap();
    let wal = only_wal(&events);
    let before = std::fs::read(&wal).unwrap();
    log.seal().await.unwrap();
    log.close().await;
    drop(log);
    // As if the process had been killed before it removed the file.
    std::fs::write(&wal, before).unwrap();
    let log = open(&events, &db, &Tasks::new()).await;
    assert_eq!(keys(&log.predictions(&all()).await.unwrap()), ["a"]);
    assert!(!wal.exists());
    let counts = log.counts();
    assert_eq!((counts.accepted, counts.written, counts.lost), (1, 1, 0));
    log.post_feedback(&scope(), vec![by_key("a", day(1), 0.0)])
        .await
        .unwrap();
    let labels = log.labelled(&all(), day(2)).await.unwrap();
    assert_eq!(crate::support::texts(&labels, "label"), ["0.0"]);
    log.close().await;
}

#[tokio::test]
async fn files_of_a_newer_program_and_foreign_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let events = folder.path().join("events");
    let log = open(&events, &db, &Tasks::new()).await;
    log.log_prediction(event(day(0), &["a"]));
    log.close().await;
    drop(log);
    let wal = only_wal(&events);
    let bytes = std::fs::read(&wal).unwrap();
    for (at, expected) in [
        (8, "has format 9"),
        (0, "is not a write-ahead log"),
        (13, "damaged head"),
    ] {
        let mut damaged = bytes.clone();
        damaged[at] = 9;
        std::fs::write(&wal, damaged).unwrap();
        let refused = trimtab_events::EventLog::open(
            &events,
            db.clone(),
            trimtab_types::Clock::system(),
            &Tasks::new(),
        )
        .await;
        let error = refused.unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains(".wal"),
            "{error}"
        );
    }
}

fn only_wal(events: &Path) -> PathBuf {
    let writer = std::fs::read_dir(events.join("wal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut wals: Vec<PathBuf> = std::fs::read_dir(writer)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "wal"))
        .collect();
    wals.sort();
    assert_eq!(wals.len(), 1);
    wals.remove(0)
}
