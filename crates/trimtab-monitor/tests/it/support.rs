//! An endpoint whose days can be made to order.

use std::sync::{Arc, Mutex};

use arrow::{
    array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use trimtab_db::{Db, Migration, testing};
use trimtab_events::{
    Column, EventLog, Feedback, FeedbackAddress, FeedbackValue, PredictionEvent, ServedAs,
};
use trimtab_monitor::{
    Baseline, CheckSource, EndpointReference, Monitors, PortError, ReferenceSource, Severity,
    WindowCheck, WindowChecks,
};
use trimtab_telemetry::Tasks;
use trimtab_types::{
    Clock, DatasetVersionId, Duration, Name, PredictionId, RevisionId, Scope, Time, WorkspaceId,
};

pub(crate) const MIGRATIONS: &[&[Migration]] =
    &[trimtab_events::MIGRATIONS, trimtab_monitor::MIGRATIONS];
pub(crate) const DAY: Duration = Duration::from_days(1);

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The begin of a day; day 0 is the first after the reference.
pub(crate) fn day(number: i64) -> Time {
    "2013-02-01".parse::<Time>().unwrap() + Duration::from_micros(number * DAY.as_micros())
}

/// Rows of one day: `x` around a daily mean, `y` uniform, `kind` of three, and a label that follows `x`.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) times: Vec<Time>,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) kind: Vec<String>,
    pub(crate) scores: Vec<f64>,
    pub(crate) labels: Vec<f64>,
}

/// Makes a day's rows; `x_shift` moves a feature, `skill` 0 to 1 says how well scores follow labels.
pub(crate) fn rows(day_number: i64, count: usize, x_shift: f64, skill: f64) -> Rows {
    let mut random = Pcg64::seed_from_u64(
        1_000_000 + day_number.unsigned_abs() + u64::from(day_number < 0) * 500,
    );
    let daily: f64 = random.random::<f64>() - 0.5;
    let step = DAY.as_micros() / i64::try_from(count).unwrap();
    let mut made = Rows {
        times: vec![],
        x: vec![],
        y: vec![],
        kind: vec![],
        scores: vec![],
        labels: vec![],
    };
    for i in 0..count {
        let label = f64::from(u8::from(random.random_bool(0.3)));
        let noise: f64 = (0..4).map(|_| random.random::<f64>()).sum::<f64>() - 2.0;
        made.times
            .push(day(day_number) + Duration::from_micros(step * i64::try_from(i).unwrap()));
        made.x.push(10.0 + daily + noise + x_shift);
        made.y.push(random.random());
        made.kind
            .push(["red", "green", "blue"][random.random_range(0..3)].to_owned());
        made.scores.push(
            (0.3 * random.random::<f64>() + 0.3 + 0.2 * skill * (label - 0.5)).clamp(0.0, 1.0),
        );
        made.labels.push(label);
    }
    made
}

/// Thirty days of reference before day 0.
pub(crate) fn reference_batches() -> Arc<Vec<RecordBatch>> {
    let batches = (-30..0).map(|number| {
        let rows = rows(number, 400, 0.0, 1.0);
        let times: Vec<i64> = rows.times.iter().map(|time| time.as_micros()).collect();
        RecordBatch::try_from_iter([
            (
                "event_time",
                Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as ArrayRef,
            ),
            ("x", Arc::new(Float64Array::from(rows.x)) as ArrayRef),
            ("y", Arc::new(Float64Array::from(rows.y)) as ArrayRef),
            ("kind", Arc::new(StringArray::from(rows.kind)) as ArrayRef),
            (
                "late",
                Arc::new(Float64Array::from(rows.labels)) as ArrayRef,
            ),
        ])
        .unwrap()
    });
    Arc::new(batches.collect())
}

/// The champion; tests promote another one through it.
#[derive(Debug)]
pub(crate) struct Champion(pub(crate) Mutex<EndpointReference>);

impl Champion {
    pub(crate) fn new(baseline: Option<Baseline>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(EndpointReference {
            model_version: 1,
            dataset: DatasetVersionId::new(),
            batches: reference_batches(),
            label: Some("late".to_owned()),
            baseline,
            importances: None,
        })))
    }

    pub(crate) fn promote(&self, model_version: i64) {
        let mut reference = self.0.lock().unwrap();
        reference.model_version = model_version;
        reference.dataset = DatasetVersionId::new();
    }
}

#[async_trait]
impl ReferenceSource for Champion {
    async fn reference(
        &self,
        _: &WorkspaceId,
        _: &Name,
    ) -> Result<Option<EndpointReference>, PortError> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }
}

/// Fails when `x` lies far outside what it can be.
#[derive(Debug)]
pub(crate) struct RangeCheck;

