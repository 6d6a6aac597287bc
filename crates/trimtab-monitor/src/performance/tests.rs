use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use trimtab_stats::{log_loss, roc_auc_interval};

use super::*;

fn draw(seed: u64, rows: usize, signal: f64) -> (Vec<f64>, Vec<f64>) {
    let mut random = Pcg64::seed_from_u64(seed);
    (0..rows)
        .map(|_| {
            let label = f64::from(u8::from(random.random_bool(0.25)));
            let score: f64 = random.random::<f64>() * 0.8 + signal * label * 0.2;
            (label, score.clamp(0.0, 1.0))
        })
        .unzip()
}

#[test]
fn merged_cells_are_the_rows_to_a_thousandth() {
    let (labels, scores) = draw(1, 6000, 1.0);
    let windows: Vec<Scored> = labels
        .chunks(900)
        .zip(scores.chunks(900))
        .map(|(labels, scores)| Scored::new(labels, scores))
        .collect();
    let whole = Scored::merged(windows.iter());
    let exact = roc_auc_interval(&labels, &scores, 0.95).unwrap();
    let ours = whole.interval(Metric::RocAuc).unwrap();
    assert!(
        (ours.estimate - exact.estimate).abs() < 1e-3,
        "{ours:?} {exact:?}"
    );
    assert!(
        (ours.margin() / exact.margin() - 1.0).abs() < 0.02,
        "{ours:?} {exact:?}"
    );
    let loss = whole.interval(Metric::LogLoss).unwrap().estimate;
    assert!((loss - log_loss(&labels, &scores).unwrap()).abs() < 1e-9);
    let bytes = whole.to_bytes();
    assert_eq!(Scored::from_bytes(&bytes).unwrap(), whole);
    assert!(bytes.len() < 8_000, "{}", bytes.len());
    assert_eq!(
        Scored::from_bytes(&Scored::default().to_bytes()).unwrap(),
        Scored::default()
    );
    let mut newer = bytes.clone();
    newer[3] = 9;
    assert!(
        Scored::from_bytes(&newer)
            .unwrap_err()
            .to_string()
            .contains("version 9")
    );
    for end in 0..bytes.len() {
        assert!(Scored::from_bytes(&bytes[..end]).is_err());
    }
}

#[test]
fn a_real_drop_is_worse_and_chance_is_not() {
    let baseline = Baseline {
        metric: "roc_auc".to_owned(),
        value: 0.75,
        low: 0.73,
        high: 0.77,
    };
    let stretch = |signal: f64| -> Vec<Scored> {
        (0..7)
            .map(|i| draw(10 + i, 900, signal))
            .map(|(labels, scores)| Scored::new(&labels, &scores))
            .collect()
    };
    let judge = |windows: &[Scored]| {
        of_stretch(&windows.iter().collect::<Vec<_>>(), Some(&baseline)).unwrap()
    };
    let (same, is_worse) = judge(&stretch(1.0));
    assert!(!is_worse && same.value > 0.7, "{same:?}");
    let (less, is_worse) = judge(&stretch(0.2));
    assert!(is_worse && less.high < 0.73, "{less:?}");
}

#[test]
fn numbers_are_judged_by_their_error() {
    let labels: Vec<f64> = (0..500).map(|i| f64::from(i % 50)).collect();
    let scores: Vec<f64> = labels.iter().map(|label| label + 3.0).collect();
    let all = of_window(&Scored::new(&labels, &scores), None);
    assert_eq!(all[0].metric, "rmse");
    assert!((all[0].value - 3.0).abs() < 1e-9 && (all[1].value - 3.0).abs() < 1e-9);
}

#[test]
fn few_rows_and_one_class_say_nothing() {
    let (labels, scores) = draw(3, 50, 1.0);
    assert!(of_window(&Scored::new(&labels, &scores), None).is_empty());
    let none = Scored::new(&[0.0; 200], &[0.1; 200]);
    assert!(
        of_window(&none, None)
            .iter()
            .all(|performance| performance.metric != "roc_auc")
    );
    assert!(of_window(&Scored::new(&[f64::NAN], &[1.0]), None).is_empty());
    let endless = Scored::new(&[1e308; 200], &[-1e308; 200]);
    assert!(of_window(&endless, None).is_empty() && of_stretch(&[&endless; 7], None).is_none());
}
