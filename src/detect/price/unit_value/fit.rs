//! Fitting peer groups. The members of the finest groups lie side by side; coarser levels are made
//! of whole finest groups, so rows are sorted and gathered once. Everything here is a function of
//! the members of each group as a set, so it does not matter whether they came from shipments or
//! from the states of other fits.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::reach::{reach, stretch};
use super::shrink::{SHRINKAGE, shrink};
use super::{Prices, Scale, UnitValue};
use crate::calibrate::tails::{Counts, Tails};
use crate::error::{Error, Result};
use crate::evidence::any_nan;
use crate::evidence::cautions::{Fact, Facts};
use crate::group::{Combos, GroupIndex, IndexCache, finest, resolve};
use crate::progress::Watch;
use crate::state::members::compact;
use crate::stats::{
    IQR_K, MAD_K, MEAN_AD_K, Ordered, adjusted_fences, decode, encode, exact_sum_where, medcouple, normal_two_sided,
    qn, sn,
};
use crate::store::Shipments;

/// Members worked on at a time.
const STRETCH: usize = 1 << 14;
/// Spread below which peers count as having one price: rounding, not variation.
pub const TIED: f64 = 1e-9;
/// Where the fences of the adjusted boxplot lie on a symmetric normal: Φ⁻¹(3/4) + 1.5 · 2 Φ⁻¹(3/4).
const FENCE: f64 = 2.697_959_000_784_327;

/// What a log price is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Yardstick {
    pub centre: f64,
    /// Scales below and above the centre; NaN where there are too few peers to tell, or all have one
    /// price and there is no parent to borrow from.
    pub low: f64,
    pub high: f64,
}

impl Yardstick {
    pub const NONE: Yardstick = Yardstick { centre: f64::NAN, low: f64::NAN, high: f64::NAN };

    pub fn z(&self, x: f64) -> f64 {
        let off = x - self.centre;
        off / if off < 0.0 { self.low } else { self.high }
    }

    pub fn has_scale(&self) -> bool {
        !self.low.is_nan()
    }
}

/// A fitted peer group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub by: Yardstick,
    pub n: u32,
    /// All peers have one price: the scale is the parent's.
    pub one_price: bool,
    /// The distance from the centre that nineteen in twenty keep within.
    pub reach: f64,
    /// How far the outer scores reach beside those of the usual group.
    pub stretch: f64,
}

impl Group {
    /// Whether it has the peers and the spread to judge by.
    pub fn judges(&self, min_peers: usize) -> bool {
        self.n as usize >= min_peers && self.by.has_scale()
    }

    pub fn width(&self) -> f64 {
        0.5 * (self.by.low + self.by.high)
    }

    /// A score as the tails take it.
    fn stretched(&self, z: f64) -> f64 {
        z / self.stretch
    }

    /// That most members lie closer than usual does not make a score more telling than it would be among normal
    /// ones, or than the tails say of it as it is: the outer twentieth of a small group is a member or two.
    pub fn p_value(&self, z: f64, tails: &Tails) -> f64 {
        let p = tails.p_value(self.stretched(z), self.n);
        if self.stretch < 1.0 { p.max(tails.p_value(z, self.n).min(normal_two_sided(z))) } else { p }
    }
}

/// One back-off level: a fitted group a combination of its keys.
pub struct Level {
    pub combos: Combos,
    pub groups: Vec<Group>,
    pub tails: Tails,
    /// For each finest group, its group here.
    pub of_finest: Vec<u32>,
    facts: OnceLock<Vec<Fact>>,
}

impl Level {
    /// The facts of the groups, from those of the finest ones.
    pub fn facts(&self, finest: &[Fact]) -> &[Fact] {
        if let Some(facts) = self.facts.get() {
            return facts;
        }
        let mut facts = vec![Fact::NOTHING; self.groups.len()];
        for (&g, &fact) in self.of_finest.iter().zip(finest) {
            facts[g as usize] = facts[g as usize].and(fact);
        }
        self.facts.get_or_init(|| facts)
    }
}

/// The members of the finest groups: log prices, group after group.
pub struct Members {
    pub combos: Combos,
    pub starts: Vec<usize>,
    pub x: Vec<f64>,
}