#[async_trait]
impl CheckSource for RangeCheck {
    async fn check(
        &self,
        _: &WorkspaceId,
        _: &Name,
        _: DatasetVersionId,
        batches: &[RecordBatch],
    ) -> Result<WindowChecks, PortError> {
        let greatest = batches
            .iter()
            .filter_map(|batch| batch.column_by_name("in.x"))
            .filter_map(|array| {
                arrow::compute::max(arrow::array::AsArray::as_primitive::<
                    arrow::datatypes::Float64Type,
                >(array))
            })
            .fold(0.0, f64::max);
        let check = WindowCheck {
            check: "unit".to_owned(),
            column: Some("x".to_owned()),
            severity: Severity::Error,
            passed: greatest < 100.0,
            observed: format!("{greatest:.0}"),
            expected: "below 100".to_owned(),
            message: "`x` looks scaled by 1000".to_owned(),
        };
        Ok(WindowChecks {
            results: vec![check],
        })
    }
}

/// One installation with its clock.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) scope: Scope,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) events: EventLog,
    pub(crate) champion: Arc<Champion>,
    pub(crate) monitors: Monitors,
    pub(crate) tasks: Tasks,
    folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn all(baseline: Option<Baseline>) -> Vec<Self> {
        let mut houses = Vec::new();
        for db in testing::databases(MIGRATIONS).await.unwrap() {
            houses.push(Self::over(db, baseline.clone()).await);
        }
        houses
    }

    pub(crate) async fn over(db: Db, baseline: Option<Baseline>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, tasks) = (Clock::replay(day(0)), Tasks::new());
        let events = EventLog::open(folder.path(), db.clone(), clock.clone(), &tasks)
            .await
            .unwrap();
        let champion = Champion::new(baseline);
        let monitors = Monitors::new(
            db.clone(),
            clock.clone(),
            events.clone(),
            champion.clone(),
            Arc::new(RangeCheck),
        );
        Self {
            scope: Scope::local(),
            db,
            clock,
            events,
            champion,
            monitors,
            tasks,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Serves rows in requests of at most 50, and posts their outcomes, known a day later.
    pub(crate) async fn serve(&self, rows: &Rows, model_version: i64, is_labelled: bool) {
        let mut feedback = Vec::new();
        for from in (0..rows.x.len()).step_by(50) {
            let span = from..(from + 50).min(rows.x.len());
            let id = PredictionId::new();
            let event = PredictionEvent {
                workspace: self.scope.workspace.clone(),
                endpoint: name("e"),
                event_time: rows.times[from],
                received_at: self.clock.wall(),
                prediction_id: id,
                client_request_id: None,
                assignment_key: format!("{}", rows.times[from]),
                revision: RevisionId::new(),
                model_version,
                served_as: ServedAs::Served,
                row_keys: span
                    .clone()
                    .map(|i| Some(format!("{} {i}", rows.times[i])))
                    .collect(),
                scores: span.clone().map(|i| Some(rows.scores[i])).collect(),
                inputs: vec![
                    (
                        "x".to_owned(),
                        Column::Float(span.clone().map(|i| Some(rows.x[i])).collect()),
                    ),
                    (
                        "y".to_owned(),
                        Column::Float(span.clone().map(|i| Some(rows.y[i])).collect()),
                    ),
                    (
                        "kind".to_owned(),
                        Column::Text(span.clone().map(|i| Some(rows.kind[i].clone())).collect()),
                    ),
                ],
                outputs: Vec::new(),
                latency_us: 10,
                error: None,
            };
            assert!(self.events.log_prediction(event));
            feedback.extend(span.enumerate().map(|(row, i)| Feedback {
                event_id: None,
                endpoint: name("e"),
                address: FeedbackAddress::Prediction {
                    id,
                    row: Some(u32::try_from(row).unwrap()),
                },
                event_time: rows.times[i] + DAY,
                value: FeedbackValue::Number(rows.labels[i]),
            }));
        }
        self.events.flush().await.unwrap();
        if is_labelled {
            self.events
                .post_feedback(&self.scope, feedback)
                .await
                .unwrap();
        }
    }

    /// Moves the clock and judges what is due.
    pub(crate) async fn judge(&self, to: Time) -> Vec<trimtab_monitor::MonitorWindow> {
        self.clock.advance_to(to).unwrap();
        self.monitors
            .judge_due(&self.scope.workspace)
            .await
            .unwrap()
    }
}

pub(crate) fn baseline(value: f64) -> Baseline {
    Baseline {
        metric: "roc_auc".to_owned(),
        value,
        low: value - 0.02,
        high: value + 0.02,
    }
}
