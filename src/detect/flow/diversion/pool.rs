//! Placebo scores, and the p-values that they give.
//!
//! A high score needs two high changes. How often one change is as high is known well from the placebos, also where
//! both together are rare. On the scale T of the logarithm of that frequency, the smaller of two changes has an
//! exponential tail (Ledford and Tawn 1996): its mean is 1/2 for legs that are independent, and 1 for legs that always
//! grow together. So the tail of the scores is extended along this scale.

use crate::stats::{ParetoTail, ln};

/// The smallest number of placebos for a tail beyond the largest of them.
const MANY: usize = 1_000;
/// The upper share of the placebos to which the tail is fitted, and the smallest number of them.
const SHARE: f64 = 0.1;
const FEWEST: usize = 50;
/// The mean of T for independent legs, and for legs that always grow together.
const MEANS: (f64, f64) = (0.5, 1.0);

#[derive(Default)]
pub(super) struct Pool {
    /// The scores in increasing order.
    pub(super) scores: Vec<f64>,
    /// The changes of all legs in increasing order.
    changes: Vec<f64>,
    tail: Option<Tail>,
}

enum Tail {
    /// Of one change.
    One(ParetoTail),
    /// Of two changes: the score from which it holds, T there, the share of placebos beyond, and the mean of T.
    Both { from: f64, at: f64, share: f64, mean: f64 },
}

impl Pool {
    /// From the changes of the two legs of each placebo. In a pool all have both legs, or all have the first alone.
    pub(super) fn of(placebos: &[[f64; 2]]) -> Pool {
        let mut scores: Vec<f64> = placebos.iter().map(|z| together(*z)).filter(|s| s.is_finite()).collect();
        scores.sort_unstable_by(f64::total_cmp);
        let mut changes: Vec<f64> = placebos.iter().flatten().copied().filter(|z| z.is_finite()).collect();
        changes.sort_unstable_by(f64::total_cmp);
        let has_both = changes.len() > scores.len();
        let mut pool = Pool { scores, changes, tail: None };
        if pool.scores.len() >= MANY {
            pool.tail = if has_both { pool.both() } else { ParetoTail::fit(&pool.scores).map(Tail::One) };
        }
        pool
    }

    fn both(&self) -> Option<Tail> {
        let n = self.scores.len();
        let from = self.scores[n - 1 - (n as f64 * SHARE) as usize].max(0.0);
        let beyond = &self.scores[self.scores.partition_point(|s| *s <= from)..];
        if beyond.len() < FEWEST {
            return None;
        }
        let (at, k) = (self.rarity(from), beyond.len() as f64);
        let mean = beyond.iter().map(|s| self.rarity(*s) - at).sum::<f64>() / k;
        // One standard error more, because a tail that is too short is the worse error.
        let mean = mean.clamp(MEANS.0, MEANS.1) * (1.0 + 1.0 / k.sqrt());
        Some(Tail::Both { from, at, share: (k + 1.0) / (n + 1) as f64, mean })
    }

    /// T: minus the logarithm of the share of single changes at least as high.
    fn rarity(&self, score: f64) -> f64 {
        let n = self.changes.len();
        let as_high = n - self.changes.partition_point(|z| *z < score);
        -ln((1 + as_high) as f64 / (n + 1) as f64)
    }

    /// The share of placebos at least as high; of many placebos, their tail.
    pub(super) fn p_value(&self, score: f64) -> f64 {
        let n = self.scores.len();
        let as_high = n - self.scores.partition_point(|&s| s < score);
        let counted = (1 + as_high) as f64 / (n + 1) as f64;
        match &self.tail {
            Some(Tail::One(tail)) if as_high == 0 => tail.p_value(score).min(counted),
            // Never less than the share that was observed.
            Some(Tail::Both { from, at, share, mean }) if score > *from => {
                let tail = share * libm::exp(-(self.rarity(score) - at) / mean);
                tail.max(as_high as f64 / (n + 1) as f64).min(counted)
            }
            _ => counted,
        }
    }
}

/// The combined score: the smallest change if one is not positive, else the root harmonic mean square, which is close
/// to the smallest and grows with both. NaN without the first leg.
pub(super) fn together(z: [f64; 2]) -> f64 {
    if z[0].is_nan() {
        return f64::NAN;
    }
    let known = z.iter().filter(|z| !z.is_nan());
    let least = known.clone().fold(f64::INFINITY, |least, &z| least.min(z));
    if least <= 0.0 {
        return least;
    }
    let count = known.clone().count() as f64;
    (count / known.map(|z| 1.0 / (z * z)).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    /// Changes with this correlation; with a common factor that is now and then large, if asked for.
    fn changes(n: usize, correlation: f64, seed: u64) -> Vec<[f64; 2]> {
        let mut random = Random::new(seed);
        let own = (1.0 - correlation).sqrt();
        (0..n)
            .map(|_| {
                let common = correlation.sqrt() * random.normal();
                [0, 1].map(|_| common + own * random.normal())
            })
            .collect()
    }

    #[test]
    fn p_values_far_out_are_no_smaller_than_they_should_be() {
        for (correlation, seed) in [(0.0, 1), (0.3, 2), (0.7, 3)] {
            let new = changes(400_000, correlation, 100 + seed);
            let mut shares = [0.0; 2];
            for k in 0..8 {
                let pool = Pool::of(&changes(1_500, correlation, 10 * seed + k));
                let p: Vec<f64> = new.iter().skip(k as usize).step_by(8).map(|z| pool.p_value(together(*z))).collect();
                for (share, level) in shares.iter_mut().zip([1e-3, 1e-4]) {
                    *share += p.iter().filter(|p| **p < level).count() as f64 / new.len() as f64 / level;
                }
            }
            assert!((0.3..1.3).contains(&shares[0]), "{correlation}: {shares:?}");
            assert!(shares[1] < 1.6, "{correlation}: {shares:?}");
            // The tail reaches beyond one in 1,500.
            assert!(correlation > 0.3 || shares[1] > 0.1, "{correlation}: {shares:?}");
        }
    }

    #[test]
    fn few_placebos_are_counted() {
        let pool = Pool::of(&changes(99, 0.0, 4));
        assert_eq!(pool.p_value(f64::MAX), 0.01);
        assert_eq!(pool.p_value(f64::MIN), 1.0);
        let one: Vec<[f64; 2]> = (0..9).map(|i| [f64::from(i), f64::NAN]).collect();
        assert_eq!(Pool::of(&one).p_value(7.0), 0.3);
        assert_eq!(Pool::of(&[]).p_value(1.0), 1.0);
    }
}
