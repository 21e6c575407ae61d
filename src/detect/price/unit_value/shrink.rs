//! Small groups lean on larger ones: each centre and scale is drawn to its parent group's, the more so the fewer
//! its members.

use super::fit::{Group, Level};
use crate::stats::{MEDIAN_VARIANCE, OrderStatistics, encode};

/// The weight of the parent group's scale, in members.
pub const SHRINKAGE: f64 = 10.0;
/// The median of the square of a standard normal.
const MEDIAN_SQUARE: f64 = 0.454_936_423_119_572_8;

/// Draws each centre and scale to its parent group's, coarsest level first. Scales become
/// sqrt((n s² + 10 s_p²) / (n + 10)). Centres become their mean weighted by precision: that of a
/// median, n / (π/2 s²), against that of the parent, 1 / τ², where τ² is how far the centres of one
/// parent truly lie apart (empirical Bayes; Efron and Morris 1975), taken robustly over the level. A
/// group without a spread of its own takes its parent's.
pub fn shrink(levels: &mut [Level], min_peers: usize) {
    for l in (0..levels.len().saturating_sub(1)).rev() {
        let (fine, coarse) = levels.split_at_mut(l + 1);
        let (fine, coarse) = (&mut fine[l], &coarse[0]);
        let mut parent = vec![0u32; fine.groups.len()];
        for (&child, &above) in fine.of_finest.iter().zip(&coarse.of_finest) {
            parent[child as usize] = above;
        }
        let above = |g: usize| {
            let above = &coarse.groups[parent[g] as usize];
            above.has_spread(min_peers).then_some(above)
        };
        let between = between(&fine.groups, above, min_peers);
        for g in 0..fine.groups.len() {
            let Some(above) = above(g) else { continue };
            let group = &mut fine.groups[g];
            let n = f64::from(group.n);
            if !group.by.has_scale() {
                // Peers at one price are a fact about the price, not a missing estimate: the parent's
                // spread then stands in, and the score carries a caution.
                if n >= 3.0 {
                    (group.by.low, group.by.high, group.one_price) = (above.by.low, above.by.high, true);
                }
                continue;
            }
            let own = group.width();
            let draw = |own: f64, above: f64| ((n * own * own + SHRINKAGE * above * above) / (n + SHRINKAGE)).sqrt();
            (group.by.low, group.by.high) = (draw(group.by.low, above.by.low), draw(group.by.high, above.by.high));
            if between > 0.0 {
                let own_precision = n / (MEDIAN_VARIANCE * own * own);
                let weight = 1.0 / (1.0 + own_precision * between);
                group.by.centre += weight * (above.by.centre - group.by.centre);
            }
        }
    }
}

/// τ²: the median squared distance of the centres from their parents', as the variance of a normal,
/// less what chance alone adds.
fn between<'a>(groups: &[Group], above: impl Fn(usize) -> Option<&'a Group>, min_peers: usize) -> f64 {
    let mut squares = Vec::new();
    let mut chance = Vec::new();
    for (g, group) in groups.iter().enumerate() {
        if group.has_spread(min_peers)
            && let Some(above) = above(g)
        {
            let own = group.width();
            let apart = group.by.centre - above.by.centre;
            squares.push(encode(apart * apart));
            chance.push(encode(MEDIAN_VARIANCE * own * own / f64::from(group.n)));
        }
    }
    let median = |keys: &mut Vec<i64>| OrderStatistics::new(keys, false).median();
    match (median(&mut squares), median(&mut chance)) {
        (Some(square), Some(chance)) => (square / MEDIAN_SQUARE - chance).max(0.0),
        _ => 0.0,
    }
}
