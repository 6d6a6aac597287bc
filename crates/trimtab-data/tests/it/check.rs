//! Each fault is found and named; clean data are not.

use arrow::{array::ArrayRef, record_batch::RecordBatch};
use trimtab_data::{CheckKind, CheckReport, DatasetSource, DatasetVersion, Severity};

use trimtab_types::Duration;

use crate::support::{Fixture, day, numbers, on_sqlite, random, scope, table, texts, times, whole};

const NAMES: [&str; 7] = [
    "distance", "temp", "hour", "carrier", "origin", "dest", "load",
];

/// Rows as they should be, drawn from one world; `seed` says which.
fn rows(seed: u64, count: usize) -> Vec<(&'static str, ArrayRef)> {
    let mut random = random(seed);
    let mut pick = |values: usize| (random() * values as f64).floor();
    let distances = [
        187.0, 502.0, 733.0, 764.0, 1_089.0, 1_400.0, 2_475.0, 4_983.0,
    ];
    let place = (0..count).map(|_| pick(8)).collect::<Vec<_>>();
    let temp: Vec<f64> = (0..count)
        .map(|_| (pick(400) + pick(400)) / 10.0 - 5.0)
        .collect();
    let hour: Vec<f64> = (0..count).map(|_| 5.0 + pick(19)).collect();
    let carrier: Vec<f64> = (0..count).map(|_| pick(12)).collect();
    let origin: Vec<f64> = (0..count).map(|_| pick(3)).collect();
    let load: Vec<f64> = (0..count)
        .map(|_| 1.0 + pick(1_000_000_000) / 1e7)
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let at = |place: f64| place as usize;
    vec![
        ("distance", whole(place.iter().map(|p| distances[at(*p)]))),
        ("temp", whole(temp)),
        ("hour", whole(hour)),
        ("carrier", texts(carrier.iter().map(|c| format!("C{c}")))),
        (
            "origin",
            texts(origin.iter().map(|o| ["EWR", "JFK", "LGA"][at(*o)])),
        ),
        ("dest", texts(place.iter().map(|p| format!("D{p}")))),
        ("load", whole(load)),
    ]
}

async fn reference(fixture: &Fixture) -> DatasetVersion {
    let source = DatasetSource::Table {
        path: "x".to_owned(),
    };
    let mut columns = rows(1, 20_000);
    columns.push((
        "time",
        times((0..20_000).map(|n| day(0) + Duration::from_secs(n))),
    ));
    let batches = vec![table(columns)];
    fixture
        .data
        .create_version(&scope(), "reference", batches, source, Some("time"))
        .await
        .unwrap()
}

fn with(name: &str, change: impl Fn(f64) -> Option<f64>) -> RecordBatch {
    let columns = rows(2, 900).into_iter().map(|(column, array)| {
        if column == name {
            let values =
                arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(&array);
            (
                column,
                numbers(values.iter().map(|value| change(value.unwrap()))),
            )
        } else {
            (column, array)
        }
    });
    table(columns.collect())
}

#[expect(clippy::cast_possible_truncation, reason = "the point of it")]
fn through_32_bits(value: f64) -> f64 {
    f64::from(value as f32)
}

fn renamed(from: &str, to: &'static str) -> RecordBatch {
    let columns = rows(2, 900).into_iter();
    table(
        columns
            .map(|(name, array)| {
                if name == from {
                    (to, array)
                } else {
                    (name, array)
                }
            })
            .collect(),
    )
}

fn replaced(name: &str, array: ArrayRef) -> RecordBatch {
    let columns = rows(2, 900).into_iter();
    table(
        columns
            .map(|(column, old)| {
                if column == name {
                    (column, array.clone())
                } else {
                    (column, old)
                }
            })
            .collect(),
    )
}

fn check(fixture: &Fixture, reference: &DatasetVersion, batch: RecordBatch) -> CheckReport {
    let columns: Vec<(String, String)> = NAMES
        .iter()
        .map(|name| ((*name).to_owned(), (*name).to_owned()))
        .collect();
    fixture.data.check(reference, &[batch], &columns)
}

#[tokio::test]
async fn clean_windows_pass_whatever_their_size() {
    let fixture = on_sqlite().await;
    let reference = reference(&fixture).await;
    for (seed, size) in (3..).zip([0, 1, 5, 30, 60, 200, 900, 5_000]) {
        let report = check(&fixture, &reference, table(rows(seed, size)));
        let failed: Vec<_> = report
            .results
            .iter()
            .filter(|result| !result.passed)
            .collect();
        assert!(
            failed
                .iter()
                .all(|f| f.check == CheckKind::Range && f.severity == Severity::Warning),
            "{size}: {failed:?}"
        );
        assert!(report.passed());
        assert_eq!(report.rows, size as u64);
    }
}

