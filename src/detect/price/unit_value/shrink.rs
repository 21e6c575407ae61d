//! Moderated scales and centres. Each scale is drawn to the usual scale of its level, each centre to that of the parent
//! group, more so with fewer members.

use super::model::{Group, Level};
use crate::calibrate::tails::Moderation;
use crate::stats::{MEDIAN_SQUARE, MEDIAN_VARIANCE, median};

/// Moderates the scales of each level and then, coarsest level first, draws each centre to that of the parent group: the
/// mean weighted by precision, n / (π/2 s²) for a median and 1 / τ² for the parent. τ² is the variance of the centres of
/// one parent beyond chance (empirical Bayes; Efron and Morris 1975), estimated robustly over the level. A group without
/// a scale takes that of its parent.
pub fn shrink(levels: &mut [Level], min_peers: usize, efficiency: f64) {
    for level in levels.iter_mut() {
        moderate(level, min_peers, efficiency);
    }
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
                // Peers with one price are a fact and not a failed estimate. The parent's scale is used, and the score
                // gets a caution.
                if n >= 3.0 {
                    (group.by.low, group.by.high, group.one_price) = (above.by.low, above.by.high, true);
                }
                continue;
            }
            if between > 0.0 {
                let own = group.width();
                let own_precision = n / (MEDIAN_VARIANCE * own * own);
                let weight = 1.0 / (1.0 + own_precision * between);
                group.by.centre += weight * (above.by.centre - group.by.centre);
            }
        }
    }
}

/// Draws the scales of a level to its usual scale. What is usual is learnt from groups with enough members.
fn moderate(level: &mut Level, min_peers: usize, efficiency: f64) {
    let able = level.groups.iter().filter(|group| group.has_spread(min_peers));
    level.moderation = Moderation::of(able.map(|group| (group.width(), group.n)), efficiency);
    for group in level.groups.iter_mut().filter(|group| group.by.has_scale()) {
        let own = group.width();
        let times = level.moderation.scale(own, group.n) / own;
        (group.by.low, group.by.high) = (group.by.low * times, group.by.high * times);
    }
}

/// τ²: the median squared distance of the centres from those of their parents, as the variance of a normal, less the
/// part due to chance. A group that is alone in its parent says nothing.
fn between<'a>(groups: &[Group], above: impl Fn(usize) -> Option<&'a Group>, min_peers: usize) -> f64 {
    let mut squares = Vec::new();
    let mut chance = Vec::new();
    for (g, group) in groups.iter().enumerate() {
        if group.has_spread(min_peers)
            && let Some(above) = above(g)
            && above.n > group.n
        {
            let own = group.width();
            let apart = group.by.centre - above.by.centre;
            squares.push(apart * apart);
            chance.push(MEDIAN_VARIANCE * own * own / f64::from(group.n));
        }
    }
    match (median(squares.into_iter()), median(chance.into_iter())) {
        (Some(square), Some(chance)) => (square / MEDIAN_SQUARE - chance).max(0.0),
        _ => 0.0,
    }
}
