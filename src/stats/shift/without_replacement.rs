//! The chance of a large sum of values drawn without replacement, by the saddlepoint approximation (Robinson 1982).
//!
//! Draws without replacement are independent draws, given their number. The exponential tilt that makes number and sum
//! the expected ones leads to the tail (Lugannani and Rice 1980, for two sums as in Skovgaard 1987). There is no correction
//! for sums with gaps: for values of two sizes the chance is a few times too small.

use crate::stats::{ln, normal_density, normal_upper};

const STEPS: usize = 60;
/// Sums closer than this, in standard deviations, are equal.
const NEARLY: f64 = 1e-9;

/// The chance that `drawn` of the values have at least this sum; nothing for sums below the mean.
pub(super) fn upper_tail(values: &[f64], drawn: usize, sum: f64) -> Option<f64> {
    let (n, m) = (values.len() as f64, drawn as f64);
    if drawn == 0 || drawn >= values.len() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let size = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
    let (share, sum) = (m / n, (sum - m * mean) / size);
    if !(sum > 0.0 && sum.is_finite()) {
        return None;
    }
    let unit = |v: &f64| (v - mean) / size;
    if let Some(chance) = largest(values, drawn, size, mean, sum) {
        return Some(chance);
    }
    // K(a, b) = Σ ln(1 + exp(a + b v)) - a m - b sum is convex, and has its minimum at the tilt.
    let start = ln(share / (1.0 - share));
    let value = |a: f64, b: f64| values.iter().map(|v| softplus(a + b * unit(v))).sum::<f64>() - a * m - b * sum;
    let from = value(start, 0.0);
    let (mut a, mut b, mut here) = (start, 0.0, from);
    let mut curvature = 0.0;
    for step in 0..STEPS {
        let [mut g, mut h, mut aa, mut ab, mut bb] = [-m, -sum, 0.0, 0.0, 0.0];
        for v in values.iter().map(unit) {
            let p = 1.0 / (1.0 + libm::exp(-(a + b * v)));
            let w = p * (1.0 - p);
            g += p;
            h += p * v;
            aa += w;
            ab += w * v;
            bb += w * v * v;
        }
        curvature = aa * bb - ab * ab;
        if g.abs() < 1e-9 * n && h.abs() < 1e-9 * n {
            break;
        }
        if step + 1 == STEPS || curvature <= 1e-12 * n {
            return None;
        }
        let (da, db) = ((bb * g - ab * h) / curvature, (aa * h - ab * g) / curvature);
        let mut length = 1.0;
        let better = loop {
            let there = value(a - length * da, b - length * db);
            if there <= here || length < 1e-6 {
                break there;
            }
            length *= 0.5;
        };
        (a, b, here) = (a - length * da, b - length * db, better);
    }
    let w = (2.0 * (from - here).max(0.0)).sqrt();
    let u = b * (curvature / (n * share * (1.0 - share))).sqrt();
    if w < 1e-3 || u <= 0.0 {
        return Some(0.5);
    }
    Some((normal_upper(w) + normal_density(w) * (1.0 / u - 1.0 / w)).clamp(0.0, 1.0))
}

/// The chance of the largest sum, if it is this one: there the tilt does not exist.
fn largest(values: &[f64], drawn: usize, size: f64, mean: f64, sum: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().map(|v| (v - mean) / size).collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    if sum < sorted[..drawn].iter().sum::<f64>() - NEARLY {
        return None;
    }
    // Values equal to the last one drawn can take its place.
    let least = sorted[drawn - 1];
    let above = sorted.iter().filter(|&&v| v > least + NEARLY).count();
    let equal = sorted.iter().filter(|&&v| (v - least).abs() <= NEARLY).count();
    Some(libm::exp(ln_choose(equal, drawn - above) - ln_choose(values.len(), drawn)))
}

fn ln_choose(n: usize, k: usize) -> f64 {
    let [all, one, other] = [n, k, n - k].map(|n| libm::lgamma(n as f64 + 1.0));
    all - one - other
}

/// ln(1 + exp(x)).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    #[test]
    fn it_is_near_the_share_of_draws() {
        let mut random = Random::new(3);
        let mut one = || random.below(1000) as f64 / 100.0;
        let mut values: Vec<f64> = (0..40).map(|_| one() * one()).collect();
        let many = 400_000;
        let mut sums: Vec<f64> = (0..many)
            .map(|_| {
                for i in 0..12 {
                    let other = i + random.below(values.len() - i);
                    values.swap(i, other);
                }
                values[..12].iter().sum()
            })
            .collect();
        sums.sort_unstable_by(f64::total_cmp);
        for beyond in [0.1, 0.01, 0.001] {
            let sum = sums[many - (beyond * many as f64) as usize];
            let found = upper_tail(&values, 12, sum).unwrap();
            assert!((found / beyond - 1.0).abs() < 0.15, "{found} {beyond}");
        }
    }

    #[test]
    fn it_is_below_the_hypergeometric_distribution_by_a_small_factor() {
        // Five of 48 values are 1. The chance that 4 or more are among 6: for values of two sizes the sum has gaps, and
        // the approximation lies between this chance and that of 5 or more.
        let values: Vec<f64> = (0..48).map(|i| f64::from(u8::from(i < 5))).collect();
        let choose =
            |n: f64, k: f64| libm::exp(libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0));
        let exactly = |k: f64| choose(5.0, k) * choose(43.0, 6.0 - k) / choose(48.0, 6.0);
        let exact = exactly(4.0) + exactly(5.0);
        let found = upper_tail(&values, 6, 4.0).unwrap();
        assert!(found > 0.2 * exact && found < exact && found > exactly(5.0), "{found} {exact}");
        let found = upper_tail(&values, 6, 5.0).unwrap();
        assert!((found / exactly(5.0) - 1.0).abs() < 1e-9);
        // Four of the five are the largest sum of four.
        let found = upper_tail(&values, 4, 4.0).unwrap();
        assert!((found / (5.0 / choose(48.0, 4.0)) - 1.0).abs() < 1e-9);
    }
}
