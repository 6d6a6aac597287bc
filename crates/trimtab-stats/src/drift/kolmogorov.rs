//! The distribution of the one-sample two-sided Kolmogorov-Smirnov statistic, by the ranges of Simard and L'Ecuyer,
//! "Computing the Two-Sided Kolmogorov-Smirnov Distribution", Journal of Statistical Software 39(11), 2011; the same
//! choice as SciPy's `kstwo`, but for its middle range with n <= 140, where the matrix serves as well.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

/// P(D_n >= d).
pub(crate) fn two_sided_sf(n: u64, d: f64) -> f64 {
    let size = n as f64;
    if n == 0 || d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let t = size * d;
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        // Ruben and Gambino, Annals of the Institute of Statistical Mathematics 34, 1982.
        let log = ln_gamma(size + 1.0) - size * size.ln() + size * (2.0 * t - 1.0).ln();
        return 1.0 - log.exp();
    }
    if t >= size - 1.0 {
        return 2.0 * (1.0 - d).powf(size);
    }
    let squared = t * d;
    let tail_from = if n <= 140 { 4.0 } else { 2.2 };
    let sf = if d >= 0.5 || squared > tail_from {
        2.0 * one_sided_sf(n, d)
    } else if n <= 140 || (n <= 100_000 && size * d.powf(1.5) <= 1.4) {
        1.0 - durbin_matrix(n, d)
    } else {
        1.0 - pelz_good(size, d)
    };
    sf.clamp(0.0, 1.0)
}

/// P(D_n^+ >= d): the sum of Birnbaum and Tingey, Annals of Mathematical Statistics 22, 1951; above 100,000 values
/// Smirnov's expansion to order 1/n.
pub(crate) fn one_sided_sf(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let z = d * size.sqrt();
    if 2.0 * z * z > 745.0 {
        return 0.0;
    }
    if n > 100_000 {
        let log = -2.0 * z * z - 2.0 * z / (3.0 * size.sqrt()) - 4.0 * z.powi(4) / (9.0 * size)
            + 4.0 * z * z / (9.0 * size);
        return log.exp();
    }
    let log_n = ln_gamma(size + 1.0);
    let mut sum = 0.0;
    for j in 0..n {
        let place = j as f64;
        let rest = 1.0 - d - place / size;
        if rest <= 0.0 {
            break;
        }
        let log = log_n - ln_gamma(place + 1.0) - ln_gamma(size - place + 1.0)
            + (place - 1.0) * (d + place / size).ln()
            + (size - place) * rest.ln();
        sum += log.exp();
    }
    d * sum
}

/// P(D_n < d) by Durbin's matrix (Marsaglia, Tsang and Wang, Journal of Statistical Software 8(18), 2003).
fn durbin_matrix(n: u64, d: f64) -> f64 {
    const BIG: f64 = 1e140;
    let size = n as f64;
    let nd = size * d;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nd is between 0.5 and a few hundred"
    )]
    let k = nd.ceil() as usize;
    let h = k as f64 - nd;
    let m = 2 * k - 1;
    let mut matrix = vec![0.0; m * m];
    for i in 0..m {
        for j in 0..m {
            if i + 1 >= j {
                matrix[i * m + j] = 1.0;
            }
        }
    }
    for i in 0..m {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "m is a few hundred"
        )]
        let power = |exponent: usize| h.powi(exponent as i32);
        matrix[i * m] -= power(i + 1);
        matrix[(m - 1) * m + i] -= power(m - i);
    }
    if 2.0 * h > 1.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "m is a few hundred"
        )]
        let corner = (2.0 * h - 1.0).powi(m as i32);
        matrix[(m - 1) * m] += corner;
    }
    for i in 0..m {
        for j in 0..m {
            for g in 2..=(i + 1).saturating_sub(j) {
                matrix[i * m + j] /= g as f64;
            }
        }
    }
    let (power, mut exponent) = matrix_power(&matrix, m, n);
    let mut probability = power[(k - 1) * m + k - 1];
    for i in 1..=n {
        probability *= i as f64 / size;
        if probability < 1.0 / BIG {
            probability *= BIG;
            exponent -= 140;
        }
    }
    probability * 10.0_f64.powi(exponent)
}

