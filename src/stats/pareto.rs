//! The generalised Pareto tail of a sample: the probability of a value beyond the largest ones observed.

use super::{decode, encode};

/// The upper share of the sample that the tail is fitted to.
const SHARE: f64 = 0.1;
/// Fewest values of the tail.
const FEWEST: usize = 15;
/// Values less likely than this, times their number, are left out of a second fit: what is to be found
/// must not stretch what it is measured by.
const CLEANED_AT: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParetoTail {
    pub share: f64,
    pub threshold: f64,
    pub scale: f64,
    pub shape: f64,
}

impl ParetoTail {
    /// Fits the upper tail by probability-weighted moments (Hosking and Wallis 1987), twice; `None` where
    /// there are too few values. The shape is kept between 0 and 1/2: no end to the tail, and a variance.
    pub fn fit(values: &[f64]) -> Option<ParetoTail> {
        let mut keys: Vec<i64> = values.iter().filter(|v| v.is_finite()).map(|&v| encode(v)).collect();
        keys.sort_unstable();
        let sorted: Vec<f64> = keys.into_iter().map(decode).collect();
        let first = once(&sorted)?;
        let n = sorted.len();
        let kept = sorted.iter().rposition(|&v| first.p_value(v) * n as f64 >= CLEANED_AT).map_or(n, |at| at + 1);
        if kept == n { Some(first) } else { once(&sorted[..kept]) }
    }

    /// `P(X >= x)`; at the threshold and below it, no less than the share of the tail.
    pub fn p_value(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let over = (x - self.threshold) / self.scale;
        if over <= 0.0 {
            return 1.0;
        }
        let beyond = if self.shape.abs() < 1e-9 {
            libm::exp(-over)
        } else {
            libm::pow(1.0 + self.shape * over, -1.0 / self.shape)
        };
        self.share * beyond
    }
}

fn once(sorted: &[f64]) -> Option<ParetoTail> {
    let n = sorted.len();
    let m = ((n as f64 * SHARE) as usize).max(FEWEST);
    if n < 2 * FEWEST || m >= n {
        return None;
    }
    let threshold = sorted[n - m - 1];
    let over: Vec<f64> = sorted[n - m..].iter().map(|v| v - threshold).collect();
    let mean = over.iter().sum::<f64>() / m as f64;
    // The second moment weighs each by the share of those above it.
    let second =
        over.iter().enumerate().map(|(i, v)| v * (m as f64 - i as f64 - 0.65) / m as f64).sum::<f64>() / m as f64;
    let shape = (2.0 - mean / (mean - 2.0 * second)).clamp(0.0, 0.5);
    let scale = mean * (1.0 - shape);
    (scale > 0.0).then_some(ParetoTail { share: m as f64 / n as f64, threshold, scale, shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_and_pareto_tails_are_found() {
        let n = 5_000;
        let at = |i: i32| (f64::from(i) + 0.5) / f64::from(n);
        let exponential: Vec<f64> = (0..n).map(|i| -libm::log(1.0 - at(i))).collect();
        let tail = ParetoTail::fit(&exponential).unwrap();
        assert!(tail.shape < 0.03, "{tail:?}");
        for x in [3.0f64, 6.0, 12.0] {
            assert!((libm::log(tail.p_value(x)) + x).abs() < 0.4, "{x}: {}", tail.p_value(x));
        }
        let heavy: Vec<f64> = (0..n).map(|i| libm::pow(1.0 - at(i), -0.25)).collect();
        let tail = ParetoTail::fit(&heavy).unwrap();
        assert!((tail.shape - 0.25).abs() < 0.05, "{tail:?}");
        // One value that is far out does not stretch the tail it is measured by.
        let mut spoilt = exponential.clone();
        spoilt.push(60.0);
        assert!(ParetoTail::fit(&spoilt).unwrap().p_value(60.0) < 1e-12);
        assert_eq!(ParetoTail::fit(&[1.0; 20]), None);
        assert_eq!(ParetoTail::fit(&[1.0; 500]), None);
    }
}
