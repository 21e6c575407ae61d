//! Scales of several classes, drawn to a common one as far as they differ by chance only (moderated variances, Smyth
//! 2004), with medians in place of means.

use super::spread::{SQUARE_MEDIAN, median};
use crate::stats::ln;

/// The efficiency of the MAD at the normal (Rousseeuw and Croux 1993): n residuals give a variance with this times
/// n - 1 degrees of freedom.
pub const MAD_FREEDOM: f64 = 0.37;
/// An excess variance of ln s² below this is chance: all classes have one scale.
const CHANCE: f64 = 0.001;
/// The smallest number of classes from which a common variance is learnt.
const CLASSES: usize = 5;

/// The common variance, and its weight in degrees of freedom.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    pub variance: f64,
    pub freedom: f64,
}

impl Prior {
    /// From the variance of each class and its degrees of freedom. `None` with too few classes.
    pub fn learn(classes: &[(f64, f64)]) -> Option<Prior> {
        let known: Vec<(f64, f64)> = classes.iter().copied().filter(|c| c.0 > 0.0 && c.1 > 0.0).collect();
        if known.len() < CLASSES {
            return None;
        }
        let log = |c: &(f64, f64)| ln(c.0) - digamma(0.5 * c.1) + ln(0.5 * c.1);
        let middle = median(known.iter().map(log))?;
        let apart = median(known.iter().map(|c| (log(c) - middle) * (log(c) - middle)))? / SQUARE_MEDIAN;
        let excess = apart - median(known.iter().map(|c| trigamma(0.5 * c.1)))?;
        if excess <= CHANCE {
            return Some(Prior { variance: libm::exp(middle), freedom: f64::INFINITY });
        }
        let half = trigamma_inverse(excess);
        Some(Prior { variance: libm::exp(middle + digamma(half) - ln(half)), freedom: 2.0 * half })
    }

    /// The variance of a class, drawn to the common one.
    pub fn moderated(&self, variance: f64, freedom: f64) -> f64 {
        if self.freedom.is_infinite() {
            return self.variance;
        }
        (self.freedom * self.variance + freedom * variance) / (self.freedom + freedom)
    }
}

/// The derivative of ln Γ (Abramowitz and Stegun 6.3.18, after raising the argument).
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 8.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + ln(x) - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
}

/// Its derivative (6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square / 30.0));
    sum + 1.0 / x + 0.5 * square + square / x * series
}

/// The argument at which trigamma has a value, by bisection of the logarithm: trigamma falls.
fn trigamma_inverse(value: f64) -> f64 {
    let (mut low, mut high) = (-14.0, 14.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if trigamma(libm::exp(middle)) > value { low = middle } else { high = middle }
    }
    libm::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_the_logarithm_of_gamma_equal_scipy() {
        // scipy 1.17: digamma, polygamma(1, x)
        for (x, first, second) in [
            (0.3, -3.502524222200133, 12.245364546107734),
            (1.0, -0.5772156649015329, 1.6449340668482266),
            (4.5, 1.388870926359529, 0.24872510303901035),
            (50.0, 3.9019896734278925, 0.020201333226697128),
        ] {
            assert!((digamma(x) / first - 1.0).abs() < 1e-9, "{x}: {}", digamma(x));
            assert!((trigamma(x) / second - 1.0).abs() < 1e-9, "{x}: {}", trigamma(x));
            assert!((trigamma_inverse(second) / x - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn equal_scales_are_one_and_unequal_ones_stay_apart() {
        let same = Prior::learn(&[(2.0, 9.0); 12]).unwrap();
        assert!(same.freedom.is_infinite());
        assert!(same.moderated(50.0, 9.0) < 3.0);
        let unequal: Vec<(f64, f64)> = (0..40).map(|i| (libm::exp(f64::from(i % 8) - 4.0), 40.0)).collect();
        let prior = Prior::learn(&unequal).unwrap();
        assert!(prior.freedom < 4.0);
        assert!(Prior::learn(&unequal[..4]).is_none());
    }
}
