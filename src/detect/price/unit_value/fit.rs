//! Fitting peer groups. The members of the finest groups are stored side by side. Coarser levels consist of whole
//! finest groups, so rows are sorted and collected once. Every result depends only on the set of members of each group.
//! So it does not matter whether members come from shipments or from states.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::model::{Fitted, Group, Level, LocationScale, Members, PeerGroupRef, Scale, UnitValue, peer_group_of};
use super::prices::Prices;
use super::shrink::shrink;
use super::tail_scale::{outer_quantile, tail_scale};
use crate::calibrate::tails::{Moderation, ScoreHistogram, Tails};
use crate::error::{Error, Result};
use crate::evidence::any_nan;
use crate::evidence::cautions::FittedFacts;
use crate::group::{GroupIndex, GroupKeys, IndexCache, finest, resolve};
use crate::progress::Progress;
use crate::state::members::compact;
use crate::stats::{
    IQR_K, MAD_K, MEAN_AD_K, OrderStatistics, adjusted_fences, decode, encode, exact_sum_where, qn, sn,
};
use crate::store::Shipments;

/// Members processed at a time.
const CHUNK_MEMBERS: usize = 1 << 14;
/// A smaller scale means that the peers have one price; the difference is rounding.
const TIED: f64 = 1e-9;
/// The distance of the fences of the adjusted boxplot from the centre of a normal: Φ⁻¹(3/4) + 1.5 · 2 Φ⁻¹(3/4).
const FENCE: f64 = 2.697_959_000_784_327;

