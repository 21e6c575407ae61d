//! How an estimate compares with noise: the error of a median, and shrinkage.

/// The standard error of a median divided by that of a mean, at the normal: the root of π / 2.
pub(super) const MEDIAN_ERROR: f64 = 1.253_314_137_315_500_3;

/// The factor that shrinks an estimate with this square, if noise alone gives it this variance (James and Stein 1961).
pub(super) fn beyond_noise(square: f64, variance: f64) -> f64 {
    if square > 0.0 { (1.0 - variance / square).max(0.0) } else { 0.0 }
}
