//! Every column of the fixtures against what SciPy says of it (`fixtures/expected.py`).

use std::{fs::File, path::PathBuf};

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use trimtab_stats::{
    Sample, ValueCounts, chi_square_homogeneity, cramer_von_mises, hellinger, jensen_shannon,
    kl_divergence, ks_statistic, ks_test, ks_test_asymptotic, l_infinity, mann_whitney, psi,
    student_t_test, total_variation, wasserstein, welch_t_test,
};

fn folder(case: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", case]
        .iter()
        .collect()
}

fn column(case: &str, file: &str, name: &str, to: &DataType) -> Vec<std::sync::Arc<dyn Array>> {
    let file = File::open(folder(case).join(file)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader
        .map(|batch| cast(batch.unwrap().column_by_name(name).unwrap(), to).unwrap())
        .collect()
}

fn numbers(case: &str, file: &str, name: &str) -> Vec<f64> {
    column(case, file, name, &DataType::Float64)
        .iter()
        .flat_map(|array| {
            array
                .as_primitive::<Float64Type>()
                .iter()
                .flatten()
                .collect::<Vec<_>>()
        })
        .filter(|value| value.is_finite())
        .collect()
}

fn counts(case: &str, file: &str, name: &str) -> ValueCounts {
    let mut counts = ValueCounts::new();
    for array in column(case, file, name, &DataType::Utf8) {
        for value in array.as_string::<i32>() {
            match value {
                Some(text) => counts.add_text(text),
                None => counts.add_missing(),
            }
        }
    }
    counts
}

#[track_caller]
fn close(what: &str, ours: Option<f64>, expected: &Value, tolerance: f64) {
    let expected = match expected {
        Value::String(text) => text.parse::<f64>().unwrap(),
        other => other.as_f64().unwrap(),
    };
    let ours = ours.unwrap();
    // Below 1e-12 a p-value is tiny; how tiny is nobody's business.
    let is_close = (ours - expected).abs() <= tolerance * expected.abs() + 1e-12;
    assert!(is_close, "{what}: {ours} expected {expected}");
}

fn check(case: &str) {
    let text = std::fs::read_to_string(folder(case).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for (name, want) in expected["columns"].as_object().unwrap() {
        let what = |test: &str| format!("{case} {name} {test}");
        if want["kind"] == "number" {
            let (a, b) = (
                numbers(case, "reference.parquet", name),
                numbers(case, "current.parquet", name),
            );
            let (x, y) = (Sample::new(&a), Sample::new(&b));
            assert_eq!(want["n"][0].as_u64(), Some(x.len()));
            close(&what("ks"), ks_statistic(&x, &y), &want["ks"], 1e-12);
            let p = |test: Option<trimtab_stats::KsTest>| test.map(|test| test.p_value);
            close(
                &what("ks auto"),
                p(ks_test(&x, &y)),
                &want["ks_p_auto"],
                1e-9,
            );
            close(
                &what("ks asymptotic"),
                p(ks_test_asymptotic(&x, &y)),
                &want["ks_p_asymptotic"],
                1e-6,
            );
            let equal = ks_test(&Sample::new(&a[..200]), &Sample::new(&b[..200]));
            close(
                &what("ks equal sizes"),
                p(equal),
                &want["ks_p_equal_sizes"],
                1e-9,
            );
            close(
                &what("wasserstein"),
                wasserstein(&x, &y),
                &want["wasserstein"],
                1e-9,
            );
            close(
                &what("std"),
                x.variance(0).map(f64::sqrt),
                &want["std"],
                1e-9,
            );
            close(
                &what("quantile"),
                x.quantile(0.3),
                &want["quantile_0.3"],
                1e-12,
            );
            if want["std"] != 0.0 {
                close(
                    &what("mann whitney"),
                    mann_whitney(&x, &y),
                    &want["mann_whitney_p"],
                    1e-9,
                );
                let small = mann_whitney(&Sample::new(&a[..7]), &Sample::new(&b[..30]));
                close(
                    &what("mann whitney small"),
                    small,
                    &want["mann_whitney_p_small"],
                    1e-9,
                );
                close(&what("welch"), welch_t_test(&x, &y), &want["welch_p"], 1e-8);
                close(
                    &what("student"),
                    student_t_test(&x, &y),
                    &want["student_p"],
                    1e-8,
                );
            }
            if want["is_tied"] == false {
                // SciPy cuts its series at 1e-7.
                let p = cramer_von_mises(&x, &y).unwrap();
                let theirs = want["cvm_p"].as_f64().unwrap();
                assert!(
                    (p - theirs).abs() < 1e-6,
                    "{}: {p} expected {theirs}",
                    what("cvm")
                );
            }
        } else {
            let (a, b) = (
                counts(case, "reference.parquet", name),
                counts(case, "current.parquet", name),
            );
            let (p, q) = a.aligned_texts(&b).unwrap();
            let chi = chi_square_homogeneity(&p, &q).unwrap();
            close(
                &what("chi square"),
                Some(chi.statistic),
                &want["chi_square"],
                1e-9,
            );
            close(
                &what("chi square p"),
                Some(chi.p_value),
                &want["chi_square_p"],
                1e-9,
            );
            close(
                &what("tv"),
                total_variation(&p, &q),
                &want["total_variation"],
                1e-9,
            );
            close(
                &what("l inf"),
                l_infinity(&p, &q),
                &want["l_infinity"],
                1e-9,
            );
            close(
                &what("js"),
                jensen_shannon(&p, &q),
                &want["jensen_shannon"],
                1e-9,
            );
            close(
                &what("hellinger"),
                hellinger(&p, &q),
                &want["hellinger"],
                1e-9,
            );
            close(&what("psi"), psi(&p, &q, 1e-4), &want["psi"], 1e-9);
            close(&what("kl"), kl_divergence(&p, &q, 1e-4), &want["kl"], 1e-9);
        }
    }
}

#[test]
fn edge_cases() {
    check("edges");
}

#[test]
fn diabetes() {
    check("diabetes_halves");
}

#[test]
fn flights() {
    check("flights_small_feb_sep");
}

#[test]
fn equal_constants_are_no_drift_and_a_tiny_unit_is_seen() {
    let (a, b) = (
        numbers("edges", "reference.parquet", "const"),
        numbers("edges", "current.parquet", "const"),
    );
    let (a, b) = (Sample::new(&a), Sample::new(&b));
    assert_eq!(cramer_von_mises(&a, &b), Some(1.0));
    assert_eq!(mann_whitney(&a, &b), Some(1.0));
    assert_eq!(welch_t_test(&a, &b), Some(1.0));
    assert_eq!(trimtab_stats::wasserstein_normalised(&a, &b), Some(0.0));
    let tiny = |file| Sample::new(&numbers("edges", file, "tiny_scale"));
    let moved =
        trimtab_stats::wasserstein_normalised(&tiny("reference.parquet"), &tiny("current.parquet"));
    assert!(moved.unwrap() > 4.0, "{moved:?}");
}
