//! Local false discovery rates: how likely is it that one given finding is false?

/// The local false discovery rate of Efron (2004) for the p-values of one detector: the share of p-values of this size
/// that come from subjects without a signal.
///
/// With π the share of subjects without a signal and f the density of all p-values, it is π / f(p). f is the decreasing
/// density of Grenander (1956), the slope of the least concave line above the empirical distribution, as in fdrtool
/// (Strimmer 2008): it has no tuning constant, and the rate rises with p. π is the share of p-values above 1/2, doubled
/// (Storey, Taylor and Siegmund 2004).
pub struct LocalRate {
    /// The share without a signal.
    none: f64,
    /// Pieces of the density: each ends at a p-value, and has a height.
    pieces: Vec<(f64, f64)>,
}

/// p-values above this come from subjects without a signal.
const PLAIN: f64 = 0.5;

impl LocalRate {
    /// `p` in ascending order, without NaN.
    pub fn of(p: impl ExactSizeIterator<Item = f64>) -> LocalRate {
        let tests = p.len() as f64;
        let mut above = 1.0;
        // The corners of the least concave line.
        let mut corners: Vec<(f64, f64)> = vec![(0.0, 0.0)];
        let slope = |from: (f64, f64), to: (f64, f64)| (to.1 - from.1) / (to.0 - from.0);
        let mut add = |point: (f64, f64)| {
            if let Some(last) = corners.last_mut()
                && last.0 == point.0
            {
                last.1 = point.1;
            } else {
                corners.push(point);
            }
            while let [.., first, middle, last] = corners[..]
                && slope(first, middle) <= slope(middle, last)
            {
                corners.truncate(corners.len() - 2);
                corners.push(last);
            }
        };
        for (p, rank) in p.zip(1u32..) {
            above += f64::from(u8::from(p > PLAIN));
            add((p, f64::from(rank) / tests));
        }
        add((1.0, 1.0));
        let none = (above / ((1.0 - PLAIN) * tests)).min(1.0);
        let mut pieces: Vec<(f64, f64)> = corners.windows(2).map(|w| (w[1].0, slope(w[0], w[1]))).collect();
        if corners[0].1 > 0.0 {
            pieces.insert(0, (0.0, f64::INFINITY)); // some p-values are 0
        }
        LocalRate { none, pieces }
    }

    /// The rate of a p-value.
    pub fn at(&self, p: f64) -> f64 {
        let piece = self.pieces.partition_point(|piece| piece.0 < p);
        self.pieces.get(piece).map_or(1.0, |piece| (self.none / piece.1).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rate_by_hand() {
        // Eight p-values: density 2.5 up to 0.1. Four are above 1/2, one is added: all are without a signal.
        let rate = LocalRate::of([0.05, 0.1, 0.2, 0.25, 0.6, 0.7, 0.8, 0.9].into_iter());
        let first = (2.0 / 8.0) / 0.1;
        assert!((rate.at(0.05) - 1.0 / first).abs() < 1e-12, "{}", rate.at(0.05));
        assert_eq!(rate.at(0.9), 1.0);
        // Half of the subjects have a signal, with p-values of 0.
        let half = LocalRate::of([0.0, 0.0, 0.0, 0.0, 0.3, 0.6, 0.8, 0.9].into_iter());
        assert_eq!((half.at(0.0), half.at(0.3)), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn it_rises_with_p_and_lies_under_the_distribution(mut p in prop::collection::vec(0.0..=1.0f64, 1..200)) {
            p.sort_by(f64::total_cmp);
            let rate = LocalRate::of(p.iter().copied());
            let rates: Vec<f64> = p.iter().map(|p| rate.at(*p)).collect();
            prop_assert!(rates.is_sorted());
            prop_assert!(rates.iter().all(|r| (0.0..=1.0).contains(r)));
            // The pieces are a concave line from (0, 0) to (1, 1), nowhere below the distribution.
            prop_assert!(rate.pieces.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 > w[1].1));
            let under = |p: f64| {
                let mut from = 0.0;
                rate.pieces.iter().filter(|piece| piece.1.is_finite()).fold(0.0, |sum, piece| {
                    let part = (piece.0.min(p) - from).max(0.0);
                    from = piece.0;
                    sum + part * piece.1
                })
            };
            let zeros = p.iter().filter(|p| **p == 0.0).count() as f64 / p.len() as f64;
            prop_assert!((under(1.0) + zeros - 1.0).abs() < 1e-9);
            for (at, x) in p.iter().enumerate() {
                prop_assert!(under(*x) + zeros >= (at + 1) as f64 / p.len() as f64 - 1e-9);
            }
        }
    }
}
