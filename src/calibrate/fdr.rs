//! False-discovery control: p-values in, q-values out.

use rayon::prelude::*;

/// Benjamini and Hochberg (1995): the smallest false discovery rate at which each p-value is a discovery. NaN means
/// "not tested": it stays NaN and does not count.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    adjust(p, &ascending(p), 1.0)
}

/// The same, with the p-values' order at hand.
pub fn benjamini_hochberg_in(p: &[f64], order: &[u32]) -> Vec<f64> {
    adjust(p, order, 1.0)
}

/// Benjamini and Yekutieli (2001): valid under any dependence. It multiplies by 1 + 1/2 + .. + 1/m.
pub fn benjamini_yekutieli(p: &[f64]) -> Vec<f64> {
    let order = ascending(p);
    let factor = (1..=order.len()).rev().map(|i| 1.0 / i as f64).sum();
    adjust(p, &order, factor)
}

/// The places of the p-values that are not NaN, the smallest first.
pub fn ascending(p: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..p.len() as u32).filter(|&i| !p[i as usize].is_nan()).collect();
    order.par_sort_unstable_by(|&a, &b| p[a as usize].total_cmp(&p[b as usize]).then(a.cmp(&b)));
    order
}

fn adjust(p: &[f64], order: &[u32], factor: f64) -> Vec<f64> {
    let tested = order.len() as f64;
    let mut q = vec![f64::NAN; p.len()];
    let mut best = 1.0f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        best = best.min(factor * tested * p[i as usize] / (rank + 1) as f64);
        q[i as usize] = best;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_1995_paper() {
        // Benjamini and Hochberg (1995), section 3.2: four of fifteen are discoveries at 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0000,
        ];
        let q = benjamini_hochberg(&p);
        assert_eq!(q.iter().filter(|&&q| q <= 0.05).count(), 4);
        assert!((q[3] - 0.035625).abs() < 1e-12);
        assert!(benjamini_yekutieli(&p).iter().zip(&q).all(|(y, h)| y >= h));
    }

    #[test]
    fn the_untested_do_not_count() {
        let q = benjamini_hochberg(&[0.01, f64::NAN, 0.04]);
        assert_eq!((q[0], q[2]), (0.02, 0.04));
        assert!(q[1].is_nan());
    }
}
