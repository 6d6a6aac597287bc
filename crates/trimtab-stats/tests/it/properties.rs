//! Identities that must hold for any input.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use trimtab_stats::{
    ReferenceHistogram, Sample, ValueCounts, benjamini_hochberg, cramer_von_mises, hellinger, holm,
    jensen_shannon, ks_statistic, ks_test, ks_test_asymptotic, l_infinity, mann_whitney, psi,
    roc_auc, total_variation, wasserstein, welch_t_test,
};

fn values() -> impl Strategy<Value = Vec<f64>> {
    // Coarse, so that ties are common.
    prop::collection::vec((-40_i32..40).prop_map(|i| f64::from(i) / 4.0), 2..60)
}

fn weights() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((0_u32..20).prop_map(f64::from), 6)
        .prop_filter("something is counted", |counts| {
            counts.iter().sum::<f64>() > 0.0
        })
}

fn histogram(edges: &ReferenceHistogram, values: &[f64]) -> ReferenceHistogram {
    let mut histogram = edges.empty_like();
    for &value in values {
        histogram.add(value);
    }
    histogram
}

fn counted(values: &[f64]) -> ValueCounts {
    let mut counts = ValueCounts::new();
    for &value in values {
        counts.add_number(value);
    }
    counts
}

proptest! {
    #[test]
    fn distances_of_samples_are_symmetric_and_zero_on_themselves(a in values(), b in values()) {
        let (a, b) = (Sample::new(&a), Sample::new(&b));
        for distance in [ks_statistic, wasserstein] {
            prop_assert_eq!(distance(&a, &a), Some(0.0));
            let (one, other) = (distance(&a, &b).unwrap(), distance(&b, &a).unwrap());
            prop_assert!((one - other).abs() < 1e-12);
            prop_assert!(one >= 0.0);
        }
        for test in [mann_whitney, cramer_von_mises, welch_t_test] {
            let (one, other) = (test(&a, &b).unwrap(), test(&b, &a).unwrap());
            prop_assert!((one - other).abs() < 1e-9, "{} {}", one, other);
            prop_assert!((0.0..=1.0).contains(&one));
            prop_assert!(test(&a, &a).unwrap() > 0.9);
        }
        let exact = ks_test(&a, &b).unwrap();
        prop_assert!((exact.p_value - ks_test(&b, &a).unwrap().p_value).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&exact.p_value));
    }

    #[test]
    fn wasserstein_is_the_shift(a in values(), shift in -100_i32..100) {
        let shift = f64::from(shift);
        let moved: Vec<f64> = a.iter().map(|value| value + shift).collect();
        let distance = wasserstein(&Sample::new(&a), &Sample::new(&moved)).unwrap();
        prop_assert!((distance - shift.abs()).abs() < 1e-9);
    }

    #[test]
    fn distances_of_shares_are_symmetric_bounded_and_zero_on_themselves(a in weights(), b in weights()) {
        for distance in [jensen_shannon, hellinger, total_variation, l_infinity] {
            prop_assert!(distance(&a, &a).unwrap() < 1e-7);
            let (one, other) = (distance(&a, &b).unwrap(), distance(&b, &a).unwrap());
            prop_assert!((one - other).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&one));
        }
        prop_assert!(psi(&a, &a, 1e-4).unwrap().abs() < 1e-12);
        prop_assert!(psi(&a, &b, 1e-4).unwrap() >= 0.0);
        // Pinsker-like: H² <= TV <= sqrt(2) H.
        let (h, tv) = (hellinger(&a, &b).unwrap(), total_variation(&a, &b).unwrap());
        prop_assert!(h * h <= tv + 1e-9 && tv <= 2.0_f64.sqrt() * h + 1e-9);
    }

    #[test]
    fn merged_state_is_the_state_of_the_concatenation(reference in values(), a in values(), b in values()) {
        let edges = ReferenceHistogram::learn(&Sample::new(&reference)).unwrap();
        let both: Vec<f64> = a.iter().chain(&b).copied().collect();
        let mut merged = histogram(&edges, &a);
        merged.merge(&histogram(&edges, &b)).unwrap();
        let whole = histogram(&edges, &both);
        prop_assert_eq!(merged.counts(), whole.counts());
        let distance = wasserstein(&merged.sample(), &whole.sample()).unwrap();
        prop_assert!(distance < 1e-9);

        let mut merged = counted(&a);
        merged.merge(&counted(&b));
        prop_assert_eq!(&merged, &counted(&both));
        prop_assert_eq!(merged.numbers().unwrap(), Sample::new(&both));
        let text = serde_json::to_string(&merged).unwrap();
        prop_assert_eq!(serde_json::from_str::<ValueCounts>(&text).unwrap(), merged);
        let text = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<ReferenceHistogram>(&text).unwrap(), whole);
    }

    #[test]
    fn few_distinct_values_lose_nothing_in_the_histogram(a in values()) {
        let sample = Sample::new(&a);
        let edges = ReferenceHistogram::learn(&sample).unwrap();
        let reference = histogram(&edges, &a);
        prop_assert!(wasserstein(&reference.sample(), &sample).unwrap() < 1e-9);
        let half = histogram(&edges, &a[..=a.len() / 2]);
        let exact = ks_statistic(&sample, &Sample::new(&a[..=a.len() / 2])).unwrap();
        prop_assert!((reference.ks_statistic(&half).unwrap() - exact).abs() < 1e-12);
    }

    #[test]
    fn adjusted_p_values_are_no_smaller(p in prop::collection::vec(0.0_f64..1.0, 0..30)) {
        let (family, discovery) = (holm(&p), benjamini_hochberg(&p));
        for ((p, holm), q) in p.iter().zip(family).zip(discovery) {
            prop_assert!(*p <= q + 1e-15 && q <= holm + 1e-15 && holm <= 1.0);
        }
    }

    #[test]
    fn auc_is_complemented_by_turning_the_scores_round(
        rows in prop::collection::vec((any::<bool>(), -5_i32..5), 2..50)
    ) {
        let labels: Vec<f64> = rows.iter().map(|(label, _)| f64::from(u8::from(*label))).collect();
        let scores: Vec<f64> = rows.iter().map(|(_, score)| f64::from(*score)).collect();
        let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
        if let Some(auc) = roc_auc(&labels, &scores) {
            prop_assert!((auc + roc_auc(&labels, &turned).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn p_values_are_uniform_when_nothing_drifted() {
    let mut random = Pcg64::seed_from_u64(5);
    let mut draw =
        |n: usize| Sample::new(&(0..n).map(|_| random.random::<f64>()).collect::<Vec<_>>());
    let mut below = [0_u32; 4];
    for _ in 0..1000 {
        let (a, b) = (draw(300), draw(200));
        let p = [
            ks_test(&a, &b).unwrap().p_value,
            ks_test_asymptotic(&a, &b).unwrap().p_value,
            mann_whitney(&a, &b).unwrap(),
            cramer_von_mises(&a, &b).unwrap(),
        ];
        for (count, p) in below.iter_mut().zip(p) {
            *count += u32::from(p < 0.1);
        }
    }
    // 100 expected, sd 9.5; KS is discrete and lies a little under.
    assert!(
        below.iter().all(|count| (65..=135).contains(count)),
        "{below:?}"
    );
}

#[test]
fn too_many_values_are_said_to_be_too_many_in_any_order() {
    let numbers: Vec<f64> = (0..9000).map(f64::from).collect();
    let (first, second) = numbers.split_at(5000);
    let mut merged = counted(first);
    merged.merge(&counted(second));
    assert_eq!(merged, counted(&numbers));
    assert!(!merged.is_exact() && merged.len() == 9000 && merged.numbers().is_none());
}

#[test]
fn a_256_bin_histogram_is_close_to_exact_on_heavy_tails() {
    let mut random = Pcg64::seed_from_u64(6);
    let mut draw = |scale: f64| -> Vec<f64> {
        (0..20_000)
            .map(|_| (scale * (random.random::<f64>().ln() * -1.5)).exp())
            .collect()
    };
    let (reference, current) = (draw(0.5), draw(0.6));
    let (a, b) = (Sample::new(&reference), Sample::new(&current));
    let edges = ReferenceHistogram::learn(&a).unwrap();
    let (x, y) = (histogram(&edges, &reference), histogram(&edges, &current));
    let deviation = a.variance(0).unwrap().sqrt();
    let exact = wasserstein(&a, &b).unwrap() / deviation;
    let binned = wasserstein(&x.sample(), &y.sample()).unwrap() / deviation;
    assert!((exact - binned).abs() < 0.005, "{exact} {binned}");
    let gap = ks_statistic(&a, &b).unwrap() - x.ks_statistic(&y).unwrap();
    assert!((0.0..0.004).contains(&gap), "{gap}");
}

#[test]
fn newer_or_damaged_state_is_refused_by_name() {
    let sample = Sample::new(&[1.0, 2.0]);
    let text = serde_json::to_string(&ReferenceHistogram::learn(&sample).unwrap()).unwrap();
    let refuse = |text: String| {
        serde_json::from_str::<ReferenceHistogram>(&text)
            .unwrap_err()
            .to_string()
    };
    assert!(refuse(text.replace("\"version\":1", "\"version\":7")).contains("version 7"));
    assert!(refuse(text.replace("[1.0,2.0]", "[2.0,1.0]")).contains("ascend"));
    assert!(refuse(text.replace("[1.0,2.0]", "[1.0]")).contains("fit"));
    let text = serde_json::to_string(&counted(&[1.0])).unwrap();
    assert!(
        serde_json::from_str::<ValueCounts>(&text.replace("\"rows\":1", "\"rows\":2")).is_err()
    );
    let mut other = ReferenceHistogram::learn(&Sample::new(&[3.0])).unwrap();
    assert!(
        other
            .merge(&ReferenceHistogram::learn(&sample).unwrap())
            .is_err()
    );
}
