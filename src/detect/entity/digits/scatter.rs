//! The variation among honest traders, and the p-values that allow for it.
//!
//! Traders differ in their digits and in their habit of rounding, so both statistics vary more than those of independent
//! values. The share of round values has a beta distribution among traders (its precision by maximum likelihood). The
//! chi-square grows with the number of values, and the tail of an F distribution allows for traders that differ more.

use super::model::EntityDigits;
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::{
    OrderStatistics, beta_binomial_upper, chi_square_tail, encode, f_upper, normal_quantile, normal_upper,
};

/// The smallest number of entities from which the variation of the statistics is estimated.
const ENOUGH: usize = 20;
/// The quantiles of chi-square that are compared with chance: the median, and the more unusual of honest traders.
const DIGITS_AT: [f64; 2] = [0.5, 0.9];
/// The same for round values. More than three traders in a hundred that stand off are a habit and not invented.
const ROUND_AT: [f64; 2] = [0.9, 0.97];
/// Degrees of freedom of the scatter of digits between traders.
const SCATTER: f64 = 6.0;
/// From this number of degrees of freedom on, an F distribution counts as a chi-square distribution.
const MANY: f64 = 1e5;
/// The range of the precision of the beta distribution, in values, and the number of steps tried.
const PRECISION: (f64, f64) = (0.2, 1e5);
const STEPS: usize = 60;
/// Traders less likely than this, times their number, are left out of the next fit, at most this many times.
const CLEANED_AT: f64 = 0.05;
const PASSES: usize = 4;
/// A share of round values is never expected to be exactly 0 or 1.
const LEAST: f64 = 1e-4;

fn quantile(share: f64, values: impl Iterator<Item = f64>) -> f64 {
    let mut keys: Vec<i64> = values.map(encode).collect();
    OrderStatistics::new(&mut keys, true).quantile(share).unwrap_or(1.0)
}

/// The quantile of a chi-square divided by its degrees of freedom (Wilson and Hilferty 1931).
fn usual(freedom: f64, share: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom.max(1.0));
    let root = 1.0 - part + normal_quantile(share) * part.sqrt();
    root * (root * root)
}

/// The scatter of the digits between traders: the smallest ω for which χ² / f / (1 + ω n) is no larger at its quantiles
/// than with independent values.
fn digit_scatter(tested: &[&EntityDigits]) -> f64 {
    let too_small = |omega: f64| {
        DIGITS_AT.iter().any(|&share| {
            let ratio = |d: &&EntityDigits| d.ratio / usual(d.freedom, share) / (1.0 + omega * d.plain);
            quantile(share, tested.iter().map(ratio)) > 1.0
        })
    };
    if tested.len() < ENOUGH || !too_small(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while too_small(high) && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if too_small(middle) { low = middle } else { high = middle }
    }
    high
}

/// The probability of so many round values with a beta distribution of this precision.
fn round_tail(d: &EntityDigits, precision: f64) -> f64 {
    let mean = d.round_expected.clamp(LEAST, 1.0 - LEAST);
    beta_binomial_upper(d.rounded as usize, d.long as usize, precision * mean, precision * (1.0 - mean))
}

/// The log likelihood of the round values, without what does not depend on the precision.
fn likelihood(d: &EntityDigits, precision: f64) -> f64 {
    let mean = d.round_expected.clamp(LEAST, 1.0 - LEAST);
    let (a, b, k, n) = (precision * mean, precision * (1.0 - mean), d.rounded, d.long);
    let beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    beta(k + a, n - k + b) - beta(a, b)
}

/// The precision of the beta distribution of round shares, without traders that stand off.
fn round_precision(tested: &[&EntityDigits], progress: &Progress) -> Result<f64> {
    let (low, high) = (libm::log(PRECISION.0), libm::log(PRECISION.1));
    let tried: Vec<f64> = (0..STEPS).map(|i| libm::exp(low + (high - low) * i as f64 / (STEPS - 1) as f64)).collect();
    let mut kept: Vec<&EntityDigits> = tested.to_vec();
    let mut best = PRECISION.1;
    for _ in 0..PASSES {
        let sums = progress.each(0..STEPS, 1, |i| kept.iter().map(|d| likelihood(d, tried[i])).sum::<f64>())?;
        let at = (0..STEPS).fold(0, |best, i| if sums[i] > sums[best] { i } else { best });
        best = tried[at];
        let likely = |d: &&&EntityDigits| round_tail(d, best) * tested.len() as f64 >= CLEANED_AT;
        let next: Vec<&EntityDigits> = tested.iter().filter(likely).copied().collect();
        if next.len() == kept.len() || next.is_empty() {
            break;
        }
        kept = next;
    }
    Ok(best)
}

/// The p-values of all entities that have a test.
pub(super) fn p_values(entities: &mut [EntityDigits], progress: &Progress) -> Result<()> {
    let by_digits: Vec<&EntityDigits> = entities.iter().filter(|d| !d.p.is_nan() && !d.ratio.is_nan()).collect();
    let omega = digit_scatter(&by_digits);
    progress.check()?;
    let by_round: Vec<&EntityDigits> = entities.iter().filter(|d| !d.p.is_nan() && d.long > 0.0).collect();
    let enough = by_round.len() >= ENOUGH;
    let precision = if enough { round_precision(&by_round, progress)? } else { PRECISION.1 };
    let normal = |d: &EntityDigits| -normal_quantile(round_tail(d, precision).clamp(1e-300, 1.0 - 1e-12));
    let mut rounder = 1.0f64;
    if enough {
        let z: Vec<f64> = by_round.iter().map(|&d| normal(d)).collect();
        for share in ROUND_AT {
            rounder = rounder.max(quantile(share, z.iter().copied()) / normal_quantile(share));
        }
    }
    for d in entities.iter_mut().filter(|d| !d.p.is_nan()) {
        (d.digits_p, d.round_p) = (f64::NAN, f64::NAN);
        if !d.ratio.is_nan() {
            let wider = 1.0 + omega * d.plain;
            // The part of the variation that comes from the scatter has few degrees of freedom.
            let part = 1.0 - 1.0 / wider;
            let freedom = SCATTER / (part * part);
            let ratio = d.ratio / wider;
            d.digits_p = if freedom < MANY {
                f_upper(ratio, d.freedom, freedom)
            } else {
                chi_square_tail(ratio * d.freedom, d.freedom)
            };
        }
        if d.long > 0.0 {
            d.round_p = normal_upper(normal(d) / rounder);
        }
        // Bonferroni over the tests there are.
        let tests = f64::from(u8::from(!d.digits_p.is_nan()) + u8::from(!d.round_p.is_nan()));
        d.p = (tests * d.digits_p.min(d.round_p)).min(1.0);
        if tests == 0.0 {
            d.p = f64::NAN;
        }
    }
    Ok(())
}
