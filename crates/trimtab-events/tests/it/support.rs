//! Logs, events and readable forms of batches.

use std::path::Path;

use arrow::{array::AsArray, datatypes::Int32Type, record_batch::RecordBatch};
use trimtab_db::{Db, Migration, testing};
use trimtab_events::{
    Column, EventLog, Feedback, FeedbackAddress, FeedbackValue, MIGRATIONS, PredictionEvent, Scan,
    ServedAs,
};
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Duration, Name, PredictionId, RevisionId, Scope, Time, WorkspaceId};

pub(crate) const ALL: &[&[Migration]] = &[MIGRATIONS];

pub(crate) struct Fixture {
    pub(crate) log: EventLog,
    pub(crate) db: Db,
    pub(crate) tasks: Tasks,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) async fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = Tasks::new();
        fixtures.push(Fixture {
            log: open(folder.path(), &db, &tasks).await,
            db,
            tasks,
            folder,
        });
    }
    fixtures
}

pub(crate) async fn open(folder: &Path, db: &Db, tasks: &Tasks) -> EventLog {
    EventLog::open(folder, db.clone(), Clock::system(), tasks)
        .await
        .unwrap()
}

pub(crate) fn day(number: i64) -> Time {
    "2013-02-01".parse::<Time>().unwrap() + Duration::from_days(number)
}

pub(crate) fn endpoint() -> Name {
    "flights".parse().unwrap()
}

/// A request of as many rows as there are keys.
pub(crate) fn event(time: Time, keys: &[&str]) -> PredictionEvent {
    let count = keys.len();
    PredictionEvent {
        workspace: WorkspaceId::default(),
        endpoint: endpoint(),
        event_time: time,
        received_at: time,
        prediction_id: PredictionId::new(),
        client_request_id: None,
        assignment_key: keys.first().copied().unwrap_or("none").to_owned(),
        revision: RevisionId::from_bytes([3; 16]),
        model_version: 1,
        served_as: ServedAs::Served,
        row_keys: keys.iter().map(|key| Some((*key).to_owned())).collect(),
        scores: (0..count).map(|row| Some(row as f64 / 10.0)).collect(),
        inputs: vec![
            (
                "distance".to_owned(),
                Column::Float(vec![Some(733.0); count]),
            ),
            (
                "carrier".to_owned(),
                Column::Text(vec![Some("UA".to_owned()); count]),
            ),
        ],
        outputs: vec![("late".to_owned(), Column::Int(vec![Some(0); count]))],
        latency_us: 150,
        error: None,
    }
}

pub(crate) fn all() -> Scan {
    Scan {
        workspace: WorkspaceId::default(),
        endpoint: endpoint(),
        from: Time::MIN,
        to: Time::MAX,
        served_as: None,
        columns: None,
    }
}

pub(crate) fn outcome(address: FeedbackAddress, time: Time, value: f64) -> Feedback {
    Feedback {
        event_id: None,
        endpoint: endpoint(),
        address,
        event_time: time,
        value: FeedbackValue::Number(value),
    }
}

pub(crate) fn by_key(key: &str, time: Time, value: f64) -> Feedback {
    outcome(FeedbackAddress::RowKey(key.to_owned()), time, value)
}

pub(crate) fn scope() -> Scope {
    Scope::local()
}

/// The row keys in order, `-` for none.
pub(crate) fn keys(batches: &[RecordBatch]) -> Vec<String> {
    texts(batches, "row_key")
}

pub(crate) fn texts(batches: &[RecordBatch], column: &str) -> Vec<String> {
    batches
        .iter()
        .flat_map(|batch| {
            let array = batch.column_by_name(column).unwrap();
            let text = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8).unwrap();
            text.as_string::<i32>()
                .iter()
                .map(|value| value.unwrap_or("-").to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) fn row_numbers(batch: &RecordBatch) -> Vec<i32> {
    batch
        .column_by_name("row")
        .unwrap()
        .as_primitive::<Int32Type>()
        .values()
        .to_vec()
}

pub(crate) fn names(batches: &[RecordBatch]) -> Vec<String> {
    let schema = batches[0].schema();
    schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}
