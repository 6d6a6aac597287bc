//! The defaults on a year of real flights, by hand: `TRIMTAB_FLIGHTS` names a Parquet file with the columns of
//! `examples/flights/prepare.py` and, for each month N that a model may have been trained up to, its score as `scoreN`. It is
//! run by name. It tells what the monitor would have said, and asserts only that it neither sleeps nor
//! cries.

use std::{collections::BTreeMap, fs::File, sync::Arc};

use arrow::{
    array::AsArray,
    compute::{cast, concat_batches},
    datatypes::{DataType, Float64Type, Int64Type},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use trimtab_db::testing;
use trimtab_events::{Column, Feedback, FeedbackAddress, FeedbackValue, PredictionEvent, ServedAs};
use trimtab_monitor::{
    Baseline, CheckSource, EndpointReference, MonitorSpec, Monitors, PortError, WindowChecks,
};
use trimtab_stats::Metric;
use trimtab_types::{
    DatasetVersionId, Duration, Name, PredictionId, RevisionId, Time, WorkspaceId,
};

use crate::support::{DAY, House, MIGRATIONS, name};

const NUMBERS: [&str; 11] = [
    "distance",
    "weekday",
    "departure",
    "arrival",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
];
const TEXTS: [&str; 3] = ["carrier", "origin", "dest"];
const COOLDOWN: Duration = Duration::from_days(14);

#[derive(Debug)]
struct NoChecks;

#[async_trait]
impl CheckSource for NoChecks {
    async fn check(
        &self,
        _: &WorkspaceId,
        _: &Name,
        _: DatasetVersionId,
        _: &[RecordBatch],
    ) -> Result<WindowChecks, PortError> {
        Ok(WindowChecks::default())
    }
}

struct Year {
    table: RecordBatch,
    times: Vec<Time>,
    labels: Vec<f64>,
}

impl Year {
    fn load(path: &str) -> Self {
        let file = File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let table = concat_batches(&batches[0].schema(), &batches).unwrap();
        let times = cast(table.column_by_name("time").unwrap(), &DataType::Int64).unwrap();
        let times = times
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .map(|&micros| Time::from_micros(micros))
            .collect();
        let mut year = Self {
            table,
            times,
            labels: Vec::new(),
        };
        year.labels = year.numbers("late");
        year
    }

    fn numbers(&self, column: &str) -> Vec<f64> {
        let array = cast(
            self.table.column_by_name(column).unwrap(),
            &DataType::Float64,
        )
        .unwrap();
        array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect()
    }

    fn texts(&self, column: &str) -> Vec<String> {
        let array = cast(self.table.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
        array
            .as_string::<i32>()
            .iter()
            .map(|value| value.unwrap_or_default().to_owned())
            .collect()
    }

    fn at(&self, time: Time) -> usize {
        self.times.partition_point(|known| *known < time)
    }

    /// AUC of a model on the fortnight before a time, as a gate would have measured it.
    fn baseline(&self, scores: &[f64], until: Time) -> Baseline {
        let span = self.at(until - Duration::from_days(10))..self.at(until);
        let (labels, scores): (Vec<f64>, Vec<f64>) = span
            .map(|i| (self.labels[i], scores[i]))
            .filter(|(label, _)| label.is_finite())
            .unzip();
        let interval = trimtab_stats::roc_auc_interval(&labels, &scores, 0.95).unwrap();
        Baseline {
            metric: Metric::RocAuc.as_str().to_owned(),
            value: interval.estimate,
            low: interval.low,
            high: interval.high,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a file of flights with scores, named by TRIMTAB_FLIGHTS"]
async fn a_year_of_flights() {
    let path = std::env::var("TRIMTAB_FLIGHTS").expect("TRIMTAB_FLIGHTS names no file");
    let is_loop = std::env::var("TRIMTAB_FLIGHTS_FROZEN").is_err();
    let year = Year::load(&path);
    let house = House::over(testing::sqlite(MIGRATIONS).await.unwrap(), None).await;
    let monitors = Monitors::new(
        house.db.clone(),
        house.clock.clone(),
        house.events.clone(),
        house.champion.clone(),
        Arc::new(NoChecks),
    );
    let workspace = house.scope.workspace.clone();
    let spec = MonitorSpec {
        name: name("m"),
        endpoint: name("e"),
        window: None,
    };
    monitors.apply(&house.scope, "p", vec![spec]).await.unwrap();
    let scores: BTreeMap<usize, Vec<f64>> = (1..=11)
        .map(|month| (month, year.numbers(&format!("score{month}"))))
        .collect();
    let numbers: Vec<(&str, Vec<f64>)> = NUMBERS
        .iter()
        .map(|column| (*column, year.numbers(column)))
        .collect();
    let texts: Vec<(&str, Vec<String>)> = TEXTS
        .iter()
        .map(|column| (*column, year.texts(column)))
        .collect();

    let begin: Time = "2013-02-01".parse().unwrap();
    let end: Time = "2014-01-01".parse().unwrap();
    let (mut month, mut version, mut last_training) = (1, 1, begin - COOLDOWN);
    let refer = |month: usize, version: i64, until: Time, value: Baseline| EndpointReference {
        model_version: version,
        dataset: DatasetVersionId::new(),
        batches: Arc::new(vec![year.table.slice(0, year.at(until))]),
        label: Some("late".to_owned()),
        baseline: Some(value),
        importances: (month == 0).then(Vec::new),
    };
    *house.champion.0.lock().unwrap() = refer(
        1,
        1,
        begin,
        Baseline {
            value: 0.70,
            low: 0.68,
            high: 0.72,
            metric: "roc_auc".to_owned(),
        },
    );
    let (mut trainings, mut judging) = (0, std::time::Duration::ZERO);
    let mut seen = Vec::new();
    let mut today = begin;
    while today < end {
        let span = year.at(today)..year.at(today + DAY);
        let mut feedback = Vec::new();
        let mut from = span.start;
        while from < span.end {
            let to = (from..span.end)
                .take_while(|&i| year.times[i] == year.times[from])
                .take(64)
                .last()
                .unwrap()
                + 1;
            let id = PredictionId::new();
            let float = |values: &[f64]| {
                Column::Float(
                    values[from..to]
                        .iter()
                        .map(|v| v.is_finite().then_some(*v))
                        .collect(),
                )
            };
            let inputs = numbers
                .iter()
                .map(|(column, values)| ((*column).to_owned(), float(values)))
                .chain(texts.iter().map(|(column, values)| {
                    (
                        (*column).to_owned(),
                        Column::Text(values[from..to].iter().cloned().map(Some).collect()),
                    )
                }))
                .collect();
            let event = PredictionEvent {
                workspace: workspace.clone(),
                endpoint: name("e"),
                event_time: year.times[from],
                received_at: year.times[from],
                prediction_id: id,
                client_request_id: None,
                assignment_key: format!("{from}"),
                revision: RevisionId::new(),
                model_version: version,
                served_as: ServedAs::Served,
                row_keys: (from..to).map(|i| Some(i.to_string())).collect(),
                scores: scores[&month][from..to].iter().copied().map(Some).collect(),
                inputs,
                outputs: Vec::new(),
                latency_us: 1,
                error: None,
            };
            while !house.events.log_prediction(event.clone()) {
                house.events.flush().await.unwrap();
            }
            feedback.extend(
                (from..to)
                    .enumerate()
                    .filter(|(_, i)| year.labels[*i].is_finite())
                    .map(|(row, i)| Feedback {
                        event_id: None,
                        endpoint: name("e"),
                        address: FeedbackAddress::Prediction {
                            id,
                            row: Some(u32::try_from(row).unwrap()),
                        },
                        event_time: year.times[i] + DAY,
                        value: FeedbackValue::Number(year.labels[i]),
                    }),
            );
            from = to;
        }
        house.events.flush().await.unwrap();
        if !feedback.is_empty() {
            house
                .events
                .post_feedback(&house.scope, feedback)
                .await
                .unwrap();
        }
        today = today + DAY;
        house.clock.advance_to(today).unwrap();
        let clock = std::time::Instant::now();
        monitors.judge_due(&workspace).await.unwrap();
        judging += clock.elapsed();
        let alerts = monitors
            .alerts(&house.scope, None, false, 200)
            .await
            .unwrap();
        for alert in alerts.iter().rev() {
            let state = (alert.id, alert.closed_at.is_some());
            if !seen.contains(&state) {
                seen.push(state);
                println!(
                    "{today} {} {:?} {}",
                    if state.1 { "closed" } else { "raised" },
                    alert.kind,
                    alert.cause
                );
            }
        }
        let is_open = alerts.iter().any(|alert| alert.closed_at.is_none());
        if is_loop && is_open && today.since(last_training) >= COOLDOWN {
            let calendar = usize::try_from(
                today.since("2013-01-01".parse().unwrap()).as_micros() / DAY.as_micros() / 31,
            )
            .unwrap();
            last_training = today;
            trainings += 1;
            // Trained on whole months before now; promoted when it changes anything.
            let newer = calendar.clamp(1, 11);
            if newer > month {
                (month, version) = (newer, version + 1);
                let until = today - Duration::from_days(3);
                let value = year.baseline(&scores[&month], until);
                println!(
                    "{today} champion is version {version} (trained on {month} months), expected AUC {:.3}",
                    value.value
                );
                *house.champion.0.lock().unwrap() = refer(month, version, until, value);
            } else {
                println!("{today} training without a better model");
            }
        }
    }
    let alerts = monitors
        .alerts(&house.scope, None, false, 1000)
        .await
        .unwrap();
    println!(
        "alerts {} trainings {trainings} champions {version} judging {judging:?}",
        alerts.len()
    );
    assert!((1..60).contains(&alerts.len()));
}
