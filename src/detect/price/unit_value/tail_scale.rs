//! The tail scale: how far the outer members of a group lie, relative to other groups. Three scales from the centre is
//! unusual in a group with short tails and normal in one with long tails. Long tails occur if one code holds goods of
//! several kinds. The distance of the outer tenth is shrunk to the usual one, more so with fewer members (empirical
//! Bayes; DerSimonian and Laird 1986). How much groups differ is a median over groups: wrong records in some of them do
//! not make tails differ.

use super::model::Group;
use crate::stats::{OrderStatistics, encode, ln, select};

/// The share of members within the outer quantile of a group, and where that lies for a normal: Φ⁻¹(0.95). Up to a
/// twentieth of wrong records lie beyond it.
const WITHIN: f64 = 0.9;
const ON_A_NORMAL: f64 = 1.644_853_626_951_472_6;
/// The variance of ln(outer quantile / scale) times the size of the group, for a Student's t with four degrees of
/// freedom: 9 (d ln q / d ln p)² for the quantile and 1.5 for the scale. For a normal it is a little less.
const VARIANCE: f64 = 3.0;
/// The median of the square of a standard normal.
const MEDIAN_SQUARE: f64 = 0.454_936_423_119_572_8;
/// The distance from the centre that 90 % of the members keep within. `scale` is used for a first guess.
pub fn outer_quantile(distances: &[f64], scale: f64, spare: &mut Vec<u64>) -> f64 {
    let rank = (WITHIN * (distances.len() - 1) as f64) as usize;
    select(distances, rank, 1.4 * scale..4.0 * scale, spare).0
}

/// Sets the tail scale of each group.
pub fn tail_scale(groups: &mut [Group], min_peers: usize) {
    let off = |group: &Group| ln(group.outer_quantile / (ON_A_NORMAL * group.width()));
    let able = |group: &Group| group.has_spread(min_peers) && !group.one_price && group.outer_quantile > 0.0;
    let known: Vec<&Group> = groups.iter().filter(|group| able(group)).collect();
    let mut keys: Vec<i64> = known.iter().map(|group| encode(off(group))).collect();
    let Some(usual) = OrderStatistics::new(&mut keys, false).median() else { return };
    let mut squares: Vec<i64> = known
        .iter()
        .map(|group| {
            let apart = off(group) - usual;
            encode(apart * apart - MEDIAN_SQUARE * VARIANCE / f64::from(group.n))
        })
        .collect();
    let between = OrderStatistics::new(&mut squares, false).median().unwrap_or(0.0) / MEDIAN_SQUARE;
    if between <= 0.0 {
        return;
    }
    for group in groups.iter_mut().filter(|group| able(group)) {
        let chance = VARIANCE / f64::from(group.n);
        group.tail_scale = libm::exp((off(group) - usual) * between / (between + chance));
    }
}