impl Fitted {
    pub fn of_shipments(
        settings: &UnitValue,
        ships: &Shipments,
        prices: &Prices,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(Fitted, Arc<GroupIndex>)> {
        let levels = settings.levels_for(ships)?;
        let keys = finest(&levels);
        progress.begin("fitting", levels.len() as u64 + 1);
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let (starts, x) = gather(&index, &prices.x, progress)?;
        progress.advance(1);
        let members = Members { group_keys: GroupKeys::of_index(&index, &keys), starts, x };
        let facts = FittedFacts::of_shipments(ships, &index);
        Ok((Fitted::of_members(settings, members, &levels, facts, progress)?, index))
    }

    pub fn of_members(
        settings: &UnitValue,
        members: Members,
        levels: &[Vec<String>],
        facts: FittedFacts,
        progress: &Progress,
    ) -> Result<Fitted> {
        let efficiency = settings.scale.efficiency();
        let mut fitted = Vec::new();
        for keys in levels {
            let (group_keys, of_finest) = members.group_keys.project(keys)?.distinct()?;
            let groups = groups(settings.scale, &members, &of_finest, group_keys.groups(), progress)?;
            let (tails, moderation) = (Tails::default(), Moderation::none(efficiency));
            fitted.push(Level { group_keys, groups, tails, moderation, of_finest, facts: OnceLock::new() });
            progress.advance(1);
        }
        progress.check()?;
        shrink(&mut fitted, settings.min_peers, efficiency);
        progress.check()?;
        fitted.iter_mut().for_each(|level| tail_scale(&mut level.groups, settings.min_peers));
        let finest = members.starts.len() - 1;
        let peer_groups: Vec<PeerGroupRef> = (0..finest)
            .map(|g| {
                let trail = fitted.iter().map(|level| Some(level.of_finest[g]));
                // Every finest group has a group at every level, so this is never `None`.
                peer_group_of(&fitted, trail, settings.min_peers).unwrap_or(PeerGroupRef { level: 0, group: 0 })
            })
            .collect();
        fit_tails(&mut fitted, &members, &peer_groups, settings.min_peers, progress)?;
        Ok(Fitted { settings: settings.clone(), members, levels: fitted, peer_groups, facts })
    }
}

/// The non-missing values of each group of the index, group by group.
pub fn gather(index: &GroupIndex, x: &[f64], progress: &Progress) -> Result<(Vec<usize>, Vec<f64>)> {
    let mut values = vec![0.0f64; index.order.len()];
    values.par_chunks_mut(CHUNK_MEMBERS).zip(index.order.par_chunks(CHUNK_MEMBERS)).try_for_each(|(out, rows)| {
        progress.check()?;
        out.iter_mut().zip(rows).for_each(|(out, &row)| *out = x[row as usize]);
        Ok::<(), Error>(())
    })?;
    let mut starts: Vec<usize> = index.starts.iter().map(|&s| s as usize).collect();
    if any_nan(&values) {
        compact(&mut starts, &mut values, |v| v.is_nan());
    }
    Ok((starts, values))
}

/// Fits the groups of a level. Each consists of one or more finest groups.
fn groups(
    scale: Scale,
    members: &Members,
    of_finest: &[u32],
    groups: usize,
    progress: &Progress,
) -> Result<Vec<Group>> {
    // Counting sort of the finest groups by their group at this level.
    let mut starts = vec![0u32; groups + 1];
    of_finest.iter().for_each(|&g| starts[g as usize + 1] += 1);
    for g in 0..groups {
        starts[g + 1] += starts[g];
    }
    let mut next = starts.clone();
    let mut parts = vec![0u32; of_finest.len()];
    for (finest, &g) in of_finest.iter().enumerate() {
        parts[next[g as usize] as usize] = finest as u32;
        next[g as usize] += 1;
    }
    let chunks = chunks(groups, |g| {
        let parts = &parts[starts[g] as usize..starts[g + 1] as usize];
        parts.iter().map(|&f| members.of(f as usize).len()).sum()
    });
    let fitted: Result<Vec<Vec<Group>>> = chunks
        .into_par_iter()
        .map_init(Scratch::default, |scratch, chunk| {
            progress.check()?;
            Ok(chunk
                .map(|g| {
                    scratch.keys.clear();
                    for &part in &parts[starts[g] as usize..starts[g + 1] as usize] {
                        scratch.keys.extend(members.of(part as usize).iter().map(|&v| encode(v)));
                    }
                    let mut group = centre_and_scale(scale, scratch);
                    if group.by.has_scale() {
                        let Scratch { keys, terms, spare, .. } = scratch;
                        terms.clear();
                        terms.extend(keys.iter().map(|&k| (decode(k) - group.by.centre).abs()));
                        group.outer_quantile = outer_quantile(terms, group.width(), spare);
                    }
                    group
                })
                .collect())
        })
        .collect();
    Ok(fitted?.concat())
}

/// Ranges of groups with about [`CHUNK_MEMBERS`] members each.
fn chunks(groups: usize, size: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let (mut runs, mut from, mut held) = (Vec::new(), 0, 0);
    for g in 0..groups {
        held += size(g);
        if held >= CHUNK_MEMBERS {
            runs.push(from..g + 1);
            (from, held) = (g + 1, 0);
        }
    }
    if from < groups {
        runs.push(from..groups);
    }
    runs
}

#[derive(Default)]
struct Scratch {
    keys: Vec<i64>,
    kept: Vec<i64>,
    sorted: Vec<f64>,
    terms: Vec<f64>,
    bits: Vec<i64>,
    spare: Vec<u64>,
}

/// Centre and scale of the values whose sortable keys are in the scratch. If half of the peers have one price, the
/// interquartile range or the mean absolute deviation gives the scale. Both are consistent at the normal. NaN if all
/// have one price.
fn centre_and_scale(scale: Scale, scratch: &mut Scratch) -> Group {
    let Scratch { keys, kept, sorted, terms, bits, .. } = scratch;
    let n = keys.len();
    let many = scale != Scale::Mad;
    let mut ordered = OrderStatistics::new(keys, many);
    let Some(centre) = ordered.median() else {
        return Group { by: LocationScale::NONE, n: 0, one_price: false, outer_quantile: f64::NAN, tail_scale: 1.0 };
    };
    let group = |low: f64, high: f64| {
        let by = LocationScale { centre, low, high };
        Group { by, n: n as u32, one_price: false, outer_quantile: f64::NAN, tail_scale: 1.0 }
    };
    if n < 3 {
        return group(f64::NAN, f64::NAN);
    }
    kept.clear();
    kept.extend_from_slice(ordered.keys()); // deviations may take the values' place
    let mad = ordered.mad(centre).unwrap_or(0.0);
    std::mem::swap(keys, kept);
    if many {
        sorted.clear();
        sorted.extend(keys.iter().map(|&k| decode(k)));
        let found = match scale {
            Scale::Qn => qn(sorted).map(|s| (s, s)),
            Scale::Sn => sn(sorted, bits).map(|s| (s, s)),
            _ => adjusted_fences(sorted).map(|(low, high)| ((centre - low) / FENCE, (high - centre) / FENCE)),
        };
        if let Some((low, high)) = found.filter(|(low, high)| *low > TIED && *high > TIED) {
            return group(low, high);
        }
    } else if mad * MAD_K > TIED {
        return group(mad * MAD_K, mad * MAD_K);
    }
    let mut ordered = OrderStatistics::new(keys, true);
    let range = ordered.quantile(0.75).unwrap_or(0.0) - ordered.quantile(0.25).unwrap_or(0.0);
    if range > TIED {
        return group(range / IQR_K, range / IQR_K);
    }
    let total = exact_sum_where(n, terms, |i| (decode(keys[i]) - centre).abs());
    let spread = total / n as f64 * MEAN_AD_K;
    let spread = if spread > TIED { spread } else { f64::NAN };
    group(spread, spread)
}

/// Learns the tails of each level from the members that are scored there.
fn fit_tails(
    levels: &mut [Level],
    members: &Members,
    peer_groups: &[PeerGroupRef],
    min_peers: usize,
    progress: &Progress,
) -> Result<()> {
    let shared: &[Level] = levels;
    let runs = chunks(peer_groups.len(), |g| members.of(g).len() + 1);
    let share = runs.len().div_ceil(4 * rayon::current_num_threads()).max(1);
    let counts: Result<Vec<ScoreHistogram>> = runs
        .par_chunks(share)
        .map(|runs| {
            let mut counts: Vec<ScoreHistogram> = shared.iter().map(|_| ScoreHistogram::default()).collect();
            for g in runs.iter().cloned().flatten() {
                let group = &shared[peer_groups[g].level as usize].groups[peer_groups[g].group as usize];
                if !group.has_spread(min_peers) {
                    continue;
                }
                let sides = counts[peer_groups[g].level as usize].of(group.n);
                members.of(g).iter().for_each(|&x| sides.add(group.stretched(group.by.z(x))));
            }
            progress.check()?;
            Ok(counts)
        })
        .try_reduce_with(|a, b| Ok(a.into_iter().zip(b).map(|(a, b)| a.plus(b)).collect()))
        .unwrap_or_else(|| Ok(shared.iter().map(|_| ScoreHistogram::default()).collect()));
    let learnt: Vec<Tails> = levels
        .par_iter()
        .zip(counts?)
        .enumerate()
        // Coarser levels join goods of different prices, so what stands off there need not be an error.
        .map(|(l, (level, counts))| counts.tails_moderated(level.moderation, l == 0))
        .collect();
    levels.iter_mut().zip(learnt).for_each(|(level, tails)| level.tails = tails);
    Ok(())
}
