//! Histories, projects and machines on which nothing can be played: each is said in one clear sentence.

use std::{fs, net::TcpListener, path::Path, process::Output};

use super::{
    history,
    player::{interrupted, replay_words, trimtab},
    project,
};

/// A folder with a project and a small history.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    project::write(&folder.path().join("project"), "3d");
    fs::write(
        folder.path().join("history.csv"),
        history::csv(&history::rows(20, 20)),
    )
    .unwrap();
    folder
}

fn replay(folder: &Path, more: &[&str]) -> Output {
    trimtab(folder)
        .args(replay_words("data", more))
        .output()
        .unwrap()
}

/// It ends with this code, says all of these words, and does not panic.
#[track_caller]
fn assert_says(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.starts_with("error: "), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not said: {said}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_history_with_wrong_columns_is_refused_by_name() {
    let folder = folder();
    let head = "id,time,distance,temp,load,carrier,late\n";
    let row = "a,2020-01-01T00:00:00Z,1,1,1,AA,0\n";
    for (text, words) in [
        (String::new(), &["history"][..]),
        (head.to_owned(), &["no rows"]),
        (
            format!("{}{}", head.replace("late", "delayed"), row),
            &["no column `late`", "delayed"],
        ),
        (
            format!("{}{}", head.replace("time", "when"), row),
            &["no column `time`"],
        ),
        (
            format!("{head}{}", row.replace("2020-01-01T00:00:00Z", "12.5")),
            &["column `time`", "not times", "hint:"],
        ),
        (
            format!("{head}{}", row.replace("2020-01-01T00:00:00Z", "soon")),
            &["column `time`", "row 1 has `soon`", "hint:"],
        ),
        (
            format!("{head}{row}{}", row.replace("2020-01-01T00:00:00Z", "")),
            &["column `time` is empty in row"],
        ),
        (format!("{head}{row}{row}"), &["id `a`", "more than once"]),
        (
            format!("{head}{}", row.replace("AA,0", "AA,never")),
            &["column `late`", "not a number"],
        ),
        (
            format!("{head}{}", row.replace("AA,0", "AA,")),
            &["column `late`", "no label"],
        ),
        (format!("{head}{row}1,2\n"), &["history.csv"]),
    ] {
        fs::write(folder.path().join("history.csv"), &text).unwrap();
        let output = replay(folder.path(), &[]);
        assert_says(&output, 1, words);
    }
    fs::remove_file(folder.path().join("history.csv")).unwrap();
    assert_says(&replay(folder.path(), &[]), 1, &["history.csv"]);
    fs::write(folder.path().join("history.csv"), [0xFF, 0xFE, 0, 1]).unwrap();
    assert_says(&replay(folder.path(), &[]), 1, &["history.csv"]);
    assert!(
        !folder.path().join("data").exists(),
        "a refused history leaves no folder"
    );
}

#[test]
fn times_that_leave_nothing_to_play_are_refused() {
    let folder = folder();
    for (more, words) in [
        (&["--until", "2019-12-01"][..], &["no row"][..]),
        (
            &["--train-until", "2021-01-01"],
            &["--train-until", "within the history", "hint:"],
        ),
        (
            &["--train-until", "2020-01-01T12:00:00Z"],
            &["no label is known"],
        ),
        (&["--endpoint", "delay"], &["no endpoint `delay`", "delays"]),
    ] {
        assert_says(&replay(folder.path(), more), 1, words);
    }
    let fault = "kind=unit,column=distanze,from=2020-01-12,to=2020-01-13";
    let output = replay(
        folder.path(),
        &["--train-until", "2020-01-10", "--fault", fault, "--exit"],
    );
    assert_says(&output, 1, &["`distanze`", "not an input"]);
    let wrong = replay(
        folder.path(),
        &["--fault", "kind=melt,from=2020-01-12,to=2020-01-13"],
    );
    assert_says(&wrong, 2, &["unknown kind `melt`", "unit, nulls, rename"]);
}

#[test]
fn a_misspelt_key_of_the_project_is_named_with_its_line_and_the_nearest() {
    let folder = folder();
    let file = folder.path().join("project/trimtab.yaml");
    let text = fs::read_to_string(&file).unwrap();
    for (wrong, words) in [
        (
            text.replace("row_key", "row_kee"),
            &["line 5", "`row_kee`", "`row_key`"][..],
        ),
        (
            text.replace("autonomy: act", "autonomie: act"),
            &["line 8", "`autonomie`", "`autonomy`"],
        ),
        (
            text.replace("autonomy: act", "autonomy: always"),
            &["always", "observe"],
        ),
        (
            text.replace("cooldown: 3d", "cooldown: soon"),
            &["line 17", "soon"],
        ),
        (
            text.replace("    monitor: delays", "    monitor: delay"),
            &["delay"],
        ),
        ("endpoints: [".to_owned(), &["line 1"]),
        (String::new(), &["project"]),
    ] {
        fs::write(&file, &wrong).unwrap();
        let output = replay(folder.path(), &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && !said.contains("panicked"),
            "{said}"
        );
        for word in words {
            assert!(
                said.contains(word),
                "`{word}` is not said of\n{wrong}: {said}"
            );
        }
        let _ = fs::remove_dir_all(folder.path().join("data"));
    }
    fs::remove_file(&file).unwrap();
    assert_says(&replay(folder.path(), &[]), 1, &["trimtab.yaml"]);
}

#[test]
fn a_project_that_cannot_be_trained_ends_the_replay_with_the_reason() {
    let folder = folder();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("trimtab.yaml"), "project: outside\n").unwrap();
    let words = replay_words("data", &[])
        .into_iter()
        .map(|word| if word == "project" { "outside" } else { word });
    let output = trimtab(folder.path()).args(words).output().unwrap();
    assert_says(&output, 1, &["git repository", "hint: git init"]);

    let history = fs::read_to_string(folder.path().join("history.csv")).unwrap();
    fs::write(
        folder.path().join("history.csv"),
        history.replace("load", "cargo"),
    )
    .unwrap();
    let output = replay(folder.path(), &["--train-until", "2020-01-10", "--exit"]);
    assert_says(
        &output,
        1,
        &["first model was not put into service", "`train`", "load"],
    );
}

