//! Moderated scales. A scale from few members is uncertain, and the groups of a level resemble each other. So each
//! scale is drawn to the usual scale of its level, more so with fewer members, and less so where scales differ by more
//! than chance (empirical Bayes; Smyth 2004). All estimates are medians, so that a twentieth of the groups may hold
//! anything.

use crate::stats::{MEDIAN_SQUARE, digamma, exact_sum, trigamma, trigamma_inverse};

/// Fewer groups do not show how much scales differ.
const FEWEST: usize = 5;
/// Scales whose logarithms of squares vary by less than this beyond chance count as equal.
const EQUAL: f64 = 0.001;

/// What the groups of a level say about their scales.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moderation {
    /// The usual scale of the level. NaN without moderation.
    pub usual: f64,
    /// Its weight, in degrees of freedom: 0 without moderation, infinite if all scales are equal.
    pub weight: f64,
    /// Degrees of freedom of a scale for each member: the efficiency of its estimator at the normal.
    pub efficiency: f64,
}

impl Moderation {
    /// No moderation: every scale stands for itself.
    pub fn none(efficiency: f64) -> Moderation {
        Moderation { usual: f64::NAN, weight: 0.0, efficiency }
    }

    /// From the scales of the groups of a level and their numbers of members.
    pub fn of(scales: impl Iterator<Item = (f64, u32)>, efficiency: f64) -> Moderation {
        let none = Moderation::none(efficiency);
        let known: Vec<(f64, f64)> =
            scales.filter(|(s, n)| *s > 0.0 && *n > 1).map(|(s, n)| (s, none.own(n))).collect();
        if known.len() < FEWEST {
            return none;
        }
        let weights: Vec<f64> = known.iter().map(|(_, d)| *d).collect();
        let logs: Vec<f64> =
            known.iter().map(|(s, d)| 2.0 * libm::log(*s) - digamma(d / 2.0) + libm::log(d / 2.0)).collect();
        let centre = weighted_median(&logs, &weights);
        let squares: Vec<f64> = logs.iter().map(|log| (log - centre) * (log - centre)).collect();
        let chance: Vec<f64> = weights.iter().map(|d| d * trigamma(d / 2.0)).collect();
        let beyond = weighted_median(&squares, &weights) / MEDIAN_SQUARE - exact_sum(&chance) / exact_sum(&weights);
        if beyond <= EQUAL {
            return Moderation { usual: libm::exp(0.5 * centre), weight: f64::INFINITY, efficiency };
        }
        let half = trigamma_inverse(beyond);
        let usual = libm::exp(0.5 * (centre + digamma(half) - libm::log(half)));
        Moderation { usual, weight: 2.0 * half, efficiency }
    }

    /// The degrees of freedom of the scale of n members.
    fn own(&self, n: u32) -> f64 {
        self.efficiency * f64::from(n.max(2) - 1)
    }

    /// The moderated scale of a group.
    pub fn scale(&self, own: f64, n: u32) -> f64 {
        if self.weight == 0.0 {
            return own;
        }
        if self.weight == f64::INFINITY {
            return self.usual;
        }
        let d = self.own(n);
        ((self.weight * (self.usual * self.usual) + d * (own * own)) / (self.weight + d)).sqrt()
    }
}

/// The value at which half of the weight is reached. Equal values make no difference to the result.
fn weighted_median(values: &[f64], weights: &[f64]) -> f64 {
    // Equal values are ordered by weight, so the sums are the same for any order of the groups.
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(weights[a].total_cmp(&weights[b])));
    let half = 0.5 * exact_sum(weights);
    let mut below = 0.0;
    for &at in &order {
        below += weights[at];
        if below >= half {
            return values[at];
        }
    }
    order.last().map_or(f64::NAN, |&at| values[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_quantile;

    #[test]
    fn equal_scales_are_made_equal() {
        // Scales of normal samples: ln s² scatters by trigamma(d / 2) alone.
        let scales = (0..400).map(|i| {
            let z = normal_quantile((f64::from(i) + 0.5) / 400.0);
            (libm::exp(0.5 * (z * trigamma(0.37 * 29.0 / 2.0).sqrt())), 30)
        });
        let all = Moderation::of(scales, 0.37);
        assert_eq!(all.weight, f64::INFINITY);
        assert_eq!(all.scale(9.0, 30), all.usual);
    }

    #[test]
    fn different_scales_are_kept_apart() {
        let scales = (0..400).map(|i| (libm::exp(0.35 * normal_quantile((f64::from(i) + 0.5) / 400.0)), 2_000));
        let all = Moderation::of(scales, 0.37);
        // trigamma(d0 / 2) = 4 · 0.35², so d0 is about 5.
        assert!((3.0..7.0).contains(&all.weight), "{}", all.weight);
        assert!((all.scale(2.0, 2_000) / 2.0 - 1.0).abs() < 0.02);
        assert!(all.scale(2.0, 20) < 1.9);
    }

    #[test]
    fn a_few_groups_stand_for_themselves() {
        let few = Moderation::of([(1.0, 50), (2.0, 50)].into_iter(), 0.37);
        assert_eq!((few.scale(3.0, 20), few.weight), (3.0, 0.0));
    }
}
