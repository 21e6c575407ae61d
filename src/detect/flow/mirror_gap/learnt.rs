//! What is learnt from pairs of reports: the lag, the usual gap, the share of records that each side misses, and the
//! reliability of each country.

use std::collections::HashMap;

use super::mirror::{Class, Ends, Mirror, Sides};
use crate::calibrate::tails::{ScoreHistogram, Tails};
use crate::error::Result;
use crate::flows::Flows;
use crate::group::GroupKeys;
use crate::progress::Progress;
use crate::stats::{MAD_K, exact_sum, ln, median};

/// The weight of the median of all, in gaps, in that of a route or product.
const SHRINKAGE: f64 = 10.0;
/// The weight of the share of all countries, in records, in the share that one country misses.
const SHARED: f64 = 20.0;
/// The number of certain pairs that is enough to learn from.
const ENOUGH: usize = 200;
/// Rounds of the iteration for the reliability.
const ROUNDS: usize = 25;
/// The smallest mean disagreement of a country, so that no reliability is infinite.
const LEAST: f64 = 0.01;
/// The smallest scale of log gaps; smaller differences are rounding.
const TIED: f64 = 1e-6;

/// What is learnt from pairs of reports.
pub struct Learnt {
    /// The usual number of days between the two reports.
    pub lag: i32,
    pub route: HashMap<String, f64>,
    pub product: HashMap<String, f64>,
    pub usual: f64,
    pub scale: f64,
    pub tails: Tails,
    /// The share of exporters' records that importers miss, by destination; the share of importers' records that
    /// exporters miss, by origin. A country that never reports as that side has none.
    pub missed: [HashMap<String, f64>; 2],
    pub reliability: [HashMap<String, f64>; 2],
}

/// The median number of days from the exporter's report to the importer's, over flows with one record of each within
/// the longest lag.
pub fn usual_lag(flows: &Flows, mirror: &Mirror, max_lag: i32) -> i32 {
    let mut days: Vec<i32> = mirror
        .groups
        .iter()
        .filter_map(|[exports, imports]| {
            let single = |groups: &[usize]| match groups {
                [g] if flows.of(*g).len() == 1 => Some(flows.periods[flows.of(*g)[0].at as usize]),
                _ => None,
            };
            Some(single(imports)? - single(exports)?)
        })
        .filter(|d| (0..=max_lag).contains(d))
        .collect();
    if days.is_empty() {
        return 0;
    }
    let middle = days.len() / 2;
    *days.select_nth_unstable(middle).1
}

/// The median gap of each class, shrunk to `usual`.
fn middles(classes: usize, gaps: impl Iterator<Item = (u32, f64)>, usual: f64) -> Vec<f64> {
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); classes];
    gaps.for_each(|(class, gap)| members[class as usize].push(gap));
    members
        .into_iter()
        .map(|gaps| {
            let n = gaps.len() as f64;
            median(gaps.into_iter()).map_or(usual, |own| (n * own + SHRINKAGE * usual) / (n + SHRINKAGE))
        })
        .collect()
}

fn named(group_keys: &GroupKeys, values: Vec<f64>) -> HashMap<String, f64> {
    values.into_iter().enumerate().filter(|(_, v)| !v.is_nan()).map(|(g, v)| (group_keys.name(g), v)).collect()
}