#[test]
fn a_taken_port_and_a_data_folder_in_use_are_told() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = replay(folder.path(), &["--listen", &address]);
    assert_says(&output, 1, &[&address, "taken"]);

    let lock = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.path().join("data/LOCK"))
        .unwrap();
    lock.lock().unwrap();
    assert_says(
        &replay(folder.path(), &[]),
        1,
        &["data folder", "in use by another"],
    );
    drop(lock);

    fs::write(folder.path().join("file"), "").unwrap();
    let output = trimtab(folder.path())
        .args(replay_words("file", &[]))
        .output()
        .unwrap();
    assert_says(&output, 1, &["file", "hint:"]);
}

#[test]
fn gaps_and_ties_are_played() {
    let folder = folder();
    let mut rows = history::rows(16, 16);
    // A week without a row, and an hour in which every row has one time: more rows than one request takes.
    let noon = rows[14 * 200 + 100].time;
    for row in &mut rows[14 * 200 + 100..15 * 200] {
        row.time = noon;
    }
    for row in &mut rows[15 * 200..] {
        row.time = row.time + trimtab_types::Duration::from_days(7);
    }
    rows.reverse();
    fs::write(folder.path().join("history.csv"), history::csv(&rows)).unwrap();
    let output = replay(
        folder.path(),
        &["--train-until", "2020-01-15", "--exit", "--output", "json"],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("panicked"),
        "{said}"
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = &report["total"];
    assert_eq!(
        (&total["rows"], &total["labelled"], &total["failures"]),
        (&400.into(), &400.into(), &0.into())
    );
    // 50 requests before the tie, 100 rows at one time in two, 100 after the gap.
    assert_eq!(total["requests"], 50 + 2 + 100);
}

#[test]
fn ctrl_c_in_the_middle_ends_it_in_order() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = trimtab(folder.path());
    command.args(replay_words("data", &["--train-until", "2020-01-10"]));
    let output = interrupted(&mut command, |_| {
        // The first model's files are there: the history is being played, or about to be.
        while !data.join("models/default/delays/1/MLmodel").is_file() {
            std::thread::yield_now();
        }
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains("interrupted; what was played"), "{said}");
    assert!(output.stdout.is_empty(), "half a report is none");
    assert_eq!(output.status.code(), Some(130), "{said}");
    // The folder was left in order; and it is no folder for another replay.
    let again = replay(folder.path(), &["--train-until", "2020-01-10"]);
    assert_says(
        &again,
        1,
        &[
            "data folder data was used before",
            "its clock stands at",
            "hint:",
        ],
    );
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_played() {
    let folder = folder();
    for page in [
        "/proc/nope/report.html",
        "history.csv/report.html",
        "project",
    ] {
        let output = replay(folder.path(), &["--html", page, "--exit"]);
        assert_says(&output, 1, &[page, "cannot be written", "hint:"]);
    }
    assert!(!folder.path().join("data").exists());
}
