//! The law of the means of honest firms: Student's t with an unknown number of degrees of freedom, and normal error
//! around it (random effects with a t distribution; Lee and Thompson 2008, Baker and Jackson 2008). The degrees of
//! freedom are known only as far as the firms tell them, so the p-value is a mean over all of them.

use rayon::prelude::*;

use super::components::Mean;
use crate::stats::{ln, normal_two_sided};

/// One over the degrees of freedom: from the normal to the t with four, the longest tail that is taken for nature here.
const INVERSE: [f64; 6] = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25];
/// The law is learnt from the means nearer to zero than this many standard deviations: Φ⁻¹(0.995). Those farther out may
/// be of firms that cheat.
const INNER: f64 = 2.575_829_303_548_901;
/// The law is learnt from at most so many firms, evenly spaced in the order of their keys.
const MOST: usize = 2_000;
/// Points of the integral over the scales of a t, and the probability left out at each end.
const POINTS: usize = 32;
const LEFT_OUT: f64 = 1e-9;
/// Standard deviations that hold all but [`LEFT_OUT`] of a normal on one side.
const FAR: f64 = 6.0;
/// The scale is sought between these multiples of the first guess, in logarithms.
const RANGE: (f64, f64) = (-3.0, 1.5);
const STEPS: usize = 16;
/// The smallest first guess of a variance.
const SMALLEST: f64 = 1e-6;

/// A t distribution as a mixture of normals: the variance of each, relative to the square of the scale, and its weight.
type Mixture = Vec<(f64, f64)>;

/// For each number of degrees of freedom: the mixture, the square of the scale, and the probability.
pub(super) struct Law(Vec<(Mixture, f64, f64)>);

/// The mixture for 1 / degrees of freedom: a gamma distribution of the precision, at even steps of its logarithm.
fn mixture(inverse: f64) -> Mixture {
    if inverse == 0.0 {
        return vec![(1.0, 1.0)];
    }
    let shape = 0.5 / inverse;
    // Bounds of its quantiles: the lower from the power series, the upper from Wilson and Hilferty (1931).
    let low = (ln(LEFT_OUT) + libm::lgamma(shape + 1.0)) / shape - ln(shape);
    let root = 1.0 - 1.0 / (9.0 * shape) + FAR / (9.0 * shape).sqrt();
    let high = 3.0 * ln(root);
    let at = |i: usize| low + (high - low) * i as f64 / (POINTS - 1) as f64;
    let weight = |y: f64| libm::exp(shape * (y - libm::exp(y)));
    let total: f64 = (0..POINTS).map(|i| weight(at(i))).sum();
    (0..POINTS).map(|i| (libm::exp(-at(i)), weight(at(i)) / total)).collect()
}

/// `P(|X| >= |x|)` for a mixture of this scale with error of this variance.
fn two_sided(mixture: &Mixture, square: f64, x: f64, error: f64) -> f64 {
    mixture.iter().map(|(v, weight)| weight * normal_two_sided(x / (square * v + error).sqrt())).sum()
}

fn density(mixture: &Mixture, square: f64, x: f64, error: f64) -> f64 {
    let one = |(v, weight): &(f64, f64)| {
        let variance = square * v + error;
        weight * libm::exp(-0.5 * x * x / variance) / variance.sqrt()
    };
    mixture.iter().map(one).sum()
}

impl Law {
    /// From the means of firms; `variance` is a first guess of the variance among them.
    pub(super) fn learn(means: &[Mean], variance: f64) -> Law {
        let guess = variance.max(SMALLEST);
        let stride = means.len().div_ceil(MOST).max(1);
        let inner: Vec<(f64, f64, f64)> = means
            .iter()
            .step_by(stride)
            .map(|m| (m.mean, m.variance, INNER * (guess + m.variance).sqrt()))
            .filter(|(mean, _, limit)| mean.abs() <= *limit)
            .collect();
        // The likelihood of the means within the limits, given that they are there: those beyond have no say.
        let likelihood = |mixture: &Mixture, square: f64| -> f64 {
            let one = |&(mean, error, limit): &(f64, f64, f64)| {
                ln(density(mixture, square, mean, error) / (1.0 - two_sided(mixture, square, limit, error)))
            };
            inner.iter().map(one).sum()
        };
        let fits: Vec<(Mixture, f64, f64)> = INVERSE
            .into_par_iter()
            .map(|inverse| {
                let mixture = mixture(inverse);
                let (log, best) = highest(|log| likelihood(&mixture, guess * libm::exp(log)));
                (mixture, guess * libm::exp(log), best)
            })
            .collect();
        let best = fits.iter().map(|fit| fit.2).fold(f64::NEG_INFINITY, f64::max);
        let weight = |log: f64| libm::exp(log - best);
        let total: f64 = fits.iter().map(|fit| weight(fit.2)).sum();
        Law(fits.into_iter().map(|(mixture, square, log)| (mixture, square, weight(log) / total)).collect())
    }

    /// Two-sided.
    pub(super) fn p_value(&self, firm: &Mean) -> f64 {
        let one = |(mixture, square, weight): &(Mixture, f64, f64)| {
            weight * two_sided(mixture, *square, firm.mean, firm.variance)
        };
        self.0.iter().map(one).sum::<f64>().min(1.0)
    }
}

/// Where a function with one maximum is highest, and its value there (golden section).
fn highest(f: impl Fn(f64) -> f64) -> (f64, f64) {
    let golden = 0.5 * (5.0f64.sqrt() - 1.0);
    let (mut low, mut high) = RANGE;
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (f(a), f(b));
    for _ in 0..STEPS {
        if at_a < at_b {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = f(b);
        } else {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = f(a);
        }
    }
    if at_a > at_b { (a, at_a) } else { (b, at_b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{normal_quantile, student_t_two_sided};

    #[test]
    fn a_mixture_without_error_is_students_t() {
        for (inverse, df) in [(0.25, 4.0), (0.2, 5.0), (0.05, 20.0)] {
            let mixture = mixture(inverse);
            for t in [0.3, 2.0, 5.0, 12.0] {
                let (found, exact) = (two_sided(&mixture, 1.0, t, 0.0), student_t_two_sided(t, df));
                assert!((found / exact - 1.0).abs() < 1e-3 || exact < 1e-7, "{found} is not {exact} ({df}, {t})");
            }
        }
    }

    #[test]
    fn normal_means_have_nearly_normal_p_values() {
        let n = 2_000;
        let mean = |i: usize| normal_quantile((i as f64 + 0.5) / n as f64);
        let means: Vec<Mean> = (0..n).map(|i| Mean { n: 50.0, mean: 0.5 * mean(i), variance: 0.1 }).collect();
        let law = Law::learn(&means, 0.15);
        let p = |sd: f64| law.p_value(&Mean { n: 50.0, mean: 0.5 * sd, variance: 0.1 });
        assert!((0.04..0.06).contains(&p(1.96)), "{}", p(1.96));
        // Far out it lies between the normal and the longest tail, which two thousand normal firms make unlikely.
        let Some((longest, square, _)) = law.0.last() else { panic!("the law is empty") };
        let most = two_sided(longest, *square, 2.5, 0.1);
        assert!(p(5.0) > normal_two_sided(5.0) && p(5.0) < 0.5 * most, "{} {most}", p(5.0));
    }
}
