//! The tail scale: how far the outer members of a group lie, relative to other groups. Three scales from the centre is
//! unusual in a group with short tails and normal in one with long tails. Long tails occur if one code holds goods of
//! several kinds. The distance of the outer tenth is shrunk to the usual one, more so with fewer members (empirical
//! Bayes; DerSimonian and Laird 1986).

use super::model::Group;
use crate::stats::{exact_sum, ln, median, select};

/// The share of members within the outer quantile of a group, and where that lies for a normal: Φ⁻¹(0.95). Up to a
/// twentieth of wrong records lie beyond it.
const WITHIN: f64 = 0.9;
const ON_A_NORMAL: f64 = 1.644_853_626_951_472_6;
/// The variance of ln(outer quantile / scale) times the size of the group, for a Student's t with four degrees of
/// freedom: 9 (d ln q / d ln p)² for the quantile and 1.5 for the scale. For a normal it is a little less.
const VARIANCE: f64 = 3.0;
/// Distances from the usual group are limited to this.
const FAR: f64 = 1.5;

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
    let Some(usual) = median(known.iter().map(|group| off(group))) else { return };
    let weights: Vec<f64> = known.iter().map(|group| f64::from(group.n) / VARIANCE).collect();
    let square = |group: &Group| {
        let apart = (off(group) - usual).clamp(-FAR, FAR);
        apart * apart
    };
    let squares: Vec<f64> = known.iter().zip(&weights).map(|(group, w)| w * square(group)).collect();
    let total = exact_sum(&weights);
    let free = total - exact_sum(&weights.iter().map(|w| w * w).collect::<Vec<f64>>()) / total;
    let between = (exact_sum(&squares) - (known.len() as f64 - 1.0)) / free;
    if between.is_nan() || between <= 0.0 {
        return;
    }
    for group in groups.iter_mut().filter(|group| able(group)) {
        let chance = VARIANCE / f64::from(group.n);
        group.tail_scale = libm::exp((off(group) - usual) * between / (between + chance));
    }
}
