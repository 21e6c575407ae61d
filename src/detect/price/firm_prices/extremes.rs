//! A few extreme prices: higher criticism (Donoho and Jin 2004), relative to the firm's own prices and to the extremes of
//! other firms.

use crate::stats::{MAD_EFFICIENCY, binomial_upper, decode, encode, median};

/// Prices are extreme at most in this upper share of all.
const WIDEST: f64 = 0.1;
/// The narrowest share, times the number of shipments.
const NARROWEST: f64 = 0.25;
/// One extreme price may be an error; from two on they count.
const CASES: usize = 2;
/// More shipments count as this many: the null law costs the square of them.
const MOST: f64 = 1_000.0;
/// The weight, in shipments, of the usual scatter.
const SHRINKAGE: f64 = 10.0;

/// The distances of all fitted shipments from the prices usual for their firms.
#[derive(Default)]
pub(super) struct Usual {
    /// Sorted, in units of the firm's scatter.
    distances: Vec<f64>,
    /// The median before the division.
    median: f64,
}

/// The extreme prices of a firm.
#[derive(Clone, Copy)]
pub(super) struct Extremes {
    pub(super) criticism: f64,
    pub(super) p: f64,
    /// The share of all shipments that are as extreme, where the excess is largest, and the firm's shipments in it.
    pub(super) share: f64,
    pub(super) cases: usize,
    /// The cases above the usual price less those below.
    pub(super) side: f64,
}

/// The median distance.
fn middle<'a>(signed: impl Iterator<Item = &'a f64>) -> f64 {
    median(signed.map(|d| d.abs())).unwrap_or(f64::NAN)
}

impl Usual {
    /// From the signed distances of each firm.
    pub(super) fn of(firms: &[&[f64]]) -> Usual {
        let mut usual = Usual { distances: Vec::new(), median: middle(firms.iter().copied().flatten()) };
        let all = firms.iter().flat_map(|firm| {
            let scatter = usual.scatter(firm);
            firm.iter().map(move |d| d.abs() / scatter)
        });
        let mut keys: Vec<i64> = all.map(encode).collect();
        rayon::slice::ParallelSliceMut::par_sort_unstable(&mut keys[..]);
        usual.distances = keys.into_iter().map(decode).collect();
        usual
    }

    /// The scatter of a firm relative to the usual one, if it is wider. A firm whose prices scatter more than usual is
    /// measured by its own scatter.
    pub(super) fn scatter(&self, firm: &[f64]) -> f64 {
        let own = middle(firm.iter()) / self.median;
        let weight = MAD_EFFICIENCY * firm.len() as f64;
        let drawn = ((weight * own * own + SHRINKAGE) / (weight + SHRINKAGE)).sqrt();
        if drawn > 1.0 && drawn.is_finite() { drawn } else { 1.0 }
    }

    /// The share of all shipments at least as far out, from 0 to 1.
    pub(super) fn rank(&self, distance: f64) -> f64 {
        let below = self.distances.partition_point(|d| *d < distance);
        1.0 - below as f64 / self.distances.len().max(1) as f64
    }

    /// A distance that at most this share of all shipments exceed.
    fn limit(&self, share: f64) -> f64 {
        let many = self.distances.len();
        let beyond = (share * many as f64).floor() as usize;
        many.checked_sub(beyond + 1).map_or(f64::INFINITY, |at| self.distances[at])
    }

    /// The test of one firm. `effective` is the number of independent shipments that say as much as its own.
    pub(super) fn test(&self, firm: &[f64], effective: f64) -> Extremes {
        let scatter = self.scatter(firm);
        let n = effective.clamp(1.0, MOST).round() as usize;
        let mut found = Extremes { criticism: 0.0, p: 1.0, share: WIDEST, cases: 0, side: 0.0 };
        let shares = shares(n);
        for &share in &shares {
            let limit = self.limit(share);
            let beyond = || firm.iter().filter(|d| d.abs() / scatter > limit);
            let cases = beyond().count();
            let here = cases as f64 / firm.len() as f64;
            let criticism = (here - share) / (share * (1.0 - share) / n as f64).sqrt();
            if here * n as f64 > CASES as f64 - 1e-9 && criticism > found.criticism {
                let side = beyond().map(|d| d.signum()).sum();
                found = Extremes { criticism, p: 1.0, share, cases, side };
            }
        }
        found.p = null_law(found.criticism, n, &shares);
        found
    }
}

