//! The medcouple of Brys, Hubert and Struyf (2004), a robust skewness between -1 and 1, and the
//! fences of the adjusted boxplot built on it (Hubert and Vandervieren 2008).

use super::order::{decode, encode};

/// Up to this many values the medcouple is the mean of that of x and the negative of that of -x,
/// as in R's robustbase; beyond, the difference is far below the sampling error.
const REFLECT: usize = 100;

/// The medcouple of values in ascending order; `None` for an empty slice.
pub fn medcouple(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    let last = n.checked_sub(1)?;
    let median = 0.5 * sorted[last / 2] + 0.5 * sorted[n / 2];
    // Distances from the median, nearest first: `up` of those above, `down` of those below.
    let up: Vec<f64> = sorted.iter().map(|v| v - median).filter(|d| *d > 0.0).collect();
    let down: Vec<f64> = sorted.iter().rev().map(|v| median - v).filter(|d| *d > 0.0).collect();
    let tied = (n - up.len() - down.len()) as u64;
    let pairs = (up.len() as u64 + tied) * (down.len() as u64 + tied);
    if pairs == 0 {
        return Some(0.0);
    }
    let kernels = Kernels { up, down, tied };
    let low = kernels.nth(pairs.div_ceil(2));
    if n > REFLECT || pairs % 2 == 1 {
        return Some(low);
    }
    Some(0.5 * (low + kernels.nth(pairs / 2 + 1)) + 0.0)
}

/// All (above, below) pairs with their kernel (up - down) / (up + down). Of values tied with the
/// median, a pair with one that is above is 1, with one below -1, and among themselves the kernel
/// is -1, 0 and 1 in the shares that keep the median unmoved.
struct Kernels {
    up: Vec<f64>,
    down: Vec<f64>,
    tied: u64,
}

impl Kernels {
    /// Kernels no larger than `bound`. The kernel grows with `up` and falls with `down`, so one
    /// finger moves over each.
    fn up_to(&self, bound: f64) -> u64 {
        let tied = self.tied;
        let mut count = 0;
        if bound >= -1.0 {
            count += tied * self.down.len() as u64 + tied * tied.saturating_sub(1) / 2;
        }
        if bound >= 0.0 {
            count += tied;
        }
        if bound >= 1.0 {
            count += tied * self.up.len() as u64 + tied * tied.saturating_sub(1) / 2;
        }
        let mut first = 0;
        for &up in &self.up {
            while first < self.down.len() && (up - self.down[first]) / (up + self.down[first]) > bound {
                first += 1;
            }
            count += (self.down.len() - first) as u64;
        }
        count
    }

    /// The kernel of the given rank, from 1, by bisection over the doubles.
    fn nth(&self, rank: u64) -> f64 {
        let (mut low, mut high) = (encode(-1.0), encode(1.0));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.up_to(decode(middle)) >= rank { high = middle } else { low = middle + 1 }
        }
        decode(low) + 0.0
    }
}

/// The fences of the adjusted boxplot: Tukey's, stretched on the long side and drawn in on the
/// short one, from the hinges of the five-number summary. `None` for an empty slice.
pub fn adjusted_fences(sorted: &[f64]) -> Option<(f64, f64)> {
    let skew = medcouple(sorted)?;
    let (lower, upper) = hinges(sorted);
    let reach = 1.5 * (upper - lower);
    let (down, up) = if skew >= 0.0 { (-4.0, 3.0) } else { (-3.0, 4.0) };
    Some((lower - reach * libm::exp(down * skew), upper + reach * libm::exp(up * skew)))
}

/// Tukey's hinges: the medians of both halves, the middle value in each where the count is odd.
fn hinges(sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len();
    let twice = n.div_ceil(2) + 1; // twice the depth of the hinges
    let (a, b) = (twice / 2 - 1, twice.div_ceil(2) - 1);
    (0.5 * (sorted[a] + sorted[b]), 0.5 * (sorted[n - 1 - a] + sorted[n - 1 - b]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOY: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 20.0, 40.0];

    #[test]
    fn figures_of_robustbase() {
        // R 4.2.2, robustbase 0.95: mc(x), adjboxStats(x)$fence.
        assert!((medcouple(&TOY).unwrap() - 0.083_333_333_33).abs() < 1e-10);
        let (low, high) = adjusted_fences(&TOY).unwrap();
        assert!((low - -2.948781795).abs() < 1e-8, "{low}");
        assert!((high - 21.05622875).abs() < 1e-7, "{high}");
        assert_eq!(medcouple(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 100.0]), Some(0.0));
        assert_eq!(medcouple(&[]), None);
        assert_eq!(medcouple(&[5.0]), Some(0.0));
        assert_eq!(medcouple(&[5.0; 9]), Some(0.0));
    }

    proptest! {
        #[test]
        fn equals_the_definition_and_turns_with_the_sign(
            mut values in prop::collection::vec(prop_oneof![-50..50i32, -3..3i32], 1..50)
        ) {
            values.sort_unstable();
            let x: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let n = x.len();
            let m = 0.5 * (x[(n - 1) / 2] + x[n / 2]);
            let tied = x.iter().filter(|v| **v == m).count();
            let mut all: Vec<f64> = Vec::new();
            for a in x.iter().filter(|v| **v <= m) {
                for b in x.iter().filter(|v| **v >= m) {
                    if a != b {
                        all.push(((b - m) - (m - a)) / (b - a));
                    }
                }
            }
            for i in 0..tied {
                for j in 0..tied {
                    all.push(((i + j + 1) as f64 - tied as f64).clamp(-1.0, 1.0));
                }
            }
            all.sort_by(f64::total_cmp);
            let expected = 0.5 * (all[(all.len() - 1) / 2] + all[all.len() / 2]);
            prop_assert!((medcouple(&x).unwrap() - expected).abs() < 1e-12);
            let mirrored: Vec<f64> = x.iter().rev().map(|v| -v).collect();
            prop_assert!((medcouple(&x).unwrap() + medcouple(&mirrored).unwrap()).abs() < 1e-12);
        }
    }
}
