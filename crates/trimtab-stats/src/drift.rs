//! Distances between two samples and tests of whether they come from one distribution.

mod kolmogorov;
mod ks;
mod numeric;
mod ranks;
mod shares;

pub use ks::{KsTest, ks_p_value_asymptotic, ks_statistic, ks_test, ks_test_asymptotic};
pub use numeric::{student_t_test, wasserstein, wasserstein_normalised, welch_t_test};
pub use ranks::{cramer_von_mises, mann_whitney};
pub use shares::{
    ChiSquare, chi_square_homogeneity, hellinger, jensen_shannon, kl_divergence, l_infinity, psi,
    total_variation,
};