impl Members {
    pub fn of(&self, group: usize) -> &[f64] {
        &self.x[self.starts[group]..self.starts[group + 1]]
    }
}

/// The level and group a finest group is judged by; where `n` is too small or there is no scale,
/// the coarsest it has.
#[derive(Clone, Copy)]
pub struct Judge {
    pub level: u32,
    pub group: u32,
}

pub struct Fitted {
    pub settings: UnitValue,
    pub members: Members,
    pub levels: Vec<Level>,
    pub judges: Vec<Judge>,
    pub facts: Facts,
}

impl Fitted {
    pub fn of_shipments(
        settings: &UnitValue,
        ships: &Shipments,
        prices: &Prices,
        cache: &IndexCache,
        watch: &Watch,
    ) -> Result<(Fitted, Arc<GroupIndex>)> {
        let levels = settings.levels_for(ships)?;
        let keys = finest(&levels);
        watch.begin("fitting", levels.len() as u64 + 1);
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, watch)?;
        let (starts, x) = gather(&index, &prices.x, watch)?;
        watch.advance(1);
        let members = Members { combos: Combos::of_index(&index, &keys), starts, x };
        let facts = Facts::of_shipments(ships, &index);
        Ok((Fitted::of_members(settings, members, &levels, facts, watch)?, index))
    }

    pub fn of_members(
        settings: &UnitValue,
        members: Members,
        levels: &[Vec<String>],
        facts: Facts,
        watch: &Watch,
    ) -> Result<Fitted> {
        let mut fitted = Vec::new();
        for keys in levels {
            let (combos, of_finest) = members.combos.project(keys)?.distinct()?;
            let groups = groups(settings.scale, &members, &of_finest, combos.groups(), watch)?;
            fitted.push(Level { combos, groups, tails: Tails::default(), of_finest, facts: OnceLock::new() });
            watch.advance(1);
        }
        watch.check()?;
        shrink(&mut fitted, settings.min_peers);
        watch.check()?;
        fitted.iter_mut().for_each(|level| stretch(&mut level.groups, settings.min_peers));
        let finest = members.starts.len() - 1;
        let judges: Vec<Judge> = (0..finest)
            .map(|g| {
                let trail = fitted.iter().map(|level| Some(level.of_finest[g]));
                // Every finest group has a group at every level, so there is always a judge.
                judge(&fitted, trail, settings.min_peers).unwrap_or(Judge { level: 0, group: 0 })
            })
            .collect();
        fit_tails(&mut fitted, &members, &judges, settings.min_peers, watch)?;
        Ok(Fitted { settings: settings.clone(), members, levels: fitted, judges, facts })
    }

    pub fn level(&self, judge: Judge) -> (&Level, &Group) {
        let level = &self.levels[judge.level as usize];
        (level, &level.groups[judge.group as usize])
    }

    /// The judge of a group that is known by its number at each level, if it is known at all.
    pub fn judge(&self, trail: impl Iterator<Item = Option<u32>>) -> Option<Judge> {
        judge(&self.levels, trail, self.settings.min_peers)
    }

    pub fn enough(&self, group: &Group) -> bool {
        group.judges(self.settings.min_peers)
    }
}

fn judge(levels: &[Level], trail: impl Iterator<Item = Option<u32>>, min_peers: usize) -> Option<Judge> {
    let mut last = None;
    for (l, group) in trail.enumerate() {
        // A group nobody fitted at a coarser level says less than the one found before.
        let Some(group) = group else { continue };
        last = Some(Judge { level: l as u32, group });
        if levels[l].groups[group as usize].judges(min_peers) {
            break;
        }
    }
    last
}

/// The known values of each group of the index, group after group.
fn gather(index: &GroupIndex, x: &[f64], watch: &Watch) -> Result<(Vec<usize>, Vec<f64>)> {
    let mut values = vec![0.0f64; index.order.len()];
    values.par_chunks_mut(STRETCH).zip(index.order.par_chunks(STRETCH)).try_for_each(|(out, rows)| {
        watch.check()?;
        out.iter_mut().zip(rows).for_each(|(out, &row)| *out = x[row as usize]);
        Ok::<(), Error>(())
    })?;
    let mut starts: Vec<usize> = index.starts.iter().map(|&s| s as usize).collect();
    if any_nan(&values) {
        compact(&mut starts, &mut values, |v| v.is_nan());
    }
    Ok((starts, values))
}

