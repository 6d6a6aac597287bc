//! Statistics of the house: metrics, intervals, always-valid sequences, drift tests and the additive state that
//! they are computed from.
//!
//! Pure functions over slices: no I/O, no async, no clock, and no randomness but from a seed that is handed in.
//! A result that does not exist (an empty sample, one class only) is `None`, never NaN.

mod bootstrap;
mod drift;
mod interval;
mod metrics;
mod multiple;
mod proportion;
mod sample;
mod sequence;
mod state;
mod tail;

pub use bootstrap::{bootstrap, paired_bootstrap, paired_bootstrap_metric};
pub use drift::{
    ChiSquare, KsTest, chi_square_homogeneity, cramer_von_mises, hellinger, jensen_shannon,
    kl_divergence, ks_p_value_asymptotic, ks_statistic, ks_test, ks_test_asymptotic, l_infinity,
    mann_whitney, psi, student_t_test, total_variation, wasserstein, wasserstein_normalised,
    welch_t_test,
};
pub use interval::{Interval, mean_interval, roc_auc_interval};
pub use metrics::{
    Metric, UnknownMetric, accuracy, brier, log_loss, log_loss_of, mae, rmse, roc_auc,
};
pub use multiple::{benjamini_hochberg, holm};
pub use proportion::{TwoProportions, sample_ratio_mismatch, two_proportions, wilson};
pub use sample::Sample;
pub use sequence::{ConfidenceSequence, RangeError};
pub use state::{ReferenceHistogram, StateError, ValueCounts};
