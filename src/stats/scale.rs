//! Robust scales without a centre: Qn and Sn of Rousseeuw and Croux (1993, "Alternatives to the
//! median absolute deviation"), with the small-sample factors that R's robustbase 0.95 uses. Both
//! take values in ascending order and return an estimate of the normal's standard deviation.

use super::order::{decode, encode};

/// Makes Qn consistent at the normal: 1 / (√2 Φ⁻¹(5/8)), to the digits that robustbase uses.
const QN_K: f64 = 2.21914;
/// Makes Sn consistent at the normal (Rousseeuw and Croux 1993, p. 1275).
const SN_K: f64 = 1.1926;

/// Small-sample factors for 2 to 12 values (robustbase 0.95).
const QN_SMALL: [f64; 11] =
    [0.399356, 0.99365, 0.51321, 0.84401, 0.61220, 0.85877, 0.66993, 0.87344, 0.72014, 0.88906, 0.75743];
/// Small-sample factors for 2 to 9 values (Rousseeuw and Croux 1993).
const SN_SMALL: [f64; 8] = [0.743, 1.851, 0.954, 1.351, 0.993, 1.198, 1.005, 1.131];

/// The first quartile of all distances between two values. `None` for fewer than two values.
pub fn qn(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    if n < 2 {
        return None;
    }
    let h = n as u64 / 2 + 1;
    let distance = kth_distance(sorted, h * (h - 1) / 2);
    let size = n as f64;
    let factor = match QN_SMALL.get(n - 2) {
        Some(factor) => *factor,
        None if n % 2 == 1 => 1.0 / (1.0 + (1.60188 + (-2.1284 - 5.172 / size) / size) / size),
        None => 1.0 / (1.0 + (3.67561 + (1.9654 + (6.987 - 77.0 / size) / size) / size) / size),
    };
    Some(QN_K * factor * distance)
}

/// The `k`-th smallest distance (from 1): bisection over the doubles themselves, counting the
/// pairs that are no farther apart in one sweep of two fingers, so the answer is exact.
fn kth_distance(sorted: &[f64], k: u64) -> f64 {
    let (mut low, mut high) = (encode(0.0), encode(sorted[sorted.len() - 1] - sorted[0]));
    while low < high {
        let middle = low + (high - low) / 2;
        if pairs_within(sorted, decode(middle)) >= k { high = middle } else { low = middle + 1 }
    }
    decode(low)
}

fn pairs_within(sorted: &[f64], distance: f64) -> u64 {
    let (mut count, mut left) = (0, 0);
    for (right, x) in sorted.iter().enumerate() {
        while x - sorted[left] > distance {
            left += 1;
        }
        count += (right - left) as u64;
    }
    count
}

/// The low median over i of the high median over j of |x_i - x_j|. `None` for fewer than two values.
pub fn sn(sorted: &[f64], scratch: &mut Vec<i64>) -> Option<f64> {
    let n = sorted.len();
    if n < 2 {
        return None;
    }
    // The n/2 + 1 values nearest to x_i, itself among them, are a window that moves up with i.
    let width = n / 2 + 1;
    let mut left = 0;
    scratch.clear();
    for (i, x) in sorted.iter().enumerate() {
        let reach = |left: usize| (x - sorted[left]).max(sorted[left + width - 1] - x);
        left = left.max((i + 1).saturating_sub(width));
        while left + width < n && left < i && reach(left + 1) <= reach(left) {
            left += 1;
        }
        scratch.push(encode(reach(left)));
    }
    let (_, at, _) = scratch.select_nth_unstable(n.div_ceil(2) - 1);
    let size = n as f64;
    let factor = match SN_SMALL.get(n - 2) {
        Some(factor) => *factor,
        None if n % 2 == 1 => size / (size - 0.9),
        None => 1.0,
    };
    Some(SN_K * factor * decode(*at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOY: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 20.0, 40.0];
    const TOY_11: [f64; 11] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 100.0];

    #[test]
    fn figures_of_robustbase() {
        // R 4.2.2, robustbase 0.95: Qn(x), Sn(x).
        assert!((qn(&TOY).unwrap() - 5.042529631).abs() < 1e-8);
        assert!((sn(&TOY, &mut Vec::new()).unwrap() - 4.7704).abs() < 1e-8);
        assert!((qn(&TOY_11).unwrap() - 3.945897217).abs() < 1e-8);
        assert!((sn(&TOY_11, &mut Vec::new()).unwrap() - 3.896613861).abs() < 1e-8);
        assert_eq!(qn(&[1.0]), None);
        assert_eq!(sn(&[], &mut Vec::new()), None);
    }

    proptest! {
        #[test]
        fn equal_the_definitions(mut values in prop::collection::vec(prop_oneof![-50..50i32, -3..3i32], 2..60)) {
            values.sort_unstable();
            let x: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let n = x.len();
            let mut pairs: Vec<f64> = (0..n).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| x[j] - x[i]).collect();
            pairs.sort_by(f64::total_cmp);
            let h = n / 2 + 1;
            prop_assert_eq!(kth_distance(&x, (h * (h - 1) / 2) as u64), pairs[h * (h - 1) / 2 - 1]);
            let mut outer: Vec<f64> = (0..n).map(|i| {
                let mut inner: Vec<f64> = x.iter().map(|v| (v - x[i]).abs()).collect();
                inner.sort_by(f64::total_cmp);
                inner[n / 2]
            }).collect();
            outer.sort_by(f64::total_cmp);
            let factor = SN_SMALL.get(n - 2).copied()
                .unwrap_or(if n % 2 == 1 { n as f64 / (n as f64 - 0.9) } else { 1.0 });
            prop_assert_eq!(sn(&x, &mut Vec::new()).unwrap(), SN_K * factor * outer[n.div_ceil(2) - 1]);
        }
    }
}
