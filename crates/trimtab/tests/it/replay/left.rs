//! What a run left behind in its data folder, read when its process is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use serde_json::Value;
use trimtab_blob::BlobStore;
use trimtab_data::{Data, DatasetSource, DatasetVersion};
use trimtab_db::Db;
use trimtab_events::{EventLog, Scan};
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Scope, Time};

/// An event of the log.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    pub(super) id: String,
    pub(super) time: Time,
    pub(super) key: String,
    pub(super) served: bool,
    pub(super) version: i64,
}

/// A training dataset version with its rows.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) version: DatasetVersion,
    pub(super) rows: Vec<(String, Option<Time>)>,
}

#[derive(Debug)]
pub(super) struct Left {
    pub(super) predictions: Vec<Prediction>,
    pub(super) datasets: Vec<Dataset>,
    /// Every change of the endpoint's traffic, in order.
    pub(super) traffic: Vec<(Time, Value)>,
}

/// Reads everything of one endpoint; `key` is its row key.
pub(super) async fn read(folder: &Path, endpoint: &str, key: &str) -> Left {
    let db = Db::open_sqlite(&folder.join("trimtab.db")).unwrap();
    let clock = Clock::replay(db.outbox_time().await.unwrap().unwrap());
    let tasks = Tasks::new();
    let scope = Scope::local();
    let blobs = BlobStore::open(&folder.join("blobs"), db.clone(), clock.clone())
        .await
        .unwrap();
    let events = EventLog::open(&folder.join("events"), db.clone(), clock.clone(), &tasks)
        .await
        .unwrap();
    let data = Data::new(db.clone(), clock, blobs, events.clone());

    let scan = Scan {
        workspace: scope.workspace.clone(),
        endpoint: endpoint.parse().unwrap(),
        from: Time::MIN,
        to: Time::MAX,
        served_as: None,
        columns: None,
    };
    let batches = events.predictions(&scan).await.unwrap();
    let predictions = batches.iter().flat_map(predictions).collect();

    let mut datasets = Vec::new();
    for version in data.list(&scope, None, None, 500).await.unwrap().items {
        let batches = data.read(&scope, version.id).await.unwrap();
        let rows = batches.iter().flat_map(|batch| rows(batch, key)).collect();
        datasets.push(Dataset { version, rows });
    }

    let mut traffic = Vec::new();
    let mut seq = 0;
    loop {
        let messages = db.outbox_since(&scope.workspace, seq, 500).await.unwrap();
        let Some(last) = messages.last() else { break };
        seq = last.seq;
        let of_traffic = messages
            .into_iter()
            .filter(|message| message.topic == "serving.traffic-set");
        traffic.extend(of_traffic.map(|message| (message.at, message.payload)));
    }
    events.close().await;
    tasks.shutdown(std::time::Duration::from_secs(5)).await;
    db.close().await;
    Left {
        predictions,
        datasets,
        traffic,
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column
        .iter()
        .map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

fn times(batch: &RecordBatch, name: &str) -> Vec<Option<Time>> {
    let Some(column) = batch
        .column_by_name(name)
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
    else {
        return vec![None; batch.num_rows()];
    };
    column
        .iter()
        .map(|micros| micros.map(Time::from_micros))
        .collect()
}

fn predictions(batch: &RecordBatch) -> Vec<Prediction> {
    let (ids, keys, served) = (
        texts(batch, "prediction_id"),
        texts(batch, "row_key"),
        texts(batch, "served_as"),
    );
    let times = times(batch, "event_time");
    let versions = batch
        .column_by_name("model_version")
        .unwrap()
        .as_primitive::<Int64Type>();
    (0..batch.num_rows())
        .map(|row| Prediction {
            id: ids[row].clone(),
            time: times[row].unwrap(),
            key: keys[row].clone(),
            served: served[row] == "served",
            version: versions.value(row),
        })
        .collect()
}

fn rows(batch: &RecordBatch, key: &str) -> Vec<(String, Option<Time>)> {
    texts(batch, key)
        .into_iter()
        .zip(times(batch, "event_time"))
        .collect()
}

impl Left {
    /// The champion answers at every moment, and what it and a canary get sums to all.
    pub(super) fn assert_traffic_is_whole(&self) {
        assert!(!self.traffic.is_empty());
        for (at, traffic) in &self.traffic {
            let champion = traffic["champion"].as_str();
            assert!(champion.is_some(), "{at}: {traffic}");
            let canary = traffic["canary"].as_str();
            let weight = traffic["canary_weight"].as_u64().unwrap_or(0);
            assert_eq!(canary.is_some(), weight > 0, "{at}: {traffic}");
            assert!(weight < 10_000, "{at}: {traffic}");
            assert!(
                canary != champion && traffic["shadow"].as_str() != champion,
                "{at}: {traffic}"
            );
        }
        let mut answered = BTreeSet::new();
        for prediction in self
            .predictions
            .iter()
            .filter(|prediction| prediction.served)
        {
            assert!(
                answered.insert((&prediction.id, &prediction.key)),
                "answered twice: {prediction:?}"
            );
        }
    }

    /// Dataset versions made of events hold rows that were served, from before the window that their plan was judged
    /// on and from outside of what was quarantined when they were made.
    pub(super) fn assert_training_is_clean(
        &self,
        plans: &[Value],
        quarantines: &[Value],
        faulted: &BTreeSet<&str>,
    ) {
        let served: BTreeMap<&str, Time> = self
            .predictions
            .iter()
            .filter(|p| p.served)
            .map(|p| (p.key.as_str(), p.time))
            .collect();
        let time = |value: &Value| value.as_str().unwrap().parse::<Time>().unwrap();
        let mut judged = 0;
        for plan in plans {
            let step = |name: &str| {
                &plan["steps"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|s| s["name"] == name)
                    .unwrap()["output"]
            };
            let (Some(id), Some(_)) = (
                step("dataset")["dataset_version"].as_str(),
                step("freeze")["evaluation_from"].as_str(),
            ) else {
                continue;
            };
            let (from, to) = (
                time(&step("freeze")["evaluation_from"]),
                time(&step("freeze")["evaluation_to"]),
            );
            let dataset = self
                .datasets
                .iter()
                .find(|d| d.version.id.to_string() == id)
                .unwrap();
            // A dataset that a person fired the trigger with is that person's own choice.
            if !matches!(dataset.version.source, DatasetSource::Events { .. }) {
                continue;
            }
            for (key, _) in &dataset.rows {
                if let Some(at) = served.get(key.as_str()) {
                    assert!(
                        *at < from || *at >= to,
                        "{key} trains version {id} and judges it"
                    );
                }
            }
            judged += 1;
        }
        assert!(judged > 0, "no plan was judged on a window");
        for dataset in &self.datasets {
            let DatasetSource::Events { to, .. } = &dataset.version.source else {
                continue;
            };
            for (key, at) in &dataset.rows {
                let at = at.unwrap();
                assert_eq!(served.get(key.as_str()), Some(&at), "{key} was not served");
                assert!(at < *to);
                assert!(
                    !faulted.contains(key.as_str()),
                    "{key} came broken and was trained on"
                );
                for quarantine in quarantines
                    .iter()
                    .filter(|q| time(&q["at"]) <= dataset.version.created_at)
                {
                    assert!(
                        at < time(&quarantine["from"]) || at >= time(&quarantine["to"]),
                        "{key}: {quarantine}"
                    );
                }
            }
        }
    }
}
