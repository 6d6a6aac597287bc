//! Tail probabilities, over the special functions of `statrs`.

use statrs::function::{beta::beta_reg, erf, gamma::gamma_ur};

/// P(X > x) of the standard normal distribution.
pub(crate) fn normal_sf(x: f64) -> f64 {
    0.5 * erf::erfc(x / std::f64::consts::SQRT_2)
}

/// The x with P(X <= x) = p of the standard normal distribution.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * p)
}

/// P(X > x) of the chi-square distribution.
pub(crate) fn chi_square_sf(x: f64, degrees: f64) -> f64 {
    if x <= 0.0 || degrees <= 0.0 {
        1.0
    } else {
        gamma_ur(degrees / 2.0, x / 2.0).clamp(0.0, 1.0)
    }
}

/// P(|T| > |t|) of Student's distribution.
pub(crate) fn student_two_sided(t: f64, degrees: f64) -> f64 {
    beta_reg(degrees / 2.0, 0.5, degrees / t.mul_add(t, degrees)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy.stats 1.17.
    #[test]
    fn tails_agree_with_scipy() {
        let close =
            |ours: f64, scipy: f64| assert!((ours / scipy - 1.0).abs() < 1e-9, "{ours} {scipy}");
        close(normal_sf(1.959_963_984_540_054), 0.025);
        close(normal_sf(8.0), 6.220_960_574_271_74e-16);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(chi_square_sf(3.841_458_820_694_124, 1.0), 0.05);
        close(chi_square_sf(200.0, 3.0), 4.218_541_107_192_018e-43);
        close(student_two_sided(2.0, 10.0), 0.073_388_034_770_740_46);
        close(
            student_two_sided(40.0, 1000.0),
            1.047_885_215_517_327_2e-209,
        );
    }
}
