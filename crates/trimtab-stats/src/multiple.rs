//! Many tests at once.

/// Adjusted p-values that bound the probability of any false rejection (Holm, Scandinavian Journal of Statistics 6,
/// 1979): reject those at or under alpha. NaN counts as 1.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let m = p_values.len();
    let mut adjusted = vec![1.0; m];
    let mut least = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        least = least.max(((m - rank) as f64 * or_one(p_values[i])).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

/// q-values that bound the expected share of false rejections (Benjamini and Hochberg, JRSS B 57, 1995): reject
/// those at or under it. NaN counts as 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let m = p_values.len() as f64;
    let mut adjusted = vec![1.0; p_values.len()];
    let mut most = 1.0_f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        most = most.min(or_one(p_values[i]) * m / (rank + 1) as f64);
        adjusted[i] = most;
    }
    adjusted
}

fn or_one(p: f64) -> f64 {
    if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) }
}

fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| or_one(p_values[a]).total_cmp(&or_one(p_values[b])));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_agree_with_statsmodels() {
        let p = [0.01, 0.04, 0.03, 0.005];
        let close = |ours: Vec<f64>, theirs: [f64; 4]| {
            for (a, b) in ours.iter().zip(theirs) {
                assert!((a - b).abs() < 1e-12, "{ours:?} {theirs:?}");
            }
        };
        close(holm(&p), [0.03, 0.06, 0.06, 0.02]);
        close(benjamini_hochberg(&p), [0.02, 0.04, 0.04, 0.02]);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01]), [1.0, 0.02]);
    }
}