#[tokio::test]
async fn every_fault_is_named_with_its_cause() {
    let fixture = on_sqlite().await;
    let reference = reference(&fixture).await;
    let nth = std::cell::Cell::new(0_u32);
    let sometimes = |every: u32| {
        nth.set(nth.get() + 1);
        nth.get().is_multiple_of(every)
    };
    let swapped = {
        let mut columns = rows(2, 900);
        let origin = columns[4].1.clone();
        columns[4].1 = columns[5].1.clone();
        columns[5].1 = origin;
        table(columns)
    };
    let cases = [
        (
            with("distance", |v| Some(v * 1.609_344)),
            "`distance` looks scaled by 1.6093 (miles given as kilometres?)",
        ),
        (
            with("distance", |v| Some((v * 1.609_344).round())),
            "`distance` looks scaled by 1.6093 (miles given as kilometres?)",
        ),
        (
            with("distance", |v| Some(through_32_bits(v / 1.609_344))),
            "`distance` looks scaled by 0.6214 (kilometres given as miles?)",
        ),
        (
            with("distance", |v| Some(v / 1000.0)),
            "`distance` looks scaled by 0.001 (a unit given as its thousands?)",
        ),
        (
            with("hour", |v| Some(v * 60.0)),
            "`hour` looks scaled by 60 (hours or minutes given as minutes or seconds?)",
        ),
        (
            with("temp", |v| Some(v * 1.8 + 32.0)),
            "`temp` looks converted (degrees Celsius given as degrees Fahrenheit?)",
        ),
        (
            with("temp", |v| Some(v + 273.15)),
            "`temp` looks converted (degrees Celsius given as kelvins?)",
        ),
        (
            with("load", |v| Some(v / 100.0)),
            "`load` looks scaled by 0.01 (percent or hundredths given as shares?)",
        ),
        (
            with("distance", |v| {
                Some(if sometimes(5) { v * 1.609_344 } else { v })
            }),
            "`distance` looks scaled by 1.6093 in 20.0% of the rows (miles given as kilometres?)",
        ),
        (
            with("distance", |_| None),
            "`distance` is null in 100.0% of the rows, the reference in 0.0%",
        ),
        (
            with("temp", |v| (!sometimes(4)).then_some(v)),
            "`temp` is null in 25.0% of the rows, the reference in 0.0%",
        ),
        (
            with("distance", |_| Some(733.0)),
            "`distance` looks stuck at `733`: the same value 900 times in a row, in the reference at most ",
        ),
        (with("load", |_| Some(50.0)), "`load` looks stuck at `50`"),
        (
            with("temp", |v| Some(if sometimes(3) { -999.0 } else { v })),
            "`temp` is -999 in 33.3% of the rows, outside the reference's range: a placeholder for a missing value?",
        ),
        (
            renamed("distance", "dist"),
            "`distance` is missing; `dist` looks like it (renamed?)",
        ),
        (
            renamed("carrier", "airline"),
            "`carrier` is missing; `airline` looks like it (renamed?)",
        ),
        (
            replaced("distance", texts((0..900).map(|n| format!("{n} miles")))),
            "`distance` holds text such as `0 miles`, the reference holds float",
        ),
        (
            replaced("carrier", whole((0..900).map(|n| f64::from(n % 7)))),
            "`carrier` holds float such as `0`, the reference holds text",
        ),
        (
            replaced("carrier", texts((0..900).map(|n| format!("c{}", n % 12)))),
            "they differ from known ones only in letter case or spaces",
        ),
        (
            replaced("dest", texts((0..900).map(|n| format!("X{}", n % 50)))),
            "`dest` has values that the reference does not have, in 100.0% of the rows (X0, X1, X10)",
        ),
        (swapped, "`origin` and `dest` look swapped"),
    ];
    for (batch, expected) in cases {
        let report = check(&fixture, &reference, batch);
        let first = &report.results[0];
        assert!(
            !report.passed() && first.message.contains(expected),
            "expected {expected}\n found {first:#?}"
        );
        // One cause: the columns of the first failure are all that fail.
        let others = report
            .failures()
            .filter(|f| f.column != first.column && f.check != first.check);
        assert_eq!(
            others.count(),
            0,
            "{expected}: {:?}",
            report.failures().collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn new_categories_and_new_extremes_are_warnings() {
    let fixture = on_sqlite().await;
    let reference = reference(&fixture).await;
    let new_place = replaced(
        "dest",
        texts((0..900).map(|n| {
            if n % 20 == 0 {
                "NEW".to_owned()
            } else {
                format!("D{}", n % 8)
            }
        })),
    );
    let hot = with("temp", |v| Some(v + 30.05));
    for (batch, check_kind, column) in [
        (new_place, CheckKind::Domain, "dest"),
        (hot, CheckKind::Range, "temp"),
    ] {
        let report = check(&fixture, &reference, batch);
        let first = &report.results[0];
        assert!(report.passed(), "{first:?}");
        assert_eq!(
            (
                first.check,
                first.column.as_deref(),
                first.severity,
                first.passed
            ),
            (check_kind, Some(column), Severity::Warning, false)
        );
    }
}

#[tokio::test]
async fn answers_name_columns_as_the_reference_does_whatever_the_rows_call_them() {
    let fixture = on_sqlite().await;
    let reference = reference(&fixture).await;
    let columns: Vec<(String, String)> = NAMES
        .iter()
        .map(|name| (format!("in.{name}"), (*name).to_owned()))
        .collect();
    let check = |changed: Vec<(&str, ArrayRef)>| {
        let named = changed.into_iter();
        let named = named.map(|(name, array)| (format!("in.{name}"), array));
        let batch = RecordBatch::try_from_iter(named).unwrap();
        let report = fixture.data.check(&reference, &[batch], &columns);
        let said = report.results.iter();
        assert!(
            said.clone().all(|result| {
                let is_told = result.column.as_deref().is_some_and(|c| NAMES.contains(&c));
                is_told && !result.message.contains("in.") && !result.observed.contains("in.")
            }),
            "{report:#?}"
        );
        report
            .failures()
            .next()
            .map(|failure| failure.message.clone())
    };
    assert_eq!(check(rows(2, 900)), None);
    let mut swapped = rows(2, 900);
    let (one, other) = (swapped[4].1.clone(), swapped[5].1.clone());
    (swapped[4].1, swapped[5].1) = (other, one);
    assert_eq!(
        check(swapped).as_deref(),
        Some("`origin` and `dest` look swapped")
    );
    let mut renamed = rows(2, 900);
    renamed[0].0 = "dist";
    assert_eq!(
        check(renamed).as_deref(),
        Some("`distance` is missing; `dist` looks like it (renamed?)")
    );
}
