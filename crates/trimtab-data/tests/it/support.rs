//! Services and tables for tests.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, StringArray, TimestampMicrosecondArray},
    datatypes::DataType,
    record_batch::RecordBatch,
};
use trimtab_blob::BlobStore;
use trimtab_data::{Data, MIGRATIONS};
use trimtab_db::{Db, Migration, testing};
use trimtab_events::EventLog;
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Duration, Scope, Time};

const ALL: &[&[Migration]] = &[
    trimtab_blob::MIGRATIONS,
    trimtab_events::MIGRATIONS,
    MIGRATIONS,
];

pub(crate) struct Fixture {
    pub(crate) data: Data,
    pub(crate) log: EventLog,
    pub(crate) db: Db,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) async fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        fixtures.push(fixture(db).await);
    }
    fixtures
}

pub(crate) async fn on_sqlite() -> Fixture {
    fixture(testing::sqlite(ALL).await.unwrap()).await
}

async fn fixture(db: Db) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::replay(day(0));
    let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), clock.clone())
        .await
        .unwrap();
    let events = folder.path().join("events");
    let log = EventLog::open(&events, db.clone(), clock.clone(), &Tasks::new())
        .await
        .unwrap();
    Fixture {
        data: Data::new(db.clone(), clock, blobs, log.clone()),
        log,
        db,
        folder,
    }
}

pub(crate) fn day(number: i64) -> Time {
    "2013-02-01".parse::<Time>().unwrap() + Duration::from_days(number)
}

pub(crate) fn scope() -> Scope {
    Scope::local()
}

pub(crate) fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

pub(crate) fn whole(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    numbers(values.into_iter().map(Some))
}

pub(crate) fn texts<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<StringArray>())
}

pub(crate) fn times(values: impl IntoIterator<Item = Time>) -> ArrayRef {
    let micros = values.into_iter().map(Time::as_micros);
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

pub(crate) fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(crate) fn column(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for batch in batches {
        let array = batch.column_by_name(name).unwrap();
        let text = arrow::compute::cast(array, &DataType::Utf8).unwrap();
        let text = text.as_string::<i32>();
        values.extend(text.iter().map(|value| value.unwrap_or("-").to_owned()));
    }
    values
}

/// A stream of numbers that is the same everywhere.
pub(crate) fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}
