//! The tails of robust scores, learnt from the scores themselves: prices have heavier tails than the
//! normal, groups of a coarse level mix goods, and a scale known from few peers makes scores wilder.
//! So each level and size of group gets a Student-t of its own, matched to the middle of |z| and to
//! its 95 % and 99 % points, which the few anomalies of a real file do not move far.

use crate::stats::{student_t_df_from_quantiles, student_t_two_sided};

/// Upper bounds of the sizes of group that share a tail.
const SIZES: [u32; 5] = [30, 50, 100, 300, u32::MAX];
/// Fewer scores than this say too little about a tail; all sizes together then stand in.
const ENOUGH: u64 = 1_000;
/// Below this many scores in all, a cautious tail is assumed.
const FEW: u64 = 100;
const CAUTIOUS: (f64, f64) = (4.0, 1.0);

/// Bins are the leading bits of |z|: 256 for each power of two between 2^-12 and 2^20.
const BINS: usize = 32 * 256;
const FIRST: u64 = (1023 - 12) << 8;

pub fn bin(z: f64) -> usize {
    let lead = z.abs().to_bits() >> 44;
    (lead.saturating_sub(FIRST) as usize).min(BINS - 1)
}

fn middle_of(bin: usize) -> f64 {
    f64::from_bits(((bin as u64 + FIRST) << 44) | (1 << 43))
}

fn class(n: u32) -> usize {
    SIZES.partition_point(|&bound| bound <= n).min(SIZES.len() - 1)
}

/// How many scores fell into each bin, by size of group. Whole numbers: their sums do not depend on
/// the order of rows.
pub struct Counts(Vec<Vec<u64>>);

impl Counts {
    pub fn new() -> Counts {
        Counts(vec![vec![0; BINS]; SIZES.len()])
    }

    pub fn of_size(&mut self, n: u32) -> &mut [u64] {
        &mut self.0[class(n)]
    }

    pub fn plus(mut self, other: Counts) -> Counts {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
        self
    }

    pub fn tails(&self) -> Tails {
        let mut all = vec![0; BINS];
        for bins in &self.0 {
            all.iter_mut().zip(bins).for_each(|(a, b)| *a += b);
        }
        let pooled = fit(&all, FEW).unwrap_or(CAUTIOUS);
        let mut tails = Tails::default();
        for (tail, bins) in tails.0.iter_mut().zip(&self.0) {
            *tail = fit(bins, ENOUGH).unwrap_or(pooled);
        }
        tails
    }
}

/// Degrees of freedom and width.
fn fit(bins: &[u64], least: u64) -> Option<(f64, f64)> {
    let total: u64 = bins.iter().sum();
    if total < least {
        return None;
    }
    let quantile = |q: f64| {
        let mut seen = 0;
        let at = bins.iter().position(|&count| {
            seen += count;
            seen as f64 >= q * total as f64
        });
        middle_of(at.unwrap_or(0))
    };
    Some(student_t_df_from_quantiles(quantile(0.5), quantile(0.95), quantile(0.99)))
}

/// For each size of group: degrees of freedom, and the width that |z| has in units of that t.
#[derive(Clone, Debug, PartialEq)]
pub struct Tails([(f64, f64); SIZES.len()]);

impl Default for Tails {
    fn default() -> Tails {
        Tails([CAUTIOUS; SIZES.len()])
    }
}

impl Tails {
    pub fn of_size(&self, n: u32) -> (f64, f64) {
        self.0[class(n)]
    }

    pub fn p_value(&self, z: f64, n: u32) -> f64 {
        let (df, width) = self.of_size(n);
        student_t_two_sided(z / width, df)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_keep_size() {
        for z in [0.001, 0.5, 1.0, 3.7, 1000.0] {
            assert!((middle_of(bin(z)) / z - 1.0).abs() < 0.004);
            assert_eq!(bin(z), bin(-z));
        }
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(f64::INFINITY), BINS - 1);
    }

    #[test]
    fn normal_scores_have_normal_tails() {
        let mut counts = Counts::new();
        // The bins of a normal sample, from its own distribution function.
        for i in 0..200_000 {
            let p = (f64::from(i) + 0.5) / 200_000.0;
            let (mut low, mut high) = (0.0, 10.0);
            for _ in 0..60 {
                let z = 0.5 * (low + high);
                if crate::stats::normal_two_sided(z) > p { low = z } else { high = z }
            }
            counts.of_size(500)[bin(low)] += 1;
        }
        let (df, width) = counts.tails().of_size(500);
        assert!(df > 50.0, "{df}");
        assert!((width - 1.0).abs() < 0.02, "{width}");
    }
}