/// `matrix^n` with a decimal exponent taken out.
fn matrix_power(matrix: &[f64], m: usize, n: u64) -> (Vec<f64>, i32) {
    if n == 1 {
        return (matrix.to_vec(), 0);
    }
    let (half, exponent) = matrix_power(matrix, m, n / 2);
    let square = multiply(&half, &half, m);
    let (mut power, mut exponent) = if n.is_multiple_of(2) {
        (square, 2 * exponent)
    } else {
        (multiply(matrix, &square, m), 2 * exponent)
    };
    if power[(m / 2) * m + m / 2] > 1e140 {
        for value in &mut power {
            *value *= 1e-140;
        }
        exponent += 140;
    }
    (power, exponent)
}

fn multiply(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut product = vec![0.0; m * m];
    for i in 0..m {
        for k in 0..m {
            let factor = a[i * m + k];
            if factor != 0.0 {
                for j in 0..m {
                    product[i * m + j] += factor * b[k * m + j];
                }
            }
        }
    }
    product
}

/// P(D_n < d) by Pelz and Good, JRSS B 38, 1976: the expansion in 1/sqrt(n) with Jacobi theta functions.
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, z4, z6) = (z.powi(2), z.powi(4), z.powi(6));
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let root = (2.0 * PI).sqrt();
    let mut k = [0.0_f64; 4];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "z is below 5"
    )]
    let terms = (16.0 * z / PI).ceil() as u32;
    for i in 1..=terms {
        let odd = f64::from(2 * i - 1);
        let (m2, m4, m6) = (odd.powi(2), odd.powi(4), odd.powi(6));
        let weight = (-pi2 / 8.0 / z2 * m2).exp();
        k[0] += weight;
        k[1] += weight * (-z2 + pi2 / 4.0 * m2);
        k[2] += weight
            * (6.0 * z6
                + 2.0 * z4
                + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2
                + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4);
        k[3] += weight
            * (-30.0 * z6 - 90.0 * z.powi(8)
                + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pi4 * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
                + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6);
    }
    k[0] *= root / z;
    k[1] *= root / (6.0 * z4);
    k[2] *= root / (72.0 * z.powi(7));
    k[3] *= root / (6480.0 * z.powi(10));
    let (mut extra2, mut extra3) = (0.0, 0.0);
    for i in 1..=terms {
        let square = f64::from(i).powi(2);
        let weight = (-pi2 / 2.0 / z2 * square).exp();
        extra2 += square * weight;
        extra3 += (3.0 * z2 - pi2 * square) * square * weight;
    }
    k[2] -= extra2 * pi2 * root / (36.0 * z.powi(3));
    k[3] += extra3 * pi2 * root / (216.0 * z6);
    k[0] + k[1] / n.sqrt() + k[2] / n + k[3] / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_agrees_with_scipy() {
        // n, d, scipy.stats.kstwo.sf(d, n) of SciPy 1.17, which above 100,000 leaves out the term in 1/n.
        for line in include_str!("../../tests/fixtures/kstwo.csv").lines() {
            let mut fields = line.split(',');
            let n: u64 = fields.next().unwrap().parse().unwrap();
            let mut next = || fields.next().unwrap().parse::<f64>().unwrap();
            let (d, expected) = (next(), next());
            let ours = two_sided_sf(n, d);
            let tolerance = if n > 100_000 { 1e-4 } else { 1e-6 };
            assert!(
                (ours / expected - 1.0).abs() < tolerance,
                "n {n} d {d}: {ours} {expected}"
            );
        }
    }
}
