//! Order statistics by selection: medians, quantiles and the median absolute deviation.

/// A double as an integer that sorts the same way (IEEE total order), so that selection compares
/// integers and needs no partial order.
pub fn encode(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The inverse of [`encode`].
pub fn decode(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// The median of numbers without NaN; `None` without numbers.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut keys: Vec<i64> = values.map(encode).collect();
    OrderStatistics::new(&mut keys, false).median()
}

/// The values of a group. Each method may reorder them in place.
///
/// Values must not be NaN. Everything returns `None` for an empty group.
pub struct OrderStatistics<'a> {
    keys: &'a mut [i64],
    sorted: bool,
}

/// Up to this many values a full sort is cheaper than one selection.
const SORT_BELOW: usize = 24;

impl<'a> OrderStatistics<'a> {
    /// Takes over `keys`, made by [`encode`]. `many` means that several quantiles will be computed,
    /// which makes sorting once the better choice.
    pub fn new(keys: &'a mut [i64], many: bool) -> Self {
        let sorted = many || keys.len() <= SORT_BELOW;
        if sorted {
            keys.sort_unstable();
        }
        OrderStatistics { keys, sorted }
    }

    /// The values in their present order.
    pub fn keys(&self) -> &[i64] {
        self.keys
    }

    /// The values at ranks `rank` and `rank + 1` (the last one twice at the end).
    fn pair(&mut self, rank: usize) -> (f64, f64) {
        if self.sorted {
            let next = (rank + 1).min(self.keys.len() - 1);
            return (decode(self.keys[rank]), decode(self.keys[next]));
        }
        let (_, &mut at, above) = self.keys.select_nth_unstable(rank);
        let next = above.iter().copied().min().unwrap_or(at);
        (decode(at), decode(next))
    }

    /// The quantile `q` by linear interpolation (Hyndman and Fan's type 7, numpy's default).
    pub fn quantile(&mut self, q: f64) -> Option<f64> {
        let last = self.keys.len().checked_sub(1)?;
        let position = q * last as f64;
        let rank = (position.floor() as usize).min(last);
        let weight = position - rank as f64;
        let (a, b) = self.pair(rank);
        if weight == 0.0 || a == b {
            return Some(a + 0.0);
        }
        let step = b - a;
        // The same two-sided form as numpy's, so that the result is monotone in the weight.
        let value = if weight >= 0.5 { b - step * (1.0 - weight) } else { a + step * weight };
        Some(value + 0.0)
    }

    /// The median: the mean of the two middle values where the count is even.
    pub fn median(&mut self) -> Option<f64> {
        let n = self.keys.len();
        let last = n.checked_sub(1)?;
        let (a, b) = self.pair(last / 2);
        if n % 2 == 1 {
            return Some(a + 0.0);
        }
        let sum = a + b;
        let mean = if sum.is_finite() { sum / 2.0 } else { a / 2.0 + b / 2.0 };
        Some(mean + 0.0)
    }

    /// The unscaled median absolute deviation from `centre`; may replace the values by their
    /// deviations. NaN where the centre is infinite.
    pub fn mad(self, centre: f64) -> Option<f64> {
        if !centre.is_finite() {
            return if self.keys.is_empty() { None } else { Some(f64::NAN) };
        }
        if self.sorted {
            return median_deviation(self.keys, centre);
        }
        for key in self.keys.iter_mut() {
            *key = encode((decode(*key) - centre).abs());
        }
        OrderStatistics::new(self.keys, false).median()
    }
}

/// The median of the distances of sorted values from `centre`: those on either side are sorted
/// already, so the middle ones are found from the centre outwards.
fn median_deviation(keys: &[i64], centre: f64) -> Option<f64> {
    let n = keys.len();
    let last = n.checked_sub(1)?;
    let mut right = keys.partition_point(|&k| decode(k) < centre);
    let mut left = right;
    let mut next = || {
        let below = if left > 0 { (decode(keys[left - 1]) - centre).abs() } else { f64::INFINITY };
        let above = if right < n { (decode(keys[right]) - centre).abs() } else { f64::INFINITY };
        if left > 0 && (right == n || below <= above) {
            left -= 1;
            below
        } else {
            right += 1;
            above
        }
    };
    for _ in 0..last / 2 {
        next();
    }
    let low = next();
    if n % 2 == 1 {
        return Some(low + 0.0);
    }
    let high = next();
    let sum = low + high;
    Some(if sum.is_finite() { sum / 2.0 } else { low / 2.0 + high / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(values: &[f64]) -> Vec<i64> {
        values.iter().map(|&v| encode(v)).collect()
    }

    #[test]
    fn small_vectors_of_the_handbook() {
        // numpy 2: np.quantile([1, 2, 3, 4, 10], [.05, .25, .75, .95])
        let mut k = keys(&[10.0, 1.0, 3.0, 2.0, 4.0]);
        let mut o = OrderStatistics::new(&mut k, true);
        assert_eq!(o.quantile(0.05), Some(1.2));
        assert_eq!(o.quantile(0.25), Some(2.0));
        assert_eq!(o.quantile(0.75), Some(4.0));
        assert_eq!(o.quantile(0.95), Some(8.799999999999999));
        assert_eq!(o.median(), Some(3.0));
        assert_eq!(o.mad(3.0), Some(1.0));
        assert_eq!(OrderStatistics::new(&mut [], true).median(), None);
    }

    #[test]
    fn infinities_stay_infinities() {
        let mut k = keys(&[f64::INFINITY, f64::INFINITY, 1.0]);
        let mut o = OrderStatistics::new(&mut k, false);
        assert_eq!(o.median(), Some(f64::INFINITY));
        assert!(o.mad(f64::INFINITY).is_some_and(f64::is_nan));
    }

    proptest! {
        #[test]
        fn encoding_keeps_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(encode(a).cmp(&encode(b)), a.total_cmp(&b));
            prop_assert_eq!(decode(encode(a)).to_bits(), a.to_bits());
        }

        #[test]
        fn selection_equals_sorting(values in prop::collection::vec(-1e3..1e3f64, 1..300), q in 0.0..=1.0f64) {
            let (mut a, mut b) = (keys(&values), keys(&values));
            let (mut selected, mut sorted) = (OrderStatistics::new(&mut a, false), OrderStatistics::new(&mut b, true));
            prop_assert_eq!(selected.quantile(q), sorted.quantile(q));
            prop_assert_eq!(selected.median(), sorted.median());
            let centre = sorted.median().unwrap();
            prop_assert_eq!(selected.mad(centre), sorted.mad(centre));
        }
    }
}