/// The shares at which extremes are counted, each twice the one before.
fn shares(n: usize) -> Vec<f64> {
    std::iter::successors(Some(NARROWEST / n as f64), |share| Some(2.0 * share)).take_while(|s| *s <= WIDEST).collect()
}

/// The exact probability of a higher criticism at least as large for `n` independent uniform p-values. The number of
/// p-values below each share is a Markov chain with binomial steps. What leaves the region below the statistic is added
/// up.
fn null_law(criticism: f64, n: usize, shares: &[f64]) -> f64 {
    if criticism <= 0.0 {
        return 1.0;
    }
    // The probability of each number of p-values so far.
    let (mut inside, mut before, mut outside) = (vec![1.0], 0.0, 0.0);
    for &share in shares {
        let least = n as f64 * share + criticism * (n as f64 * share * (1.0 - share)).sqrt();
        let least = ((least - 1e-9).ceil() as usize).max(CASES);
        let step = (share - before) / (1.0 - before);
        let mut next = vec![0.0; least.min(n + 1)];
        for (k, &mass) in inside.iter().enumerate() {
            let left = n - k;
            outside += mass * binomial_upper(least - k, left, step);
            let mut probability = mass * libm::exp(left as f64 * libm::log1p(-step));
            for (m, cell) in next[k..].iter_mut().enumerate() {
                *cell += probability;
                probability *= (left - m.min(left)) as f64 / (m as f64 + 1.0) * step / (1.0 - step);
            }
        }
        (inside, before) = (next, share);
    }
    outside.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    #[test]
    fn the_null_law_is_that_of_a_simulation() {
        let n = 60;
        let shares = shares(n);
        let mut random = Random::new(7);
        let trials = 20_000;
        let mut statistics: Vec<f64> = (0..trials)
            .map(|_| {
                let p: Vec<f64> = (0..n).map(|_| random.below(1 << 40) as f64 / (1u64 << 40) as f64).collect();
                let of = |share: &f64| {
                    let cases = p.iter().filter(|p| *p < share).count();
                    let excess = cases as f64 / n as f64 - share;
                    if cases < CASES { 0.0 } else { excess / (share * (1.0 - share) / n as f64).sqrt() }
                };
                shares.iter().map(of).fold(0.0, f64::max)
            })
            .collect();
        statistics.sort_by(f64::total_cmp);
        for tail in [0.2, 0.05, 0.01, 0.002] {
            let at = statistics[((1.0 - tail) * f64::from(trials)) as usize];
            let share = statistics.iter().filter(|h| **h >= at - 1e-9).count() as f64 / f64::from(trials);
            let error = 4.0 * (share / f64::from(trials)).sqrt();
            let exact = null_law(at, n, &shares);
            assert!((exact - share).abs() < error, "{exact} is not {share} ({at})");
        }
    }

    #[test]
    fn one_extreme_price_is_no_evidence_and_several_are() {
        let all: Vec<Vec<f64>> = (0..100).map(|_| (0..40).map(|i| f64::from(i) / 40.0 - 0.5).collect()).collect();
        let usual = Usual::of(&all.iter().map(Vec::as_slice).collect::<Vec<&[f64]>>());
        let mut firm = all[0].clone();
        firm[0] = 50.0;
        assert!(usual.test(&firm, 40.0).p > 0.3);
        firm[1..5].fill(-20.0);
        let found = usual.test(&firm, 40.0);
        assert!(found.p < 0.01 && found.side == -3.0 && found.cases == 5, "{} {}", found.p, found.side);
    }
}
