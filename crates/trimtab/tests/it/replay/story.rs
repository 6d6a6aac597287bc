//! One history with everything in it, played twice: the world changes, distances come in kilometres, labels come
//! flipped, and at the end an operator sends a bad version past the gate.

use std::{collections::BTreeSet, fs, path::Path, thread};

use serde_json::{Value, json};
use trimtab_types::{Duration, Time};

use super::{
    history::{self, Row},
    left,
    player::{Played, replay_words, trimtab},
    project,
};

const KILOMETRES: (&str, &str) = ("2020-02-06", "2020-02-09");
const FLIPPED: (&str, &str) = ("2020-02-20", "2020-02-27");
const UNTIL: &str = "2020-02-28";
/// Its history goes on after the replay: the test plays these days by hand.
const DAYS: u32 = 76;
const CHANGE: u32 = 18;

fn play(folder: &Path, data_dir: &str) -> Played {
    let unit = format!(
        "kind=unit,column=distance,from={},to={}",
        KILOMETRES.0, KILOMETRES.1
    );
    let labels = format!("kind=labels,from={},to={}", FLIPPED.0, FLIPPED.1);
    let more = [
        "--output",
        "json",
        "--train-until",
        "2020-01-15",
        "--until",
        UNTIL,
        "--fault",
        &unit,
        "--fault",
        &labels,
    ];
    Played::new(trimtab(folder).args(replay_words(data_dir, &more)))
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn within(row: &Row, (from, to): (&str, &str)) -> bool {
    time(from) <= row.time && row.time < time(to)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_found_and_not_learned_from_and_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project::write(&folder.join("project"), "3d");
    let rows = history::rows(DAYS, CHANGE);
    fs::write(folder.join("history.csv"), history::csv(&rows)).unwrap();
    let (played, again) = thread::scope(|scope| {
        let again = scope.spawn(|| play(folder, "again"));
        (play(folder, "first"), again.join().unwrap())
    });

    same(&played, &again);
    again.stop();
    the_world_changed(&played);
    kilometres_are_named(&played).await;
    flipped_windows_are_told(&played);
    flipped_training_is_refused(&played, &rows).await;
    let refused = newest_refused(&played).await;
    let sent_at = a_bad_version_is_sent_back(&played, &rows, refused).await;
    lineage_both_ways(&played, folder, &rows).await;

    let plans = played.all("plans").await;
    assert!(
        plans.iter().all(|plan| plan["state"] != "running"),
        "a plan did not end"
    );
    let quarantines = played.all("quarantines?endpoint=delays").await;
    played.stop();
    let left = left::read(&folder.join("first"), "delays", "id").await;
    left.assert_traffic_is_whole();
    let faulted: BTreeSet<&str> = rows
        .iter()
        .filter(|row| within(row, KILOMETRES) || within(row, FLIPPED))
        .map(|row| row.id.as_str())
        .collect();
    left.assert_training_is_clean(&plans, &quarantines, &faulted);
    share_stayed_at_the_first_step(&left, refused, sent_at);
}

/// The same decisions and the same figures, but for what was measured with a clock on the wall.
fn same(played: &Played, again: &Played) {
    assert_eq!(played.decisions(), again.decisions());
    let figures = |played: &Played| {
        let mut periods = played.report["periods"].clone();
        for period in periods.as_array_mut().unwrap() {
            let period = period.as_object_mut().unwrap();
            period.remove("p50_ms");
            period.remove("p99_ms");
        }
        periods
    };
    assert_eq!(figures(played), figures(again));
    assert_eq!(played.report["total"]["failures"], 0);
}

fn the_world_changed(played: &Played) {
    let promoted = played
        .decisions()
        .iter()
        .filter(|(_, kind, _)| *kind == "promoted")
        .count();
    assert!(
        promoted >= 2,
        "the loop did not follow the change: {:#?}",
        played.decisions()
    );
    let week = played.report["periods"]
        .as_array()
        .unwrap()
        .iter()
        .find(|period| period["name"] == "2020-02-05");
    let loss = &week.unwrap()["metrics"][1];
    assert_eq!(loss["metric"], "log_loss");
    assert!(loss["served"].as_f64() < loss["frozen"].as_f64(), "{loss}");
}

async fn kilometres_are_named(played: &Played) {
    let alert = played.report["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["kind"] == "alert" && entry["evidence"]["kind"] == "checks");
    let alert = alert.unwrap();
    let text = alert["text"].as_str().unwrap();
    assert!(
        text.contains("distance") && text.contains("kilometres"),
        "{text}"
    );
    let quarantines = played.all("quarantines?endpoint=delays").await;
    let (from, to) = (time(KILOMETRES.0), time(KILOMETRES.1));
    let covers = |quarantine: &&Value| {
        time(quarantine["from"].as_str().unwrap()) <= from
            && to <= time(quarantine["to"].as_str().unwrap())
    };
    let found = quarantines.iter().find(covers).unwrap();
    assert!(
        found["cause"].as_str().unwrap().contains("kilometres"),
        "{found}"
    );
}

fn failed_checks(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().into_iter().flatten();
    checks
        .filter(|check| check["passed"] == false)
        .filter_map(|check| check["name"].as_str())
        .collect()
}

/// Told as what they are, by the monitor or by the gate, whichever sees them first.
fn flipped_windows_are_told(played: &Played) {
    let timeline = played.report["timeline"].as_array().unwrap();
    let told = timeline.iter().any(|entry| {
        let is_alert = entry["kind"] == "alert" && entry["evidence"]["kind"] == "labels";
        let is_refused = entry["kind"] == "gate_refused"
            && failed_checks(&entry["evidence"])
                .iter()
                .any(|check| check.starts_with("label"));
        is_alert || is_refused
    });
    assert!(told, "{:#?}", played.decisions());
}

/// Two weeks and more that end before the window on which their model is judged, flipped in their last days: enough to spoil
/// a model, too little for the balance of labels.
async fn flipped_training_is_refused(played: &Played, rows: &[Row]) {
    let table: Vec<Row> = rows
        .iter()
        .filter(|row| {
            within(row, ("2020-01-19", "2020-02-06")) || within(row, ("2020-02-09", "2020-02-13"))
        })
        .cloned()
        .map(|mut row| {
            if row.time >= time("2020-02-01") {
                row.late = 1 - row.late;
            }
            row
        })
        .collect();
    let dataset = played
        .send(
            "datasets?name=flipped&file=flipped.csv&time_column=time",
            "text/csv",
            history::csv(&table),
        )
        .await;
    let fired = played
        .post(
            "triggers/retrain/fire",
            &json!({ "dataset": dataset["id"] }),
        )
        .await;
    advance(played, time(UNTIL) + Duration::from_days(3)).await;
    let plan = played
        .get(&format!("plans/{}", fired["plan"].as_str().unwrap()))
        .await;
    assert_eq!(plan["state"], "refused", "{plan:#}");
    let gate = &plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == "gate")
        .unwrap()["output"];
    assert_eq!(failed_checks(gate), ["loss"], "{gate:#}");
    assert!(gate["difference"]["low"].as_f64() > Some(0.0), "{gate:#}");
}

async fn newest_refused(played: &Played) -> i64 {
    let plans = played.all("plans").await;
    let refused = plans
        .iter()
        .find(|plan| plan["state"] == "refused")
        .unwrap();
    let steps = refused["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["name"] == "register")
        .unwrap()["output"]["version"]
        .as_i64()
        .unwrap()
}

async fn advance(played: &Played, to: Time) {
    played.post("clock", &json!({ "to": to })).await;
}

async fn a_bad_version_is_sent_back(played: &Played, rows: &[Row], version: i64) -> Time {
    let sent_at = time(played.get("clock").await["now"].as_str().unwrap());
    let body = json!({ "endpoint": "delays", "version": version, "skip_gate": true });
    let sent = played.post("rollouts", &body).await;
    let rollout = format!("rollouts/{}", sent["rollout"].as_str().unwrap());
    advance(played, sent_at).await;
    assert_eq!(played.get(&rollout).await["weight"], 500);
    let mut day = sent_at;
    loop {
        let next = day + Duration::from_days(1);
        let today: Vec<&Row> = rows
            .iter()
            .filter(|row| day <= row.time && row.time < next)
            .collect();
        assert!(
            !today.is_empty(),
            "the bad version is still there when the history ends"
        );
        for pair in today.chunks(2) {
            predict(played, pair).await;
        }
        let labels: Vec<Value> = today
            .iter()
            .map(|row| json!({ "row_key": row.id, "value": row.late, "event_time": row.time + Duration::from_hours(1) }))
            .collect();
        played
            .post(
                "feedback",
                &json!({ "endpoint": "delays", "items": labels }),
            )
            .await;
        day = next;
        advance(played, day).await;
        let rollout = played.get(&rollout).await;
        assert!(rollout["weight"].as_u64() <= Some(500), "{rollout}");
        if rollout["state"] != "running" {
            assert_eq!(rollout["state"], "rolled_back", "{rollout:#}");
            assert!(
                rollout["outcome"].as_str().unwrap().contains("quality"),
                "{rollout:#}"
            );
            return sent_at;
        }
    }
}

/// One request as the replay sends it, in JSON; answers its id.
async fn predict(played: &Played, rows: &[&Row]) -> String {
    let input = |name: &str, kind: &str, data: Vec<Value>| json!({ "name": name, "datatype": kind, "shape": [data.len(), 1], "data": data });
    let column =
        |value: fn(&Row) -> Value| rows.iter().map(|row| value(row)).collect::<Vec<Value>>();
    let body = json!({ "inputs": [
        input("distance", "FP32", column(|row| json!(row.distance))),
        input("temp", "FP32", column(|row| json!(row.temp))),
        input("load", "FP32", column(|row| json!(row.load))),
        input("carrier", "BYTES", column(|row| json!(row.carrier))),
        input("id", "BYTES", column(|row| json!(row.id))),
    ] });
    let headers = [
        ("x-trimtab-key", rows[0].id.clone()),
        ("x-trimtab-event-time", rows[0].time.to_string()),
    ];
    played.infer("delays", &body, &headers).await
}

fn share_stayed_at_the_first_step(left: &left::Left, version: i64, sent_at: Time) {
    let since = left.traffic.iter().filter(|(at, _)| *at >= sent_at);
    let weights: Vec<u64> = since
        .filter_map(|(_, traffic)| traffic["canary_weight"].as_u64())
        .collect();
    assert_eq!(weights, [500]);
    let served = left
        .predictions
        .iter()
        .filter(|p| p.served && p.time >= sent_at);
    let (by_it, all) = served.fold((0, 0), |(it, all), p| {
        (it + u32::from(p.version == version), all + 1)
    });
    assert!(by_it > 0, "it answered nothing, so nothing was tried");
    assert!(f64::from(by_it) < 0.15 * f64::from(all), "{by_it} of {all}");
}

async fn lineage_both_ways(played: &Played, folder: &Path, rows: &[Row]) {
    let last = [rows.last().unwrap()];
    let id = predict(played, &last).await;
    let back = played.ask(folder, &["lineage", "prediction", &id]);
    assert_eq!(back["direction"], "upstream");
    let ends: BTreeSet<&str> = back["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["to"]["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "revision",
        "model_version",
        "run",
        "dataset_version",
        "commit",
    ] {
        assert!(ends.contains(kind), "{kind} is missing: {back:#}");
    }
    let datasets = played.all("datasets?name=delays-training").await;
    let first = datasets
        .iter()
        .find(|dataset| dataset["number"] == 1)
        .unwrap();
    let forward = played.ask(
        folder,
        &["lineage", "dataset", first["id"].as_str().unwrap()],
    );
    assert_eq!(forward["direction"], "downstream");
    let touched = &forward["predictions"][0];
    assert_eq!(
        (touched["endpoint"].as_str(), &touched["versions"]),
        (Some("delays"), &json!([1])),
        "{forward:#}"
    );
    assert!(touched["rows"].as_u64() > Some(1_000), "{touched}");
    assert_eq!(time(touched["from"].as_str().unwrap()), time("2020-01-15"));
    assert!(
        time(touched["to"].as_str().unwrap()) < time(UNTIL),
        "{touched}"
    );
}
