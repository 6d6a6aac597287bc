//! A column that a dataset's check calls wrong is told once, under the model's name, and is not drift as well.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, TimestampMicrosecondArray},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use trimtab_blob::BlobStore;
use trimtab_data::{Data, DatasetSource, DatasetVersion};
use trimtab_db::{Migration, testing};
use trimtab_events::{Column, EventLog, PredictionEvent, ServedAs};
use trimtab_monitor::{
    AlertKind, EndpointReference, MonitorSpec, Monitors, PortError, ReferenceSource,
};
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Duration, Name, PredictionId, RevisionId, Scope, Time, WorkspaceId};
use trimtab_wiring::DatasetChecks;

const MIGRATIONS: &[&[Migration]] = &[
    trimtab_blob::MIGRATIONS,
    trimtab_events::MIGRATIONS,
    trimtab_data::MIGRATIONS,
    trimtab_monitor::MIGRATIONS,
];
const ROWS: usize = 300;

#[derive(Debug)]
struct Champion(EndpointReference);

#[async_trait]
impl ReferenceSource for Champion {
    async fn reference(
        &self,
        _: &WorkspaceId,
        _: &Name,
    ) -> Result<Option<EndpointReference>, PortError> {
        Ok(Some(self.0.clone()))
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn day(number: i64) -> Time {
    "2013-02-01".parse::<Time>().unwrap() + Duration::from_days(number)
}

/// A stream of shares that is the same everywhere.
fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Distances in miles of one day's flights.
fn distances(number: i64) -> Vec<f64> {
    let mut random = random(1_000 + number.unsigned_abs());
    let places = [
        187.0, 502.0, 733.0, 764.0, 1_089.0, 1_400.0, 2_475.0, 4_983.0,
    ];
    let mut pick = || {
        let share = random();
        let place = (1..8)
            .filter(|step| share * 8.0 >= f64::from(*step))
            .count();
        places[place]
    };
    (0..ROWS).map(|_| pick()).collect()
}

fn at(number: i64, row: usize) -> Time {
    day(number) + Duration::from_secs(i64::try_from(row).unwrap() * 200)
}

async fn reference(data: &Data) -> (DatasetVersion, Vec<RecordBatch>) {
    let days = -30..0;
    let times = days
        .clone()
        .flat_map(|number| (0..ROWS).map(move |row| at(number, row).as_micros()));
    let batches = vec![
        RecordBatch::try_from_iter([
            (
                "time",
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
                    as ArrayRef,
            ),
            (
                "distance",
                Arc::new(Float64Array::from_iter_values(days.flat_map(distances))) as ArrayRef,
            ),
        ])
        .unwrap(),
    ];
    let source = DatasetSource::Table {
        path: "flights.parquet".to_owned(),
    };
    let version = data
        .create_version(
            &Scope::local(),
            "flights",
            batches.clone(),
            source,
            Some("time"),
        )
        .await
        .unwrap();
    (version, batches)
}

fn served(number: i64, factor: f64) -> PredictionEvent {
    let distances = distances(number).into_iter();
    PredictionEvent {
        workspace: Scope::local().workspace,
        endpoint: name("e"),
        event_time: at(number, 1),
        received_at: at(number, 1),
        prediction_id: PredictionId::new(),
        client_request_id: None,
        assignment_key: number.to_string(),
        revision: RevisionId::new(),
        model_version: 1,
        served_as: ServedAs::Served,
        row_keys: vec![None; ROWS],
        scores: vec![Some(0.5); ROWS],
        inputs: vec![(
            "distance".to_owned(),
            Column::Float(distances.map(|miles| Some(miles * factor)).collect()),
        )],
        outputs: Vec::new(),
        latency_us: 10,
        error: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_in_another_unit_is_one_alert_under_the_name_of_the_model() {
    for db in testing::databases(MIGRATIONS).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let (clock, tasks) = (Clock::replay(day(0)), Tasks::new());
        let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), clock.clone())
            .await
            .unwrap();
        let folder_of_events = folder.path().join("events");
        let events = EventLog::open(&folder_of_events, db.clone(), clock.clone(), &tasks);
        let events = events.await.unwrap();
        let data = Data::new(db.clone(), clock.clone(), blobs, events.clone());
        let (version, batches) = reference(&data).await;
        let monitors = Monitors::new(
            db,
            clock.clone(),
            events.clone(),
            Arc::new(Champion(EndpointReference {
                model_version: 1,
                dataset: version.id,
                batches: Arc::new(batches),
                label: None,
                baseline: None,
                importances: None,
            })),
            Arc::new(DatasetChecks::new(data)),
        );
        let scope = Scope::local();
        let spec = MonitorSpec {
            name: name("m"),
            endpoint: name("e"),
            window: None,
        };
        monitors.apply(&scope, "p", vec![spec]).await.unwrap();
        for number in 0..7 {
            let factor = if number >= 2 { 1.609_344 } else { 1.0 };
            assert!(events.log_prediction(served(number, factor)));
        }
        events.flush().await.unwrap();
        clock.advance_to(day(7)).unwrap();
        monitors.judge_due(&scope.workspace).await.unwrap();

        let alerts = monitors.alerts(&scope, None, false, 100).await.unwrap();
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        assert_eq!(alerts[0].kind, AlertKind::Checks);
        assert_eq!(alerts[0].columns, ["distance"]);
        assert_eq!(
            alerts[0].cause,
            "`distance` looks scaled by 1.6093 (miles given as kilometres?)"
        );
        let windows = monitors
            .windows(&scope, &name("m"), None, None, 10)
            .await
            .unwrap();
        assert_eq!(windows.len(), 7);
        for window in windows {
            let drift = &window.features[0];
            assert_eq!(drift.column, "distance");
            assert_eq!(
                (drift.suppressed, drift.value > drift.threshold),
                (window.from >= day(2), window.from >= day(2))
            );
            assert!(!drift.drifted, "{drift:?}");
        }
    }
}