pub fn learn(mirror: &Mirror, all: &[(usize, Sides)], lag: i32, progress: &Progress) -> Result<Learnt> {
    // Use pairs whose imports do not depend on the lag, if there are enough of them.
    let enough = all.iter().filter(|(_, s)| s.class == Class::Both && s.import_is_certain()).count() >= ENOUGH;
    let both = || {
        let found = all.iter().filter(|(_, s)| s.class == Class::Both && (s.import_is_certain() || !enough));
        found.map(|(flow, s)| (mirror.ends[*flow], ln(s.import) - ln(s.export), s))
    };
    progress.check()?;
    let usual = median(both().map(|b| b.1)).unwrap_or(0.0);
    let route = middles(mirror.routes.groups(), both().map(|b| (b.0.route, b.1)), usual);
    let rest = |ends: Ends, gap: f64| gap - route[ends.route as usize];
    let product = middles(mirror.products.groups(), both().map(|b| (b.0.product, rest(b.0, b.1))), 0.0);
    progress.check()?;
    let off = |ends: Ends, gap: f64| rest(ends, gap) - product[ends.product as usize];
    let spread = median(both().map(|b| off(b.0, b.1).abs())).unwrap_or(0.0);
    let scale = (MAD_K * spread).max(TIED);
    progress.check()?;
    let mut counts = ScoreHistogram::default();
    both().for_each(|b| counts.of(both_records(b.2)).add(off(b.0, b.1) / scale));
    // The share of the records of one side that the other side misses.
    let share = |groups: usize,
                 class: Class,
                 whose: &dyn Fn(Ends) -> u32,
                 records: &dyn Fn(&Sides) -> f64,
                 own: &dyn Fn(&Sides) -> f64| {
        let (mut missed, mut of, mut reported) = (vec![0.0; groups], vec![0.0; groups], vec![0.0; groups]);
        for (flow, s) in all {
            let at = whose(mirror.ends[*flow]) as usize;
            of[at] += records(s);
            reported[at] += own(s);
            if s.class == class {
                missed[at] += records(s);
            }
        }
        let overall = (missed.iter().sum::<f64>() + 0.5) / (of.iter().sum::<f64>() + 1.0);
        let shares = (0..groups).map(|g| {
            // A country that never reports misses nothing; it is not a partner.
            if reported[g] == 0.0 { f64::NAN } else { (missed[g] + SHARED * overall) / (of[g] + SHARED) }
        });
        shares.collect::<Vec<f64>>()
    };
    let lost = share(mirror.destinations.groups(), Class::Lost, &|e| e.destination, &|s| s.exports, &|s| s.imports);
    let orphans = share(mirror.origins.groups(), Class::Orphan, &|e| e.origin, &|s| s.imports, &|s| s.exports);
    progress.check()?;
    let [exporters, importers] = reliability(mirror, all, &route, progress)?;
    Ok(Learnt {
        lag,
        route: named(&mirror.routes, route),
        product: named(&mirror.products, product),
        usual,
        scale,
        tails: counts.tails(),
        missed: [named(&mirror.destinations, lost), named(&mirror.origins, orphans)],
        reliability: [named(&mirror.origins, exporters), named(&mirror.destinations, importers)],
    })
}

fn both_records(s: &Sides) -> u32 {
    s.exports.min(s.imports) as u32
}

/// The iteration of the Growth Lab: a country is reliable if reliable partners report the same.
fn reliability(mirror: &Mirror, all: &[(usize, Sides)], route: &[f64], progress: &Progress) -> Result<[Vec<f64>; 2]> {
    let mut totals: HashMap<(u32, u32), (Vec<f64>, Vec<f64>)> = HashMap::new();
    for (flow, s) in all {
        progress.check()?;
        let ends = mirror.ends[*flow];
        let total = totals.entry((ends.origin, ends.destination)).or_default();
        total.0.push(s.export);
        total.1.push(s.import * libm::exp(-route[ends.route as usize]));
    }
    let mut pairs: Vec<(usize, usize, f64)> = totals
        .into_iter()
        .map(|((o, d), (exports, imports))| (o as usize, d as usize, exact_sum(&exports), exact_sum(&imports)))
        .filter(|p| p.2 > 0.0 && p.3 > 0.0)
        .map(|(o, d, x, m)| (o, d, (x - m).abs() / (x + m)))
        .collect();
    pairs.sort_by_key(|p| (p.0, p.1));
    let mut r = [vec![1.0; mirror.origins.groups()], vec![1.0; mirror.destinations.groups()]];
    for _ in 0..ROUNDS {
        progress.check()?;
        for side in [0, 1] {
            let n = r[side].len();
            let (mut count, mut off) = (vec![0.0; n], vec![0.0; n]);
            for &(o, d, gap) in &pairs {
                let (mine, other) = if side == 0 { (o, d) } else { (d, o) };
                count[mine] += 1.0;
                off[mine] += gap * r[1 - side][other];
            }
            // A country without pairs has no reliability (NaN), and none is needed.
            let raw: Vec<f64> = (0..n)
                .map(|i| if count[i] == 0.0 { f64::NAN } else { count[i] / off[i].max(LEAST * count[i]) })
                .collect();
            // Only ratios have a meaning, so the mean is set to one.
            let known: Vec<f64> = raw.iter().copied().filter(|v| !v.is_nan()).collect();
            let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
            r[side] = raw.into_iter().map(|v| v / mean).collect();
        }
    }
    Ok(r)
}

impl Learnt {
    /// The usual log gap of a flow.
    pub fn expected(&self, mirror: &Mirror, flow: usize) -> f64 {
        let ends = mirror.ends[flow];
        let route = self.route.get(&mirror.routes.name(ends.route as usize)).copied().unwrap_or(self.usual);
        let product = self.product.get(&mirror.products.name(ends.product as usize)).copied().unwrap_or(0.0);
        route + product
    }

    pub fn gap_p(&self, z: f64, s: &Sides) -> f64 {
        self.tails.p_value_or_normal(z, both_records(s))
    }
}