/// Fits the groups of a level, each made of one or more finest groups.
fn groups(scale: Scale, members: &Members, of_finest: &[u32], groups: usize, watch: &Watch) -> Result<Vec<Group>> {
    // The finest groups of each group, by counting.
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
    let stretches = stretches(groups, |g| {
        let parts = &parts[starts[g] as usize..starts[g + 1] as usize];
        parts.iter().map(|&f| members.of(f as usize).len()).sum()
    });
    let fitted: Result<Vec<Vec<Group>>> = stretches
        .into_par_iter()
        .map_init(Scratch::default, |scratch, stretch| {
            watch.check()?;
            Ok(stretch
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
                        group.reach = reach(terms, group.width(), spare);
                    }
                    group
                })
                .collect())
        })
        .collect();
    Ok(fitted?.concat())
}

/// Runs of groups with about [`STRETCH`] members each.
fn stretches(groups: usize, size: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let (mut runs, mut from, mut held) = (Vec::new(), 0, 0);
    for g in 0..groups {
        held += size(g);
        if held >= STRETCH {
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

/// Centre and scale of the values whose sortable keys are in the scratch. Where half the peers share
/// one price, the interquartile range or the mean absolute deviation takes the scale's place, each
/// made consistent at the normal; NaN where there is no spread at all.
fn centre_and_scale(scale: Scale, scratch: &mut Scratch) -> Group {
    let Scratch { keys, kept, sorted, terms, bits, .. } = scratch;
    let n = keys.len();
    let many = scale != Scale::Mad;
    let mut ordered = Ordered::new(keys, many);
    let Some(centre) = ordered.median() else {
        return Group { by: Yardstick::NONE, n: 0, one_price: false, reach: f64::NAN, stretch: 1.0 };
    };
    let group = |low: f64, high: f64| {
        let by = Yardstick { centre, low, high };
        Group { by, n: n as u32, one_price: false, reach: f64::NAN, stretch: 1.0 }
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
    let mut ordered = Ordered::new(keys, true);
    let range = ordered.quantile(0.75).unwrap_or(0.0) - ordered.quantile(0.25).unwrap_or(0.0);
    if range > TIED {
        return group(range / IQR_K, range / IQR_K);
    }
    let total = exact_sum_where(n, terms, |i| (decode(keys[i]) - centre).abs());
    let spread = total / n as f64 * MEAN_AD_K;
    let spread = if spread > TIED { spread } else { f64::NAN };
    group(spread, spread)
}

/// The skewness of a group, for the state.
pub fn skewness(members: &[f64]) -> f64 {
    let mut sorted = members.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    medcouple(&sorted).unwrap_or(f64::NAN)
}

/// Learns the tails of each level from the members that are judged there.
fn fit_tails(levels: &mut [Level], members: &Members, judges: &[Judge], min_peers: usize, watch: &Watch) -> Result<()> {
    let shared: &[Level] = levels;
    let runs = stretches(judges.len(), |g| members.of(g).len() + 1);
    let share = runs.len().div_ceil(4 * rayon::current_num_threads()).max(1);
    let counts: Result<Vec<Counts>> = runs
        .par_chunks(share)
        .map(|runs| {
            let mut counts: Vec<Counts> = shared.iter().map(|_| Counts::new()).collect();
            for g in runs.iter().cloned().flatten() {
                let group = &shared[judges[g].level as usize].groups[judges[g].group as usize];
                if !group.judges(min_peers) {
                    continue;
                }
                let sides = counts[judges[g].level as usize].of(group.n);
                members.of(g).iter().for_each(|&x| sides.add(group.stretched(group.by.z(x))));
            }
            watch.check()?;
            Ok(counts)
        })
        .try_reduce_with(|a, b| Ok(a.into_iter().zip(b).map(|(a, b)| a.plus(b)).collect()))
        .unwrap_or_else(|| Ok(shared.iter().map(|_| Counts::new()).collect()));
    let many = levels.len();
    for (l, (level, counts)) in levels.iter_mut().zip(counts?).enumerate() {
        level.tails = counts.tails_drawn(if l + 1 < many { SHRINKAGE } else { 0.0 });
    }
    Ok(())
}
