//! Exact fits to as few points as there are coefficients, which searches start from.

use super::{Linear, MOST, Points, weighted};
use crate::stats::Random;

/// The largest number of coefficients.
const P: usize = MOST + 1;

/// The fits through all subsets of this size if there are at most `most`, otherwise through `most` random subsets.
/// Subsets that do not separate the slopes are left out.
pub fn fits(points: &Points, most: usize) -> Vec<Linear> {
    subsets(points.count(), points.coefficients(), most).iter().filter_map(|few| through(points, few)).collect()
}

/// The same for all groups of a size.
pub fn random(n: usize) -> Random {
    Random::new(0x9e37_79b9_7f4a_7c15 ^ n as u64)
}

fn through(points: &Points, few: &[usize; P]) -> Option<Linear> {
    let p = points.coefficients();
    let mut columns = [[0.0; P]; P];
    for (k, &i) in few[..p].iter().enumerate() {
        points.x().iter().zip(&mut columns).for_each(|(from, to)| to[k] = from[i]);
        columns[p - 1][k] = points.y[i];
    }
    weighted(&Points::new(columns[..p - 1].iter().map(|c| &c[..p]), &columns[p - 1][..p]), &[1.0; P][..p])
}

fn subsets(n: usize, p: usize, most: usize) -> Vec<[usize; P]> {
    let how_many = (0..p).fold(1.0, |all, k| all * (n - k) as f64 / (k + 1) as f64);
    let mut subset: [usize; P] = std::array::from_fn(|k| k);
    if how_many > most as f64 {
        let mut random = random(n);
        return (0..most)
            .map(|_| {
                subset[..p].iter_mut().for_each(|i| *i = random.below(n));
                subset
            })
            .collect();
    }
    let mut all = vec![subset];
    // The last place that can still move on does, and those behind it follow it.
    while let Some(k) = (0..p).rev().find(|&k| subset[k] < n - p + k) {
        subset[k] += 1;
        (k + 1..p).for_each(|j| subset[j] = subset[j - 1] + 1);
        all.push(subset);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_have_all_their_subsets() {
        let pairs: Vec<(usize, usize)> = subsets(4, 2, 6).iter().map(|s| (s[0], s[1])).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!(subsets(4, 2, 5).len(), 5);
        assert!(subsets(40, 4, 500).iter().all(|s| s[..4].iter().all(|i| *i < 40)));
    }
}
