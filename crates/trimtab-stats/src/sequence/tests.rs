use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

/// Looks after every value and says whether the true mean was ever excluded.
fn ever_wrong(values: impl Iterator<Item = f64>, truth: f64) -> bool {
    let mut sequence = ConfidenceSequence::new(-1.0, 1.0, 0.05).unwrap();
    values.into_iter().any(|value| {
        sequence.update(value);
        !sequence.interval().unwrap().contains(truth)
    })
}

#[test]
fn a_thousand_paths_looked_at_after_every_value_reject_at_most_alpha() {
    let mut random = Pcg64::seed_from_u64(11);
    let wrong = (0..1000)
        .filter(|_| {
            // Differences of two 0/1 losses with equal rates: -1, 0, 1.
            let values: Vec<f64> = (0..400)
                .map(|_| {
                    let (a, b) = (random.random_bool(0.2), random.random_bool(0.2));
                    f64::from(u8::from(a)) - f64::from(u8::from(b))
                })
                .collect();
            ever_wrong(values.into_iter(), 0.0)
        })
        .count();
    assert!(wrong <= 50, "{wrong} of 1000");
}

#[test]
fn skewed_differences_are_covered_too() {
    let mut random = Pcg64::seed_from_u64(12);
    let wrong = (0..300)
        .filter(|_| {
            // Mean zero, rare large losses: 0.9 with probability 0.1, else -0.1.
            let values: Vec<f64> = (0..400)
                .map(|_| if random.random_bool(0.1) { 0.9 } else { -0.1 })
                .collect();
            ever_wrong(values.into_iter(), 0.0)
        })
        .count();
    assert!(wrong <= 15, "{wrong} of 300");
}

#[test]
fn it_narrows_and_finds_a_real_difference() {
    let mut random = Pcg64::seed_from_u64(13);
    let mut sequence = ConfidenceSequence::new(-1.0, 1.0, 0.05).unwrap();
    let mut first_seen = None;
    let mut widths = Vec::new();
    for i in 0..5000_u32 {
        sequence.update(0.05 + 0.4 * (random.random::<f64>() - 0.5));
        let interval = sequence.interval().unwrap();
        widths.push(interval.high - interval.low);
        if interval.low > 0.0 && first_seen.is_none() {
            first_seen = Some(i);
        }
    }
    assert!(widths.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
    assert!(first_seen.unwrap() < 400, "{first_seen:?}");
    let interval = sequence.interval().unwrap();
    assert!(
        interval.contains(0.05) && interval.margin() < 0.01,
        "{interval:?}"
    );
}

#[test]
fn state_round_trips_and_a_newer_one_is_refused() {
    let mut sequence = ConfidenceSequence::new(-2.0, 2.0, 0.05).unwrap();
    for i in 0..500 {
        sequence.update(f64::from(i % 5) / 5.0);
    }
    let text = serde_json::to_string(&sequence).unwrap();
    let mut back: ConfidenceSequence = serde_json::from_str(&text).unwrap();
    assert_eq!(back.interval(), sequence.interval());
    back.update(0.3);
    sequence.update(0.3);
    assert_eq!(back.interval(), sequence.interval());
    let newer = text.replace("\"version\":1", "\"version\":2");
    let error = serde_json::from_str::<ConfidenceSequence>(&newer)
        .unwrap_err()
        .to_string();
    assert!(error.contains("version 2"), "{error}");
    for damaged in [
        text.replace("\"low\":-2.0", "\"low\":3.0"),
        text.replace("\"first\":", "\"first\":9"),
        text.replace("\"above\":[", "\"above\":[0.0,"),
    ] {
        assert!(serde_json::from_str::<ConfidenceSequence>(&damaged).is_err());
    }
}

#[test]
fn bad_input_does_no_harm() {
    assert!(ConfidenceSequence::new(1.0, 1.0, 0.05).is_err());
    assert!(ConfidenceSequence::new(0.0, f64::INFINITY, 0.05).is_err());
    assert!(ConfidenceSequence::new(0.0, 1.0, 0.0).is_err());
    let mut sequence = ConfidenceSequence::new(0.0, 1.0, 0.05).unwrap();
    sequence.update(f64::NAN);
    assert!(sequence.interval().is_none());
    for value in [f64::INFINITY, f64::NEG_INFINITY, 5.0] {
        sequence.update(value);
    }
    assert_eq!((sequence.count(), sequence.clipped()), (3, 3));
    // A constant sequence at an end refutes everything but the end.
    for _ in 0..2000 {
        sequence.update(1.0);
    }
    let interval = sequence.interval().unwrap();
    assert!(
        interval.high >= interval.estimate && interval.low > 0.9,
        "{interval:?}"
    );
}
