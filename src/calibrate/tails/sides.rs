//! The scores of one side as the fit sees them: counts in bins, standardised for the size of their groups.

use super::law::CAUTIOUS;

/// Equal bins between 0 and 1.
pub(super) const INNER: usize = 64;
/// Bins beyond 1: sixteen for each doubling up to 8, then one for each doubling up to 2^11. How errors lie among each
/// other far out says nothing about nature.
pub(super) const OUTER: usize = 3 * 16 + 8;
/// The bins to which stories are fitted: those beyond 1, and one for all scores up to 1.
pub(super) const CELLS: usize = OUTER + 1;
/// The scores up to 1 count as this many: the law need not hold near the centre, only about.
const CENTRE: f64 = 100.0;

/// The counts to which stories are fitted.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    pub counts: [f64; CELLS],
    /// The weight of a score up to 1.
    pub centre: f64,
    pub total: f64,
}
/// The tail of a Student's t with four degrees of freedom counts as this many scores on each side. Few scores then
/// give a cautious tail, many scores their own.
const PRIOR: f64 = 50.0;

/// Where the bins beyond 1 begin; the last has no end.
pub(super) fn edges() -> Vec<f64> {
    let fine = (0..48u64).map(|i| 1.0f64.to_bits() + (i << (52 - 4)));
    let coarse = (0..8u64).map(|i| 8.0f64.to_bits() + (i << 52));
    fine.chain(coarse).map(f64::from_bits).collect()
}

/// Scores in bins.
#[derive(Clone, Debug)]
pub struct Observed {
    pub inner: Vec<f64>,
    pub outer: Vec<f64>,
}

impl Default for Observed {
    /// The scores of the cautious tail that stand for what is known before any score.
    fn default() -> Observed {
        let beyond = |z: f64| if z > 0.0 { CAUTIOUS.beyond(z) } else { 1.0 };
        let inner = (0..INNER).map(|i| i as f64 / INNER as f64);
        let inner = inner.map(|z| PRIOR * (beyond(z) - beyond(z + 1.0 / INNER as f64))).collect();
        let edges = edges();
        let ends = edges[1..].iter().map(|&z| beyond(z)).chain([0.0]);
        let outer = edges.iter().zip(ends).map(|(&from, end)| PRIOR * (beyond(from) - end)).collect();
        Observed { inner, outer }
    }
}

impl Observed {
    /// Adds scores that lie evenly between two places.
    pub fn add(&mut self, count: f64, from: f64, to: f64, edges: &[f64]) {
        if to == f64::INFINITY || from >= to {
            self.outer[OUTER - 1] += count;
            return;
        }
        let width = to - from;
        let mut left = from;
        while left < to {
            let (bin, right): (&mut f64, f64) = if left < 1.0 {
                let at = ((left * INNER as f64) as usize).min(INNER - 1);
                (&mut self.inner[at], (at + 1) as f64 / INNER as f64)
            } else {
                let at = edges.partition_point(|&edge| edge <= left) - 1;
                (&mut self.outer[at], edges.get(at + 1).copied().unwrap_or(f64::INFINITY))
            };
            let end = right.min(to);
            *bin += count * ((end - left) / width);
            left = if end > left { end } else { to };
        }
    }

    /// The number of scores beyond each place where a bin begins.
    pub fn beyond(&self) -> Vec<(f64, f64)> {
        let inner = (0..INNER).map(|i| i as f64 / INNER as f64).zip(&self.inner);
        let places: Vec<(f64, f64)> = inner.chain(edges().into_iter().zip(&self.outer)).map(|(z, n)| (z, *n)).collect();
        let mut beyond = 0.0;
        let mut all: Vec<(f64, f64)> = places
            .into_iter()
            .rev()
            .map(|(z, count)| {
                beyond += count;
                (z, beyond)
            })
            .collect();
        all.reverse();
        all
    }

    /// The counts to which stories are fitted.
    pub(super) fn cells(&self) -> Cells {
        let mut counts = [0.0; CELLS];
        counts[..OUTER].copy_from_slice(&self.outer);
        let inner: f64 = self.inner.iter().sum();
        counts[OUTER] = inner.min(CENTRE);
        Cells { counts, centre: counts[OUTER] / inner, total: self.total() }
    }

    pub fn total(&self) -> f64 {
        self.inner.iter().sum::<f64>() + self.outer.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_score_is_lost() {
        let edges = edges();
        let mut observed = Observed::default();
        let before = observed.total();
        assert!((before - PRIOR).abs() < 1e-9);
        for (from, to) in [(0.0, 0.01), (0.99, 1.03), (2.0, 2.1), (7.9, 8.3), (1e3, 1.1e3), (2e3, f64::INFINITY)] {
            observed.add(3.0, from, to, &edges);
        }
        assert!((observed.total() - before - 18.0).abs() < 1e-9);
    }
}
